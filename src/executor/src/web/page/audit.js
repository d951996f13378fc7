// Searches the audit log, the newest records first.

import { ask } from "./api.js";
import { el, facts, json, seen, short, understood, when } from "./build.js";

export const title = "Audit";
const FIELDS = [
  ["text", "Text", "anything in a record"], ["tool", "Tool", ""], ["tenant", "Tenant", ""], ["exchange", "Exchange", ""],
  ["code", "Result", "timeout…"],
];

export function show(place, { left, failed }) {
  const inputs = FIELDS.map(([name, label, hint]) => {
    const input = el("input", { id: `search-${name}`, name, type: "search", placeholder: hint, autocomplete: "off" });
    return el("div", { class: "field" }, el("label", { for: input.id }, label), input);
  });
  const list = el("div", { class: "rows" });
  const none = el("p", { class: "none", hidden: true }, "No record matches.");
  const older = el("button", { type: "button", hidden: true, onclick: () => read(older.dataset.next) }, "Show older");
  const form = el("form", { class: "search", role: "search", method: "post", onsubmit: (event) => {
    event.preventDefault();
    asked = new FormData(form);
    list.replaceChildren();
    read();
  } }, inputs, el("button", { class: "primary" }, "Search"));
  let asked = new FormData(form);
  place.append(el("h1", {}, "Audit log"), form, none, list, older);

  async function read(before) {
    older.disabled = true;
    try {
      const query = new URLSearchParams([...asked].filter(([, value]) => value));
      if (before) query.set("before", before);
      const { records, next } = await ask("GET", `/api/v1/audit?${query}`);
      if (left.aborted) return;
      list.append(...records.map(row));
      none.hidden = list.childElementCount > 0;
      older.hidden = next === undefined;
      older.dataset.next = next ?? "";
    } catch (error) {
      if (!left.aborted) failed(error);
    } finally {
      older.disabled = false;
    }
  }

  read();
}

/** A record in a few words, and how it is coloured. */
function words(record) {
  if (record.kind === "decision") {
    const verdict = record.verdict.replace("_", " ");
    return [record.verdict === "deny" && record.code ? `${verdict}: ${record.code}` : verdict, record.verdict];
  }
  if (record.kind === "approval") return record.approved ? ["approved", "approved"] : ["denied", "denied"];
  if (record.kind === "admission") return [`${record.verdict}: ${record.code}`, record.verdict];
  if (record.kind === "key_reused") return ["another call under its name", "deny"];
  if (record.kind === "conflict") return [`${(record.verdict ?? "").replace("_", " ")}, against record ${record.of}`, "deny"];
  if (record.kind === "repeat") return [`again: ${record.outcome}`, record.outcome === "success" ? "allow" : "deny"];
  // A kind of a later version shows at least its name.
  return [record.outcome ?? record.kind, record.outcome === "success" ? "allow" : "deny"];
}

/** The marked strings of a call, as they were understood, line by line. */
function readings({ readings = [], readings_cut: cut }) {
  const lines = readings.flatMap(({ pointer, kind, profile, rules = [], lines = [], refused }) => [
    `${pointer} as ${kind}, by profile ${profile}`,
    ...(lines.length === 0 ? rules.map((rule) => `by ${rule}`) : lines),
    ...(refused ? [refused] : []),
  ]);
  return cut ? [...lines, "… and more, which was too long to keep"] : lines;
}

function row({ seq, record: text, hash }) {
  const record = JSON.parse(text);
  const [said, kind] = words(record);
  const mono = (value) => value && el("span", { class: "mono" }, seen(value));
  return el("details", { class: "row" },
    el("summary", {},
      el("span", { class: `state ${kind}` }, seen(said)),
      el("span", { class: "tool" }, seen(record.tool ?? "")),
      el("span", { class: "caller" }, seen(`${record.tenant || "(no tenant)"}, ${record.role ?? ""}`)),
      el("span", { class: "by" }, `${record.kind}, ${record.source}`),
      when(record.time)),
    el("div", { class: "inside" }, facts([
      ["Record", String(seq)], ["By", record.by], ["Reason", record.reason], ["At", record.pointer],
      ["Exchange", mono(record.exchange_id)], ["Round", String(record.round)], ["Call", String(record.position)],
      ["Call ID", mono(record.call_id)], ["Request ID", mono(record.request_id)], ["Trace", mono(record.trace_id)],
      ["Approval", mono(record.approval_id)], ["Contract", record.contract_digest && short(record.contract_digest)],
      ["Arguments, SHA-256", mono(record.arguments_digest)], ["Understood", understood(readings(record))],
      ["Took", record.usage && `${record.usage.duration_us} µs`], ["Hash", mono(hash)],
    ]), record.arguments ? json(record.arguments) : null));
}
