// The log of a job: lines as they come. Stays at the end while somebody is there.

import { el, name, visible } from "./dom.js";
import { clock, count } from "./format.js";
import { section } from "./parts.js";

/** Lines that are shown; older ones go. All are at the server. */
const MOST = 1000;

/** `{node, add(entry)}` */
export function logOf() {
  const lines = el("ol", { class: "log", tabindex: "0", "aria-label": "Log" });
  const gone = el("p", { class: "quiet", hidden: true });
  let left = 0;
  const node = section("Log", gone, lines);
  node.hidden = true;
  return { node, add };

  function add(entry) {
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 24;
    node.hidden = false;
    lines.append(line(entry));
    if (lines.children.length > MOST) {
      lines.firstChild.remove();
      left += 1;
      gone.hidden = false;
      gone.textContent = `${count(left)} earlier lines are not shown`;
    }
    if (atEnd) lines.scrollTop = lines.scrollHeight;
  }
}

function line({ time, level, source, object, text }) {
  return el("li", { class: level },
    el("time", { datetime: time }, clock(new Date(time))), el("span", { class: "level" }, level), el("span", { class: "source" }, name(source)),
    el("span", { class: "text" }, object && !text.includes(object.replace(/^\S+ /, "")) && [name(object), ": "], visible(text)));
}
