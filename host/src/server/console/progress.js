// How far a job is: its stages as a line, a bar, figures, rates and the time left. Says so when it knows nothing new.

import { el, fill } from "./dom.js";
import { between, bytes, clock, count, duration, percent } from "./format.js";
import { say } from "./parts.js";

const RESTORE = ["queue", "plan", "stage", "rehearse", "switch"];
const OTHER = ["queue", "work"];
const MEANING = { queue: "Waits for its turn", plan: "Plans and checks", stage: "Stages beside the live objects", rehearse: "Tries the switch", switch: "Switches", work: "Works" };
/** People who listen are told no more often. */
const QUIET = 10_000;

/** `{node, update(job, connected, lostAt)}` */
export function progress() {
  const stages = el("ol", { class: "stages", "aria-label": "Stages" });
  const bar = el("progress", { max: 1, "aria-label": "Progress of the job" });
  const figures = el("p", { class: "figures" });
  const speak = speaker();
  const node = el("div", { class: "progress" }, stages, bar, figures);
  return {
    node,
    update(job, connected, lostAt) {
      fill(stages, stagesOf(job).map(stage));
      bar.value = job.progress.fraction;
      node.classList.toggle("stale", !connected);
      fill(figures, words(job, connected, lostAt));
      speak(job, connected);
    },
  };
}

function stagesOf(job) {
  const known = new Map(job.stages.map((stage) => [stage.name, stage]));
  const names = job.task === "restore" ? RESTORE : OTHER;
  const ended = Boolean(job.ended);
  const all = names.filter((name) => known.has(name) || !ended);
  return all.map((name) => known.get(name) ?? { name, state: "to-come" });
}

function stage({ name, state, started, ended }) {
  const took = started && ended ? duration(between(started, ended)) : "";
  const word = { succeeded: "done", "to-come": "to come" }[state] ?? state;
  return el("li", { class: `stage ${state}`, title: MEANING[name] ?? name, "aria-current": state === "running" ? "step" : null },
    el("span", { class: "stage-name" }, name), el("span", { class: "quiet" }, state === "succeeded" && took ? took : word));
}

function words(job, connected, lostAt) {
  const { progress: now } = job;
  const parts = [percent(now.fraction)];
  if (now.objects > 0) parts.push(`${count(now.objects_done)} of ${count(now.objects)} objects`);
  if (now.objects_failed > 0) parts.push(`${count(now.objects_failed)} failed`);
  if (now.rows > 0 || now.rows_done > 0) parts.push(`${count(now.rows_done)}${now.rows > 0 ? ` of ${count(now.rows)}` : ""} rows`);
  if (now.bytes > 0 || now.bytes_done > 0) parts.push(`${bytes(now.bytes_done)}${now.bytes > 0 ? ` of ${bytes(now.bytes)}` : ""}`);
  if (!connected && !job.ended) parts.push(`stopped here at ${clock(lostAt)}: what happens since is not known`);
  else parts.push(...pace(job));
  return parts.map((part) => el("span", null, part));
}

function pace({ state, progress: now, started, ended, waits_for: why }) {
  if (state === "queued") return [why ? `waits for ${why}` : "waits for its turn"];
  if (state === "running") {
    if (!now.rate) return ["nothing moves right now"];
    return [`${bytes(Math.round(now.rate))}/s`, ...(now.seconds_left === null ? [] : [`${duration(now.seconds_left)} left`])];
  }
  return started && ended ? [`took ${duration(between(started, ended))}`] : [];
}

/** Tells of every new state at once, and of how far it is now and then. */
function speaker() {
  let [state, connection, last] = ["", true, 0];
  return (job, connected) => {
    if (connected !== connection && !job.ended) {
      say(connected ? "The connection is back" : "The connection is lost; trying again");
    } else if (job.state !== state) {
      say(`The job is ${job.state}`);
    } else if (job.state === "running" && performance.now() - last > QUIET) {
      say(percent(job.progress.fraction));
    } else {
      return;
    }
    [state, connection, last] = [job.state, connected, performance.now()];
  };
}
