// What was found before or while restoring, by how bad it is: refusals first, those of one code together.

import { el, name, visible } from "./dom.js";
import { count } from "./format.js";
import { button } from "./parts.js";

const SEVERITIES = [["refusal", "Refusals", "bad"], ["warning", "Warnings", "warn"], ["note", "Notes", "quiet"]];
/** Findings of one code that are shown at once. */
const SHOWN = 5;
const MORE = 100;

/** All findings. `fixes(code)` gives `{text, act}` for what a button can do. */
export function findingsList(findings, fixes = () => []) {
  const groups = SEVERITIES.map(([severity, title, tone]) => [title, tone, findings.filter((finding) => finding.severity === severity)]);
  return groups.filter(([, , found]) => found.length > 0).map(([title, tone, found]) => el("section", { class: `findings ${tone}` },
    el("h2", null, title, " ", el("span", { class: "amount" }, count(found.length))),
    [...byCode(found)].map(([code, same]) => group(code, same, fixes(code)))));
}

function byCode(findings) {
  const codes = new Map();
  for (const finding of findings) {
    if (!codes.has(finding.code)) codes.set(finding.code, []);
    codes.get(finding.code).push(finding);
  }
  return codes;
}

function group(code, findings, fixes) {
  const same = new Set(findings.map((finding) => finding.fix)).size === 1;
  const list = el("ul", null, findings.slice(0, SHOWN).map(item));
  let shown = SHOWN;
  const rest = () => `Show more (${count(findings.length - shown)})`;
  const more = findings.length > SHOWN && button(rest(), () => {
    list.append(...findings.slice(shown, shown + MORE).map(item));
    shown += MORE;
    if (shown >= findings.length) more.remove();
    else more.textContent = rest();
  }, { class: "plain" });
  return el("div", { class: "finding" },
    el("p", { class: "code" }, el("code", null, visible(code)), findings.length > 1 && el("span", { class: "quiet" }, ` ${count(findings.length)} times`)),
    list, more,
    same && findings[0].fix && el("p", { class: "fix" }, el("span", { class: "quiet" }, "Fix: "), visible(findings[0].fix)),
    fixes.length > 0 && el("div", { class: "actions" }, fixes.map(({ text, act }) => button(text, act))));

  function item(finding) {
    return el("li", null, el("span", null, visible(finding.message)), about(finding),
      !same && finding.fix && el("p", { class: "fix" }, el("span", { class: "quiet" }, "Fix: "), visible(finding.fix)));
  }
}

/** The object, where the message does not name it. Plans name it in parts, reports as text. */
function about({ object, message }) {
  if (!object) return null;
  const text = typeof object === "string" ? object : `${object.kind} ${qualified(object)}`;
  const told = message.includes(typeof object === "string" ? object.replace(/^\S+ /, "") : qualified(object));
  return !told && [" ", name(text, { class: "name quiet" })];
}

/** `schema.name`, or the name alone where there is no schema. */
export function qualified({ schema, name: own }) {
  return schema ? `${schema}.${own}` : own;
}
