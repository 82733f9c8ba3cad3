// The page of one execution: its parts share a store, follow the execution while it runs, and replay it.

import { BASE, byId, createStore, html, render, say, useEffect, useRef, useState, useStore } from "./lib.js";
import { createSource, marksOf } from "./source.js";
import { call, executionUrl, start } from "./actions.js";
import { setupGraph } from "./graph.js";
import { Table, TableTools } from "./table.js";
import { EventTools, Events } from "./events.js";
import { Panel } from "./panel.js";
import { count } from "./format.js";

const ENDED = ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"];

function Actions({ context, execution }) {
  const [busy, setBusy] = useState(false);
  const act = (work) => async () => {
    setBusy(true);
    try {
      await work();
    } catch (problem) {
      say(problem.message);
    }
    setBusy(false);
  };
  const again = async () => {
    const answer = await fetch(`${BASE}/machines/${encodeURIComponent(execution.machineArn)}.json`);
    if (!answer.ok) throw new Error("The state machine of this execution is gone.");
    const { machine } = await answer.json();
    location.href = executionUrl(await start(machine, "", execution.input));
  };
  return html`
    ${execution.status === "RUNNING" && html`<button class="danger" disabled=${busy || execution.stopAsked} onClick=${act(() => call("StopExecution", { executionArn: execution.arn, cause: "Stopped on the page of the execution." }))}>Stop</button>`}
    ${execution.redrivable && html`<button disabled=${busy} onClick=${act(() => call("RedriveExecution", { executionArn: execution.arn }))}>Redrive</button>`}
    ${!execution.mapRunArn && html`<button disabled=${busy} onClick=${act(again)}>New execution with this input</button>`}
    <a class="button" role="button" href=${`${BASE}/export/${executionUrl(execution.arn).slice(`${BASE}/executions/`.length)}`} download>Export</a>`;
}

function Replay({ store, context, graph }) {
  const { version } = useStore(store);
  const [data, setData] = useState(null);
  const [at, setAt] = useState(null);
  const [playing, setPlaying] = useState(false);
  const timer = useRef(0);
  const end = data?.events || context.execution.events;
  const load = async () => data || context.source.get("replay").then((found) => (setData(found), found));
  useEffect(() => void (setData(null), at === null || setAt(null)), [version]);
  const show = async (event) => {
    const found = await load();
    setAt(event);
    graph.mark(event >= found.events ? context.marks || marksOf(found.visits) : marksOf(found.visits, event));
  };
  useEffect(() => {
    clearInterval(timer.current);
    if (!playing) return undefined;
    const stride = Math.max(1, Math.round(end / 120));
    let now = at === null || at >= end ? 0 : at;
    timer.current = setInterval(() => {
      now = Math.min(end, now + stride);
      show(now);
      if (now >= end) setPlaying(false);
    }, 60);
    return () => clearInterval(timer.current);
  }, [playing]);
  return html`<div class="replay"><button class="small" onClick=${() => load().then(() => setPlaying(!playing))}>${playing ? "Pause" : "Replay"}</button>
    <input type="range" min="0" max=${end} value=${at ?? end} aria-label="Show the graph after event" onInput=${(event) => show(Number(event.target.value))} />
    <output>${at === null || at >= end ? `all ${count(end)} events` : `after event ${count(at)} of ${count(end)}`}</output></div>`;
}

function Picker({ store }) {
  const { iteration } = useStore(store);
  if (!iteration) return null;
  const prefix = iteration.scope.slice(0, iteration.scope.lastIndexOf(".") + 1);
  const index = Number(iteration.scope.slice(prefix.length));
  const go = (value) => value >= 0 && store.set({ iteration: { ...iteration, scope: `${prefix}${value}` } });
  return html`<span class="picker">${iteration.state} # <button class="small" aria-label="Iteration before" onClick=${() => go(index - 1)}>‹</button>
    <input type="number" min="0" value=${index} aria-label=${`Iteration of ${iteration.state}`} onChange=${(event) => go(Number(event.target.value))} />
    <button class="small" aria-label="Iteration after" onClick=${() => go(index + 1)}>›</button>
    <button class="small" onClick=${() => store.set({ iteration: null })}>All iterations</button></span>`;
}

export function setupExecution() {
  const data = JSON.parse(byId("data").textContent);
  const source = createSource(data);
  const context = { source, execution: data.execution, marks: null };
  const store = createStore({ selected: null, state: null, iteration: null, version: 0, query: { sort: "id", order: "asc", text: "", status: "" }, timeline: false, eventText: "", times: "relative", siblings: [] });

  const choose = async (state) => {
    try {
      const found = await source.get("state", { state, scope: scopeOf(store.get().iteration, state) });
      const map = found.visits.find((one) => one.status === "FAILED") || found.visits[0];
      store.set({ state, selected: map?.id ?? null, siblings: found.visits.map((one) => one.id).reverse() });
      if (map?.iterations && !store.get().iteration && map.counts?.total) offerIterations(map);
    } catch (problem) {
      say(problem.message);
    }
  };
  const scopeOf = (iteration, state) => (iteration && iteration.state !== state ? iteration.scope : "");
  const offerIterations = async (map) => {
    const failed = await source.get("iterations", { id: map.id, status: map.counts.failed ? "FAILED" : "", limit: 1 });
    if (failed.iterations[0]) store.set({ iteration: { state: map.state, scope: failed.iterations[0].scope } });
  };
  const graph = setupGraph(choose);

  let chosen = null;
  let before = store.get();
  store.subscribe(async (state) => {
    if (state.state !== before.state) graph.select(state.state);
    const iteration = state.iteration?.scope ?? null;
    const fresh = iteration !== chosen || state.version !== before.version;
    before = state;
    if (fresh && (iteration !== null || chosen !== null)) {
      chosen = iteration;
      try {
        context.marks = iteration === null ? null : (await source.get("marks", { chosen: iteration })).marks;
        graph.mark(context.marks || (await source.get("marks")).marks);
      } catch (problem) {
        say(problem.message);
      }
    }
  });

  const panel = byId("panel");
  panel.replaceChildren();
  for (const id of ["table", "events"]) byId(id).replaceChildren();
  render(html`<${Panel} store=${store} context=${context} />`, panel);
  render(html`<${Table} store=${store} context=${context} />`, byId("table"));
  render(html`<${TableTools} store=${store} />`, byId("table-tools"));
  render(html`<${Events} store=${store} context=${context} />`, byId("events"));
  render(html`<${EventTools} store=${store} />`, byId("event-tools"));
  render(html`<${Replay} store=${store} context=${context} graph=${graph} />`, byId("replay"));
  const picker = document.createElement("div");
  byId("graph-tools").before(picker);
  render(html`<${Picker} store=${store} />`, picker);
  if (source.embedded) return;
  const actions = () => render(html`<${Actions} context=${context} execution=${context.execution} />`, byId("actions"));
  actions();
  follow(context, store, graph, actions);
}

/** Looks at the page anew whenever the server says that something happened. */
function follow(context, store, graph, actions) {
  const live = byId("live");
  const address = `${BASE}/live?execution=${encodeURIComponent(context.execution.arn)}`;
  const stream = new EventSource(address);
  let seen = `${context.execution.status} ${context.execution.events} ${context.execution.redrives}`;
  let busy = false;
  let again = false;
  const refresh = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    const answer = await fetch(location.pathname);
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      byId("head").replaceWith(page.getElementById("head"));
      graph.replace(page.querySelector("#graph svg"));
      context.execution = JSON.parse(page.getElementById("data").textContent).execution;
      actions();
      store.set({ version: store.get().version + 1 });
    }
    busy = false;
    if (again) {
      again = false;
      setTimeout(refresh, 300);
    }
  };
  stream.onmessage = (event) => {
    const [status, events, redrives] = JSON.parse(event.data);
    live.textContent = ENDED.includes(status) ? "" : "Live";
    live.classList.toggle("on", !ENDED.includes(status));
    const now = `${status} ${events} ${redrives}`;
    if (now !== seen) {
      seen = now;
      refresh();
    }
  };
  stream.onerror = () => {
    live.textContent = "Not connected";
    live.classList.remove("on");
  };
}
