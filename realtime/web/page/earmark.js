// Connects to the stream, and again whenever it is lost; hands on what comes.

import { clockTime, labelOf } from "./labels.js";
import { Rows } from "./rows.js";
import { Timeline } from "./timeline.js";

const STATES = {
  connecting: "Connecting", lost: "No connection", listening: "Listening", silent: "Silent",
  stalled: "Stalled", recovering: "Recovering", failed: "Failed", ended: "Ended",
};
const MEANING = {
  silent: "Nothing but zeros arrives: is the microphone muted, or not permitted?",
  stalled: "The microphone is open but sends nothing at the moment.",
  recovering: "The microphone is gone; it is taken again as soon as it is back.",
  failed: "The microphone has been gone for long; it is still tried, now and then.",
  ended: "The source has ended.",
};
const MOST_EVENTS = 200;
const FIRST_WAIT = 500; // ms
const LONGEST_WAIT = 8_000;
// Windows come every second at least; without a word for so long the line is dead.
const DEAF_AFTER = 15_000;
const FLOOR = -60; // dBFS
const KEY = "earmark.token";

const at = (id) => document.getElementById(id);
const rows = new Rows(at("rows"), [...document.querySelectorAll(".heads .branch")]);
const timeline = new Timeline(at("timeline"), rows);

let socket = null;
let retry = null;
let wait = FIRST_WAIT;
let heardAt = 0;
let isFrozen = false;
let events = 0;
let lost = 0;
let latencies = [];
let arrivals = [];

function setText(id, text) {
  if (at(id).textContent !== text) at(id).textContent = text;
}

function showState(state, reason = "") {
  document.body.dataset.state = state;
  setText("state", STATES[state] ?? state);
  showReason(reason || MEANING[state] || "");
}

function showReason(text) {
  setText("reason", text);
  at("reason").title = text; // it may be longer than its line
}

function keptToken() {
  // Behind the # it is never sent to a server, nor kept in its logs.
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  try {
    if (given) localStorage.setItem(KEY, given);
    if (given) history.replaceState(null, "", location.pathname);
    return given ?? localStorage.getItem(KEY);
  } catch {
    return given; // storage may be forbidden
  }
}

let token = keptToken();

function base64url(text) {
  const binary = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// Whether the stream may be read with the token that is known; asks for one if not.
async function isAdmitted() {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch("health", { headers });
  if (answer.status === 401) {
    ask("That token is not the right one. Try again.");
    return false;
  }
  if ((await answer.json()).wants_token) {
    ask("");
    return false;
  }
  return true;
}

function ask(complaint) {
  if (complaint) {
    setText("ask-text", complaint);
    at("ask-text").className = "wrong";
  }
  showState("connecting", "A token is needed to listen.");
  if (!at("ask").open) at("ask").showModal();
}

at("ask-form").addEventListener("submit", (submitted) => {
  submitted.preventDefault();
  token = at("token").value.trim();
  try {
    localStorage.setItem(KEY, token);
  } catch {
    // It is asked for again when the page is opened anew.
  }
  at("token").value = "";
  at("ask").close();
  connect();
});

async function connect() {
  clearTimeout(retry);
  retry = null;
  if (socket) return;
  try {
    if (!(await isAdmitted())) return;
  } catch {
    tryAgain();
    return;
  }
  if (socket) return;
  const url = new URL("stream", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  const protocols = ["earmark", ...(token ? [`earmark.token.${base64url(token)}`] : [])];
  socket = new WebSocket(url, protocols);
  heardAt = Date.now();
  socket.onmessage = (message) => {
    heardAt = Date.now();
    take(JSON.parse(message.data));
  };
  socket.onclose = () => {
    socket = null;
    tryAgain();
  };
}

function tryAgain() {
  // Not all pages at the same moment, when a server comes back.
  const pause = wait * (0.75 + Math.random() / 2);
  wait = Math.min(2 * wait, LONGEST_WAIT);
  if (document.body.dataset.state !== "ended") {
    showState("lost", "The connection to Earmark is lost; it is tried again.");
  }
  clearTimeout(retry);
  retry = setTimeout(connect, pause);
}

function hurry() {
  if (retry === null) return;
  wait = FIRST_WAIT;
  connect();
}

addEventListener("online", hurry);
// A token that is put behind the address of a page that is open already.
addEventListener("hashchange", () => {
  token = keptToken();
  at("ask").close();
  connect();
});
addEventListener("visibilitychange", () => document.hidden || hurry());
setInterval(() => {
  if (socket && Date.now() - heardAt > DEAF_AFTER && document.body.dataset.state !== "ended") socket.close();
}, 2_000);

const HANDLERS = {
  hello(message) {
    wait = FIRST_WAIT;
    rows.begin(message);
    timeline.begin(message);
    setText("source", message.source);
    at("source").title = message.source;
    setText("bundle", `${message.bundle}${message.version ? `, Earmark ${message.version}` : ""}`);
    document.title = `Earmark: ${message.source}`;
    at("events").replaceChildren();
    events = 0;
    message.events.forEach(addEvent);
    showSounding(message.sounding);
    showState(message.liveness, message.reason);
  },
  window(message) {
    timeline.add(message);
    showLevel(message.level);
    showHealth(message);
    if (!isFrozen) rows.update(message.probabilities, message.branches);
  },
  event(message) {
    timeline.addEvent(message);
    addEvent(message);
  },
  sounding(message) {
    timeline.soundingIs(message.tags);
    showSounding(message.tags);
  },
  state(message) {
    showState(message.liveness, message.reason);
  },
  gap(message) {
    timeline.addGap(message);
  },
  notice(message) {
    showReason(message.text);
  },
  dropped(message) {
    lost += message.dropped;
    setText("lost", String(lost));
    at("lost-box").classList.add("strained");
  },
};

function take(message) {
  HANDLERS[message.type]?.(message);
}

function addEvent(event) {
  const row = document.createElement("tr");
  const length = event.end - event.start;
  const cells = [
    clockTime.format(Date.parse(event.time)), labelOf(event.tag), `${length.toFixed(1)} s`,
    `${Math.round(100 * event.peak)} %`, event.branch,
  ];
  const kinds = ["", "", "right", "right", "by"];
  cells.forEach((text, index) => {
    const cell = document.createElement("td");
    cell.textContent = cell.title = text;
    cell.className = kinds[index];
    row.append(cell);
  });
  const list = at("events");
  list.prepend(row);
  events += 1;
  while (list.childElementCount > MOST_EVENTS) list.lastElementChild.remove();
  at("none").hidden = true;
  setText("count", `${events} event${events === 1 ? "" : "s"}`);
}

function showSounding(tags) {
  setText("sounding", tags.length ? `Sounding: ${tags.map(labelOf).join(", ")}` : "Nothing sounds that is known.");
}

function showLevel(level) {
  const share = Math.min(Math.max(1 - level / FLOOR, 0), 1);
  const meter = at("level");
  meter.firstElementChild.style.transform = `translateX(${100 * share - 100}%)`;
  const colour = level > -1 ? "--bad" : level > -6 ? "--warning" : "--good";
  meter.style.setProperty("--level", `var(${colour})`);
  meter.setAttribute("aria-valuenow", Math.round(Math.max(level, FLOOR)));
  setText("decibels", `${Math.round(Math.max(level, -99))} dBFS`);
}

function showHealth({ latency, skipped }) {
  const now = performance.now();
  arrivals = [...arrivals.filter((moment) => now - moment < 5_000), now];
  if (latency !== null) latencies = [...latencies.slice(-49), latency];
  if (latencies.length) {
    const sorted = [...latencies].sort((a, b) => a - b);
    setText("latency", `${Math.round(1_000 * sorted[sorted.length >> 1])} ms`);
  }
  const spanned = (now - arrivals[0]) / 1_000;
  if (spanned > 1) setText("rate", `${((arrivals.length - 1) / spanned).toFixed(1)} /s`);
  setText("skipped", String(skipped));
  at("skipped-box").classList.toggle("strained", skipped > 0);
}

at("freeze").addEventListener("click", () => {
  isFrozen = !isFrozen;
  timeline.isFrozen = isFrozen;
  at("freeze").setAttribute("aria-pressed", String(isFrozen));
  setText("freeze", isFrozen ? "Go on" : "Freeze");
});

showState("connecting");
connect();
