// The events: filtered by the server, read page by page, each opened to all it says.

import { html, useEffect, useLoaded, useState, useStore } from "./lib.js";
import { clock, count, elapsed, seconds } from "./format.js";
import { Json } from "./json.js";

const PAGE = 100;

/** An event as AWS gives it, with JSON in texts opened up. */
function opened(event) {
  const parse = (value) => {
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  };
  const walk = (value, key) =>
    typeof value === "string" && ["input", "output", "parameters", "cause"].includes(key)
      ? parse(value)
      : value && typeof value === "object" && !Array.isArray(value)
        ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, walk(one, name)]))
        : value;
  return walk(event, "");
}

function Whole({ context, id }) {
  const found = useLoaded(() => context.source.get("event", { id }), [id]);
  return found ? html`<${Json} value=${opened(found.event)} />` : html`<p class="soft">Loading</p>`;
}

export function EventRow({ row, context, times }) {
  const [open, setOpen] = useState(false);
  const toggle = () => setOpen(!open);
  return html`<tr class=${`pick ${row.tone}`} onClick=${toggle}>
      <td class="number"><button class="plain" aria-expanded=${open} aria-label=${`Event ${row.id}, ${row.type}`}>${open ? "▾" : "▸"} ${row.id}</button></td>
      <td class="number">${times === "clock" ? clock(context.execution.start + row.elapsed) : elapsed(row.elapsed)}</td>
      <td class="type">${row.type}</td><td>${row.state}</td>
      <td class="number">${row.duration === null ? "" : seconds(row.duration)}</td><td class="data">${row.data}</td>
    </tr>
    ${open && html`<tr class="inner"><td colspan="6"><${Whole} context=${context} id=${row.id} /></td></tr>`}`;
}

export const EventsHead = html`<thead><tr><th scope="col" class="number">Id</th><th scope="col" class="number">Time</th><th scope="col">Type</th><th scope="col">State</th><th scope="col" class="number">Took</th><th scope="col">Data</th></tr></thead>`;

export function Events({ store, context }) {
  const { eventText, times, version } = useStore(store);
  const [rows, setRows] = useState([]);
  const [next, setNext] = useState(1);
  const [loading, setLoading] = useState(false);
  const load = async (first, before, limit) => {
    setLoading(true);
    const found = await context.source.get("events", { first, limit, text: eventText });
    setRows([...before, ...found.events]);
    setNext(found.next);
    setLoading(false);
  };
  useEffect(() => void load(1, [], Math.min(1000, Math.max(PAGE, rows.length))), [eventText, version]);
  return html`<div class="scroll"><table class="events">${EventsHead}<tbody>
      ${rows.map((row) => html`<${EventRow} key=${row.id} row=${row} context=${context} times=${times} />`)}
      ${!rows.length && !loading && html`<tr><td colspan="6" class="empty">No such events</td></tr>`}
    </tbody></table></div>
    ${next !== null && rows.length > 0 && html`<p class="more"><button class="small" disabled=${loading} onClick=${() => load(next, rows, 500)}>Show more</button> <span class="soft">${count(rows.length)} shown</span></p>`}`;
}

export function EventTools({ store }) {
  const { times, eventText } = useStore(store);
  const [text, setText] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => text !== eventText && store.set({ eventText: text }), 250);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<div class="tools"><label>Filter <input type="search" placeholder="type, state or data" value=${text} onInput=${(event) => setText(event.target.value)} /></label>
    <label>Times <select onChange=${(event) => store.set({ times: event.target.value })} value=${times}><option value="relative">since the start</option><option value="clock">of the clock, UTC</option></select></label></div>`;
}
