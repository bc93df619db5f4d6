// Requests to the server. All that the console knows and does goes through here, or through events.js and upload.js.

import { session } from "./session.js";

/** What went wrong, as the server tells it (problem+json). */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || "The server gave no reason");
    this.status = status;
    this.code = body.code ?? "";
    this.object = body.object ?? null;
    this.state = body.state ?? "";
    this.next = body.next ?? "";
  }
}

/** The problem of a request that got no answer. */
export function unreachable() {
  return new Problem(0, { code: "console.unreachable", detail: "The server cannot be reached" });
}

let signIn = async () => false;

/** Names the function that asks people to sign in; it answers whether they did. */
export function asksToSignIn(ask) {
  signIn = ask;
}

/** The headers that say who asks. */
export function authorization() {
  const known = session();
  return known ? { Authorization: `Bearer ${known.token}` } : {};
}

/** The problem that an answer holds. */
export async function problemOf(response) {
  const body = await response.json().catch(() => ({ detail: `The server answered ${response.status}` }));
  return new Problem(response.status, body);
}

/** Sends a request as who is signed in, and again once they have signed in where that is needed. Fails with a Problem. */
export async function send(method, path, { body, headers, signal } = {}) {
  for (;;) {
    const response = await once(method, path, { body, headers: { ...authorization(), ...headers }, signal });
    if (response.status === 401 && (await signIn())) continue;
    if (!response.ok) throw await problemOf(response);
    return response;
  }
}

async function once(method, path, { body, headers, signal }) {
  const json = body === undefined ? {} : { "Content-Type": "application/json" };
  try {
    // Without credentials of the browser's own it shows no dialog of its own.
    return await fetch(path, {
      method,
      headers: { Accept: "application/json", ...json, ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit",
      cache: "no-store",
      signal,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw unreachable();
  }
}

/** Reads a value. */
export async function get(path, signal) {
  return (await send("GET", path, { signal })).json();
}

/** Sends a value and reads the answer. */
export async function post(path, body, { headers, signal } = {}) {
  return (await send("POST", path, { body: body ?? {}, headers, signal })).json();
}

/** A path made of names. */
export function path(...names) {
  return `/v1/${names.map(encodeURIComponent).join("/")}`;
}

/** A key by which the server recognises a start that it has seen. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
