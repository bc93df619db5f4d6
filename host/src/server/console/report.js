// The report of a job that has ended: what is where now.

import { el, name, visible } from "./dom.js";
import { findingsList } from "./findings.js";
import { bytes, count, counted, pause } from "./format.js";
import { action, facts, problem, section } from "./parts.js";
import { href } from "./router.js";
import { table } from "./table.js";

/** The report of any sort of job. */
export function reportOf(job, report) {
  if (job.task === "restore") return restored(job, report);
  if (job.task === "verify") return verified(job, report);
  return made(job, report);
}

const HOLDS = {
  succeeded: "The target holds the restored objects. What they took the place of is kept until it is discarded, so that undo can bring it back.",
  undone: "What the restore did was taken back: the target is as it was before. The restored objects are kept aside until they are discarded.",
  discarded: "The target holds the restored objects. What they took the place of is gone.",
};

function restored(job, report) {
  const holds = HOLDS[job.state];
  return section("Report",
    holds && el("p", { class: "notice good" }, holds),
    facts([
      ["Backup", report.backup_name && [name(report.backup_name), " ", el("span", { class: "quiet" }, name(report.backup_id))]],
      ["Objects", count(Object.keys(report.restored_objects).length)],
      ["Rows", count(report.restored_records)],
      ["Read", `${bytes(report.restored_bytes)} in ${counted(report.restored_files, "payload")}`],
      ["Readers waited", report.switch_microseconds !== null && `${pause(report.switch_microseconds)} in the switch${report.switch_attempts > 1 ? `, ${count(report.switch_attempts)} attempts` : ""}`],
      ["Staged", report.stage && (report.stage === "database" ? "in a database of its own" : "beside the live objects")],
    ], { class: "facts flow" }),
    findingsList(report.findings ?? []),
    objects("Failed", report.failed_objects, "failed"),
    objects("Renamed: existing objects, and where they are now", report.renamed_objects, "renamed", "Now"),
    objects("Dropped: tables that are out of sight", report.dropped_objects, "dropped"),
    objects("Restored", report.restored_objects, "restored"));
}

function objects(title, map, keep, second = "Kind") {
  const rows = Object.entries(map ?? {});
  if (rows.length === 0) return null;
  return el("div", { class: "part" }, el("h3", null, title), table({
    caption: title,
    rows,
    key: ([own]) => own,
    text: rows.length > 10 ? ([own, other]) => `${own} ${other}` : null,
    keep: `${keep}.`,
    noun: "object",
    size: 25,
    columns: [{ title: "Object", wide: true, cell: ([own]) => name(own) }, { title: second, wide: true, cell: ([, other]) => name(other) }],
  }).node);
}

function verified(job, report) {
  const bad = report.snapshots.filter((snapshot) => snapshot.errors.length > 0);
  const words = bad.length === 0 ? `${counted(report.snapshots.length, "snapshot")} read, and whole` : `${count(bad.length)} of ${counted(report.snapshots.length, "snapshot")} damaged`;
  return section("Report", el("p", { class: `notice ${bad.length === 0 ? "good" : "bad"}` }, words),
    bad.map((snapshot) => el("div", { class: "part" }, el("h3", null, `@${snapshot.id}`), snapshot.errors.map((error) => problem(error)))));
}

function made(job, report) {
  const stored = report.stored ?? report;
  const snapshot = stored.snapshot;
  const { repository, backup } = job.to ?? job;
  const link = snapshot && action(`Look at @${snapshot.id}`, href(["repositories", repository, backup, String(snapshot.id)]));
  return section("Report", facts([
    ["Snapshot", snapshot && `@${snapshot.id}, ${snapshot.type}`],
    ["Objects", count(snapshot?.objects ?? report.objects)],
    ["Rows", count(snapshot?.records ?? report.rows)],
    ["Bytes", bytes(snapshot?.bytes ?? report.bytes)],
    ["Stored", bytes(snapshot?.stored_bytes ?? report.archive_bytes)],
    ["Removed", stored.removed?.length > 0 && visible(stored.removed.map((id) => `@${id}`).join(", "))],
  ], { class: "facts flow" }), link && el("div", { class: "actions" }, link));
}
