// Builds the visible elements. Every value is inserted as text: no code makes HTML from a string.

/** el("a", { href: "#x", class: "y", onclick: f }, "text", node, null…) */
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

// Invisible characters, and those that change how others look: a reader must not see one thing and approve another.
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]|(?! )\p{Zs}/gu;

/** Text as nodes, with what cannot be seen written out. */
export function seen(text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(UNSEEN)) {
    if (found.index > from) nodes.push(text.slice(from, found.index));
    const code = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    nodes.push(el("span", { class: "unseen", title: "An invisible character" }, `U+${code}`));
    from = found.index + found[0].length;
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

// A token of JSON. The text is canonical, so tokens follow each other directly.
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^"{}[\],:]+/gsu;

/**
 * JSON laid out for reading. It is never parsed: a number that JavaScript cannot hold, or a member that it would reorder, is
 * shown as it will run.
 */
export function json(text) {
  const code = el("code");
  const tokens = text.match(TOKEN) ?? [];
  let depth = 0;
  const line = () => code.append("\n" + "  ".repeat(depth));
  tokens.forEach((token, index) => {
    const next = tokens[index + 1];
    if (token === "{" || token === "[") {
      code.append(token);
      if (next === "}" || next === "]") return;
      depth += 1;
      line();
    } else if (token === "}" || token === "]") {
      const before = tokens[index - 1];
      if (before !== "{" && before !== "[") {
        depth -= 1;
        line();
      }
      code.append(token);
    } else if (token === ",") {
      code.append(token);
      line();
    } else if (token === ":") {
      code.append(": ");
    } else {
      const kind = token.startsWith('"') ? (next === ":" ? "key" : "string") : "other";
      code.append(el("span", { class: kind }, seen(token)));
    }
  });
  return el("pre", { class: "json", tabindex: "0", role: "region", "aria-label": "Arguments" }, code);
}

export function when(text) {
  const time = new Date(text);
  return el("time", { datetime: text, title: text }, time.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }));
}

/** A list of names and values. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false);
  return el("dl", { class: "facts" }, shown.map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, typeof value === "string" ? seen(value) : value))));
}

/** The rules that held a call, each with its place in the arguments. */
export function rules(held) {
  return held.length === 0 ? null : el("ul", { class: "rules" }, held.map(({ code, pointer }) =>
    el("li", {}, el("span", { class: "mono" }, seen(code)), pointer ? [" at ", el("span", { class: "mono" }, seen(pointer))] : null)));
}

/** The marked strings of a call, as the gate understands them. */
export function understood(lines) {
  return lines && lines.length > 0 ? el("ul", { class: "rules mono" }, lines.map((line) => el("li", {}, seen(line)))) : null;
}

/** What an approval lets happen. */
export function runner(runBy) {
  return runBy === "client" ? "the application, once the gate releases the call" : "the executor";
}

export function short(digest) {
  return el("span", { title: digest, class: "mono" }, digest.slice(0, 19) + "…");
}

/** Fields that narrow a list: what they say, and whether a query said the same. */
export function searching(search) {
  const input = (name, hint) => el("input", { id: `find-${name}`, name, type: "search", placeholder: hint, maxlength: "64", autocomplete: "off" });
  const inputs = [["text", "Find", "in ID, tool or tenant"], ["tool", "Tool", "exact name"], ["tenant", "Tenant", "exact name"]];
  const form = el("form", { class: "search find", role: "search", method: "post", onsubmit: (event) => {
    event.preventDefault();
    asked = fields();
    search();
  } }, inputs.map(([name, label, hint]) =>
    el("div", { class: "field" }, el("label", { for: `find-${name}` }, label), input(name, hint))), el("button", {}, "Search"));
  const fields = () => Object.fromEntries([...new FormData(form)].filter(([, value]) => value));
  let asked = {};
  return {
    form,
    fields: () => asked,
    any: () => Object.keys(asked).length > 0,
    same: (query) => inputs.every(([name]) => (query.get(name) ?? "") === (asked[name] ?? "")),
  };
}

export function said(text) {
  document.getElementById("said").textContent = text;
}

export function trouble(text) {
  const place = document.getElementById("trouble");
  place.textContent = text ?? "";
  place.hidden = !text;
}
