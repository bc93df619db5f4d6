// An archive file of one's own, sent to the server to be restored.

import { authorization, get, path as api, Problem, unreachable } from "../api.js";
import { el, fill, freshId, name } from "../dom.js";
import { bytes, duration, percent } from "../format.js";
import { button, heading, problem, say } from "../parts.js";
import { go } from "../router.js";

export async function uploadView({ signal }) {
  const id = freshId();
  const file = el("input", { id, type: "file", required: true });
  const below = el("div", { class: "upload", "aria-live": "off" });
  const submit = el("button", { type: "submit", class: "primary" }, "Upload");
  const send = async (event) => {
    event.preventDefault();
    const chosen = file.files[0];
    if (!chosen) return;
    submit.disabled = true;
    try {
      // The session is looked at before: a large file is not sent twice.
      await get(api("me"), signal);
      const { upload } = await sent(chosen, below, signal);
      go(["restore"], { upload, file: chosen.name });
    } catch (error) {
      submit.disabled = false;
      fill(below, error.name !== "AbortError" && problem(error));
    }
  };
  return {
    title: "Restore a file",
    node: el("div", { class: "narrow" },
      heading([["Repositories", "#/repositories"]], "Restore a file"),
      el("p", null, "An archive of reinstate's own or of pg_dump, compressed or not. It is looked at before anything is restored."),
      el("form", { class: "form", onsubmit: send }, el("div", { class: "field" }, el("label", { for: id }, "Archive"), file), el("div", { class: "actions" }, submit), below)),
  };
}

/** Sends a file and shows how far it is. Only this sort of request tells how much has been sent. */
function sent(file, below, signal) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    const since = performance.now();
    const bar = el("progress", { max: 1, "aria-label": `Upload of ${file.name}` });
    const words = el("p", { class: "figures" }, "0 %");
    fill(below, el("p", null, name(file.name), `, ${bytes(file.size)}`), bar, words, button("Stop", () => request.abort()));
    say(`Uploading ${file.name}`);
    request.upload.onprogress = ({ loaded, total }) => {
      const rate = loaded / ((performance.now() - since) / 1000);
      bar.value = loaded / total;
      fill(words, `${percent(loaded / total)} · ${bytes(loaded)} of ${bytes(total)} · ${bytes(Math.round(rate))}/s · ${duration((total - loaded) / rate)} left`);
    };
    request.onload = () => {
      const body = parsed(request.responseText);
      if (request.status < 300) done(body);
      else fail(new Problem(request.status, body));
    };
    request.onerror = () => fail(unreachable());
    request.onabort = () => fail(new DOMException("Stopped", "AbortError"));
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.open("POST", api("uploads"));
    request.setRequestHeader("Authorization", authorization().Authorization);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.send(file);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
