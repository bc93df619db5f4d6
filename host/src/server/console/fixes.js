// Findings whose fix is another option: what a button can do about them.

import { visible } from "./dom.js";

const set = (text, changed) => [{ text, change: (options) => ({ ...options, ...changed }) }];
const allow = (code) => [{ text: `Allow ${visible(code)}`, change: (options) => ({ ...options, allow: [...new Set([...(options.allow ?? []), code])] }) }];

const KNOWN = {
  "target.object_exists": [...set("Plan with policy replace", { restore_policy: "replace" }), ...set("Plan with policy rename", { restore_policy: "rename" })],
  "plan.cannot_rename": set("Plan with policy replace", { restore_policy: "replace" }),
  "plan.referrers": set("Plan with cascade_foreign_keys", { cascade_foreign_keys: true }),
  "plan.schema_missing": set("Plan with create_schema_if_not_exist", { create_schema_if_not_exist: undefined }),
  "plan.permissions_left_out": set("Plan with restore_all_permissions", { restore_all_permissions: true }),
};

/** `{text, change(options)}` for each option that would help against findings of a code. */
export function fixesOf(code) {
  return KNOWN[code] ?? (code.startsWith("sql.") ? allow(code) : []);
}
