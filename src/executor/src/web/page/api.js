// Calls the API. The browser sends the cookie; only this tab holds the header required with it.

const KEPT = "callgate-session";

export class Refused extends Error {
  constructor(status, fault) {
    super(fault?.message ?? `the executor answered ${status}`);
    this.status = status;
    this.code = fault?.code ?? "";
  }
}

/** Who is signed in in this tab: { name, role, session }. */
export function person() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT));
  } catch {
    return null;
  }
}

export function forget() {
  sessionStorage.removeItem(KEPT);
}

export async function ask(method, path, body) {
  const headers = { accept: "application/json" };
  const known = person();
  if (known) headers["x-callgate-session"] = known.session;
  if (body !== undefined) headers["content-type"] = "application/json";
  const answer = await fetch(path, {
    method,
    headers,
    body: body === undefined ? undefined : JSON.stringify(body),
    credentials: "same-origin",
    redirect: "error",
  });
  const text = await answer.text();
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    // Not from the API: a proxy in front of it answered.
  }
  if (!answer.ok) throw new Refused(answer.status, value);
  return value;
}

export async function signIn(token) {
  const { name, role, session } = await ask("POST", "/api/v1/session", { token });
  sessionStorage.setItem(KEPT, JSON.stringify({ name, role, session }));
}

export async function signOut() {
  try {
    await ask("DELETE", "/api/v1/session");
  } finally {
    forget();
  }
}
