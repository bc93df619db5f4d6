// Dialogs: a question with what an answer will do, and the list of shortcuts.

import { el, freshId } from "./dom.js";
import { button } from "./parts.js";
import { shortcutsAreOn, switchShortcuts } from "./shortcuts.js";

/** Shows a dialog until it is closed; answers what it was closed with. The focus goes back to where it was. */
export function show(title, content, buttons) {
  const id = freshId();
  const before = document.activeElement;
  const dialog = el("dialog", { "aria-labelledby": id }, el("h2", { id }, title), content, el("div", { class: "actions" }, buttons((value) => dialog.close(value))));
  document.body.append(dialog);
  return new Promise((answer) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      before?.focus();
      answer(dialog.returnValue);
    });
    dialog.showModal();
  });
}

/** Asks whether to do something that cannot be taken back, or may surprise; says what will happen. */
export async function confirm(title, what, yes, { harsh = false } = {}) {
  const answer = await show(title, el("div", { class: "what" }, what), (close) => [
    button("Not now", () => close("no"), { autofocus: true }),
    button(yes, () => close("yes"), { class: harsh ? "primary harsh" : "primary" }),
  ]);
  return answer === "yes";
}

const SHORTCUTS = [
  ["?", "This help"],
  ["/", "To the filter of the list"],
  ["g r", "Repositories"],
  ["g j", "Jobs"],
  ["g t", "Targets"],
  ["g p", "Plugins"],
  ["u", "One level up"],
  ["Esc", "Close a dialog, or leave the filter"],
];

/** The list of shortcuts. */
export function help() {
  const id = freshId();
  const lines = SHORTCUTS.map(([keys, what]) => el("div", null, el("dt", null, keys.split(" ").map((key) => el("kbd", null, key))), el("dd", null, what)));
  const on = el("input", { id, type: "checkbox", checked: shortcutsAreOn(), onchange: (event) => switchShortcuts(event.target.checked) });
  return show("Shortcuts", [
    el("dl", { class: "keys" }, lines),
    el("p", null, "Everything can also be reached with Tab and Enter."),
    el("label", { class: "check", for: id }, on, "Single keys are shortcuts"),
  ], (close) => [button("Close", () => close(""), { class: "primary", autofocus: true })]);
}
