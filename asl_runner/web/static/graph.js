// The graph: drawn by the server, here made to be chosen from, zoomed, and marked anew.

import { byId, html, render } from "./lib.js";

const STEP = 1.25;

export function setupGraph(onChoose) {
  const view = byId("graph");
  if (!view) return null;
  let svg = view.querySelector("svg");
  let zoom = 0;
  const size = () => svg.viewBox.baseVal;
  const apply = () => {
    svg.setAttribute("width", size().width * zoom);
    svg.setAttribute("height", size().height * zoom);
  };
  const change = (factor) => {
    zoom = Math.min(3, Math.max(0.15, zoom * factor));
    apply();
  };
  const fit = () => {
    const width = (view.clientWidth - 14) / size().width;
    const height = (Math.max(view.clientHeight, 320) - 14) / size().height;
    zoom = Math.min(1.15, Math.max(0.62, Math.min(width, height)), Math.max(width, 0.35));
    apply();
  };
  render(
    html`<div class="tools">
      <button class="small" aria-label="Smaller" onClick=${() => change(1 / STEP)}>−</button>
      <button class="small" aria-label="Larger" onClick=${() => change(STEP)}>+</button>
      <button class="small" onClick=${fit}>Fit</button>
    </div>`,
    byId("graph-tools"),
  );
  const choose = (event) => {
    const node = event.target.closest(".node");
    if (node && onChoose) onChoose(node.dataset.state);
  };
  view.addEventListener("click", choose);
  view.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(event);
    } else if (event.key === "+" || event.key === "=") change(STEP);
    else if (event.key === "-") change(1 / STEP);
    else if (event.key === "0") fit();
    else if (event.key.startsWith("Arrow")) move(event);
  });
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    change(event.deltaY < 0 ? 1.1 : 1 / 1.1);
  }, { passive: false });

  /** Goes to the nearest state in the direction of the arrow key. */
  const move = (event) => {
    const here = event.target.closest(".node");
    if (!here) return;
    event.preventDefault();
    const middle = (node) => {
      const box = node.querySelector(".shape").getBBox();
      return [box.x + box.width / 2, box.y + box.height / 2];
    };
    const [x, y] = middle(here);
    const along = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] }[event.key];
    let best = null;
    for (const node of svg.querySelectorAll(".node")) {
      const [nx, ny] = middle(node);
      const ahead = (nx - x) * along[0] + (ny - y) * along[1];
      const aside = Math.abs((nx - x) * along[1]) + Math.abs((ny - y) * along[0]);
      if (node !== here && ahead > 4 && (!best || ahead + 2 * aside < best[0])) best = [ahead + 2 * aside, node];
    }
    best?.[1].focus();
  };

  let selected = null;
  const graph = {
    select(state) {
      selected = state;
      for (const node of svg.querySelectorAll(".node")) {
        const on = node.dataset.state === state;
        node.classList.toggle("selected", on);
        if (on) node.setAttribute("aria-current", "true");
        else node.removeAttribute("aria-current");
      }
    },
    mark(marks) {
      for (const node of svg.querySelectorAll(".node")) {
        const mark = marks[node.dataset.state];
        const box = node.classList.contains("box");
        node.setAttribute("class", `node${box ? " box" : ""}${mark ? ` visited ${mark.status}` : ""}`);
        node.querySelector(":scope > .sign").setAttribute("href", `#sign-${mark ? mark.status : "none"}`);
        node.querySelector(":scope > .note").textContent = mark?.note || "";
        node.setAttribute("aria-label", `${node.dataset.state}, ${node.dataset.type}, ${mark ? mark.status.toLowerCase() : "not visited"}`);
        const name = node.querySelector(":scope > .name");
        if (mark?.note && !box) name.setAttribute("transform", "translate(0 -5.5)");
        else name.removeAttribute("transform");
      }
      graph.select(selected);
    },
    replace(fresh) {
      svg.replaceWith(fresh);
      svg = fresh;
      apply();
      graph.select(selected);
    },
  };
  fit();
  return graph;
}
