// What views are put together from: headings, badges, facts, problems.

import { el, name, visible } from "./dom.js";

/** The way to a view, and its heading. `crumbs`: `[text, href]`. */
export function heading(crumbs, title, ...actions) {
  const way = crumbs.length > 0 && el("nav", { class: "crumbs", "aria-label": "Way to here" },
    el("ol", null, crumbs.map(([text, href]) => el("li", null, el("a", { href }, name(text))))));
  return el("header", { class: "heading" }, way,
    el("div", { class: "title" }, el("h1", { tabindex: "-1" }, title), actions.length > 0 && el("div", { class: "actions" }, actions)));
}

/** A section with a heading of its own. */
export function section(title, ...children) {
  return el("section", { class: "section" }, el("h2", null, title), children);
}

/** A button. */
export function button(text, onclick, attributes) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

/** A link that looks like a button. */
export function action(text, href, attributes) {
  return el("a", { class: "button", href, ...attributes }, text);
}

const TONES = {
  succeeded: "good", staged: "good", discarded: "quiet", queued: "quiet", waiting: "quiet", running: "busy", paused: "warn", stopped: "warn",
  interrupted: "warn", failed: "bad", refused: "bad", cancelled: "quiet", undone: "quiet",
};

/** A word for where something stands. */
export function state(word) {
  return el("span", { class: `state ${TONES[word] ?? "quiet"}` }, word);
}

/** Names and values, one below the other or side by side. */
export function facts(pairs, attributes) {
  const given = pairs.filter(([, value]) => value !== null && value !== undefined && value !== false && value !== "");
  return el("dl", { class: "facts", ...attributes }, given.map(([term, value]) => el("div", null, el("dt", null, term), el("dd", null, value))));
}

/** What went wrong: what happened, what holds now, and what to do next. Takes a Problem or an error of a job. */
export function problem(error, ...actions) {
  const message = error.message ?? error.detail ?? "";
  return el("div", { class: "notice bad", role: "alert" },
    el("p", { class: "strong" }, visible(message)),
    error.state && el("p", null, visible(error.state)),
    details(error),
    actions.length > 0 && el("div", { class: "actions" }, actions));
}

function details(error) {
  const row = error.row ? `, row ${error.row}` : "";
  return facts([
    ["Code", error.code && el("code", null, visible(error.code))],
    ["Object", error.object && name(error.object)],
    ["Entry", error.entry && [name(error.entry), row]],
    ["Next", error.next && el("code", { class: "command" }, visible(error.next))],
  ]);
}

/** A calm word where there is nothing to show. */
export function nothing(text, ...actions) {
  return el("div", { class: "nothing" }, el("p", null, text), actions.length > 0 && el("div", { class: "actions" }, actions));
}

/** Says something to people who listen instead of looking. */
export function say(text) {
  document.getElementById("spoken").textContent = text;
}
