// The calls that wait: read, approve, deny. What is being typed stays when the list is read again.

import { Refused, ask } from "./api.js";
import { el, facts, json, said, seen, short, trouble, when } from "./build.js";

export const title = "Pending";
const EVERY = 2000;

export function show(place, { person, left, failed }) {
  const heading = el("h1", { tabindex: "-1" }, "Waiting for approval");
  const list = el("div", { class: "cards" });
  const none = el("p", { class: "none", hidden: true }, "No call waits for approval.");
  const more = el("p", { class: "hint", hidden: true }, "More wait than are shown here.");
  place.append(heading, none, list, more);

  /** By id: { node, expires, tick }. */
  const cards = new Map();
  let skew = 0;

  async function read() {
    const { now, approvals, next } = await ask("GET", "/api/v1/approvals?state=pending&limit=50");
    skew = Date.parse(now) - Date.now();
    const wait = new Set(approvals.map(({ id }) => id));
    for (const id of [...cards.keys()]) if (!wait.has(id)) remove(id);
    const fresh = approvals.filter(({ id }) => !cards.has(id));
    const whole = await Promise.all(fresh.map(({ id }) => ask("GET", `/api/v1/approvals/${encodeURIComponent(id)}`).catch((error) => {
      // Answered meanwhile, and long ago.
      if (error instanceof Refused && error.status === 404) return null;
      throw error;
    })));
    if (left.aborted) return;
    for (const approval of whole) if (approval?.state === "pending") add(approval);
    none.hidden = cards.size > 0;
    more.hidden = !next;
    document.title = cards.size ? `(${cards.size}) ${title} – Callgate` : `${title} – Callgate`;
    trouble(null);
  }

  function remove(id) {
    const { node } = cards.get(id);
    const focused = node.contains(document.activeElement);
    node.remove();
    cards.delete(id);
    if (focused) heading.focus();
    none.hidden = cards.size > 0;
  }

  function add(approval) {
    const card = build(approval);
    cards.set(approval.id, card);
    list.append(card.node);
    card.tick();
  }

  function build(approval) {
    const rest = el("span", { class: "rest" });
    const titleId = `title-${approval.id}`;
    const reason = el("input", { type: "text", id: `reason-${approval.id}`, maxlength: "500", autocomplete: "off" });
    const wrong = el("p", { class: "wrong", role: "alert" });
    const button = (verb, kind, word) => el("button", { type: "button", class: kind, onclick: () => answer(verb) }, word);
    const buttons = [button("deny", "danger", "Deny"), button("approve", "primary", "Approve")];
    const actions = person.role === "approver"
      ? el("div", { class: "actions" },
          el("label", { for: reason.id }, "Reason"), reason, el("div", { class: "buttons" }, buttons))
      : el("p", { class: "hint" }, "This token may look, but not answer.");
    const node = el("article", { class: "card", "aria-labelledby": titleId, "data-id": approval.id },
      el("header", {}, el("h2", { id: titleId }, seen(approval.tool)), rest),
      facts([
        ["Tenant", approval.tenant || "(none)"],
        ["Role", approval.role],
        ["Asked", when(approval.created)],
        ["Contract", short(approval.contractDigest)],
        ["Exchange", el("span", { class: "mono" }, seen(approval.exchangeId))],
      ]),
      json(approval.arguments), actions, wrong);

    async function answer(verb) {
      for (const one of buttons) one.disabled = true;
      wrong.textContent = "";
      try {
        await ask("POST", `/api/v1/approvals/${encodeURIComponent(approval.id)}/${verb}`, { reason: reason.value });
        said(`${approval.tool}: ${verb === "approve" ? "approved" : "denied"}.`);
        if (cards.has(approval.id)) remove(approval.id);
      } catch (error) {
        if (error instanceof Refused && error.status !== 401) {
          wrong.textContent = `Not answered: ${error.message}.`;
          for (const one of buttons) one.disabled = false;
        } else {
          failed(error);
        }
      }
    }

    function tick() {
      const seconds = Math.ceil((Date.parse(approval.expires) - Date.now() - skew) / 1000);
      rest.textContent = seconds > 0 ? `expires in ${spell(seconds)}` : "expired";
      rest.classList.toggle("soon", seconds <= 60);
      if (seconds <= 0) for (const one of buttons) one.disabled = true;
    }

    return { node, tick };
  }

  const ticking = setInterval(() => cards.forEach((card) => card.tick()), 1000);
  left.addEventListener("abort", () => clearInterval(ticking));
  again();

  async function again() {
    while (!left.aborted) {
      try {
        if (!document.hidden) await read();
      } catch (error) {
        if (!left.aborted) failed(error);
      }
      await new Promise((done) => setTimeout(done, EVERY));
    }
  }
}

function spell(seconds) {
  const two = (n) => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
