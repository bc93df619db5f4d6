// An archive that is to be restored: a snapshot of a repository, or an upload. As the API has it, as the address has it, as people read it.

import { href } from "./router.js";

/** What the address names; null where it names none. */
export function fromQuery(query) {
  if (query.get("upload")) return { upload: query.get("upload") };
  if (!query.get("repository") || !query.get("backup")) return null;
  const snapshot = Number(query.get("snapshot"));
  return { repository: query.get("repository"), backup: query.get("backup"), ...(snapshot ? { snapshot } : {}) };
}

/** demo/nightly@3; an upload by the file that it was, or by the backup in it. */
export function textOf(archive, known) {
  if (!archive) return "";
  if (archive.upload) return known || archive.upload;
  if (archive.file) return archive.file;
  return `${archive.repository}/${archive.backup}${archive.snapshot ? `@${archive.snapshot}` : ""}`;
}

/** Where it can be looked at; null where it cannot. */
export function hrefOf(archive) {
  if (!archive?.repository) return null;
  return href(["repositories", archive.repository, archive.backup, ...(archive.snapshot ? [String(archive.snapshot)] : [])]);
}

/** What the address of a form or a plan says: the archive, the target, and the options that are not as usual. */
export function requestFrom(query) {
  return { archive: fromQuery(query), file: query.get("file") ?? "", target: query.get("target") ?? "", notify: query.get("notify") === "true", options: optionsFrom(query) };
}

function optionsFrom(query) {
  try {
    return { ...JSON.parse(query.get("options") ?? "{}") };
  } catch {
    // An address that somebody has cut short.
    return {};
  }
}

/** The same as members of an address. */
export function queryOf({ archive, file, target, notify, options }) {
  const changed = Object.keys(options).length > 0 ? JSON.stringify(options) : null;
  return { ...archive, file, target, notify: notify || null, options: changed };
}
