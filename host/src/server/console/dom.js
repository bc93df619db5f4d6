// Makes elements. Text becomes text and nothing else: no part of the console ever parses markup.

/** Members that are properties of an element rather than attributes. */
const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "indeterminate", "open", "selected"]);

/** An element with attributes, listeners (`onclick`) and children; what is null or false is left out. */
export function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) set(node, key, value);
  node.append(...kept(children));
  return node;
}

/** Gives a node other children. */
export function fill(node, ...children) {
  node.replaceChildren(...kept(children));
  return node;
}

function kept(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

function set(node, key, value) {
  if (value === undefined || value === null || value === false) return;
  if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
  else if (PROPERTIES.has(key)) node[key] = value;
  else node.setAttribute(key, value === true ? "" : String(value));
}

/** Control characters, and those that turn the direction of text around: names made of them could look like others. */
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** Text from elsewhere, with what cannot be seen written out. */
export function visible(text) {
  return String(text).replace(INVISIBLE, (found) => `\\u{${found.codePointAt(0).toString(16)}}`);
}

/** A name from elsewhere: of an object, a backup, a user. */
export function name(text, attributes) {
  return el("bdi", { class: "name", ...attributes }, visible(text));
}

let count = 0;

/** An id that no other element has. */
export function freshId() {
  count += 1;
  return `e${count}`;
}
