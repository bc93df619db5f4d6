// A table of many rows: a page at a time, with a filter. Where it stands is kept in the address.

import { el, fill, freshId } from "./dom.js";
import { count, counted } from "./format.js";
import { button } from "./parts.js";
import { place, remember } from "./router.js";

/**
 * `columns`: `{title, cell(row), number?, wide?, lead?}`; a leading one is what a row is about, and takes a line of its own on a phone. `text(row)` is what the filter looks at; no filter without. `key(row)` tells rows apart, so
 * that the focus stays where it is when they change. `keep` is the name under which the address has the page and the filter.
 */
export function table({ caption, columns, rows, text, key, noun = "row", size = 50, keep = "", empty = "Nothing fits", tools = [] }) {
  const asked = place().query;
  const shown = { page: Math.max(0, (Number(asked.get(`${keep}page`)) || 1) - 1), filter: asked.get(`${keep}filter`) ?? "" };
  let all = rows;
  let only = () => true;

  const body = el("tbody");
  const status = el("p", { class: "count", "aria-live": "polite" });
  const pager = el("nav", { class: "pager", "aria-label": `Pages: ${caption}` });
  const head = el("tr", null, columns.map((column) => el("th", { scope: "col", class: classOf(column) }, column.title)));
  const node = el("div", { class: "table" },
    el("div", { class: text || tools.length > 0 ? "tools" : "unseen" }, text && filterBox(), tools, status),
    el("div", { class: "scroll" }, el("table", null, el("caption", { class: "unseen" }, caption), el("thead", null, head), body)),
    pager);
  draw();
  return { node, update, restrict };

  /** Shows other rows. */
  function update(others) {
    all = others;
    draw();
  }

  /** Shows rows of a sort only. */
  function restrict(test) {
    only = test;
    shown.page = 0;
    draw();
  }

  function filterBox() {
    const id = freshId();
    const look = (event) => {
      Object.assign(shown, { filter: event.target.value, page: 0 });
      remember(`${keep}filter`, shown.filter);
      remember(`${keep}page`, null);
      draw();
    };
    return el("div", { class: "filter" }, el("label", { for: id, class: "unseen" }, `Filter: ${caption}`),
      el("input", { id, type: "search", placeholder: "Filter", value: shown.filter, oninput: look, "data-filter": true, autocomplete: "off", spellcheck: "false" }));
  }

  function draw() {
    const words = shown.filter.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (row) => only(row) && (words.length === 0 || !text || words.every((word) => text(row).toLowerCase().includes(word)));
    const found = all.filter(fits);
    const pages = Math.max(1, Math.ceil(found.length / size));
    shown.page = Math.min(shown.page, pages - 1);
    const from = shown.page * size;
    const focused = body.contains(document.activeElement) ? document.activeElement : null;
    const [row, at] = focused ? [focused.closest("tr")?.dataset.key, places(focused.closest("tr")).indexOf(focused)] : [];
    fill(body, found.slice(from, from + size).map(line), found.length === 0 && el("tr", { class: "none" }, el("td", { colspan: columns.length }, empty)));
    if (focused) places([...body.rows].find((other) => other.dataset.key === row))[at]?.focus();
    tell(found.length);
    drawPager(from, found.length, pages);
  }

  function line(row) {
    const cells = columns.map((column, at) => el(at === 0 ? "th" : "td",
      { class: classOf(column), scope: at === 0 ? "row" : null, "data-title": column.title }, column.cell(row)));
    return el("tr", { "data-key": key ? key(row) : null }, cells);
  }

  function tell(found) {
    const words = found === all.length ? counted(all.length, noun) : `${count(found)} of ${counted(all.length, noun)}`;
    if (status.textContent !== words) status.textContent = words;
  }

  function drawPager(from, found, pages) {
    pager.hidden = pages < 2;
    if (pages < 2) return fill(pager);
    const turn = (step) => () => {
      shown.page += step;
      remember(`${keep}page`, shown.page > 0 ? shown.page + 1 : null);
      draw();
      pager.querySelector(step > 0 ? ".after" : ".before")?.focus();
    };
    return fill(pager,
      button("Previous", turn(-1), { class: "before", disabled: shown.page === 0 }),
      el("span", null, `${count(from + 1)}–${count(Math.min(from + size, found))} of ${count(found)}`),
      button("Next", turn(1), { class: "after", disabled: shown.page === pages - 1 }));
  }
}

function classOf({ title, number, wide, lead }) {
  return [number && "number", wide && "wide", lead && "lead", title === "" && "end"].filter(Boolean).join(" ") || null;
}

function places(row) {
  return row ? [...row.querySelectorAll("a, button, input, select")] : [];
}
