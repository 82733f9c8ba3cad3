// Numbers, times and statuses as a person reads them.

import { html } from "./lib.js";

export function seconds(value) {
  if (value === null || value === undefined) return "";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 10) return `${value.toFixed(2)} s`;
  if (value < 60) return `${value.toFixed(1)} s`;
  const whole = Math.floor(value);
  for (const [size, name, smaller, smallerName] of [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]]) {
    if (whole >= size) {
      const rest = Math.floor((whole % size) / smaller);
      return rest ? `${Math.floor(whole / size)} ${name} ${rest} ${smallerName}` : `${Math.floor(whole / size)} ${name}`;
    }
  }
  return `${whole} s`;
}

export const elapsed = (value) => `+${value.toFixed(3)} s`;
export const clock = (value) => new Date(value * 1000).toISOString().slice(11, 23);
export const count = (value) => value.toLocaleString("en-US");
export const words = (status) => status[0] + status.slice(1).toLowerCase().replaceAll("_", " ");

export function Status({ value }) {
  return html`<span class=${`status ${value}`}><span class="dot"></span>${words(value)}</span>`;
}
