// SPDX-License-Identifier: Apache-2.0

// Keeps a page up to date: by server-sent events or, where they do not come through, by asking again and again. What
// comes is HTML for elements that have changed, by their ids.
"use strict";

const seen = (id) => document.getElementById(id);
const focusable = "a[href], button, summary, [tabindex]";
const every = 2000; // milliseconds between two questions
const patience = 5000; // milliseconds until a stream that says nothing counts as broken

// put replaces an element. What was open stays open, and the focus stays where it was.
function put({ id, html }) {
  const old = seen(id);
  if (!old) return;
  const box = document.createElement("template");
  box.innerHTML = html;
  const fresh = box.content.firstElementChild;
  for (const details of fresh.querySelectorAll("details[id]")) {
    const before = seen(details.id);
    if (before && old.contains(before)) details.open = before.open;
  }
  if (fresh.matches("details") && old.matches("details")) fresh.open = old.open;
  const active = document.activeElement;
  const home = old.contains(active) && active.closest("[id]");
  const place = home ? [...home.querySelectorAll(focusable)].indexOf(active) : -1;
  old.replaceWith(fresh);
  if (!fresh.matches("main")) fresh.classList.add("fresh");
  if (!home) return;
  const again = seen(home.id) || seen("main");
  (again.querySelectorAll(focusable)[place] || again).focus({ preventScroll: true });
}

function take({ version, changes, say, notice }) {
  for (const change of changes || []) put(change);
  document.body.dataset.version = version;
  if (say) seen("said").textContent = say;
  trouble(notice);
}

function trouble(text) {
  const line = seen("trouble");
  if (line.textContent !== text) line.textContent = text || "";
  line.hidden = !text;
}

function state(word) {
  const line = seen("live");
  if (line.dataset.state === word) return;
  line.dataset.state = word;
  line.textContent = word;
}

let answered = new Date();

function silent() {
  state("not connected");
  trouble("The dashboard does not answer; is kubectl windlass dashboard still running? What you see is of " +
    answered.toLocaleTimeString() + ".");
}

let stream, timer;

function stop() {
  if (stream) stream.close();
  clearTimeout(timer);
}

function listen() {
  stop();
  const url = new URL(location.href);
  url.hash = "";
  url.searchParams.set("at", document.body.dataset.version);
  stream = new EventSource(url);
  const broken = () => { stop(); ask(); };
  timer = setTimeout(broken, patience);
  stream.onopen = () => { clearTimeout(timer); answered = new Date(); state("live"); trouble(""); };
  stream.onmessage = (event) => { answered = new Date(); take(JSON.parse(event.data)); };
  stream.onerror = broken;
}

// ask asks for the page, and every fifth time whether a stream works again.
async function ask(times = 1) {
  try {
    const answer = await fetch(location.href, {
      headers: { Accept: "application/json", "If-None-Match": document.body.dataset.version },
    });
    answered = new Date();
    state("asked every 2 seconds");
    if (answer.status === 200) take({ notice: "", ...await answer.json() });
    else if (answer.status === 304) trouble("");
    else if (answer.status === 502) trouble((await answer.json()).notice);
    else trouble("This page is not there any more: the object is gone, or the dashboard was started again under another URL.");
  } catch {
    silent();
  }
  timer = setTimeout(() => times % 5 === 0 ? listen() : ask(times + 1), every);
}

// A browser has few connections for each server; pages that nobody sees need none.
document.addEventListener("visibilitychange", () => document.hidden ? stop() : listen());

// A row is a link: the space bar follows it as Enter does.
document.addEventListener("keydown", (event) => {
  if (event.key === " " && event.target.matches(".link a")) {
    event.preventDefault();
    event.target.click();
  }
});

listen();
