// All jobs, newest first; what is shown follows what happens.

import { get, path as api } from "../api.js";
import { textOf } from "../archive.js";
import { el, name } from "../dom.js";
import { duration, between, percent, time } from "../format.js";
import { choiceField, textField } from "../fields.js";
import { button, heading, problem, state } from "../parts.js";
import { href, place, remember } from "../router.js";
import { table } from "../table.js";

const LIMIT = 50;
const EVERY = 3000;
const STATES = ["queued", "running", "paused", "interrupted", "succeeded", "failed", "refused", "cancelled", "undone", "discarded"];

export async function jobsView({ signal, again }) {
  const listed = await read(signal);
  const shown = list(listed);
  const trouble = el("div");
  const filters = el("form", { class: "tools filters", onsubmit: (event) => event.preventDefault() },
    choiceField("State", null, [["", "All"], ...STATES.map((word) => [word, word])], { value: place().query.get("state") ?? "", onchange: filtered("state", again) }),
    textField("Operator", null, { type: "search", "data-filter": true, value: place().query.get("operator") ?? "", onchange: filtered("operator", again) }));
  keepReading(shown, trouble, signal);
  return { title: "Jobs", node: el("div", null, heading([], "Jobs"), filters, trouble, shown.node, pages(listed, again)) };
}

async function read(signal) {
  const { query } = place();
  const asked = new URLSearchParams({ limit: LIMIT });
  for (const key of ["state", "operator", "before"]) if (query.get(key)) asked.set(key, query.get(key));
  return (await get(`${api("jobs")}?${asked}`, signal)).jobs;
}

function filtered(key, again) {
  return (event) => {
    remember(key, event.target.value.trim());
    remember("before", null);
    again();
  };
}

function pages(jobs, again) {
  const { query } = place();
  const older = jobs.length === LIMIT && button("Older", () => turn(jobs.at(-1).id));
  const newest = query.get("before") && button("Newest", () => turn(null));
  const turn = (before) => {
    remember("before", before);
    again();
  };
  return (older || newest) && el("nav", { class: "pager", "aria-label": "Pages of jobs" }, newest, older);
}

/** Reads the list again and again while somebody looks. */
async function keepReading(shown, trouble, signal) {
  while (!signal.aborted) {
    await new Promise((done) => setTimeout(done, EVERY));
    if (signal.aborted || document.hidden) continue;
    try {
      shown.update(await read(signal));
      trouble.replaceChildren();
    } catch (error) {
      if (!signal.aborted) trouble.replaceChildren(problem(error));
    }
  }
}

function list(jobs) {
  return table({
    caption: "Jobs",
    rows: jobs,
    key: (job) => job.id,
    noun: "job",
    size: LIMIT,
    empty: "No jobs",
    columns: [
      { title: "Job", cell: (job) => el("a", { href: href(["jobs", job.id]) }, el("code", null, job.id)) },
      { title: "State", cell: (job) => [state(job.state), job.state === "running" && el("span", { class: "quiet" }, ` ${percent(job.progress.fraction)}`)] },
      { title: "What", wide: true, cell: (job) => [name(whatOf(job)), job.waits_for && el("div", { class: "quiet" }, "waits for ", name(job.waits_for))] },
      { title: "Operator", cell: (job) => name(job.operator) },
      { title: "Asked for", cell: (job) => time(job.created) },
      { title: "Took", number: true, cell: (job) => (job.started ? duration(between(job.started, job.ended)) : "–") },
    ],
  });
}

/** What a job does, in a few words. */
export function whatOf(job) {
  switch (job.task) {
    case "restore": return `Restore ${textOf(job.archive)} into ${job.target}`;
    case "backup": return `Back ${job.target} up into ${job.to.file ?? `${job.to.repository}/${job.to.backup}`}`;
    case "verify": return `Verify ${textOf(job)}`;
    case "merge": return `Merge ${textOf(job)}`;
    default: return job.task;
  }
}
