// All jobs, newest first; what is shown follows what happens.

import { get, path as api } from "../api.js";
import { textOf } from "../archive.js";
import { el, fill, name } from "../dom.js";
import { duration, between, percent, time } from "../format.js";
import { choiceField, textField } from "../fields.js";
import { button, heading, problem, state } from "../parts.js";
import { href, place, remember } from "../router.js";
import { table } from "../table.js";

const LIMIT = 50;
const EVERY = 3000;
const STATES = ["queued", "running", "paused", "interrupted", "succeeded", "failed", "refused", "cancelled", "undone", "discarded"];

export async function jobsView({ signal }) {
  const listed = await read(signal);
  const shown = list(listed);
  const trouble = el("div");
  let last = null;
  const turn = (before) => {
    remember("before", before);
    look();
  };
  const [newest, older] = [button("Newest", () => turn(null)), button("Older", () => turn(last))];
  const draw = (jobs) => {
    shown.update(jobs);
    last = jobs.at(-1)?.id;
    newest.hidden = !place().query.get("before");
    older.hidden = jobs.length < LIMIT;
    fill(trouble);
  };
  const look = () => read(signal).then(draw).catch((error) => { if (!signal.aborted) fill(trouble, problem(error)); });
  const asked = place().query;
  const filters = el("form", { class: "tools filters", onsubmit: (event) => event.preventDefault() },
    choiceField("State", null, [["", "All"], ...STATES.map((word) => [word, word])], { value: asked.get("state") ?? "", onchange: filtered("state", look) }),
    textField("Operator", null, { type: "search", "data-filter": true, value: asked.get("operator") ?? "", onchange: filtered("operator", look) }));
  draw(listed);
  keepLooking(look, signal);
  return { title: "Jobs", node: el("div", null, heading([], "Jobs"), filters, trouble, shown.node, el("nav", { class: "pager", "aria-label": "Pages of jobs" }, newest, older)) };
}

async function read(signal) {
  const { query } = place();
  const asked = new URLSearchParams({ limit: LIMIT });
  for (const key of ["state", "operator", "before"]) if (query.get(key)) asked.set(key, query.get(key));
  return (await get(`${api("jobs")}?${asked}`, signal)).jobs;
}

function filtered(key, look) {
  return (event) => {
    remember(key, event.target.value.trim());
    remember("before", null);
    look();
  };
}

/** Looks again and again while somebody does. */
async function keepLooking(look, signal) {
  while (!signal.aborted) {
    await new Promise((done) => setTimeout(done, EVERY));
    if (!signal.aborted && !document.hidden) await look();
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
    case "restore": return `Restore ${textOf(job.archive, job.plan?.archive.backup.name)} into ${job.target}`;
    case "backup": return `Back ${job.target} up into ${job.to.file ?? `${job.to.repository}/${job.to.backup}`}`;
    case "verify": return `Verify ${textOf(job)}`;
    case "merge": return `Merge ${textOf(job)}`;
    default: return job.task;
  }
}
