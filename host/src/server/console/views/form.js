// What to restore, into which target, and how: a plan is made of it.

import { get, path as api } from "../api.js";
import { hrefOf, queryOf, requestFrom, textOf } from "../archive.js";
import { el, name } from "../dom.js";
import { checkField, choiceField, radios } from "../fields.js";
import { action, facts, heading, nothing } from "../parts.js";
import { GROUPS, NAMES, optionsOf } from "../options.js";
import { go } from "../router.js";

const POLICIES = [
  ["none", "none", "The restore is refused when a name is taken."],
  ["replace", "replace", "The restored object takes its place. The existing one is kept until it is discarded, and undo brings it back."],
  ["rename", "rename", "The existing object is moved to another schema, and stays."],
];

export async function formView({ query, signal }) {
  const request = requestFrom(query);
  const crumbs = [["Repositories", "#/repositories"], ...(hrefOf(request.archive) ? [[textOf(request.archive), hrefOf(request.archive)]] : [])];
  if (!request.archive) {
    const missing = nothing("Choose what to restore first.", action("Repositories", "#/repositories", { class: "button primary" }), action("Restore a file", "#/upload"));
    return { title: "Restore", node: el("div", null, heading(crumbs, "Restore"), missing) };
  }
  const targets = await get(api("targets"), signal);
  const title = ["Restore ", name(textOf(request.archive, request.file))];
  const content = targets.length > 0 ? form(request, targets) : nothing("There is no target that you may restore into.");
  return { title: `Restore ${textOf(request.archive, request.file)}`, node: el("div", { class: "narrow" }, heading(crumbs, title), content) };
}

function form(request, targets) {
  const { options } = request;
  const plan = (event) => {
    event.preventDefault();
    const said = event.currentTarget;
    go(["plan"], queryOf({ ...request, target: said.elements.target.value, notify: said.elements.notify.checked, options: optionsOf(said) }));
  };
  const places = targets.map((target) => [target.name, `${target.name} (${target.location})`]);
  const changed = NAMES.some((option) => options[option] !== undefined);
  return el("form", { class: "form", onsubmit: plan },
    request.archive.upload && facts([["Upload", el("code", null, name(request.archive.upload))]]),
    choiceField("Target", null, places, { name: "target", required: true, value: request.target || targets[0].name }),
    radios("restore_policy: what happens to names that are taken", POLICIES, { name: "restore_policy", value: options.restore_policy ?? "none" }),
    el("details", { class: "more", open: changed }, el("summary", null, "More options"), GROUPS.map((group) => groupOf(group, options))),
    checkField("Tell of its start and its end", "By the webhooks and the mail of the server's configuration", { name: "notify", checked: request.notify }),
    el("div", { class: "actions" }, el("button", { type: "submit", class: "primary" }, "Make the plan"), el("span", { class: "quiet" }, "Nothing is changed by a plan.")));
}

function groupOf([title, all], options) {
  return el("fieldset", { class: "group" }, el("legend", null, title), all.map((option) => option.make(options)));
}
