// The likeliest tags as bars, each in its own row for as long as it is shown.

import { labelOf } from "./labels.js";

const ROWS = 8;
// Windows that a tag may be less likely than others before one of them takes its row.
const PATIENCE = 5;
const SMOOTHING = 0.4;

function element(kind, className, parent) {
  const made = document.createElement(kind);
  made.className = className;
  parent.append(made);
  return made;
}

function bar(parent, label) {
  const track = element("div", "track", parent);
  track.setAttribute("role", "meter");
  track.setAttribute("aria-valuemin", "0");
  track.setAttribute("aria-valuemax", "100");
  const fill = element("div", "fill", track);
  return { track, fill, label };
}

function setBar({ track, fill, label }, tag, probability) {
  const percent = Math.round(100 * probability);
  fill.style.transform = `translateX(${100 * probability - 100}%)`;
  track.setAttribute("aria-valuenow", percent);
  track.setAttribute("aria-label", `${tag}, ${label}`);
  return `${percent} %`;
}

export class Rows {
  constructor(list, heads) {
    this.list = list;
    this.heads = heads;
    this.tags = [];
    this.shown = new Array(ROWS).fill(null); // tag index of each row
    this.absent = new Array(ROWS).fill(0);
    this.smoothed = null;
    this.rows = [];
    for (let index = 0; index < ROWS; index += 1) this.rows.push(this.makeRow(index));
  }

  makeRow(index) {
    const row = element("li", "row", this.list);
    row.style.setProperty("--colour", `var(--tag-${index})`);
    const name = element("span", "name", row);
    name.textContent = "\u00a0";
    const main = bar(row, "all four together");
    const tick = element("div", "tick", main.track);
    tick.hidden = true;
    const percent = element("span", "percent", row);
    const minis = [];
    for (let branch = 0; branch < 4; branch += 1) {
      const mini = element("div", "mini", row);
      const small = bar(mini, "");
      minis.push({ mini, ...small, percent: element("span", "percent", mini) });
    }
    return { row, name, main, tick, percent, minis };
  }

  // A stream begins, or is connected to again.
  begin(hello) {
    const isSame = this.tags.length === hello.tags.length;
    this.tags = hello.tags;
    this.thresholds = hello.thresholds;
    if (!isSame) this.smoothed = null;
    hello.branches.forEach((branch, index) => {
      if (this.heads[index]) this.heads[index].textContent = branch;
      for (const { minis } of this.rows) if (minis[index]) minis[index].label = branch;
    });
  }

  // The row of a tag, or -1.
  rowOf(tag) {
    return this.shown.indexOf(tag);
  }

  update(probabilities, branches) {
    const before = this.smoothed ?? probabilities;
    this.smoothed = before.map((value, tag) => value + SMOOTHING * (probabilities[tag] - value));
    this.choose();
    this.rows.forEach((row, index) => this.draw(row, this.shown[index], branches));
  }

  choose() {
    const order = this.smoothed.map((_, tag) => tag);
    order.sort((a, b) => this.smoothed[b] - this.smoothed[a] || a - b);
    const best = order.slice(0, ROWS);
    this.shown.forEach((tag, row) => { this.absent[row] = best.includes(tag) ? 0 : this.absent[row] + 1; });
    for (const tag of best) {
      if (this.shown.includes(tag)) continue;
      let row = this.shown.indexOf(null);
      if (row < 0) {
        row = this.absent.indexOf(Math.max(...this.absent));
        if (this.absent[row] < PATIENCE) continue;
      }
      this.shown[row] = tag;
      this.absent[row] = 0;
    }
  }

  draw({ row, name, main, tick, percent, minis }, tag, branches) {
    if (tag === null) return;
    const title = labelOf(this.tags[tag]);
    const threshold = this.thresholds[tag];
    if (name.textContent !== title) name.textContent = name.title = title;
    percent.textContent = setBar(main, title, this.smoothed[tag]);
    row.classList.toggle("heard", threshold !== null && this.smoothed[tag] >= threshold);
    tick.hidden = threshold === null;
    tick.style.left = `${100 * (threshold ?? 0)}%`;
    minis.forEach((mini, index) => {
      const belief = branches[index]?.[tag] ?? 0;
      mini.percent.textContent = setBar(mini, title, belief);
      mini.mini.classList.toggle("sure", belief >= 0.5);
    });
  }
}
