// Figures and times as people read them.

import { el } from "./dom.js";

const NUMBER = new Intl.NumberFormat("en");

/** 12,345 */
export function count(number) {
  return NUMBER.format(number ?? 0);
}

/** 1 row, 12,345 rows */
export function counted(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** 12.3 MiB, as the command line writes it. */
export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  let value = number ?? 0;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** 42 %; 100 only for the whole. */
export function percent(fraction) {
  return `${fraction >= 1 ? 100 : Math.min(99, Math.floor((fraction ?? 0) * 100))} %`;
}

/** < 1 s, 3 s, 2 min 5 s, 1 h 20 min, 2 d 3 h */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = parts.findIndex(([size]) => whole >= size);
  if (first < 0) return "< 1 s";
  const [size, unit] = parts[first];
  const rest = parts[first + 1];
  const more = rest ? Math.floor((whole % size) / rest[0]) : 0;
  return `${Math.floor(whole / size)} ${unit}${more ? ` ${more} ${rest[1]}` : ""}`;
}

/** How long a switch took: 850 µs, 1.4 ms, 2 s */
export function pause(microseconds) {
  if (microseconds < 1000) return `${microseconds} µs`;
  if (microseconds < 1e6) return `${(microseconds / 1000).toFixed(1)} ms`;
  return `${(microseconds / 1e6).toFixed(1)} s`;
}

function two(number) {
  return String(number).padStart(2, "0");
}

/** 14:03:22 here */
export function clock(date) {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** An RFC 3339 time as an element: the time here, with the time as it was given behind it. */
export function time(text) {
  if (!text) return "–";
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return el("time", { datetime: text, title: text }, `${day} ${clock(date)}`);
}

/** Seconds between two times; until now without an end. */
export function between(from, to) {
  return ((to ? new Date(to) : new Date()) - new Date(from)) / 1000;
}
