// The ended requests, the newest first.

import { ask } from "./api.js";
import { el, facts, json, rules, understood, runner, searching, seen, short, when } from "./build.js";

export const title = "Decided";
const WORDS = {
  approved: "Approved, not used yet", used: "Approved and used", denied: "Denied", expired: "Expired", pending: "Pending",
};

export function show(place, { left, failed }) {
  const list = el("div", { class: "rows" });
  const none = el("p", { class: "none", hidden: true }, "Nothing has been decided yet.");
  const older = el("button", { type: "button", hidden: true, onclick: () => read(older.dataset.next) }, "Show older");
  const search = searching(() => {
    list.replaceChildren();
    read();
  });
  place.append(el("h1", {}, "Decided"), search.form, none, list, older);

  async function read(after) {
    older.disabled = true;
    try {
      const query = new URLSearchParams({ state: "ended", limit: "50", ...search.fields() });
      if (after) query.set("after", after);
      const { approvals, next } = await ask("GET", `/api/v1/approvals?${query}`);
      if (left.aborted || !search.same(query)) return;
      list.append(...approvals.map(row));
      none.hidden = list.childElementCount > 0;
      none.textContent = search.any() ? "No decided call matches." : "Nothing has been decided yet.";
      older.hidden = !next;
      older.dataset.next = next ?? "";
    } catch (error) {
      if (!left.aborted) failed(error);
    } finally {
      older.disabled = false;
    }
  }

  function row(approval) {
    const inside = el("div", { class: "inside" });
    const details = el("details", { class: "row", "data-id": approval.id },
      el("summary", {},
        el("span", { class: `state ${approval.state}` }, WORDS[approval.state]),
        el("span", { class: "tool" }, seen(approval.tool)),
        el("span", { class: "caller" }, seen(`${approval.tenant || "(no tenant)"}, ${approval.role}`)),
        el("span", { class: "by" }, approval.by ? ["by ", seen(approval.by)] : ""),
        when(approval.answered ?? approval.expires)),
      inside);
    details.addEventListener("toggle", async () => {
      if (!details.open || inside.childElementCount) return;
      try {
        const whole = await ask("GET", `/api/v1/approvals/${encodeURIComponent(approval.id)}`);
        inside.append(facts([
          ["Reason", whole.reason], ["Asked", when(whole.created)], ["Answered", whole.answered && when(whole.answered)],
          ["Used", whole.used && when(whole.used)],
          ["Refused until", whole.state === "denied" && Date.parse(whole.expires) > Date.parse(whole.now) && when(whole.expires)],
          ["Agreed", whole.agreed.join(", ")],
          ["Held for", rules(whole.heldFor)], ["Understood", understood(whole.understood)], ["Runs it", runner(whole.runBy)],
          ["Contract", whole.contract && `${whole.contract} ${whole.contractVersion}`], ["Digest", short(whole.contractDigest)],
          ["Exchange", el("span", { class: "mono" }, seen(whole.exchangeId))],
          ["Request", el("span", { class: "mono" }, whole.id)],
        ]), json(whole.arguments));
      } catch (error) {
        if (!left.aborted) failed(error);
      }
    });
    return details;
  }

  read();
}
