// Who is signed in: a token that ends with the tab, or after eight hours.

const KEY = "reinstate.session";

let current = read();

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    return null;
  }
}

/** `{token, hash?, user, role}`, or null. */
export function session() {
  return current;
}

/** Keeps a session, or forgets it. */
export function keep(value) {
  current = value;
  if (value) sessionStorage.setItem(KEY, JSON.stringify(value));
  else sessionStorage.removeItem(KEY);
}

/** Whether who is signed in may start and steer jobs. */
export function mayAct() {
  return current !== null && current.role !== "reader";
}

/** Whether who is signed in may steer jobs of that operator. */
export function maySteer(operator) {
  return mayAct() && (current.role === "admin" || current.user === operator);
}
