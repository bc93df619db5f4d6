// The options of a restore, with Kinetica's names: what each is called, what it does, and what it is when nobody says anything.

import { boxes, checkField, choiceField, linesField, textField } from "./fields.js";

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);
const pairs = (text) => Object.fromEntries(lines(text).map((line) => line.split(/\s*[=:]\s*(.*)/s).slice(0, 2)).filter(([from, to]) => from && to));
const written = (map) => Object.entries(map ?? {}).map(([from, to]) => `${from}=${to}`).join("\n");

const flag = (name, help, usual = false) => ({
  name,
  make: (options) => checkField(name, help, { name, checked: options[name] ?? usual }),
  read: (form) => (form.elements[name].checked === usual ? undefined : !usual),
});

const text = (name, help, attributes) => ({
  name,
  make: (options) => textField(name, help, { name, value: options[name] ?? "", ...attributes }),
  read: (form) => form.elements[name].value.trim() || undefined,
});

const list = (name, help, placeholder) => ({
  name,
  make: (options) => linesField(name, help, { name, placeholder, value: (options[name] ?? []).join("\n") }),
  read: (form) => some(lines(form.elements[name].value)),
});

const map = (name, help, placeholder) => ({
  name,
  make: (options) => linesField(name, help, { name, placeholder, value: written(options[name]) }),
  read: (form) => some(pairs(form.elements[name].value)),
});

const choice = (name, help, words) => ({
  name,
  make: (options) => choiceField(name, help, words.map((word) => [word, word]), { name, value: options[name] ?? words[0] }),
  read: (form) => (form.elements[name].value === words[0] ? undefined : form.elements[name].value),
});

const set = (name, help, words) => ({
  name,
  make: (options) => boxes(name, help, words.map((word) => [word, word]), { name, chosen: options[name] ?? [] }),
  read: (form) => some([...form.querySelectorAll(`[name="${name}"]:checked`)].map((box) => box.value)),
});

function some(value) {
  return Object.keys(value).length > 0 ? value : undefined;
}

/** What is seldom needed, in groups: `[heading, options]`. */
export const GROUPS = [
  ["Objects", [
    list("select", "Restore only these, one a line: KIND, or KIND:PATTERN with * and ?", "table:sales.*"),
    list("exclude", "Leave these out", "view:sales.old_*"),
    map("target_schema_map", "Restore schemas under other names, one a line", "archive=target"),
    flag("create_schema_if_not_exist", "Create schemas that the target lacks", true),
    text("backup_id", "Refuse an archive that holds another snapshot than this"),
  ]],
  ["Rows and definitions", [
    flag("ddl_only", "Restore definitions and leave rows out"),
    flag("rows_only", "Restore rows into the objects that the target has, and no definitions"),
    flag("reingest", "Decode rows and insert them, also where the target would take them as they come"),
    flag("checksum", "Compare the digests of what is read", true),
    set("sections", "Restore only what belongs to these; all when none is chosen", ["pre-data", "data", "post-data"]),
    set("leave_out", "Leave these out of objects", ["owners", "privileges", "comments"]),
  ]],
  ["Names that are taken", [
    map("restore_policy_by_kind", "Another policy for objects of a kind, one a line", "user=none"),
    text("renamed_objects_schema", "Where the policy rename moves existing objects; a schema named after the archive when empty"),
    flag("cascade_foreign_keys", "Put tables out of sight that are not in the backup and refer to tables that give way"),
  ]],
  ["Users and rights", [
    flag("restore_all_permissions", "Restore permissions on objects, too, that this restore does not bring"),
    flag("take_access", "Restore no users, and give who restores full access to what is restored"),
    text("identity", "Who restores, where the target does not know"),
    list("allow", "Statements that may reach outside the stage, by their codes", "sql.security_definer"),
    choice("restore_subscriptions", "What becomes of tables' subscriptions to data sources", ["resume", "pause", "cancel"]),
  ]],
  ["How it is done", [
    flag("keep_going", "Go on when an object fails, and switch the others"),
    choice("stage", "Where the work is done until the switch", ["auto", "beside", "database"]),
    flag("skip_analyze", "Leave statistics to the target's own housekeeping"),
    {
      name: "width",
      make: (options) => textField("width", "Objects at once; 0 for a number that is found while restoring", { name: "width", type: "number", min: 0, value: options.width ?? 0 }),
      read: (form) => Number(form.elements.width.value) || undefined,
    },
  ]],
];

/** The names of all options that are seldom needed. */
export const NAMES = GROUPS.flatMap(([, options]) => options.map((option) => option.name));

/** What a form says, without what is as usual. */
export function optionsOf(form) {
  const policy = form.elements.restore_policy.value;
  const said = GROUPS.flatMap(([, options]) => options.map((option) => [option.name, option.read(form)]));
  return Object.fromEntries([["restore_policy", policy === "none" ? undefined : policy], ...said].filter(([, value]) => value !== undefined));
}
