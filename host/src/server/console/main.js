// The console: shows the view that the address names, to somebody who has signed in.

import { asksToSignIn } from "./api.js";
import { help } from "./dialog.js";
import { el, fill, name } from "./dom.js";
import { action, button, heading, problem } from "./parts.js";
import { place } from "./router.js";
import { session } from "./session.js";
import { listen } from "./shortcuts.js";
import { signIn, signOut } from "./sign-in.js";
import { backupView } from "./views/backup.js";
import { formView } from "./views/form.js";
import { jobView } from "./views/job.js";
import { jobsView } from "./views/jobs.js";
import { makeBackupView } from "./views/make-backup.js";
import { planView } from "./views/plan.js";
import { pluginsView } from "./views/plugins.js";
import { repositoriesView } from "./views/repositories.js";
import { snapshotView } from "./views/snapshot.js";
import { targetsView } from "./views/targets.js";
import { uploadView } from "./views/upload.js";

const main = document.getElementById("main");
const busy = document.getElementById("busy");
let leave = new AbortController();

function viewOf([first, ...rest]) {
  switch (first) {
    case undefined: return repositoriesView;
    case "repositories": return [repositoriesView, repositoriesView, backupView, snapshotView][rest.length];
    case "jobs": return rest.length === 0 ? jobsView : jobView;
    default: return { targets: targetsView, plugins: pluginsView, upload: uploadView, restore: formView, plan: planView, backup: makeBackupView }[first];
  }
}

/** Shows what the address names; `moved` when somebody went there, rather than came. */
async function show(moved) {
  leave.abort();
  leave = new AbortController();
  const { signal } = leave;
  const { path, query } = place();
  markPlace(path[0] ?? "repositories");
  main.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => { busy.hidden = false; }, 150);
  const { title, node } = await made(path, query, signal);
  clearTimeout(slow);
  if (signal.aborted) return;
  busy.hidden = true;
  main.removeAttribute("aria-busy");
  document.title = `${title} · reinstate`;
  fill(main, node);
  if (moved) {
    scrollTo(0, 0);
    main.querySelector("h1")?.focus({ preventScroll: true });
  }
}

async function made(path, query, signal) {
  const view = viewOf(path);
  if (!view) return { title: "Not found", node: el("div", null, heading([], "Nothing is here"), action("Repositories", "#/repositories")) };
  try {
    return await view({ path, query, signal });
  } catch (error) {
    if (signal.aborted) return {};
    return { title: "Problem", node: el("div", null, heading([], "This cannot be shown"), problem(error, button("Try again", () => show(true), { class: "primary" }))) };
  }
}

function markPlace(first) {
  const home = { upload: "repositories", restore: "repositories", plan: "repositories", backup: "targets" }[first] ?? first;
  for (const link of document.querySelectorAll(".bar nav a")) {
    if (link.hash === `#/${home}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function showWho() {
  const who = session();
  fill(document.getElementById("who"),
    el("span", { class: "user", title: `Role: ${who.role}` }, name(who.user), el("span", { class: "role" }, who.role)),
    button("?", help, { class: "plain", "aria-label": "Shortcuts" }),
    button("Sign out", signOut, { class: "plain" }));
}

async function begin() {
  asksToSignIn(async () => {
    const before = session()?.user;
    await signIn();
    showWho();
    if (before !== undefined && before !== session().user) show(true);
    return true;
  });
  listen(help);
  if (!session()) await signIn();
  showWho();
  addEventListener("hashchange", () => show(true));
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  await show(false);
}

begin();
