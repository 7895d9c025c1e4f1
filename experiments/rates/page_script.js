/**
 * The report's plots and filters: draws rate against each measure from the cells in the page, for the clips that are chosen.
 *
 *     <script id="data"> --JSON--> cells --pointsOf(clips)--> means --> SVG and the table below it
 *
 * An ES module, inlined by page.py as it is. Makes no request and no element from text (textContent and attributes only).
 * Means are those of tables.py (test_rates_page_script.py holds them together); without this file the tables stand as they are.
 */

const WIDTH_MIN = 340; // on a phone text keeps its size and the plot becomes narrower
const WIDTH_MAX = 900;
const HEIGHT = 280;
const EDGE = { left: 50, right: 12, top: 12, bottom: 38 };
const MARK_PX = 5;
const MARKERS = {
  circle: "M-5 0A5 5 0 1 0 5 0A5 5 0 1 0 -5 0Z",
  square: "M-4.5 -4.5H4.5V4.5H-4.5Z",
  triangle: "M0 -5.5L5.5 4.5H-5.5Z",
  diamond: "M0 -6.5L6 0L0 6.5L-6 0Z",
  down: "M0 5.5L5.5 -4.5H-5.5Z",
};

/** Indexes of the clips that a choice means: "all", "person:3" (of data.persons) or "clip:3". */
export function clipsOf(data, choice) {
  const [kind, place] = choice.split(":");
  const every = data.clips.map((_, i) => i);
  if (kind === "clip") return new Set([Number(place)]);
  if (kind === "person") return new Set(every.filter((i) => data.clips[i].person === Number(place)));
  return new Set(every);
}

/** Mean over clips: geometric for a measure that is best at 1, of which values that are not above 0 are left out. */
export function meanOf(values, bestAtOne) {
  const used = bestAtOne ? values.filter((value) => value > 0).map(Math.log) : values;
  if (used.length === 0) return null;
  const mean = used.reduce((sum, value) => sum + value, 0) / used.length;
  return bestAtOne ? Math.exp(mean) : mean;
}

/** Mean points of one measure, by arm and then by rate; value is null where nothing was measured. */
export function pointsOf(data, measure, clips) {
  const points = [];
  data.arms.forEach((_, arm) =>
    data.targets.forEach((target, t) => {
      const cells = data.cells.filter((cell) => cell[1] === arm && cell[2] === t && clips.has(cell[0]));
      const values = cells.map((cell) => cell[5][measure]).filter((value) => value !== null);
      points.push({
        arm,
        target,
        clips: cells.length,
        kbps: cells.length ? cells.reduce((sum, cell) => sum + cell[3], 0) / cells.length : null,
        reached: cells.filter((cell) => cell[4]).length,
        measured: values.length,
        value: meanOf(values, data.measures[measure].one),
      });
    }),
  );
  return points;
}

/** What a table's cell says: the mean, of how many clips, and how many of them took another rate than was asked for. */
export function cellText(point, digits) {
  if (point.value === null) return "-";
  const off = point.clips - point.reached;
  return `${point.value.toFixed(digits)} (${point.measured}${off ? `, ${off} off` : ""})`;
}

/** What is said of a point when it is pointed at or focused. */
export function pointText(data, measure, point) {
  const { label, digits } = data.measures[measure];
  const off = point.clips - point.reached;
  const missed = off ? `; ${off} of ${point.clips} not at the ${point.target} kbit/s that were asked for` : "";
  const clips = point.measured === 1 ? "1 clip" : `${point.measured} clips`;
  return `${data.arms[point.arm].name}, ${point.kbps.toFixed(1)} kbit/s: ${label} ${point.value.toFixed(digits)} (${clips}${missed})`;
}

/** About `count` round steps that cover low..high, the ends included. */
export function ticksOf(low, high, count) {
  const rough = Math.max(high - low, Math.abs(high) * 1e-3, 1e-6) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((nice) => nice * power).find((nice) => nice >= rough * 0.999);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** An SVG element. Its namespace is asked for and not written here, so that no address stands in the page. */
function make(name, attributes, parent, text) {
  const template = document.createElement("template");
  template.innerHTML = "<svg></svg>";
  const element = document.createElementNS(template.content.firstChild.namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent?.append(element);
  return element;
}

/** Places of rates (logarithmic) and values on the drawing. */
function scalesOf(data, points, bestAtOne, width) {
  const values = points.map((point) => point.value).concat(bestAtOne ? [1] : []);
  const rates = points.map((point) => point.kbps).concat(data.targets.filter((target) => target > 0));
  const yTicks = ticksOf(Math.min(...values), Math.max(...values), 5);
  const [low, high] = [Math.log(Math.min(...rates) * 0.93), Math.log(Math.max(...rates) * 1.07)];
  const [bottom, top] = [yTicks[0], yTicks[yTicks.length - 1]];
  const wide = width - EDGE.left - EDGE.right;
  const tall = HEIGHT - EDGE.top - EDGE.bottom;
  return {
    yTicks,
    right: width - EDGE.right,
    x: (kbps) => EDGE.left + ((Math.log(kbps) - low) / (high - low)) * wide,
    y: (value) => HEIGHT - EDGE.bottom - ((value - bottom) / (top - bottom)) * tall,
  };
}

function drawGrid(svg, data, scales, bestAtOne) {
  for (const tick of scales.yTicks) {
    const y = scales.y(tick);
    make("line", { class: "grid", x1: EDGE.left, x2: scales.right, y1: y, y2: y }, svg);
    make("text", { class: "tick", x: EDGE.left - 6, y: y + 4, "text-anchor": "end" }, svg, String(tick));
  }
  if (bestAtOne) {
    const y = scales.y(1);
    make("line", { class: "ideal", x1: EDGE.left, x2: scales.right, y1: y, y2: y }, svg);
  }
  for (const target of data.targets.filter((each) => each > 0)) {
    const x = scales.x(target);
    make("line", { class: "grid", x1: x, x2: x, y1: EDGE.top, y2: HEIGHT - EDGE.bottom }, svg);
    const at = { class: "tick", x, y: HEIGHT - EDGE.bottom + 16, "text-anchor": "middle" };
    make("text", at, svg, String(target));
  }
  const at = { class: "tick", x: scales.right, y: HEIGHT - 6, "text-anchor": "end" };
  make("text", at, svg, `kbit/s, ${data.counting} (logarithmic)`);
}

/** A line and its marks; a mark is hollow when not every clip took the rate that was asked for. */
function drawArm(svg, data, measure, points, scales) {
  const look = data.arms[points[0].arm];
  const path = points.map((p, i) => `${i ? "L" : "M"}${scales.x(p.kbps)} ${scales.y(p.value)}`).join("");
  make("path", { class: `line a${look.colour}`, d: path, "stroke-dasharray": look.dash || "none" }, svg);
  for (const point of points) {
    const place = `translate(${scales.x(point.kbps)} ${scales.y(point.value)})`;
    const hollow = point.reached < point.clips ? " hollow" : "";
    const attributes = { class: `mark a${look.colour}${hollow}`, d: MARKERS[look.marker], transform: place };
    const label = pointText(data, measure, point);
    make("path", { ...attributes, role: "img", "aria-label": label, tabindex: -1 }, svg);
  }
}

/** The box that says what a mark stands for, when it is pointed at or focused; arrow keys go from mark to mark. */
function addTip(plot, svg) {
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  plot.append(tip);
  const marks = [...svg.querySelectorAll(".mark")];
  const show = (event) => {
    const mark = event.target.closest?.(".mark");
    tip.hidden = !mark;
    if (!mark) return;
    const [mark_box, box] = [mark.getBoundingClientRect(), plot.getBoundingClientRect()];
    tip.textContent = mark.getAttribute("aria-label");
    tip.style.top = `${mark_box.bottom - box.top + MARK_PX}px`;
    const left = mark_box.left - box.left - tip.offsetWidth / 2;
    tip.style.left = `${Math.max(0, Math.min(left, box.width - tip.offsetWidth))}px`;
  };
  const step = (event) => {
    const move = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") tip.hidden = true;
    if (!move) return;
    event.preventDefault();
    const at = marks.indexOf(document.activeElement);
    const next = marks[(at + move + marks.length) % marks.length];
    marks.forEach((mark) => mark.setAttribute("tabindex", mark === next ? 0 : -1));
    next.focus();
  };
  marks[0]?.setAttribute("tabindex", 0);
  svg.addEventListener("pointerover", show);
  svg.addEventListener("pointerleave", () => (tip.hidden = true));
  svg.addEventListener("focusin", show);
  svg.addEventListener("focusout", () => (tip.hidden = true));
  svg.addEventListener("keydown", step);
}

function addLegend(plot, data, arms) {
  const legend = document.createElement("p");
  legend.className = "legend";
  for (const arm of arms) {
    const { name, colour, marker, dash } = data.arms[arm];
    const entry = document.createElement("span");
    const sign = make("svg", { viewBox: "-14 -7 28 14", "aria-hidden": "true" }, entry);
    make("path", { class: `line a${colour}`, d: "M-14 0H14", "stroke-dasharray": dash || "none" }, sign);
    make("path", { class: `mark a${colour}`, d: MARKERS[marker] }, sign);
    entry.append(name);
    legend.append(entry);
  }
  plot.append(legend);
}

function drawPlot(plot, data, measure, points) {
  const known = points.filter((point) => point.value !== null);
  plot.replaceChildren();
  if (known.length === 0) {
    plot.textContent = "Nothing was measured for this choice.";
    return;
  }
  const { label, one } = data.measures[measure];
  const arms = [...new Set(known.map((point) => point.arm))];
  addLegend(plot, data, arms);
  const name = `${label} against rate; the arrow keys go from point to point, the table below has the numbers`;
  const width = Math.max(WIDTH_MIN, Math.min(WIDTH_MAX, plot.clientWidth));
  const svg = make("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "group", "aria-label": name }, plot);
  const scales = scalesOf(data, known, one, width);
  drawGrid(svg, data, scales, one);
  for (const arm of arms) {
    const line = known.filter((point) => point.arm === arm).sort((a, b) => a.kbps - b.kbps);
    drawArm(svg, data, measure, line, scales);
  }
  addTip(plot, svg);
}

function fillTable(section, data, points, digits, arms) {
  const rows = section.querySelector("table").tBodies[0].rows;
  points.forEach((point, i) => {
    const row = rows[point.arm];
    row.hidden = !arms.has(point.arm);
    row.cells[1 + (i % data.targets.length)].textContent = cellText(point, digits);
  });
}

/** Shows what the form asks for. */
function refresh(data, form) {
  const clips = clipsOf(data, form.elements.view.value);
  const arms = new Set([...form.querySelectorAll("[name=arm]:checked")].map((box) => Number(box.value)));
  const wanted = form.elements.measure.value;
  for (const section of document.querySelectorAll("[data-measure]")) {
    const measure = Number(section.dataset.measure);
    section.hidden = wanted !== "all" && Number(wanted) !== measure;
    if (section.hidden) continue;
    const points = pointsOf(data, measure, clips);
    const plot = section.querySelector(".plot");
    drawPlot(plot, data, measure, points.filter((point) => arms.has(point.arm)));
    fillTable(section, data, points, data.measures[measure].digits, arms);
  }
  const persons = new Set([...clips].map((i) => data.clips[i].person));
  for (const row of document.querySelectorAll("[data-clip]")) row.hidden = !clips.has(Number(row.dataset.clip));
  for (const row of document.querySelectorAll("[data-person]")) row.hidden = !persons.has(Number(row.dataset.person));
  const measured = new Set(data.cells.map((cell) => cell[0]).filter((clip) => clips.has(clip))).size;
  form.elements.shown.value = measured === 1 ? "1 clip" : `${measured} clips`;
}

function start() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const form = document.getElementById("filter");
  form.hidden = false;
  form.addEventListener("input", () => refresh(data, form));
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of document.querySelectorAll("button.together")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      for (const film of button.closest(".players").querySelectorAll("video")) {
        film.currentTime = 0;
        film.play().catch(() => (film.title = "this film cannot be played here"));
      }
    });
  }
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return; // a phone that hides its address bar
    width = window.innerWidth;
    refresh(data, form);
  });
  refresh(data, form);
}

if (typeof document !== "undefined") start();
