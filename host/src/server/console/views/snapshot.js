// A snapshot and what it holds.

import { get, path as api } from "../api.js";
import { el, name } from "../dom.js";
import { bytes, count, time } from "../format.js";
import { action, facts, heading } from "../parts.js";
import { href } from "../router.js";
import { mayAct } from "../session.js";
import { startButton } from "../start.js";
import { table } from "../table.js";

export async function snapshotView({ path: [, repository, backup, id], signal }) {
  const { snapshot, contents } = await get(api("repositories", repository, "backups", backup, "snapshots", id), signal);
  const actions = mayAct() ? [
    startButton("Verify", `Verify ${repository}/${backup}@${snapshot.id}`, api("repositories", repository, "backups", backup, "verify"), { snapshot: snapshot.id }),
    action("Restore…", href(["restore"], { repository, backup, snapshot: snapshot.id }), { class: "button primary" }),
  ] : [];
  return {
    title: `${repository}/${backup}@${snapshot.id}`,
    node: el("div", null,
      heading([["Repositories", "#/repositories"], [repository, href(["repositories", repository])], [backup, href(["repositories", repository, backup])]],
        [name(backup), `@${snapshot.id}`], ...actions),
      facts([
        ["Taken", time(snapshot.created)],
        ["Type", snapshot.base ? `${snapshot.type}, on @${snapshot.base}` : snapshot.type],
        ["Objects", count(snapshot.objects)],
        ["Rows", count(snapshot.records)],
        ["Bytes", bytes(snapshot.bytes)],
        ["Stored", bytes(snapshot.stored_bytes)],
        ["Comment", snapshot.comment && name(snapshot.comment)],
      ], { class: "facts flow" }),
      contentsTable(repository, backup, snapshot, contents)),
  };
}

function contentsTable(repository, backup, snapshot, contents) {
  const selected = (object) => ({ options: JSON.stringify({ select: [`${object.kind}:${object.name}`] }) });
  return table({
    caption: `Objects of ${backup}@${snapshot.id}`,
    rows: contents,
    key: (object) => `${object.kind} ${object.name}`,
    text: (object) => `${object.kind} ${object.name}`,
    noun: "object",
    columns: [
      { title: "Object", wide: true, cell: (object) => name(object.name) },
      { title: "Kind", cell: (object) => name(object.kind) },
      { title: "Payloads", number: true, cell: (object) => count(object.files.length) },
      mayAct() && { title: "", cell: (object) => action("Restore only this…", href(["restore"], { repository, backup, snapshot: snapshot.id, ...selected(object) }), { class: "button small", "aria-label": `Restore only ${object.name}` }) },
    ].filter(Boolean),
  }).node;
}
