// Which view is shown: the part of the address after `#`, so that reloading, going back and sending a link keep the place.

/** `{path: [names], query: URLSearchParams}` of the address. */
export function place() {
  const [names, query] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { path: names.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query ?? "") };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The address of a view. */
export function href(names, query) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = new URLSearchParams(given.map(([key, value]) => [key, String(value)])).toString();
  return `#/${names.map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Goes to a view. */
export function go(names, query) {
  location.hash = href(names, query);
}

/** Writes something about the view that is shown into its address, without a step in the history. */
export function remember(key, value) {
  const { path, query } = place();
  if (value === undefined || value === null || value === "") query.delete(key);
  else query.set(key, value);
  history.replaceState(null, "", href(path, Object.fromEntries(query)));
}
