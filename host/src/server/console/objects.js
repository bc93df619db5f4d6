// The objects of a job: a graph where they are few, a list always; what they wait for and how far they are.

import { el, name, visible } from "./dom.js";
import { bytes, count } from "./format.js";
import { graph, MOST } from "./graph.js";
import { button, section, state } from "./parts.js";
import { table } from "./table.js";

/** `{node, set(object), update()}`. */
export function objectsOf() {
  const known = new Map();
  const drawn = graph();
  const list = table({
    caption: "Objects of the job",
    rows: [],
    key: (object) => object.step,
    text: (object) => `${object.state} ${object.action} ${object.kind} ${object.name}`,
    noun: "object",
    size: 20,
    keep: "objects.",
    columns: [
      { title: "Object", wide: true, cell: (object) => [name(object.name), object.error && el("div", { class: "wrong" }, visible(object.error.message))] },
      { title: "Kind", cell: (object) => name(object.kind) },
      { title: "Action", cell: (object) => object.action },
      { title: "State", cell: (object) => state(object.state) },
      { title: "Rows", number: true, cell: (object) => (object.rows > 0 ? `${count(object.rows_done)} / ${count(object.rows)}` : count(object.rows_done)) },
      { title: "Bytes", number: true, cell: (object) => bytes(object.bytes_done) },
      { title: "After", wide: true, cell: after },
    ],
  });
  let asGraph = true;
  const toggle = button("As a list", () => {
    asGraph = !asGraph;
    update();
  }, { class: "plain" });
  const node = section("Objects", toggle, drawn.node, list.node);
  node.classList.add("objects");
  node.hidden = true;
  return { node, set: (object) => known.set(object.step, object), update };

  function after(object) {
    const names = object.after.map((step) => known.get(step)?.name).filter(Boolean);
    return names.length > 3 ? `${visible(names.slice(0, 3).join(", "))} and ${count(names.length - 3)} more` : visible(names.join(", "));
  }

  function update() {
    const all = [...known.values()].sort((a, b) => a.step - b.step);
    const small = all.length <= MOST;
    node.hidden = all.length === 0;
    toggle.hidden = !small;
    toggle.textContent = asGraph ? "As a list" : "As a graph";
    drawn.node.hidden = !small || !asGraph;
    list.node.hidden = small && asGraph;
    if (!drawn.node.hidden) drawn.update(all);
    if (!list.node.hidden) list.update(all);
  }
}
