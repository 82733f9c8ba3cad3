// What every module uses: Preact with htm, and one small store that says when it changed.

export const { h, render } = globalThis.preact;
export const { useState, useEffect, useRef, useMemo } = globalThis.preactHooks;
export const html = globalThis.htm.bind(h);

export const BASE = "/_asl";

export function createStore(state) {
  const listeners = new Set();
  return {
    get: () => state,
    set(change) {
      state = { ...state, ...change };
      for (const listener of [...listeners]) listener(state);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

export function useStore(store) {
  const [state, setState] = useState(store.get());
  useEffect(() => store.subscribe(setState), [store]);
  return state;
}

export const byId = (id) => document.getElementById(id);

/** What a request gives, the latest one winning; `null` until then. Failures are said to the person. */
export function useLoaded(load, inputs) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    let current = true;
    load().then((value) => current && setFound(value), (problem) => current && say(problem.message));
    return () => {
      current = false;
    };
  }, inputs);
  return found;
}

let messageTimer = 0;

/** Tells a person something for a few seconds; screen readers read it out. */
export function say(text) {
  let box = byId("message");
  if (!box) {
    box = document.createElement("div");
    box.id = "message";
    box.className = "message";
    box.setAttribute("role", "alert");
    document.body.append(box);
  }
  box.textContent = text;
  box.hidden = false;
  clearTimeout(messageTimer);
  messageTimer = setTimeout(() => (box.hidden = true), 6000);
}
