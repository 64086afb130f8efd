// Probabilities, events and gaps of the last minute on one axis: the time of day.

import { clockTime, labelOf } from "./labels.js";

const SPAN = 60_000; // ms
const NARROW_SPAN = 30_000;
const LANE = 24;
const LEFT = 40;
const AXIS = 22;
// Of the curve of an event, before and after it (ms).
const AROUND = 1_000;
const FRAME_MS = 30;

export class Timeline {
  constructor(canvas, rows) {
    this.canvas = canvas;
    this.rows = rows;
    this.windows = []; // {at, probabilities}
    this.events = []; // {from, to, tag}
    this.gaps = []; // {from, to}
    this.open = new Map(); // tag -> since when it sounds, null if that is not known
    this.newest = null; // {at: time of day of the newest window, seen: when it came}
    this.isFrozen = false;
    this.drawnAt = 0;
    this.isCalm = matchMedia("(prefers-reduced-motion: reduce)");
    this.readColours();
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.readColours());
    new ResizeObserver(() => this.draw()).observe(canvas);
    requestAnimationFrame((now) => this.tick(now));
  }

  readColours() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    this.colours = { text: colour("--text"), dim: colour("--dim"), line: colour("--line"), raised: colour("--raised"), other: colour("--other") };
    this.tagColours = Array.from({ length: 8 }, (_, index) => colour(`--tag-${index}`));
    this.font = `13px ${getComputedStyle(document.body).fontFamily}`;
    this.isStale = true;
  }

  begin(hello) {
    this.events = hello.events.map(asSpan);
    this.open = new Map(hello.sounding.map((tag) => [tag, null]));
    this.isStale = true;
  }

  add(message) {
    const at = Date.parse(message.time);
    // The clock was set back, or it is another stream: what was drawn is not of this time.
    if (this.newest && at < this.newest.at - 2_000) this.windows = [];
    this.windows.push({ at, probabilities: message.probabilities });
    const oldest = at - SPAN - 2_000;
    while (this.windows[0].at < oldest) this.windows.shift();
    this.events = this.events.filter((event) => event.to > oldest);
    this.gaps = this.gaps.filter((gap) => gap.to > oldest);
    this.newest = { at, seen: performance.now() };
    this.isStale = true;
  }

  addEvent(event) {
    this.events.push(asSpan(event));
    this.isStale = true;
  }

  addGap(gap) {
    const from = Date.parse(gap.time);
    this.gaps.push({ from, to: from + 1_000 * (gap.end - gap.start) });
  }

  soundingIs(tags) {
    const now = this.newest?.at ?? null;
    this.open = new Map(tags.map((tag) => [tag, this.open.has(tag) ? this.open.get(tag) : now]));
  }

  tick(now) {
    requestAnimationFrame((next) => this.tick(next));
    const isDue = this.isStale || (this.newest && now - this.newest.seen < 1_500 && !this.isCalm.matches);
    if (this.isFrozen || !isDue || now - this.drawnAt < FRAME_MS) return;
    this.drawnAt = now;
    this.draw();
  }

  draw() {
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    pen.font = this.font;
    this.isStale = false;
    // Between two windows time goes on evenly, up to a second: the picture glides.
    const since = this.newest && !this.isCalm.matches ? Math.min(performance.now() - this.newest.seen, 1_000) : 0;
    const end = this.newest ? this.newest.at + since : Date.now();
    const span = width < 520 ? NARROW_SPAN : SPAN;
    const lanes = Math.max(3, Math.min(6, Math.floor((height - AXIS - 110) / LANE)));
    const curvesBottom = height - AXIS - lanes * LANE - 8;
    const view = { pen, width, height, end, start: end - span, lanes, curvesTop: 8, curvesBottom,
      x: (at) => LEFT + ((at - (end - span)) / span) * (width - LEFT) };
    this.drawGrid(view);
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, 0, width - LEFT, height);
    pen.clip();
    this.drawGaps(view);
    const spans = this.spansIn(view);
    this.drawCurves(view, spans);
    const hidden = this.drawEvents(view, spans);
    pen.restore();
    if (hidden) {
      pen.fillStyle = this.colours.dim;
      pen.textAlign = "right";
      pen.fillText(`+${hidden}`, LEFT - 8, height - AXIS - LANE / 2);
    }
  }

  drawGrid({ pen, width, height, start, end, curvesTop, curvesBottom, x }) {
    pen.strokeStyle = this.colours.line;
    pen.fillStyle = this.colours.dim;
    pen.lineWidth = 1;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const percent of [0, 50, 100]) {
      const y = Math.round(curvesBottom - (percent / 100) * (curvesBottom - curvesTop)) + 0.5;
      pen.beginPath();
      pen.moveTo(LEFT, y);
      pen.lineTo(width, y);
      pen.stroke();
      pen.fillText(String(percent), LEFT - 8, y);
    }
    pen.textAlign = "center";
    const step = width < 520 ? 10_000 : 15_000;
    for (let at = Math.ceil(start / step) * step; at <= end; at += step) {
      const place = Math.round(x(at)) + 0.5;
      pen.beginPath();
      pen.moveTo(place, curvesTop);
      pen.lineTo(place, height - AXIS + 3);
      pen.stroke();
      if (place > LEFT + 30 && place < width - 30) pen.fillText(clockTime.format(at), place, height - 8);
    }
  }

  drawGaps({ pen, height, x }) {
    for (const { from, to } of this.gaps) {
      pen.fillStyle = this.colours.raised;
      pen.fillRect(x(from), 0, x(to) - x(from), height - AXIS);
      pen.fillStyle = this.colours.dim;
      pen.textAlign = "left";
      pen.fillText("not heard", x(from) + 6, 14);
    }
  }

  // The tags in the rows have their colours; those of other events are drawn in grey, where they were.
  drawCurves(view, spans) {
    view.pen.lineWidth = 1.6;
    view.pen.lineJoin = "round";
    for (const { from, to, tag } of spans) {
      const index = this.rows.tags.indexOf(tag);
      if (index >= 0 && this.rows.rowOf(index) < 0) {
        this.drawCurve(view, index, this.colours.other, Math.max(from - AROUND, view.start), to + AROUND);
      }
    }
    this.rows.shown.forEach((tag, row) => {
      if (tag !== null) this.drawCurve(view, tag, this.tagColours[row], view.start, view.end);
    });
  }

  drawCurve({ pen, curvesTop, curvesBottom, x }, tag, colour, from, to) {
    let before = null;
    pen.strokeStyle = colour;
    pen.beginPath();
    for (let index = Math.max(0, this.firstSince(from) - 1); index < this.windows.length; index += 1) {
      const { at, probabilities } = this.windows[index];
      if (at > to) break;
      const y = curvesBottom - probabilities[tag] * (curvesBottom - curvesTop);
      // Where nothing came for a while there is no line.
      if (before === null || at - before > 2_500) pen.moveTo(x(at), y);
      else pen.lineTo(x(at), y);
      before = at;
    }
    pen.stroke();
  }

  // The first window since then, by halving; how many there are if there is none.
  firstSince(from) {
    let [low, high] = [0, this.windows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.windows[middle].at < from) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // Events that can be seen, and what sounds now, in the order in which they began.
  spansIn({ start, end }) {
    const spans = this.events.filter((event) => event.to > start);
    // What sounded before this page was there is drawn from where the page begins.
    const first = this.windows[0]?.at ?? end;
    for (const [tag, since] of this.open) spans.push({ from: since ?? first, to: end, tag, isOpen: true });
    return spans.sort((a, b) => a.from - b.from);
  }

  // Returns how many found no lane.
  drawEvents(view, spans) {
    const free = new Array(view.lanes).fill(-Infinity);
    let hidden = 0;
    for (const event of spans) {
      const lane = free.findIndex((until) => until <= event.from);
      if (lane < 0) {
        hidden += 1;
        continue;
      }
      free[lane] = event.to + 100;
      this.drawEvent(view, event, view.curvesBottom + 10 + lane * LANE);
    }
    return hidden;
  }

  drawEvent({ pen, start, end, x }, { from, to, tag, isOpen }, top) {
    const row = this.rows.rowOf(this.rows.tags.indexOf(tag));
    const colour = row < 0 ? this.colours.dim : this.tagColours[row];
    const left = x(Math.max(from, start - 1_000));
    const width = Math.max(3, x(Math.min(to, end + 1_000)) - left + (isOpen ? 8 : 0));
    pen.beginPath();
    pen.roundRect(left + 0.5, top + 0.5, width - 1, LANE - 4, 3);
    pen.globalAlpha = 0.28;
    pen.fillStyle = colour;
    pen.fill();
    pen.globalAlpha = 1;
    pen.lineWidth = 1;
    pen.strokeStyle = colour;
    pen.stroke();
    const inside = width - 10 - Math.max(0, LEFT - left);
    if (inside < 26) return;
    pen.save();
    pen.beginPath();
    pen.rect(left, top, width - 4, LANE);
    pen.clip();
    pen.fillStyle = this.colours.text;
    pen.textAlign = "left";
    pen.fillText(labelOf(tag), Math.max(left, LEFT) + 6, top + LANE / 2 - 1);
    pen.restore();
  }
}

function asSpan(event) {
  return { from: Date.parse(event.time), to: Date.parse(event.end_time), tag: event.tag };
}
