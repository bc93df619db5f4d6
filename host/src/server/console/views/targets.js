// Targets: what can be restored into and backed up.

import { get, path as api } from "../api.js";
import { el, name } from "../dom.js";
import { action, heading, nothing } from "../parts.js";
import { href } from "../router.js";
import { mayAct } from "../session.js";
import { table } from "../table.js";

export async function targetsView({ signal }) {
  const targets = await get(api("targets"), signal);
  const shown = table({
    caption: "Targets",
    rows: targets,
    key: (target) => target.name,
    noun: "target",
    columns: [
      { title: "Target", cell: (target) => name(target.name) },
      { title: "Place", wide: true, cell: (target) => el("code", null, name(target.location)) },
      mayAct() && { title: "", cell: (target) => action("Back up…", href(["backup"], { target: target.name }), { class: "button small", "aria-label": `Back up ${target.name}` }) },
    ].filter(Boolean),
  }).node;
  return {
    title: "Targets",
    node: el("div", null, heading([], "Targets"),
      targets.length > 0 ? shown : nothing("No target is configured for you. Name one under [targets] in the server's configuration.")),
  };
}
