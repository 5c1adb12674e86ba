// The page of runs: one table a data set, the best first.

import { count, day, el, find, gauge, interval, percent } from "./elements.js";
import { ServiceError, ask } from "./service.js";
import { withToken } from "./token.js";

const STALE_MS = 30 * 60_000; // addresses of reports end after an hour

const ORDER =
  "A place counts the runs that a paired test shows to be better on the same test images (McNemar’s exact test, Holm). " +
  "Who picks a winner by test images picks its luck, too.";

const COLUMNS = [
  { name: "Place", value: (run) => run.place ?? Infinity, show: place },
  { name: "Run", value: (run) => run.name.toLowerCase(), show: title },
  { name: "Accuracy", most: true, value: (run) => run.metrics.accuracy?.value ?? -1, show: accuracy },
  { name: "Macro F1", most: true, value: (run) => run.metrics.f1_macro?.value ?? -1, show: (run) => figure(run.metrics.f1_macro) },
  { name: "Log loss", value: (run) => run.metrics.nll?.value ?? Infinity, show: (run) => el("td", { class: "num" }, run.metrics.nll?.value.toFixed(3) ?? "–") },
  { name: "Took", value: (run) => run.seconds ?? Infinity, show: (run) => el("td", { class: "num" }, took(run.seconds)) },
  { name: "Made", most: true, value: (run) => run.created, show: (run) => el("td", { class: "num" }, day(run.created) || "–") },
];

let loaded = 0;

async function load() {
  try {
    const { content } = await withToken(() => ask("/v1/runs"));
    show(content);
    loaded = Date.now();
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    find("trouble").textContent = `${error.message}.`;
  }
}

function show({ served, boards, pages, broken }) {
  find("app").hidden = false;
  const number = boards.reduce((sum, board) => sum + board.runs.length, 0);
  find("about").textContent = served ? `${count(number, "finished run")}. ${ORDER}` : "This service was started without a folder of runs.";
  const parts = served ? [leaderboards(pages), ...boards.map(table), unreadable(broken)] : [how()];
  find("boards").replaceChildren(...parts.filter(Boolean));
}

function how() {
  return el(
    "section",
    { class: "panel how" },
    el("h2", {}, "To see runs here"),
    el("p", {}, "Start the service with the folder that ", el("code", {}, "headstart train"), " wrote into:"),
    el("pre", {}, el("code", {}, "headstart serve runs/waste --runs runs")),
    el("p", { class: "muted" }, "This page then lists them with their figures on the test images, side by side, and opens their reports."),
  );
}

function leaderboards(pages) {
  if (!pages.length) return null;
  const links = pages.map(({ name, report }) => el("li", {}, opened(`Leaderboard of ${name}`, report)));
  return el("section", { class: "panel board" }, el("h2", {}, "Benchmarks"), el("ul", { class: "pages" }, links));
}

function table(board) {
  const state = { column: COLUMNS[0], backwards: false };
  const placed = board.runs.some((run) => run.place !== null);
  const columns = COLUMNS.filter((column) => placed || column.name !== "Place");
  const heads = columns.map((column) => head(column, () => sort(column)));
  const scale = reach(board.runs);
  const rows = (runs) => runs.map((run) => row(run, columns, scale));
  const body = el("tbody", { role: "rowgroup" }, rows(board.runs));

  function sort(column) {
    state.backwards = state.column === column ? !state.backwards : Boolean(column.most);
    state.column = column;
    const ordered = [...board.runs].sort((one, other) => compare(column.value(one), column.value(other), state.backwards));
    body.replaceChildren(...rows(ordered));
    heads.forEach((cell, index) => mark(cell, columns[index] === column ? state.backwards : null));
  }

  const name = board.data || "Runs";
  const lines = `Bars: 95 % intervals of accuracy, from ${percent(scale[0], 0)} to ${percent(scale[1], 0)}.`;
  return el(
    "section",
    { class: "panel board", "aria-label": name },
    el("h2", {}, `${board.data ? `${board.data}, ` : ""}${count(board.test_images, "test image")}`),
    el("p", { class: "muted small" }, `${placed ? shared(board.runs) : ""} ${lines}`),
    el(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": `Runs on ${name}` },
      el("table", { role: "table" }, el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads)), body),
    ),
  );
}

// The part of the way from 0 to 1 that the intervals of accuracy lie in, in steps of 5 %.
function reach(runs) {
  const known = runs.map((run) => run.metrics.accuracy).filter(Boolean);
  const low = Math.floor(20 * Math.min(1, ...known.map((it) => it.low)) + 1e-9) / 20;
  const high = Math.ceil(20 * Math.max(0, ...known.map((it) => it.high)) - 1e-9) / 20;
  return low < high ? [low, high] : [0, 1];
}

function shared(runs) {
  const first = runs.filter((run) => run.place === 1).length;
  return first > 1 ? `${count(first, "run")} share the first place: nothing shows one to be better than another.` : "";
}

function head(column, sort) {
  return el("th", { scope: "col", role: "columnheader" }, el("button", { type: "button", on: { click: sort } }, column.name));
}

function mark(cell, backwards) {
  if (backwards === null) cell.removeAttribute("aria-sort");
  else cell.setAttribute("aria-sort", backwards ? "descending" : "ascending");
}

function compare(one, other, backwards) {
  const order = one < other ? -1 : one > other ? 1 : 0;
  return backwards ? -order : order;
}

function row(run, columns, scale) {
  const cells = columns.map((column) => {
    const cell = column.show(run, scale);
    if (cell.tagName === "TD") cell.dataset.name = column.name;
    cell.setAttribute("role", cell.tagName === "TD" ? "cell" : "rowheader"); // a phone's layout takes these away
    return cell;
  });
  return el("tr", { role: "row" }, cells);
}

function place({ place: number, tied }) {
  const words = number === null ? "–" : `${number}${tied ? "=" : ""}`;
  return el("td", { class: number === 1 ? "place first" : "place" }, words);
}

function title(run) {
  const made = [run.backbone, run.head, trained(run), run.recipe].filter(Boolean).join(", ");
  return el("th", { scope: "row" }, run.report ? opened(run.name, run.report) : run.name, el("small", {}, made));
}

function trained({ kind, strategy, kept }) {
  if (kind === "evaluate") return "evaluated";
  if (!strategy || strategy === "probe") return "";
  return kept === "fine-tuned" ? strategy : `${strategy} (head kept)`;
}

function accuracy({ metrics }, scale) {
  if (!metrics.accuracy) return el("td", {}, "–");
  return el("td", { class: "accuracy" }, el("b", {}, percent(metrics.accuracy.value)), el("small", {}, interval(metrics.accuracy)), gauge(metrics.accuracy, scale));
}

const figure = (estimate) =>
  el("td", { class: "num" }, estimate ? percent(estimate.value) : "–", estimate ? el("small", {}, interval(estimate)) : null);

function took(seconds) {
  if (seconds === null) return "–";
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

const opened = (name, address) =>
  el("a", { href: address, target: "_blank", rel: "noopener" }, name, el("span", { class: "unseen" }, " (report, in a new tab)"));

function unreadable(broken) {
  if (!broken.length) return null;
  const rows = broken.map(({ name, reason }) => el("li", {}, el("b", {}, name), `: ${reason}`));
  return el("details", { class: "broken" }, el("summary", {}, `${count(broken.length, "folder")} left out`), el("ul", {}, rows));
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden && loaded && Date.now() - loaded > STALE_MS) load();
});

load();
