// What a step of a plan does to the target, or that it may not: its sign, its word in a sentence, its colour.

export const ACTIONS = {
  refused: { sign: "✕", done: "refused", tone: "bad" },
  create: { sign: "+", done: "created", tone: "good" },
  replace: { sign: "~", done: "replaced", tone: "warn" },
  rename: { sign: "→", done: "renamed", tone: "busy" },
  fill: { sign: "»", done: "filled", tone: "good" },
  drop: { sign: "−", done: "dropped", tone: "bad" },
  grant: { sign: "=", done: "granted", tone: "quiet" },
  skip: { sign: "·", done: "skipped", tone: "quiet" },
};

/** What is known of an action, or something for one that a later version may have. */
export function actionOf(word) {
  return ACTIONS[word] ?? { sign: "?", done: word, tone: "quiet" };
}
