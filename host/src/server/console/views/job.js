// A job, live: its way, its objects, its log, and its report once it has ended.

import { get, path as api } from "../api.js";
import { el, fill, name } from "../dom.js";
import { follow } from "../events.js";
import { clock, count, time } from "../format.js";
import { logOf } from "../log.js";
import { objectsOf } from "../objects.js";
import { button, facts, heading, problem, state } from "../parts.js";
import { progress } from "../progress.js";
import { reportOf } from "../report.js";
import { steering } from "../steering.js";
import { whatOf } from "./jobs.js";

const ENDED = ["succeeded", "failed", "refused", "cancelled", "undone", "discarded"];

export async function jobView({ path: [, id], signal }) {
  const shown = await get(api("jobs", id), signal);
  const view = parts(shown);
  watch(view, id, signal);
  return { title: whatOf(shown), node: view.node };
}

/** The parts of the view, and where things stand. */
function parts(job) {
  const view = { job, report: null, connected: true, lostAt: null, way: progress(), objects: objectsOf(), log: logOf() };
  view.actions = el("div", { class: "actions" });
  view.connection = el("div", { class: "connection", "aria-live": "polite" });
  view.about = el("div");
  view.error = el("div");
  view.end = el("div");
  view.node = el("div", { class: "job" },
    heading([["Jobs", "#/jobs"]], name(whatOf(job)), view.actions),
    // What comes last stands below what is looked at: nothing moves.
    view.connection, view.about, view.way.node, view.error, view.objects.node, view.end, view.log.node);
  return view;
}

/** Follows the job, again after each thing that somebody did with it once it had ended. */
async function watch(view, id, signal) {
  const draw = drawer(view, signal);
  const seen = { last: null };
  view.steered = (job) => {
    const again = ENDED.includes(view.job.state);
    view.job = job;
    draw();
    if (again) run();
  };
  draw();
  await run();

  async function run() {
    try {
      await follow(api("jobs", id, "events"), { signal, seen, on: (event, value) => take(view, event, value, draw), connection: (there) => connect(view, there, draw) });
      await readReport(view, signal);
      draw();
    } catch (error) {
      if (!signal.aborted) fill(view.error, problem(error));
    }
  }
}

function take(view, event, value, draw) {
  if (event === "job") view.job = value;
  if (event === "object") view.objects.set(value);
  if (event === "log") view.log.add(value);
  draw();
}

function connect(view, there, draw) {
  if (there !== view.connected) Object.assign(view, { connected: there, lostAt: there ? null : new Date() });
  draw();
}

async function readReport(view, signal) {
  view.job = await get(api("jobs", view.job.id), signal);
  // Who cancels wants none.
  if (view.job.state === "cancelled") return;
  view.report = await get(api("jobs", view.job.id, "report"), signal).catch(() => null);
}

/** Draws once for all that came since the last picture. */
function drawer(view, signal) {
  let waiting = false;
  let drawn = "";
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (signal.aborted) return;
      const standing = `${view.job.state} ${view.report !== null}`;
      if (standing !== drawn) redraw(view);
      drawn = standing;
      drawConnection(view);
      view.way.update(view.job, view.connected, view.lostAt);
      view.objects.update();
    });
  };
}

/** What changes with the job's state only. */
function redraw(view) {
  const { job } = view;
  const focused = view.actions.contains(document.activeElement) ? document.activeElement.dataset.steer : null;
  fill(view.actions, ENDED.includes(job.state) && job.state !== "cancelled" && button("Report", () => toReport(view), { class: "plain" }), steering(job, () => view.report, (changed) => view.steered(changed)));
  if (focused) (view.actions.querySelector(`[data-steer="${focused}"]`) ?? view.actions.querySelector("[data-steer]") ?? view.node.querySelector("h1")).focus();
  fill(view.about, facts([
    ["State", state(job.state)],
    ["Job", el("code", null, job.id)],
    ["Operator", name(job.operator)],
    ["Asked for", time(job.created)],
    ["Began", time(job.started)],
    ["Ended", time(job.ended)],
    ["Priority", job.priority !== 0 && count(job.priority)],
  ], { class: "facts even" }));
  fill(view.error, job.error && problem(job.error));
  fill(view.end, view.report && reportOf(job, view.report));
}

function toReport(view) {
  const title = view.end.querySelector("h2");
  if (!title) return;
  title.tabIndex = -1;
  title.focus({ preventScroll: true });
  title.scrollIntoView();
}

function drawConnection(view) {
  const ended = ENDED.includes(view.job.state);
  const words = view.connected || ended ? null : `Connection lost at ${clock(view.lostAt)}. What is shown is as it was then; trying again…`;
  if (view.connection.textContent !== (words ?? "")) fill(view.connection, words && el("p", { class: "notice warn" }, words));
}
