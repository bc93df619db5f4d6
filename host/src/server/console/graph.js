// The objects of a job as a graph: who waits for whom, from left to right.

import { el, fill, visible } from "./dom.js";
import { count, counted } from "./format.js";

/** More objects than this are a list. */
export const MOST = 60;
const WIDTH = 190;
const HEIGHT = 46;
const ACROSS = 48;
const DOWN = 10;

/** A graph that is drawn anew for other objects; `{node, update(objects)}`. */
export function graph() {
  const node = el("div", { class: "graph", role: "group", "aria-label": "Objects and what they wait for", tabindex: "0" });
  return { node, update: (objects) => draw(node, objects) };
}

function draw(node, objects) {
  const places = placesOf(objects);
  const [across, down] = [...places.values()].reduce(([x, y], at) => [Math.max(x, at.x), Math.max(y, at.y)], [0, 0]);
  const plane = el("div", { class: "plane" }, edges(objects, places, across + WIDTH, down + HEIGHT), objects.map((object) => box(object, places.get(object.step))));
  plane.style.width = `${across + WIDTH}px`;
  plane.style.height = `${down + HEIGHT}px`;
  fill(node, plane);
}

/** Each object stands right of all that it waits for. */
function placesOf(objects) {
  const depths = new Map();
  const known = new Map(objects.map((object) => [object.step, object]));
  const depth = (step) => {
    if (!depths.has(step)) {
      depths.set(step, 0); // A circle ends here.
      const before = known.get(step).after.filter((other) => known.has(other));
      depths.set(step, before.length === 0 ? 0 : 1 + Math.max(...before.map(depth)));
    }
    return depths.get(step);
  };
  const rows = [];
  return new Map(objects.map(({ step }) => {
    const column = depth(step);
    rows[column] = (rows[column] ?? -1) + 1;
    return [step, { x: column * (WIDTH + ACROSS), y: rows[column] * (HEIGHT + DOWN) }];
  }));
}

/** What is below a name: how far it is, told apart by more than a colour. */
function standing({ state, kind, rows, rows_done: done }) {
  if (state === "failed") return "✕ failed";
  if ((state === "running" || state === "stopped") && rows > 0) return `${count(done)} of ${counted(rows, "row")}`;
  const amount = rows > 0 ? counted(rows, "row") : kind;
  return state === "staged" ? `✓ ${amount}` : amount;
}

function box(object, { x, y }) {
  const node = el("div", { class: `box ${object.state}`, title: `${visible(object.name)}: ${object.state}` },
    el("bdi", { class: "name" }, visible(object.name)),
    el("div", { class: "quiet" }, el("span", { class: "unseen" }, `${object.state}, `), standing(object)),
    object.state === "running" && el("progress", { max: Math.max(1, object.rows), value: Math.min(object.rows_done, object.rows), "aria-hidden": "true" }));
  node.style.left = `${x}px`;
  node.style.top = `${y}px`;
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

function edges(objects, places, width, height) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of [["width", width], ["height", height], ["aria-hidden", "true"]]) svg.setAttribute(key, value);
  for (const object of objects) {
    const to = places.get(object.step);
    for (const from of object.after.map((step) => places.get(step)).filter(Boolean)) {
      const path = document.createElementNS(SVG, "path");
      const [x1, y1, x2, y2] = [from.x + WIDTH, from.y + HEIGHT / 2, to.x, to.y + HEIGHT / 2];
      const middle = (x1 + x2) / 2;
      path.setAttribute("d", `M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`);
      svg.append(path);
    }
  }
  return svg;
}
