// Fields of forms: a label, an input, and a word of help that belongs to it.

import { el, freshId } from "./dom.js";

/** A field around an input that is made with an id. */
export function field(label, help, make) {
  const id = freshId();
  const about = help ? freshId() : null;
  return el("div", { class: "field" }, el("label", { for: id }, label), make({ id, "aria-describedby": about }), help && el("p", { id: about, class: "help" }, help));
}

/** A line of text. */
export function textField(label, help, attributes) {
  return field(label, help, (own) => el("input", { type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false", ...own, ...attributes }));
}

/** Several lines. */
export function linesField(label, help, attributes) {
  const { value, ...others } = attributes;
  return field(label, help, (own) => el("textarea", { rows: 2, autocapitalize: "none", spellcheck: "false", ...own, ...others, value }));
}

/** A choice of words: `[value, text]`. */
export function choiceField(label, help, choices, { value, ...attributes }) {
  const options = choices.map(([word, text]) => el("option", { value: word, selected: word === value }, text));
  return field(label, help, (own) => el("select", { ...own, ...attributes }, options));
}

/** A yes or no. */
export function checkField(label, help, attributes) {
  const about = help ? freshId() : null;
  const id = freshId();
  return el("div", { class: "field check" },
    el("label", { for: id }, el("input", { id, type: "checkbox", "aria-describedby": about, ...attributes }), label), help && el("p", { id: about, class: "help" }, help));
}

/** Some of a few words, each a box of its own: `[value, text]`. */
export function boxes(label, help, choices, { name, chosen }) {
  const all = choices.map(([value, text]) => el("label", null, el("input", { type: "checkbox", name, value, checked: chosen.includes(value) }), text));
  return el("fieldset", { class: "field boxes" }, el("legend", null, label), all, help && el("p", { class: "help" }, help));
}

/** One of a few words, each with what it means: `[value, text, help]`. */
export function radios(label, choices, { name, value, onchange }) {
  const all = choices.map(([word, text, help]) => {
    const about = freshId();
    const id = freshId();
    return el("div", { class: "radio" },
      el("input", { id, type: "radio", name, value: word, checked: word === value, onchange, "aria-describedby": about }),
      el("div", null, el("label", { for: id }, text), el("p", { id: about, class: "help" }, help)));
  });
  return el("fieldset", { class: "field radios" }, el("legend", null, label), all);
}
