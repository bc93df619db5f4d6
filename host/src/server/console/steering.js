// What people do with a job: each with the words that say what will happen.

import { path as api, post, newKey } from "./api.js";
import { el, name } from "./dom.js";
import { confirm, show } from "./dialog.js";
import { counted } from "./format.js";
import { button, problem } from "./parts.js";
import { maySteer } from "./session.js";
import { start } from "./start.js";

const OPEN = ["queued", "running", "paused", "interrupted"];

/** The buttons for a job as it stands. `done(job)` gets it as it is then; `report()` gives its report, where it has one. */
export function steering(job, report, done) {
  if (!maySteer(job.operator)) return [];
  const restore = job.task === "restore";
  const may = (...states) => states.includes(job.state);
  return [
    may("running", "queued") && restore && act(job, "pause", "Pause", done),
    may("paused", "interrupted") && act(job, "resume", "Resume", done, { class: "primary" }),
    may(...OPEN) && act(job, "cancel", "Cancel…", done, { ask: () => cancelling(job) }),
    may("failed", "refused", "cancelled", "undone") && retry(job),
    may("succeeded") && restore && act(job, "undo", "Undo…", done, { ask: () => undoing(job, report()) }),
    may("undone") && restore && act(job, "undo", "Switch again…", done, { ask: () => redoing(job) }),
    may("succeeded", "undone") && restore && act(job, "discard", "Discard…", done, { ask: () => discarding(job, report()) }),
  ].filter(Boolean);
}

function act(job, what, text, done, { ask, ...attributes } = {}) {
  return button(text, async (event) => {
    const pressed = event.currentTarget;
    if (ask && !(await ask())) return;
    pressed.disabled = true;
    try {
      done(await post(api("jobs", job.id, what)));
    } catch (error) {
      pressed.disabled = false;
      await failed(text, error);
    }
  }, { "data-steer": what, ...attributes });
}

function retry(job) {
  const key = newKey();
  return button("Try again", async (event) => {
    event.currentTarget.disabled = true;
    await start(api("jobs", job.id, "retry"), {}, key).catch((error) => failed("Try again", error));
  }, { "data-steer": "retry" });
}

function failed(text, error) {
  return show(text.replace("…", ""), problem(error), (close) => [button("Close", () => close(""), { autofocus: true })]);
}

function cancelling(job) {
  const what = job.task === "restore"
    ? "What it has staged is taken away. The target stays as it is; users see no change."
    : "It ends at its next safe place, and leaves nothing.";
  return confirm(`Cancel ${job.id}?`, el("p", null, what), "Cancel the job", { harsh: true });
}

function amounts(report) {
  const number = (map) => Object.keys(map ?? {}).length;
  return { restored: number(report?.restored_objects), renamed: number(report?.renamed_objects), dropped: number(report?.dropped_objects) };
}

/** It goes, they go. */
function does(number, noun, verb) {
  return `${counted(number, noun)} ${verb}${number === 1 ? "s" : ""}`;
}

function undoing(job, report) {
  const { restored, renamed, dropped } = amounts(report);
  return confirm(`Undo ${job.id}?`, el("ul", null,
    el("li", null, `${does(restored, "restored object", "leave")} `, name(job.target), ", with all that was written to them since."),
    el("li", null, "What they took the place of comes back, as it was."),
    renamed > 0 && el("li", null, `${does(renamed, "renamed object", "return")} to the old name.`),
    dropped > 0 && el("li", null, `${does(dropped, "dropped table", "come")} back.`),
    el("li", null, "It happens at once, and can be switched again until it is discarded.")), "Undo the restore");
}

function redoing(job) {
  return confirm(`Switch ${job.id} again?`, el("p", null, "The restored objects take their places in ", name(job.target), " again; what is there now is kept."), "Switch again");
}

function discarding(job, report) {
  const { restored } = amounts(report);
  const what = job.state === "undone"
    ? `What was taken back (${counted(restored, "object")}) is deleted. The restore cannot be switched again.`
    : "What the restore took the place of is deleted for good. The restore cannot be undone any more.";
  return confirm(`Discard ${job.id}?`, el("p", null, what), "Delete it", { harsh: true });
}
