// Selects the view, and shows the reader's name.

import { Refused, ask, forget, person, signIn, signOut } from "./api.js";
import * as audit from "./audit.js";
import { el, said, trouble } from "./build.js";
import * as ended from "./ended.js";
import * as pending from "./pending.js";

const VIEWS = { pending, ended, audit };
const place = document.getElementById("main");
const nav = document.getElementById("nav");
const who = document.getElementById("who");
/** Ends what the view before still does. */
let leaving = new AbortController();

function failed(error) {
  if (error?.name === "AbortError") return;
  if (error instanceof Refused && error.status === 401) {
    forget();
    start("The session has ended. Sign in again.");
  } else if (error instanceof Refused) {
    trouble(error.message);
  } else {
    trouble("The executor does not answer. Trying again…");
  }
}

function show() {
  if (!person()) return;
  leaving.abort();
  leaving = new AbortController();
  trouble(null);
  said("");
  const name = location.hash.slice(1);
  const view = VIEWS[name] ?? pending;
  for (const link of nav.children) {
    if (VIEWS[link.hash.slice(1)] === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${view.title} – Callgate`;
  place.replaceChildren();
  view.show(place, { person: person(), left: leaving.signal, failed });
}

function start(message) {
  leaving.abort();
  const known = person();
  nav.hidden = who.hidden = !known;
  if (!known) {
    login(message);
    return;
  }
  nav.replaceChildren(...Object.entries(VIEWS).map(([name, view]) => el("a", { href: `#${name}` }, view.title)));
  const out = el("button", { type: "button", class: "quiet", onclick: leave }, "Sign out");
  who.replaceChildren(el("span", { class: "name" }, known.name), el("span", { class: "role" }, known.role), out);
  show();
}

async function leave() {
  try {
    await signOut();
  } catch {
    // The session ends by itself; this tab forgets it.
  }
  start();
}

function login(message) {
  trouble(null);
  document.title = "Sign in – Callgate";
  const token = el("input", {
    id: "token", name: "token", type: "password", autocomplete: "current-password", required: true, spellcheck: "false",
    "aria-describedby": "hint",
  });
  const wrong = el("p", { class: "wrong", role: "alert" }, message ?? "");
  const button = el("button", { class: "primary" }, "Sign in");
  const form = el("form", { class: "login", method: "post", onsubmit: async (event) => {
    event.preventDefault();
    button.disabled = true;
    wrong.textContent = "";
    try {
      await signIn(token.value);
      start();
      place.focus();
    } catch (error) {
      wrong.textContent = error instanceof Refused ? `Not signed in: ${error.message}.` : "The executor does not answer.";
      button.disabled = false;
      token.select();
    }
  } },
    el("h1", {}, "Sign in"),
    el("label", { for: "token" }, "Token"), token,
    el("p", { id: "hint", class: "hint" }, "At its first start, the executor logs the file of its first token."),
    wrong, button);
  place.replaceChildren(form);
  token.focus();
}

addEventListener("hashchange", () => {
  // The link that skips to the content does not select a view.
  if (location.hash !== "#main") show();
});
if (person()) {
  // Checks that the session is still open.
  ask("GET", "/api/v1/session").then(() => start(), (error) => {
    if (error instanceof Refused) forget();
    start(error instanceof Refused ? "The session has ended. Sign in again." : undefined);
  });
} else {
  start();
}
