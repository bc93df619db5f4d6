// Plugins: what they restore, and what they may touch.

import { get, path as api } from "../api.js";
import { el, name } from "../dom.js";
import { bytes } from "../format.js";
import { facts, heading } from "../parts.js";

export async function pluginsView({ signal }) {
  const plugins = await get(api("plugins"), signal);
  return { title: "Plugins", node: el("div", null, heading([], "Plugins"), el("div", { class: "cards" }, plugins.map(card))) };
}

function card(plugin) {
  const grants = plugin.imports.map(({ interface: word, writes, granted }) => el("li", { class: granted ? "grant" : "grant missing" },
    name(word), writes && granted && el("span", { class: "quiet" }, " writes"), !granted && " not granted"));
  return el("section", { class: "card" },
    el("h2", null, name(plugin.name), " ", el("span", { class: "quiet" }, name(plugin.version))),
    facts([
      ["Restores", plugin.kinds.length > 0 && name(plugin.kinds.map((kind) => kind.name).join(", "))],
      ["Reads", plugin.layout && "backups of other tools"],
      ["May use", el("ul", { class: "grants" }, grants)],
      ["Needs", plugin.missing_grants.length > 0 && el("span", { class: "wrong" }, `a grant of ${plugin.missing_grants.join(", ")}`)],
      ["From", plugin.file ? el("code", null, name(plugin.file)) : "this program"],
      ["Component", [bytes(plugin.component_bytes), " ", el("code", { class: "digest", title: String(plugin.digest) }, String(plugin.digest).slice(0, 16))]],
    ]));
}
