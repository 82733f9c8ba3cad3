// The other pages: lists that follow what happens, comparison, and starting an execution.

import { BASE, byId, html, render, say } from "./lib.js";
import { executionUrl, parsed, start } from "./actions.js";
import { Json } from "./json.js";
import { setupGraph } from "./graph.js";
import { setupExecution } from "./execution.js";

function followList() {
  const live = byId("live");
  const stream = new EventSource(`${BASE}/live`);
  let first = true;
  stream.onmessage = async () => {
    live.textContent = "Live";
    live.classList.add("on");
    if (first) {
      first = false;
      return;
    }
    const answer = await fetch(location.href);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const picked = new Set([...document.querySelectorAll("input[name=compare]:checked")].map((one) => one.value));
    byId("changing").replaceWith(page.getElementById("changing"));
    for (const one of document.querySelectorAll("input[name=compare]")) one.checked = picked.has(one.value);
  };
  stream.onerror = () => {
    live.textContent = "Not connected";
    live.classList.remove("on");
  };
}

function setupComparing() {
  const button = byId("compare");
  if (!button) return;
  const picked = () => [...document.querySelectorAll("input[name=compare]:checked")].map((one) => one.value);
  document.addEventListener("change", () => (button.disabled = picked().length !== 2));
  button.addEventListener("click", () => {
    const [b, a] = picked();
    location.href = `${BASE}/compare?${new URLSearchParams({ a, b })}`;
  });
  const since = byId("since");
  since.addEventListener("change", () => {
    const form = since.form;
    form.querySelector("input[name=since]")?.remove();
    if (since.value) {
      const field = Object.assign(document.createElement("input"), { type: "hidden", name: "since", value: String(Date.now() / 1000 - Number(since.value)) });
      form.append(field);
    }
  });
  if (since.dataset.since) {
    const ago = Date.now() / 1000 - Number(since.dataset.since);
    since.value = [...since.options].map((one) => one.value).filter(Boolean).sort((a, b) => Math.abs(a - ago) - Math.abs(b - ago))[0];
  }
}

function setupStart() {
  const form = byId("start");
  if (!form) return;
  const problem = byId("start-problem");
  const check = () => {
    const [, wrong] = parsed(form.elements.input.value);
    problem.textContent = wrong || "";
    form.elements.input.setAttribute("aria-invalid", String(Boolean(wrong)));
    form.querySelector("button").disabled = Boolean(wrong);
    return !wrong;
  };
  form.elements.input.addEventListener("input", check);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!check()) return;
    try {
      location.href = executionUrl(await start(JSON.parse(form.dataset.machine), form.elements.name.value, form.elements.input.value));
    } catch (refused) {
      problem.textContent = refused.message;
    }
  });
}

function setupMarked() {
  for (const box of document.querySelectorAll("pre[data-changes]")) {
    const value = JSON.parse(box.textContent);
    const changes = JSON.parse(box.dataset.changes);
    box.replaceChildren();
    render(html`<${Json} value=${value} changes=${changes} />`, box);
  }
}

document.body.classList.add("scripted");
const page = document.body.dataset.page;
if (page === "execution" || page === "report") setupExecution();
else if (page === "compare") setupMarked();
else {
  setupGraph(null);
  setupStart();
  setupComparing();
  if (page !== "problem") followList();
}
globalThis.addEventListener("unhandledrejection", (event) => say(event.reason?.message || String(event.reason)));
