// A backup of a target, as a snapshot in a repository.

import { get, newKey, path as api } from "../api.js";
import { el, fill } from "../dom.js";
import { checkField, choiceField, linesField, radios, textField } from "../fields.js";
import { heading, nothing, problem } from "../parts.js";
import { start } from "../start.js";

const TYPES = [
  ["full", "full", "All objects and rows; builds on nothing."],
  ["incremental", "incremental", "Stores what has changed since the last snapshot."],
  ["differential", "differential", "Stores what has changed since the last full snapshot."],
];

export async function makeBackupView({ query, signal }) {
  const [targets, repositories] = await Promise.all([get(api("targets"), signal), get(api("repositories"), signal)]);
  const possible = targets.length > 0 && repositories.length > 0;
  const content = possible ? form(query, targets, repositories) : nothing("A backup needs a target and a repository that you may use.");
  return { title: "Make a backup", node: el("div", { class: "narrow" }, heading([], "Make a backup"), content) };
}

function form(query, targets, repositories) {
  const below = el("div");
  const submit = el("button", { type: "submit", class: "primary" }, "Make the backup");
  let sent = { key: "", body: "" };
  const send = async (event) => {
    event.preventDefault();
    const body = said(event.currentTarget);
    // The same request again has the same key.
    if (sent.body !== JSON.stringify(body)) sent = { key: newKey(), body: JSON.stringify(body) };
    submit.disabled = true;
    try {
      await start(api("backups"), body, sent.key);
    } catch (error) {
      submit.disabled = false;
      fill(below, problem(error));
    }
  };
  const named = (all) => all.map(({ name }) => [name, name]);
  return el("form", { class: "form", onsubmit: send },
    choiceField("Target", null, named(targets), { name: "target", required: true, value: query.get("target") ?? targets[0].name }),
    choiceField("Repository", null, named(repositories), { name: "repository", required: true, value: query.get("repository") ?? repositories[0].name }),
    textField("Backup", "The name of a backup that is there, or of a new one", { name: "backup", required: true, value: query.get("backup") ?? "" }),
    radios("Type", TYPES, { name: "type", value: query.get("type") ?? "full" }),
    textField("Comment", null, { name: "comment" }),
    el("details", { class: "more" }, el("summary", null, "More options"), el("fieldset", { class: "group" }, el("legend", null, "The snapshot"),
      linesField("objects", "Only these, one a line: KIND, or KIND:PATTERN; for full snapshots", { name: "objects", placeholder: "table:sales.*" }),
      checkField("ddl_only", "Definitions without rows", { name: "ddl_only" }),
      checkField("checksum", "Read back what was stored, and compare", { name: "checksum" }),
      checkField("recreate", "Let a full one take the place of everything that the backup holds", { name: "recreate" }),
      checkField("delete_intermediate_backups", "Remove the incremental ones since the last full one, for a differential one", { name: "delete_intermediate_backups" }),
      textField("max_incremental_backups_to_keep", "How many incremental snapshots are kept, -1 for all; as before when empty", { name: "max_incremental_backups_to_keep", type: "number", min: -1 }))),
    el("div", { class: "actions" }, submit), below);
}

/** What the form says, without what is as usual. */
function said(form) {
  const of = (name) => form.elements[name].value.trim();
  const flags = ["ddl_only", "checksum", "recreate", "delete_intermediate_backups"].filter((name) => form.elements[name].checked).map((name) => [name, true]);
  const objects = of("objects").split("\n").map((line) => line.trim()).filter(Boolean);
  const keep = of("max_incremental_backups_to_keep");
  return {
    target: of("target"), repository: of("repository"), backup: of("backup"), type: form.elements.type.value,
    ...(of("comment") ? { comment: of("comment") } : {}),
    ...(objects.length > 0 ? { objects } : {}),
    ...(keep === "" ? {} : { max_incremental_backups_to_keep: Number(keep) }),
    ...Object.fromEntries(flags),
  };
}
