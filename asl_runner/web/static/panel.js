// The panel of one step: its data stage by stage, and all that is known of it.

import { html, useEffect, useLoaded, useState, useStore } from "./lib.js";
import { Status, count, elapsed, seconds } from "./format.js";
import { Json } from "./json.js";
import { EventRow, EventsHead } from "./events.js";
import { executionUrl } from "./actions.js";

function Stages({ step }) {
  return html`${step.stages.map((one) => html`<div class=${`stage ${one.changes?.length ? "changed" : ""}`}>
      <h3>${one.stage}${one.changes && html`<span class="count">${one.changes.length ? `${one.changes.length} ${one.changes.length === 1 ? "difference" : "differences"} to the one above` : "as above"}</span>`}</h3>
      ${one.error ? html`<p class="problem">${one.error}</p>` : html`<${Json} value=${one.data} changes=${one.changes || []} />`}</div>`)}
    ${Object.keys(step.variables).length > 0 && html`<div class="stage"><h3>Variables</h3><${Json} value=${step.variables} /></div>`}
    <p class="soft">Input, what was sent, result and output are recorded; the stages between are computed from them.</p>`;
}

function Tries({ step }) {
  return html`<table><thead><tr><th class="number">Try</th><th class="number">Began</th><th class="number">Took</th><th>Error</th><th>Cause</th></tr></thead><tbody>
    ${step.attempts.map((one, index) => html`<tr><td class="number">${index + 1}</td><td class="number">${elapsed(one.start)}</td><td class="number">${one.end === null ? "" : seconds(one.end - one.start)}</td><td class="problem">${one.error || (one.cutOff ? "in flight when its process died" : "")}</td><td class="data">${causeText(one.cause || "").slice(0, 1000)}</td></tr>`)}</tbody></table>`;
}

/** A metric as a line: from its first value to its last, lowest and highest written beside. */
function Plot({ name, values, best }) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const x = (index) => (values.length < 2 ? 50 : 1 + (98 * index) / (values.length - 1));
  const y = (value) => (high === low ? 50 : 95 - (90 * (value - low)) / (high - low));
  const points = values.map((value, index) => `${x(index).toFixed(2)},${y(value).toFixed(2)}`).join(" ");
  const short = (value) => Number(value.toPrecision(5));
  return html`<h3>${name}<span class="count soft">lowest ${short(low)}, highest ${short(high)}, last ${short(values.at(-1))}, ${count(values.length)} values</span></h3>
    <svg class="plot" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label=${`${name}: ${values.length} values from ${short(values[0])} to ${short(values.at(-1))}`}>
      <path class="axis" vector-effect="non-scaling-stroke" d="M0 0V100H100" /><polyline class="series" points=${points} />
      ${values.length <= 60 && values.map((value, index) => html`<ellipse class=${index === best ? "best" : "point"} cx=${x(index)} cy=${y(value)} rx=".55" ry="2.4" />`)}
    </svg>`;
}

function Job({ job }) {
  const trials = job.trials.filter((one) => one.value !== null);
  const names = [...new Set(job.trials.flatMap((one) => Object.keys(one.parameters)))];
  return html`<p><strong>${job.name}</strong> <span class="soft">${job.kind} job</span> ${job.status}</p>
    ${job.document.FailureReason && html`<p class="banner">${job.document.FailureReason}</p>`}
    ${job.series.map((one) => html`<${Plot} name=${one.name} values=${one.values} />`)}
    ${trials.length > 0 && html`<${Plot} name=${trials[0].objective} values=${trials.map((one) => one.value)} best=${trials.findIndex((one) => one.best)} />`}
    ${job.trials.length > 0 && html`<table><thead><tr><th>Trial</th><th>Status</th><th class="number">${job.trials[0].objective}</th>${names.map((name) => html`<th class="number">${name}</th>`)}</tr></thead><tbody>
      ${job.trials.map((one) => html`<tr class=${one.best ? "chosen" : ""}><td>${one.name.slice(job.name.length + 1)}${one.best ? " ★" : ""}</td><td>${one.status}</td><td class="number">${one.value ?? ""}</td>${names.map((name) => html`<td class="number">${Number(one.parameters[name]) ? Number(Number(one.parameters[name]).toPrecision(5)) : one.parameters[name]}</td>`)}</tr>`)}</tbody></table>`}
    ${job.log && html`<h3>Log</h3><pre class="json" tabindex="0">${job.log}</pre>`}
    <h3>Description</h3><${Json} value=${job.document} />`;
}

/** A cause as a person reads it: of a function's failure its message and where it was raised. */
function causeText(cause) {
  try {
    const { errorMessage, stackTrace } = JSON.parse(cause);
    if (typeof errorMessage !== "string") return cause;
    return [errorMessage, ...(Array.isArray(stackTrace) ? stackTrace : [])].join("\n").trimEnd();
  } catch {
    return cause;
  }
}

const TABS = [
  ["data", "Data", () => true, (props) => html`<${Stages} ...${props} />`],
  ["definition", "Definition", ({ definition }) => definition, ({ step }) => html`<${Json} value=${step.definition} />`],
  ["tries", "Tries", ({ attempts }) => attempts.length > 0, (props) => html`<${Tries} ...${props} />`],
  ["events", "Events", ({ events }) => events.length > 0, ({ step, context }) => html`<table class="events">${EventsHead}<tbody>${step.events.map((row) => html`<${EventRow} key=${row.id} row=${row} context=${context} times="relative" />`)}</tbody></table>${step.eventsLeft > 0 && html`<p class="soft">${count(step.eventsLeft)} more are in the list of all events.</p>`}`],
  ["logs", "Logs", ({ logs }) => logs.length > 0, ({ step }) => step.logs.map((one) => html`<h3>${one.name}</h3><pre class="json" tabindex="0">${one.text}</pre>`)],
  ["job", "SageMaker job", ({ job }) => job, ({ step }) => html`<${Job} job=${step.job} />`],
  ["links", "Started", ({ links }) => links.length > 0, ({ step }) => step.links.map((one) => html`<p>${one.kind}: <a href=${one.kind === "execution" ? executionUrl(one.arn) : `/_asl/executions?map_run=${encodeURIComponent(one.arn)}`}>${one.arn}</a></p>`)],
];

function InputOutput({ execution }) {
  return html`<div class="bar" key="io-bar"><h2>Input and output</h2></div><div class="panel" key="io">
    <h3>Input</h3><${Json} value=${JSON.parse(execution.input)} />
    <h3>Output</h3>${execution.output !== null
      ? html`<${Json} value=${JSON.parse(execution.output)} />`
      : html`<p class="soft">${execution.status === "RUNNING" ? "None yet" : "None: the execution did not succeed"}</p>`}</div>`;
}

/** Goes through the visits of the state that was chosen on the graph. */
function VisitPicker({ store, siblings, selected }) {
  const place = siblings.indexOf(selected);
  if (siblings.length < 2 || place < 0) return null;
  const go = (by) => store.set({ selected: siblings[(place + by + siblings.length) % siblings.length] });
  return html`<span class="picker soft"><button class="small" aria-label="Visit before" onClick=${() => go(-1)}>‹</button>
    ${count(place + 1)} of ${count(siblings.length)}<button class="small" aria-label="Next visit" onClick=${() => go(1)}>›</button></span> `;
}

/** The step that is selected; without one the execution's input and output. */
export function Panel({ store, context }) {
  const { selected, version, siblings, state } = useStore(store);
  const [tab, setTab] = useState("data");
  const step = useLoaded(() => (selected ? context.source.get("step", { id: selected }) : Promise.resolve(null)), [selected, version]);
  if (!selected) {
    return state
      ? html`<div class="bar"><h2>${state}</h2><div><button class="small" onClick=${() => store.set({ state: null })}>Close</button></div></div><div class="panel soft">This state was not visited.</div>`
      : html`<${InputOutput} execution=${context.execution} />`;
  }
  if (!step || step.id !== selected) return html`<div class="bar"><h2>Step</h2></div><div class="panel soft">Loading</div>`;
  const tabs = TABS.filter(([, , has]) => has(step));
  const current = tabs.find(([name]) => name === tab) || tabs[0];
  const keys = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const place = (tabs.indexOf(current) + by + tabs.length) % tabs.length;
    setTab(tabs[place][0]);
    event.currentTarget.children[place].focus();
  };
  return html`<div class="bar"><h2>${step.state}</h2><${Status} value=${step.visit.status} /><span class="soft">${seconds(step.visit.duration)}</span>
      <div class="tools"><${VisitPicker} store=${store} siblings=${siblings} selected=${selected} /><button class="small" onClick=${() => store.set({ selected: null, state: null })}>Close</button></div></div>
    ${step.error !== null && html`<div class="panel-error banner"><strong>${step.error || "Failed"}</strong>${step.cause && html`<pre>${causeText(step.cause)}</pre>`}</div>`}
    <div class="tabs" role="tablist" aria-label="Of this step" onKeyDown=${keys}>${tabs.map(([name, label]) => html`<button role="tab" id=${`tab-${name}`} aria-controls="step" aria-selected=${current[0] === name} tabindex=${current[0] === name ? 0 : -1} onClick=${() => setTab(name)}>${label}</button>`)}</div>
    <div class="panel" role="tabpanel" id="step" aria-labelledby=${`tab-${current[0]}`} tabindex="0">${current[3]({ step, context })}</div>`;
}
