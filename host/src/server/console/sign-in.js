// Signing in and out. The dialog lies over whatever is shown, so that a session that ends in between loses nothing.

import { Problem, problemOf, unreachable } from "./api.js";
import { el, fill, freshId, visible } from "./dom.js";
import { keep, session } from "./session.js";

const EIGHT_HOURS = 8 * 60 * 60;

let asking = null;

/** Asks until somebody has signed in; asks once, however many requests wait for it. */
export function signIn() {
  asking ??= ask().finally(() => { asking = null; });
  return asking;
}

/** Ends the session, here and at the server. */
export async function signOut() {
  const { hash, token } = session() ?? {};
  // A token that was pasted is somebody's to keep.
  if (hash) await asked("DELETE", `/v1/tokens/${hash}`, `Bearer ${token}`).catch(() => {});
  keep(null);
  location.reload();
}

function ask() {
  const ended = session() !== null;
  return new Promise((done) => {
    const dialog = el("dialog", { class: ended ? "sign-in" : "sign-in whole", "aria-labelledby": "sign-in-title" });
    const finish = () => {
      dialog.close();
      dialog.remove();
      done();
    };
    fill(dialog, form(ended, finish));
    // Nothing behind it can be used before.
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.addEventListener("close", () => dialog.isConnected && dialog.showModal());
    document.body.append(dialog);
    dialog.showModal();
  });
}

function form(ended, finish) {
  const user = field("User", { name: "user", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, autofocus: true, value: session()?.user });
  const password = field("Password", { name: "password", type: "password", autocomplete: "current-password", required: true });
  const token = field("Token", { name: "token", type: "password", autocomplete: "off" });
  const byToken = el("details", { class: "by-token" }, el("summary", null, "Sign in with a token"), token.node);
  byToken.addEventListener("toggle", () => {
    for (const other of [user, password]) other.input.required = !byToken.open;
    token.input.required = byToken.open;
    (byToken.open ? token.input : user.input).focus();
  });
  const wrong = el("p", { class: "wrong", role: "alert" });
  const submit = el("button", { type: "submit", class: "primary" }, "Sign in");
  const sign = async (event) => {
    event.preventDefault();
    submit.disabled = true;
    wrong.textContent = "";
    try {
      keep(byToken.open ? await withToken(token.input.value.trim()) : await withPassword(user.input.value, password.input.value));
      finish();
    } catch (problem) {
      wrong.textContent = visible(problem.message);
      submit.disabled = false;
      (byToken.open ? token.input : password.input).select();
    }
  };
  return el("form", { onsubmit: sign },
    el("img", { src: "/console/icon.svg", alt: "", width: 36, height: 36 }),
    el("h1", { id: "sign-in-title" }, "reinstate"),
    el("p", { class: "quiet" }, ended ? "The session has ended. Sign in to go on where you are." : "Sign in to see backups, and to restore them."),
    user.node, password.node, byToken, wrong, submit);
}

function field(text, attributes) {
  const id = freshId();
  const input = el("input", { id, ...attributes });
  return { input, node: el("div", { class: "field" }, el("label", { for: id }, text), input) };
}

/** A token of the session's own, for a name and a password. */
async function withPassword(user, password) {
  const text = String.fromCharCode(...new TextEncoder().encode(`${user}:${password}`));
  const issued = await asked("POST", "/v1/tokens", `Basic ${btoa(text)}`, { name: "console", expires_in_seconds: EIGHT_HOURS });
  return withToken(issued.token, issued.hash);
}

async function withToken(token, hash) {
  const { user, role } = await asked("GET", "/v1/me", `Bearer ${token}`);
  return { token, hash, user, role };
}

async function asked(method, path, who, body) {
  let response;
  try {
    const headers = { Authorization: who, Accept: "application/json", "Content-Type": "application/json" };
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (error instanceof TypeError && /header/i.test(error.message)) throw new Problem(0, { detail: "The token has characters that no token has" });
    throw unreachable();
  }
  if (!response.ok) throw await problemOf(response);
  return response.json();
}
