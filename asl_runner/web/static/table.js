// The table of state visits, which is the timeline too: sorted and filtered by the server, in pages.

import { BASE, html, useEffect, useLoaded, useState, useStore } from "./lib.js";
import { Status, count, elapsed, seconds } from "./format.js";

const ROWS = 100;
const COLUMNS = [
  ["state", "State", ""],
  ["type", "Type", "optional"],
  ["status", "Status", "optional"],
  ["resource", "Resource", "optional"],
  ["start", "Started after", "number optional"],
  ["duration", "Duration", "number"],
  [null, "Timeline", "bars"],
  ["retries", "Retries", "number optional"],
];

/** From where to where the bars go, in seconds. */
function spanOf(rows, execution) {
  const end = Math.max(execution.duration, ...rows.map((row) => row.start + row.duration), 0.001);
  return { from: 0, length: end };
}

function Bar({ row, span }) {
  const at = (value) => `${((100 * (value - span.from)) / span.length).toFixed(3)}%`;
  const wide = (value) => `${Math.max(0.4, (100 * value) / span.length).toFixed(3)}%`;
  const end = row.start + row.duration;
  const gaps = row.attempts.slice(1).map(([start], index) => [row.attempts[index][1] ?? start, start]);
  return html`<svg role="img" aria-label=${`from ${elapsed(row.start)} for ${seconds(row.duration)}`} preserveAspectRatio="none">
    <rect class="track" x="0" y="45%" width="100%" height="2" />
    <rect class=${row.status} x=${at(row.start)} y="10%" width=${wide(row.duration)} height="80%" rx="2" />
    ${gaps.map(([from, to]) => html`<rect class="gap" x=${at(from)} y="10%" width=${wide(Math.max(0, Math.min(to, end) - from))} height="80%" />`)}
    ${row.attempts.filter(([, , error]) => error !== null && row.attempts.length > 1).map(([start, stop]) => html`<rect class="try" x=${at(start)} y="10%" width=${wide((stop ?? end) - start)} height="80%" />`)}
  </svg>`;
}

function Row({ row, span, store, chosen, context, depth }) {
  const [open, setOpen] = useState(false);
  const expands = row.iterations > 0;
  const choose = () => store.set({ selected: row.id, state: row.state, siblings: [] });
  return html`<tr class=${`pick ${chosen === row.id ? "chosen" : ""}`} onClick=${choose} aria-current=${chosen === row.id ? "true" : undefined}>
      <td class=${`depth-${Math.min(6, (row.depth || 0) + depth)}`}>
        ${expands && html`<button class="toggle" aria-expanded=${open} aria-label=${`Iterations of ${row.state}`} onClick=${(event) => { event.stopPropagation(); setOpen(!open); }}>${open ? "▾" : "▸"}</button>`}
        <button class="plain" onClick=${choose}>${row.state}</button>
        ${row.error !== null && html`<span class="error-name">${row.error || "failed"}</span>`}
      </td>
      <td class="optional">${row.type}${row.counts && html` <span class="soft">${progress(row.counts)}</span>`}
        ${row.mapRun && !context.source.embedded && html` <a href=${`${BASE}/executions?map_run=${encodeURIComponent(row.mapRun)}`} onClick=${(event) => event.stopPropagation()}>child executions</a>`}</td>
      <td class="optional"><${Status} value=${row.status} /></td>
      <td class="resource optional">${row.resource || ""}</td>
      <td class="number optional">${elapsed(row.start)}</td>
      <td class="number">${seconds(row.duration)}</td>
      <td class="bars"><${Bar} row=${row} span=${span} /></td>
      <td class="number optional">${row.retries || ""}</td>
    </tr>
    ${open && html`<tr class="inner"><td colspan=${COLUMNS.length}><${Iterations} row=${row} store=${store} context=${context} /></td></tr>`}`;
}

const progress = ({ total, succeeded, failed, aborted }) =>
  total === null ? "" : `${count(succeeded + failed + aborted)} of ${count(total)}${failed ? `, ${count(failed)} failed` : ""}`;

function Iterations({ row, store, context }) {
  const [status, setStatus] = useState("");
  const [offset, setOffset] = useState(0);
  const [open, setOpen] = useState(null);
  const { version } = useStore(store);
  const found = useLoaded(() => context.source.get("iterations", { id: row.id, status, offset, limit: ROWS }), [row.id, status, offset, version]);
  if (!found) return html`<p class="more soft">Loading</p>`;
  const chip = (value, label) => html`<button class="small" aria-pressed=${status === value} onClick=${() => { setStatus(value); setOffset(0); }}>${label}</button>`;
  return html`<div class="chips">
      ${chip("", "All")}
      ${Object.entries(found.counts).map(([value, number]) => chip(value, `${value[0]}${value.slice(1).toLowerCase()} ${count(number)}`))}
      ${found.total > ROWS && html`<span class="picker">
        <button class="small" disabled=${offset === 0} onClick=${() => setOffset(Math.max(0, offset - ROWS))}>Previous</button>
        ${count(offset + 1)} to ${count(Math.min(offset + ROWS, found.total))} of ${count(found.total)}
        <button class="small" disabled=${offset + ROWS >= found.total} onClick=${() => setOffset(offset + ROWS)}>Next</button></span>`}
    </div>
    <table><tbody>${found.iterations.map((one) => html`<tr key=${one.scope} class="pick" onClick=${() => { setOpen(open === one.scope ? null : one.scope); store.set({ iteration: { state: row.state, scope: one.scope } }); }}>
        <td><button class="plain" aria-expanded=${open === one.scope}>${open === one.scope ? "▾" : "▸"} # ${one.index}</button>${one.error !== null && html`<span class="error-name">${one.error || "failed"}</span>`}</td>
        <td><${Status} value=${one.status} /></td><td class="soft">${one.state || ""}</td><td class="number">${elapsed(one.start)}</td><td class="number">${seconds(one.duration)}</td>
      </tr>${open === one.scope && html`<tr class="inner"><td colspan="5"><${Rows} store=${store} context=${context} scope=${one.scope} query=${{}} depth=${0} /></td></tr>`}`)}
    </tbody></table>`;
}

function Rows({ store, context, scope, query, depth, head }) {
  const [limit, setLimit] = useState(ROWS);
  const { version, selected } = useStore(store);
  const found = useLoaded(
    () => context.source.get("visits", { scope, limit, sort: query.sort, order: query.order, text: query.text, status: query.status }),
    [scope, limit, version, query.sort, query.order, query.text, query.status],
  );
  if (!found) return html`<p class="more soft">Loading</p>`;
  const span = spanOf(found.visits, context.execution);
  return html`<div class=${head ? "scroll" : ""}><table class="visits">${head}<tbody>
      ${found.visits.map((row) => html`<${Row} key=${row.id} row=${row} span=${span} store=${store} chosen=${selected} context=${context} depth=${depth} />`)}
      ${!found.visits.length && html`<tr><td colspan=${COLUMNS.length} class="empty">No such states</td></tr>`}
    </tbody></table></div>
    ${found.total > found.visits.length && html`<p class="more"><button class="small" onClick=${() => setLimit(Math.min(1000, limit + 400))} disabled=${limit >= 1000}>Show more</button> <span class="soft">${count(found.visits.length)} of ${count(found.total)}${limit >= 1000 ? "; filter to see others" : ""}</span></p>`}`;
}

export function Table({ store, context }) {
  const { query, timeline } = useStore(store);
  const sort = (column) =>
    store.set({ query: { ...query, sort: column, order: query.sort === column && query.order !== "desc" ? "desc" : "asc" } });
  const head = html`<thead><tr>${COLUMNS.map(([column, label, kind]) => html`<th scope="col" class=${kind} aria-sort=${column && query.sort === column ? (query.order === "desc" ? "descending" : "ascending") : undefined}>
    ${column ? html`<button class="plain" onClick=${() => sort(column)}>${label}${query.sort === column ? (query.order === "desc" ? " ↓" : " ↑") : ""}</button>` : label}</th>`)}</tr></thead>`;
  return html`<div class=${timeline ? "timeline" : ""}><${Rows} store=${store} context=${context} scope="" query=${query} depth=${0} head=${head} /></div>`;
}

export function TableTools({ store }) {
  const { query, timeline } = useStore(store);
  const [text, setText] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => text !== query.text && store.set({ query: { ...query, text } }), 200);
    return () => clearTimeout(timer);
  }, [text]);
  const sorted = query.sort && query.sort !== "id";
  return html`<div class="tools">
    ${sorted && html`<button class="small" onClick=${() => store.set({ query: { ...query, sort: "id", order: "asc" } })}>In order</button>`}
    <label>State <input type="search" value=${text} onInput=${(event) => setText(event.target.value)} /></label>
    <label>Status <select onChange=${(event) => store.set({ query: { ...query, status: event.target.value } })}>
      <option value="">all</option>${["RUNNING", "SUCCEEDED", "CAUGHT", "FAILED", "ABORTED"].map((one) => html`<option value=${one}>${one[0]}${one.slice(1).toLowerCase()}</option>`)}</select></label>
    <span><button class="small" aria-pressed=${!timeline} onClick=${() => store.set({ timeline: false })}>Table</button> <button class="small" aria-pressed=${timeline} onClick=${() => store.set({ timeline: true })}>Timeline</button></span>
  </div>`;
}
