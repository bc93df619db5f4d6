// A backup and its snapshots.

import { get, path as api } from "../api.js";
import { el, name } from "../dom.js";
import { bytes, count, time } from "../format.js";
import { action, facts, heading, nothing } from "../parts.js";
import { href } from "../router.js";
import { mayAct } from "../session.js";
import { table } from "../table.js";
import { startButton } from "../start.js";

export async function backupView({ path: [, repository, backup], signal }) {
  const document = await get(api("repositories", repository, "backups", backup), signal);
  const actions = mayAct() ? [
    startButton("Verify all", `Verify ${repository}/${backup}`, api("repositories", repository, "backups", backup, "verify"), {}),
    action("Add a snapshot", href(["backup"], { repository, backup, type: document.snapshots.length > 0 ? "incremental" : null })),
  ] : [];
  const options = document.options;
  const kept = options.max_incremental_backups_to_keep;
  return {
    title: `${repository}/${backup}`,
    node: el("div", null,
      heading([["Repositories", "#/repositories"], [repository, href(["repositories", repository])]], name(backup), ...actions),
      facts([
        ["Comment", document.comment && name(document.comment)],
        ["Objects", options.objects.length > 0 ? name(options.objects.join(", ")) : "All"],
        ["Rows", options.ddl_only ? "Left out: definitions only" : "Included"],
        ["Incremental snapshots kept", kept < 0 ? "All" : count(kept)],
        ["Read back when stored", options.checksum ? "Yes" : "No"],
        ["Stored in all", bytes(document.snapshots.reduce((sum, snapshot) => sum + snapshot.stored_bytes, 0))],
      ], { class: "facts flow" }),
      document.snapshots.length > 0 ? snapshotsTable(repository, document) : nothing("It has no snapshots.")),
  };
}

function snapshotsTable(repository, { name: backup, snapshots }) {
  const at = (snapshot) => href(["repositories", repository, backup, String(snapshot.id)]);
  return table({
    caption: `Snapshots of ${backup}`,
    rows: [...snapshots].reverse(),
    key: (snapshot) => snapshot.id,
    text: snapshots.length > 10 ? (snapshot) => `${snapshot.id} ${snapshot.type} ${snapshot.created} ${snapshot.comment ?? ""}` : null,
    noun: "snapshot",
    columns: [
      { title: "Id", cell: (snapshot) => el("a", { href: at(snapshot) }, `@${snapshot.id}`) },
      { title: "Taken", cell: (snapshot) => time(snapshot.created) },
      { title: "Type", cell: (snapshot) => [snapshot.type, snapshot.base && el("span", { class: "quiet" }, ` on @${snapshot.base}`)] },
      { title: "Objects", number: true, cell: (snapshot) => count(snapshot.objects) },
      { title: "Rows", number: true, cell: (snapshot) => count(snapshot.records) },
      { title: "Bytes", number: true, cell: (snapshot) => bytes(snapshot.bytes) },
      { title: "Stored", number: true, cell: (snapshot) => bytes(snapshot.stored_bytes) },
      { title: "Comment", wide: true, cell: (snapshot) => name(snapshot.comment ?? "") },
      mayAct() && { title: "", cell: (snapshot) => action("Restore…", href(["restore"], { repository, backup, snapshot: snapshot.id }), { class: "button small", "aria-label": `Restore @${snapshot.id}` }) },
    ].filter(Boolean),
  }).node;
}
