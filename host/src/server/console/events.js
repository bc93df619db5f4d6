// Follows a job: server-sent events over fetch, because EventSource cannot say who asks. Connections that break are made again.

import { send, unreachable } from "./api.js";

/** A server that says nothing, not even that it is there, for so long is gone. */
const SILENCE = 45_000;
const WAITS = [500, 1000, 2000, 5000];

/**
 * Calls `on(event, value)` for every event until one called `end`, and `connection(true | false)` when the connection is there or lost.
 * `seen.last` is the number of the last event: what was seen before does not come again. Fails with a Problem where trying again is of no use.
 */
export async function follow(path, { on, connection, seen, signal }) {
  let failures = 0;
  const took = (event) => {
    failures = 0;
    // Two who follow the same job for a moment share what was seen.
    if (event.id !== null && seen.last !== null && Number(event.id) <= Number(seen.last)) return;
    if (event.id !== null) seen.last = event.id;
    on(event.name, event.value);
  };
  while (!signal.aborted) {
    try {
      const headers = { Accept: "text/event-stream", ...(seen.last === null ? {} : { "Last-Event-ID": seen.last }) };
      const response = await send("GET", path, { headers, signal });
      connection(true);
      if (await read(response.body, took, signal)) return;
    } catch (problem) {
      if (signal.aborted) return;
      // What the server refuses now it will refuse again; what fails because it starts or stops will pass.
      if (problem.status >= 400 && problem.status < 500 && problem.status !== 429) throw problem;
    }
    if (signal.aborted) return;
    connection(false);
    await wait(WAITS[Math.min(failures, WAITS.length - 1)], signal);
    failures += 1;
  }
}

/** Reads events until the connection ends; answers whether an `end` came. */
async function read(body, took, signal) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await withinSilence(reader.read());
      if (done || signal.aborted) return false;
      text += decoder.decode(value, { stream: true });
      const blocks = text.split(/\r?\n\r?\n/);
      text = blocks.pop();
      for (const block of blocks) {
        const event = parse(block);
        if (event === null) continue;
        took(event);
        if (event.name === "end") return true;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(block) {
  const event = { name: "message", id: null, data: [] };
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf(":");
    const field = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
    if (field === "event") event.name = value;
    else if (field === "data") event.data.push(value);
    else if (field === "id") event.id = value;
  }
  if (event.data.length === 0 && event.name === "message") return null;
  try {
    event.value = JSON.parse(event.data.join("\n") || "null");
  } catch {
    event.value = null;
  }
  return event;
}

function withinSilence(promise) {
  let timer;
  const silence = new Promise((_, fail) => {
    timer = setTimeout(() => fail(unreachable()), SILENCE);
  });
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
}

function wait(milliseconds, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    const now = () => {
      clearTimeout(timer);
      done();
    };
    signal.addEventListener("abort", now, { once: true });
    addEventListener("online", now, { once: true, signal });
  });
}
