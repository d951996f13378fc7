// The pending calls: read, approve, deny. A text being typed survives a refresh of the list.

import { Refused, ask } from "./api.js";
import { el, facts, json, rules, understood, runner, said, searching, seen, short, trouble, when } from "./build.js";
import { watch } from "./reading.js";

export const title = "Pending";
const EVERY = 2000;
const PAGE = 20;
/** A card that has just come, or moved because another went, takes no answer for so long: the finger was on its way to another. */
const SETTLE = 700;
const EFFECTS = { read: "reads", write: "writes", destructive: "destroys" };

export function show(place, { person, left, failed }) {
  const heading = el("h1", { tabindex: "-1" }, "Waiting for approval");
  const list = el("div", { class: "cards" });
  const none = el("p", { class: "none", hidden: true });
  const first = el("button", { type: "button", class: "first", hidden: true, onclick: () => turn(null) }, "First page");
  const next = el("button", { type: "button", class: "next", hidden: true, onclick: () => turn(next.dataset.next) }, "Next page");
  const search = searching(() => turn(null));
  place.append(heading, search.form, none, list, el("div", { class: "pages" }, first, next));

  /** By id: { node, tick, look, end }. */
  const cards = new Map();
  let skew = 0;
  let after = null;
  let settled = 0;
  let wake = () => {};

  function turn(to) {
    after = to;
    for (const id of [...cards.keys()]) remove(id);
    scrollTo(0, 0);
    wake();
  }

  async function read() {
    const query = new URLSearchParams({ state: "pending", limit: String(PAGE), ...search.fields() });
    if (after) query.set("after", after);
    const asked = query.toString();
    const answer = await ask("GET", `/api/v1/approvals?${asked}`);
    skew = Date.parse(answer.now) - Date.now();
    const wait = new Set(answer.approvals.map(({ id }) => id));
    const fresh = answer.approvals.filter(({ id, agreed }) => !cards.has(id) || cards.get(id).agreed !== agreed.length);
    const whole = await Promise.all(fresh.map(({ id }) => ask("GET", `/api/v1/approvals/${encodeURIComponent(id)}`).catch((error) => {
      // Another person answered long ago.
      if (error instanceof Refused && error.status === 404) return null;
      throw error;
    })));
    // The reader turned to another page, or searched.
    if (left.aborted || (after ?? "") !== (query.get("after") ?? "") || !search.same(query)) return;
    for (const id of [...cards.keys()]) if (!wait.has(id)) remove(id);
    for (const approval of whole) if (approval?.state === "pending") add(approval);
    first.hidden = !after;
    next.hidden = !answer.next;
    next.dataset.next = answer.next ?? "";
    document.title = cards.size ? `(${cards.size}${answer.next ? "+" : ""}) ${title} – Callgate` : `${title} – Callgate`;
    count();
    trouble(null);
  }

  function count() {
    none.hidden = cards.size > 0;
    none.textContent = search.any() || after ? "No waiting call matches." : "No call waits for approval.";
  }

  function remove(id) {
    const { node, end } = cards.get(id);
    const focused = node.contains(document.activeElement);
    end();
    node.remove();
    cards.delete(id);
    if (focused) heading.focus({ preventScroll: true });
    settled = Date.now() + SETTLE;
    count();
  }

  function add(approval) {
    const card = build(approval);
    const before = cards.get(approval.id);
    if (before) {
      before.end();
      before.node.replaceWith(card.node);
    } else {
      list.append(card.node);
    }
    cards.set(approval.id, card);
    card.tick();
    card.look();
  }

  function build(approval) {
    const rest = el("span", { class: "rest" });
    const titleId = `title-${approval.id}`;
    const reason = el("input", { type: "text", id: `reason-${approval.id}`, maxlength: "500", autocomplete: "off" });
    const wrong = el("p", { class: "wrong", role: "alert" });
    const unread = el("p", { class: "unread", id: `unread-${approval.id}` }, "Read the arguments from their beginning to their end to approve.");
    const button = (verb, kind, word) => el("button", { type: "button", class: kind, onclick: () => answer(verb) }, word);
    const deny = button("deny", "danger", "Deny");
    const approve = button("approve", "primary", "Approve");
    approve.setAttribute("aria-describedby", unread.id);
    const state = { fresh: true, read: false, busy: false, over: false };
    const set = () => {
      deny.disabled = state.fresh || state.busy || state.over;
      approve.disabled = deny.disabled || !state.read;
    };
    setTimeout(() => {
      state.fresh = false;
      set();
    }, SETTLE);
    const shown = json(approval.arguments);
    const reading = watch(shown, () => {
      state.read = true;
      unread.hidden = true;
      set();
    }, (part) => {
      unread.textContent = part > 0
        ? `${Math.floor(part * 100)} % of the arguments were in view. Read on to approve.`
        : "Read the arguments from their beginning to their end to approve.";
    });
    set();
    const actions = {
      answer: () => el("div", { class: "actions" },
        el("label", { for: reason.id }, "Reason"), reason, el("div", { class: "buttons" }, deny, approve)),
      deny: () => el("div", { class: "actions" },
        el("label", { for: reason.id }, "Reason"), reason, el("div", { class: "buttons" }, deny)),
      look: () => null,
    };
    const hint = {
      answer: unread,
      deny: el("p", { class: "hint" }, approval.agreed.includes(person.name)
        ? "You have agreed. Another person must agree too."
        : "The call comes from your own tenant. Another person must approve it."),
      look: el("p", { class: "hint" }, "You may look at this call, but not answer it."),
    };
    const persons = approval.approvers > 1
      ? `${approval.approvers} different persons; agreed: ${approval.agreed.join(", ") || "nobody yet"}`
      : null;
    const node = el("article", { class: "card", "aria-labelledby": titleId, "data-id": approval.id },
      el("header", {},
        el("h2", { id: titleId }, seen(approval.tool)),
        el("span", { class: `effects ${approval.effects}` }, EFFECTS[approval.effects] ?? "writes"),
        rest),
      approval.description ? el("p", { class: "about" }, seen(approval.description)) : null,
      facts([
        ["Tenant", approval.tenant || "(none)"],
        ["Role", approval.role],
        ["Held for", rules(approval.heldFor)],
        ["Understood", understood(approval.understood)],
        ["Runs it", runner(approval.runBy)],
        ["Asked", when(approval.created)],
        ["Contract", approval.contract ? `${approval.contract} ${approval.contractVersion}` : null],
        ["Digest", short(approval.contractDigest)],
        ["Exchange", el("span", { class: "mono" }, seen(approval.exchangeId))],
        ["Needs", persons],
      ]),
      shown, hint[approval.may], actions[approval.may](), wrong);

    async function answer(verb) {
      if (Date.now() < settled) {
        wrong.textContent = "The list has just changed. Look again, then answer.";
        return;
      }
      if (verb === "approve" && !state.read) return;
      state.busy = true;
      set();
      wrong.textContent = "";
      try {
        const told = await ask("POST", `/api/v1/approvals/${encodeURIComponent(approval.id)}/${verb}`, { reason: reason.value });
        if (told.state === "pending") {
          said(`${approval.tool}: you agreed; another person must agree too.`);
          if (cards.has(approval.id)) add(told);
        } else {
          said(`${approval.tool}: ${verb === "approve" ? "approved" : "denied"}.`);
          if (cards.has(approval.id)) remove(approval.id);
        }
      } catch (error) {
        if (error instanceof Refused && error.status !== 401) {
          wrong.textContent = `Not answered: ${error.message}.`;
        } else {
          failed(error);
        }
        state.busy = false;
        set();
      }
    }

    function tick() {
      const seconds = Math.ceil((Date.parse(approval.expires) - Date.now() - skew) / 1000);
      rest.textContent = seconds > 0 ? `expires in ${spell(seconds)}` : "expired";
      rest.classList.toggle("soon", seconds <= 60);
      state.over = seconds <= 0;
      set();
    }

    return { node, tick, agreed: approval.agreed.length, look: reading.look, end: reading.end };
  }

  const ticking = setInterval(() => cards.forEach((card) => {
    card.tick();
    // Cards can move without scrolling.
    card.look();
  }), 1000);
  left.addEventListener("abort", () => {
    clearInterval(ticking);
    cards.forEach((card) => card.end());
    wake();
  });
  again();

  async function again() {
    while (!left.aborted) {
      try {
        if (!document.hidden) await read();
      } catch (error) {
        if (!left.aborted) failed(error);
      }
      await new Promise((done) => {
        wake = done;
        setTimeout(done, EVERY);
      });
    }
  }
}

function spell(seconds) {
  const two = (n) => String(n).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
