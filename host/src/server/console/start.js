// Starting jobs: each with a key of its own, so that a request that is sent again starts nothing twice.

import { newKey, post } from "./api.js";
import { fill } from "./dom.js";
import { button, problem } from "./parts.js";
import { show } from "./dialog.js";
import { go } from "./router.js";

/** Sends a start; goes to the job. */
export async function start(path, body, key) {
  const job = await post(path, body, { headers: { "Idempotency-Key": key } });
  go(["jobs", job.id]);
}

/** A button that starts a job at once. The key lasts as long as the button: pressed twice, it starts one job. */
export function startButton(text, what, path, body) {
  const key = newKey();
  return button(text, async (event) => {
    const pressed = event.currentTarget;
    pressed.disabled = true;
    fill(pressed, "Starting…");
    try {
      await start(path, body, key);
    } catch (error) {
      pressed.disabled = false;
      fill(pressed, text);
      await show(what, problem(error), (close) => [button("Close", () => close(""), { autofocus: true })]);
    }
  });
}
