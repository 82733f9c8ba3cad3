// JSON as a person reads it: indented, coloured, long values opened on demand, differences marked.

import { html, useState } from "./lib.js";

const LINES = 400;
const LONGEST = 2000;

/** Lines of a value: `{indent, key, text, kind, path, comma}`. */
export function linesOf(value, path = [], indent = 0, key = null, comma = false, found = []) {
  const entries = Array.isArray(value) ? value.map((one, index) => [index, one]) : value && typeof value === "object" ? Object.entries(value) : null;
  const end = comma ? "," : "";
  if (!entries || !entries.length) {
    const text = entries ? (Array.isArray(value) ? "[]" : "{}") : JSON.stringify(value);
    found.push({ indent, key, text: text + end, kind: typeof value === "string" ? "s" : "n", path });
    return found;
  }
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  found.push({ indent, key, text: open, kind: "", path });
  entries.forEach(([name, one], index) =>
    linesOf(one, [...path, name], indent + 1, Array.isArray(value) ? null : name, index < entries.length - 1, found),
  );
  found.push({ indent, key: null, text: close + end, kind: "", path });
  return found;
}

export function Json({ value, changes = [] }) {
  const [all, setAll] = useState(false);
  const lines = linesOf(value === undefined ? null : value);
  const marks = new Map(changes.map(([path, kind]) => [JSON.stringify(path), kind]));
  const mark = (path) => {
    for (let length = path.length; length >= 0; length -= 1) {
      const kind = marks.get(JSON.stringify(path.slice(0, length)));
      if (kind) return kind;
    }
    return "";
  };
  const shown = all ? lines : lines.slice(0, LINES);
  const gone = changes.filter(([, kind]) => kind === "removed").map(([path]) => path.join("."));
  return html`<div class="json" tabindex="0">
    ${shown.map(({ indent, key, text, kind, path }) => html`<span class=${`line ${marks.size ? mark(path) : ""}`}>${"  ".repeat(indent)}${key !== null && html`<span class="k">${JSON.stringify(key)}</span>: `}<span class=${kind}>${all || text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`}</span></span>`)}
    ${gone.length > 0 && html`<span class="line soft">removed: <span class="removed">${gone.slice(0, 20).join(", ")}</span></span>`}
    ${!all && (lines.length > LINES || lines.some((line) => line.text.length > LONGEST)) &&
    html`<button class="small" onClick=${() => setAll(true)}>Show all ${lines.length.toLocaleString("en-US")} lines</button>`}
  </div>`;
}
