// Where the data come from: the server that serves the page, or the file that the page is in.

import { BASE } from "./lib.js";

async function fetchPart(arn, name, query) {
  const parameters = new URLSearchParams({ execution: arn });
  for (const [key, value] of Object.entries(query)) {
    if (value !== "" && value !== null && value !== undefined) parameters.set(key, value);
  }
  const answer = await fetch(`${BASE}/data/${name}.json?${parameters}`);
  const document = await answer.json();
  if (!answer.ok) throw new Error(document.error || "The server did not answer.");
  return document;
}

const slice = (rows, { offset = 0, limit = 200 }) => rows.slice(offset, offset + limit);

function sorted(rows, column, order) {
  if (column === "id" && order !== "desc") return rows;
  const compare = (a, b) => (a === b ? 0 : a === null ? 1 : b === null ? -1 : a < b ? -1 : 1);
  const found = [...rows].sort((a, b) => compare(a[column], b[column]));
  return order === "desc" ? found.reverse() : found;
}

// The same answers as the server's, out of the file's own data.
const LOCAL = {
  visits(file, query) {
    const wanted = (query.text || "").toLowerCase();
    const rows = sorted(file.visits[query.scope || ""] || [], query.sort || "id", query.order).filter(
      (row) => (!query.status || row.status === query.status) && (!wanted || row.state.toLowerCase().includes(wanted)),
    );
    return { visits: slice(rows, query), total: rows.length, offset: query.offset || 0, scope: query.scope || "" };
  },
  iterations(file, query) {
    const all = file.iterations[query.id] || [];
    const counts = {};
    for (const one of all) counts[one.status] = (counts[one.status] || 0) + 1;
    const rows = all.filter((one) => !query.status || one.status === query.status);
    return { iterations: slice(rows, query), total: rows.length, offset: query.offset || 0, counts };
  },
  events(file, query) {
    const wanted = (query.text || "").toLowerCase();
    const limit = query.limit || 100;
    const rows = file.events.filter(
      (one) => one.id >= (query.first || 1) && (!wanted || `${one.type} ${one.state} ${one.data}`.toLowerCase().includes(wanted)),
    );
    return { events: rows.slice(0, limit), next: rows.length > limit ? rows[limit].id : null };
  },
  event(file, query) {
    return { event: file.whole[query.id] || { id: query.id, note: "This event is not whole in this file." } };
  },
  step(file, query) {
    if (!file.steps[query.id]) throw new Error("This step's data are not in this file.");
    return file.steps[query.id];
  },
  state(file, query) {
    const rows = Object.values(file.visits).flat().filter(
      (row) => row.state === query.state && (!query.scope || row.scope.startsWith(query.scope)),
    );
    return { visits: rows.sort((a, b) => b.id - a.id).slice(0, 200), total: rows.length };
  },
  marks(file, query) {
    return { marks: marksOf(file.replay.filter((one) => chosen(one[4], query.chosen || ""))) };
  },
  replay: (file) => ({ visits: file.replay, events: file.eventCount }),
};

function chosen(scope, picked) {
  return picked.split("\n").filter(Boolean).every((path) => {
    const siblings = path.slice(0, path.lastIndexOf(".") + 1);
    return !scope.startsWith(siblings) || scope === path || scope.startsWith(`${path}/`);
  });
}

const RANKS = { SUCCEEDED: 0, ABORTED: 1, CAUGHT: 2, FAILED: 3, RUNNING: 4 };

/** The marks of visits `[state, entered, exited, status]`, seen after event `until`. */
export function marksOf(visits, until = Infinity) {
  const marks = {};
  for (const [state, entered, exited, status] of visits) {
    if (entered > until) continue;
    const open = until !== Infinity && (exited === null ? status === "RUNNING" : exited > until);
    const now = open ? "RUNNING" : status;
    const before = marks[state];
    if (!before) marks[state] = { status: now, count: 1, note: "" };
    else {
      before.count += 1;
      before.status = RANKS[before.status] > RANKS[now] && before.status === "RUNNING" ? before.status : now;
      before.note = `× ${before.count}`;
    }
  }
  return marks;
}

export function createSource(data) {
  const { execution, embedded } = data;
  return {
    embedded: Boolean(embedded),
    get: (name, query = {}) =>
      embedded ? Promise.resolve().then(() => LOCAL[name](embedded, query)) : fetchPart(execution.arn, name, query),
  };
}
