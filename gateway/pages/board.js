// The organiser's live page: the chart. The figures and rooms come as HTML from the server and are put in place by htmx; this file
// only draws what HTML cannot. The state of the stream, and questions before an act, are in console.js, with what all pages share.

/* global uPlot */

/** The chart shows this much, in seconds. */
const WINDOW_SECONDS = 3600;
/** And at least this much, when the event is young. */
const WINDOW_SECONDS_MIN = 120;
/** A shorter span has its seconds written on the axis. */
const SPAN_WITH_SECONDS = 600;
/** Points are joined when they are no further apart than this; a wider gap stays a gap. */
const GAP_SECONDS = 15;

const lang = document.documentElement.lang;
const grouped = new Intl.NumberFormat(lang);
const clock = new Intl.DateTimeFormat(lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const fill = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/* The chart */

const box = document.getElementById("chart");
const note = document.getElementById("chart-note");
const readout = document.getElementById("readout");
/** As uPlot wants it: seconds, viewers, low, high. */
let data = [[], [], [], []];
let early = [];
let loaded = false;
let chart = null;

box.addEventListener("htmx:sseBeforeMessage", (event) => {
  event.preventDefault();
  const point = JSON.parse(event.detail.data);
  if (loaded) { add(point); draw(); } else early.push(point);
});

fetch(box.dataset.series, { headers: { accept: "application/json" } })
  .then((answer) => (answer.ok ? answer.json() : Promise.reject(new Error(String(answer.status)))))
  .then((series) => { data = [series.t, series.viewers, series.low, series.high]; note.textContent = note.dataset.textEmpty; })
  .catch(() => { note.textContent = note.dataset.textFailed; })
  .finally(() => {
    loaded = true;
    early.forEach(add);
    early = [];
    draw();
  });

function add({ t, viewers, low, high }) {
  const [times] = data;
  const last = times.length - 1;
  const values = [t, viewers, low, high];
  if (times[last] === t) data.forEach((column, index) => { column[last] = values[index]; });
  else if (last < 0 || times[last] < t) data.forEach((column, index) => column.push(values[index]));
  const old = times.findIndex((time) => time >= t - WINDOW_SECONDS);
  if (old > 0) data.forEach((column) => column.splice(0, old));
}

function draw() {
  note.hidden = data[0].length > 0;
  box.hidden = data[0].length === 0;
  if (box.hidden) return;
  if (chart) chart.setData(with_gaps()); else make_chart();
  read(null);
}

/** A long pause between two points gets an empty point, so that the line does not claim to know what was there. */
function with_gaps() {
  const out = data.map(() => []);
  data[0].forEach((time, index) => {
    if (index > 0 && time - data[0][index - 1] > GAP_SECONDS) {
      out[0].push(data[0][index - 1] + 1);
      for (const column of out.slice(1)) column.push(null);
    }
    data.forEach((column, row) => out[row].push(column[index]));
  });
  return out;
}

function make_chart() {
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: () => colour("--ink-2"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false }, font };
  const edge = { show: true, stroke: "transparent", width: 0, points: { show: false } };
  chart = new uPlot({
    width: box.clientWidth,
    height: box.clientHeight,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 9 } },
    scales: {
      x: { time: true, range: (_, low, high) => [Math.min(low, high - WINDOW_SECONDS_MIN), high] },
      y: { range: (_, low, high) => [0, Math.max(4, (high ?? 0) * 1.08)] },
    },
    axes: [
      { ...axis, size: 30, space: 84, values: (_, times) => times.map((time) => time_of_day(time, times.at(-1) - times[0])) },
      { ...axis, size: (_, values) => 18 + 7.5 * Math.max(0, ...(values ?? []).map((value) => value.length)), space: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7], values: (_, values) => values.map((value) => grouped.format(value)) },
    ],
    series: [
      {},
      { stroke: () => colour("--accent"), width: 2, points: { show: false } },
      edge,
      edge,
    ],
    bands: [{ series: [3, 2], fill: () => colour("--band") }],
    hooks: { setCursor: [(self) => read(self.cursor.idx)] },
  }, with_gaps(), box);
  new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: box.clientHeight })).observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.redraw());
}

function time_of_day(seconds, span) {
  const time = clock.format(seconds * 1000);
  return span < SPAN_WITH_SECONDS ? time : time.slice(0, "00:00".length);
}

/** What lies under the pointer; without one, nothing: the large number beside it says what is now. */
function read(index) {
  const [times, viewers, low, high] = chart.data;
  if (index == null || viewers[index] == null) { readout.textContent = ""; return; }
  readout.textContent = fill(low[index] === high[index] ? readout.dataset.text : readout.dataset.textBand, {
    time: clock.format(times[index] * 1000),
    viewers: grouped.format(viewers[index]), low: grouped.format(low[index]), high: grouped.format(high[index]),
  });
}
