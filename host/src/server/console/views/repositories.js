// Repositories and their backups: where everything begins.

import { get, path as api } from "../api.js";
import { el, name } from "../dom.js";
import { bytes, count, time } from "../format.js";
import { action, heading, nothing, problem } from "../parts.js";
import { href } from "../router.js";
import { mayAct } from "../session.js";
import { table } from "../table.js";

export async function repositoriesView({ path, signal }) {
  const all = await get(api("repositories"), signal);
  const asked = path[1];
  const shown = asked === undefined ? all : all.filter((repository) => repository.name === asked);
  const sections = await Promise.all(shown.map((repository) => repositorySection(repository, signal)));
  const actions = mayAct() ? [action("Make a backup", "#/backup"), action("Restore a file", "#/upload")] : [];
  const title = asked === undefined ? "Repositories" : name(asked);
  const missing = asked === undefined
    ? nothing("No repository is configured for you. Name one under [repositories] in the server's configuration, or restore a file.")
    : nothing("There is no repository of that name, or you may not see it.");
  return {
    title: asked ?? "Repositories",
    node: el("div", null, heading(asked === undefined ? [] : [["Repositories", "#/repositories"]], title, ...actions), sections.length > 0 ? sections : missing),
  };
}

async function repositorySection(repository, signal) {
  const head = el("div", { class: "section-head" },
    el("h2", null, el("a", { href: href(["repositories", repository.name]) }, name(repository.name))),
    el("code", { class: "quiet" }, repository.url));
  const content = await get(api("repositories", repository.name, "backups"), signal)
    .then((backups) => backupsTable(repository.name, backups))
    .catch((error) => {
      if (signal.aborted) throw error;
      return problem(error);
    });
  return el("section", { class: "section" }, head, content);
}

function backupsTable(repository, backups) {
  if (backups.length === 0) return nothing("It holds no backups yet.", mayAct() && action("Make a backup", href(["backup"], { repository })));
  const newest = (backup) => backup.snapshots.at(-1);
  const rows = [...backups].sort((a, b) => (newest(b)?.created ?? "").localeCompare(newest(a)?.created ?? ""));
  return table({
    caption: `Backups of ${repository}`,
    rows,
    key: (backup) => backup.name,
    text: backups.length > 10 ? (backup) => `${backup.name} ${backup.comment}` : null,
    keep: `${repository}.`,
    noun: "backup",
    size: 25,
    columns: [
      { title: "Backup", cell: (backup) => el("a", { href: href(["repositories", repository, backup.name]) }, name(backup.name)) },
      { title: "Newest snapshot", cell: (backup) => time(newest(backup)?.created) },
      { title: "Snapshots", number: true, cell: (backup) => count(backup.snapshots.length) },
      { title: "Objects", number: true, cell: (backup) => count(newest(backup)?.objects) },
      { title: "Rows", number: true, cell: (backup) => count(newest(backup)?.records) },
      { title: "Stored", number: true, cell: (backup) => bytes(backup.snapshots.reduce((sum, snapshot) => sum + snapshot.stored_bytes, 0)) },
      { title: "Comment", wide: true, cell: (backup) => name(backup.comment || newest(backup)?.comment || "") },
      mayAct() && { title: "", cell: (backup) => newest(backup) && action("Restore…", href(["restore"], { repository, backup: backup.name, snapshot: newest(backup).id }), { class: "button small" }) },
    ].filter(Boolean),
  }).node;
}
