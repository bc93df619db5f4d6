// Keys that stand for something, where nobody is writing.

import { go } from "./router.js";

const KEY = "reinstate.shortcuts";
const PLACES = { r: "repositories", j: "jobs", t: "targets", p: "plugins" };

/** Whether single keys are shortcuts: who speaks to their machine may not want that. */
export function shortcutsAreOn() {
  return localStorage.getItem(KEY) !== "off";
}

/** Switches them on or off. */
export function switchShortcuts(on) {
  localStorage.setItem(KEY, on ? "on" : "off");
}

/** Listens to keys. */
export function listen(help) {
  let afterG = false;
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest?.("input, textarea, select, dialog");
    if (event.key === "Escape" && event.target.matches?.("[data-filter]") && event.target.value === "") event.target.blur();
    if (writes || event.ctrlKey || event.metaKey || event.altKey || !shortcutsAreOn()) return;
    const goesTo = afterG ? PLACES[event.key] : undefined;
    afterG = event.key === "g";
    if (goesTo) go([goesTo]);
    else if (event.key === "?") help();
    else if (event.key === "/") focusFilter(event);
    else if (event.key === "u") [...document.querySelectorAll(".crumbs a")].at(-1)?.click();
  });
}

function focusFilter(event) {
  const filter = document.querySelector("main [data-filter]");
  if (!filter) return;
  event.preventDefault();
  filter.focus();
}
