// A plan: what will be created, replaced, renamed, dropped and skipped, what was found, and the start.

import { newKey, path as api, post } from "../api.js";
import { ACTIONS, actionOf } from "../actions.js";
import { hrefOf, queryOf, requestFrom, textOf } from "../archive.js";
import { el, fill, freshId, name, visible } from "../dom.js";
import { findingsList, qualified } from "../findings.js";
import { fixesOf } from "../fixes.js";
import { bytes, count, counted } from "../format.js";
import { action, button, facts, heading, nothing, problem, say, section } from "../parts.js";
import { go, href } from "../router.js";
import { mayAct } from "../session.js";
import { start } from "../start.js";
import { table } from "../table.js";

export async function planView({ query, signal }) {
  const request = requestFrom(query);
  const form = href(["restore"], queryOf(request));
  const crumbs = [["Repositories", "#/repositories"], ...(hrefOf(request.archive) ? [[textOf(request.archive), hrefOf(request.archive)]] : []), ["Restore", form]];
  const change = action("Change options", form);
  if (!request.archive || !request.target) {
    return { title: "Plan", node: el("div", null, heading(crumbs, "Plan"), nothing("Choose what to restore, and into which target.", change)) };
  }
  const content = el("div", null, el("p", { class: "quiet waiting" }, "Reading the archive and the target; nothing is changed…"));
  say("Making the plan");
  make(request, content, signal);
  const title = ["Plan: ", name(textOf(request.archive, request.file)), " into ", name(request.target)];
  return { title: `Plan: ${textOf(request.archive, request.file)} into ${request.target}`, node: el("div", null, heading(crumbs, title, change), content) };
}

async function make(request, content, signal) {
  const { archive, target, options } = request;
  try {
    const plan = await post(api("plans"), { archive, target, options }, { signal });
    fill(content, diff(request, plan));
    say(verdictOf(plan).words);
  } catch (error) {
    if (!signal.aborted) fill(content, problem(error, button("Try again", () => make(request, content, signal), { class: "primary" })));
  }
}

function diff(request, plan) {
  const fixes = (code) => fixesOf(code).map(({ text, change }) => ({ text, act: () => go(["plan"], queryOf({ ...request, options: cleaned(change(request.options)) })) }));
  return [verdict(request, plan), totals(plan), findingsList(plan.findings, fixes), steps(plan)];
}

function cleaned(options) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function verdictOf(plan) {
  const refusals = plan.findings.filter((finding) => finding.severity === "refusal").length;
  const warnings = plan.findings.filter((finding) => finding.severity === "warning").length;
  if (refusals > 0) return { tone: "bad", words: `Cannot start: ${counted(refusals, "refusal")}`, why: "Every refusal must be gone first. The fixes are below." };
  const why = mayAct() ? "Nothing that users of the target see changes before the switch." : "Your role may look at plans, and not start restores.";
  return { tone: warnings > 0 ? "warn" : "good", words: warnings > 0 ? `Can start, with ${counted(warnings, "warning")}` : "Can start", why };
}

function verdict(request, plan) {
  const { tone, words, why } = verdictOf(plan);
  const id = freshId();
  const below = el("div");
  const key = newKey();
  const { archive, target, notify } = request;
  const begin = button("Start the restore", async () => {
    begin.disabled = true;
    fill(below);
    try {
      await start(api("restores"), { archive, target, plan, ...(notify ? { notify } : {}) }, key);
    } catch (error) {
      begin.disabled = false;
      const again = error.status === 0 && "Whether it started is not known. Start again: with the same plan it starts once.";
      fill(below, problem(error), again && el("p", null, again));
    }
  }, { class: "primary", disabled: tone === "bad" || !mayAct(), "aria-describedby": id });
  return el("div", { class: `verdict ${tone}` },
    el("div", null, el("p", { class: "strong" }, words), el("p", { id }, why)),
    el("div", { class: "actions" }, button("Save the plan", () => save(plan)), begin), below);
}

/** The plan as a file that `reinstate apply` takes. */
function save(plan) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(plan, null, 2)], { type: "application/json" }));
  el("a", { href: url, download: `${plan.archive.backup.name || "restore"}.plan.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 0);
}

function totals(plan) {
  const { totals: sum, archive, target } = plan;
  return facts([
    ["Backup", [name(archive.backup.name), " ", el("span", { class: "quiet" }, name(archive.backup.id))]],
    ["Into", [el("code", null, name(target.location)), " ", el("span", { class: "quiet" }, `${target.kind} ${target.version}`)]],
    ["Objects", count(sum.objects)],
    ["Rows", count(sum.rows)],
    ["To read", bytes(sum.read_bytes)],
    ["In the target", `about ${bytes(sum.target_bytes)}`],
    ["New schemas", plan.schemas.length > 0 && name(plan.schemas.join(", "))],
    ["Staged", plan.stage === "database" ? "in a database of its own" : "beside the live objects"],
  ], { class: "facts flow" });
}

function steps(plan) {
  if (plan.steps.length === 0) return section("Steps", nothing("There is nothing to do."));
  const does = wordsOf(plan);
  const amounts = new Map();
  for (const step of plan.steps) amounts.set(does(step), (amounts.get(does(step)) ?? 0) + 1);
  const chosen = new Set();
  const chips = Object.keys(ACTIONS).filter((word) => amounts.has(word)).map((word) => chip(word, amounts.get(word)));
  const shown = table({
    caption: "Steps of the plan",
    rows: plan.steps,
    key: (step) => step.id,
    text: (step) => `${does(step)} ${step.object.kind} ${qualified(step.object)} ${qualified(step.into)} ${step.reason}`,
    noun: "step",
    size: 100,
    tools: [el("div", { class: "chips", role: "group", "aria-label": "Only these actions" }, chips)],
    columns: [
      { title: "Action", cell: (step) => sign(does(step)) },
      { title: "Object", wide: true, lead: true, cell: object },
      { title: "Kind", cell: (step) => name(step.object.kind) },
      { title: "Rows", number: true, cell: (step) => count(step.rows) },
      { title: "Bytes", number: true, cell: (step) => bytes(step.bytes) },
      { title: "Reason", wide: true, cell: (step) => visible(step.reason) },
    ],
  });
  return section("What will be done", shown.node);

  function chip(word, amount) {
    const { sign: mark, done, tone } = actionOf(word);
    return button([el("b", { "aria-hidden": "true" }, mark), ` ${count(amount)} ${done}`], (event) => {
      const on = !chosen.delete(word) && Boolean(chosen.add(word));
      event.currentTarget.setAttribute("aria-pressed", String(on));
      shown.restrict((step) => chosen.size === 0 || chosen.has(does(step)));
    }, { class: `chip ${tone}`, "aria-pressed": "false" });
  }
}

/** Tells what a step does, or that a refusal is about it. */
function wordsOf(plan) {
  const text = ({ kind, ...object }) => `${kind} ${qualified(object)}`;
  const refused = new Set(plan.findings.filter((finding) => finding.severity === "refusal" && finding.object).map((finding) => text(finding.object)));
  return (step) => (refused.has(text(step.object)) ? "refused" : step.action);
}

function sign(word) {
  const { sign: mark, tone } = actionOf(word);
  return el("span", { class: `sign ${tone}` }, el("b", { "aria-hidden": "true" }, mark), ` ${word}`);
}

/** The object's name, with where it comes from, or where the existing one goes, below it. */
function object(step) {
  const [from, into] = [qualified(step.object), qualified(step.into)];
  return [name(into),
    from !== into && el("div", { class: "quiet" }, "from ", name(from)),
    step.aside && el("div", { class: "aside" }, "the existing one → ", name(qualified(step.aside)))];
}
