// The one script: fetches the page again when something happened, or every data-every seconds, and swaps the parts that changed.
// Every drawing stays the server's. Without EventSource it looks every four seconds, without scripts the page reloads itself.
"use strict";
const source = document.querySelector("[data-events],[data-every]");
const TYPES = ["queued", "started", "progress", "metric", "health", "checkpoint", "samples", "finished", "succeeded", "failed", "canceled", "expired"];
let due = 0, busy = false, again = false, ended = false, poll = 0, stream;

function swap(old, fresh) {
  if (old.getAttribute("role") === "status") {
    if (old.textContent !== fresh.textContent) old.textContent = fresh.textContent; // in place: this is what is read aloud
    return;
  }
  if (old.innerHTML === fresh.innerHTML) return;
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  const opened = [...old.querySelectorAll("details[open][id]")].map(one => one.id);
  old.replaceChildren(...document.adoptNode(fresh).childNodes);
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (focused) (document.getElementById(focused) || document.getElementById("main")).focus({ preventScroll: true });
}

async function refresh() {
  due = 0;
  if (busy) { again = true; return; }
  busy = true;
  try {
    const page = new DOMParser().parseFromString(await (await fetch(location.pathname)).text(), "text/html");
    const now = page.getElementById(source.id);
    if (!now) throw new Error("not the page");
    ended = !now.dataset.events && !now.dataset.every;
    document.title = page.title;
    for (const old of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(old.id);
      if (fresh) swap(old, fresh);
    }
    if (ended) { if (stream) stream.close(); clearInterval(poll); }
  } catch { soon(3000); }
  busy = false;
  if (again && !ended) { again = false; soon(900); }
}

function soon(wait) { if (!due && !ended) due = setTimeout(refresh, wait); }
function look(seconds = 4) { if (!poll) poll = setInterval(() => { if (!document.hidden) soon(0); }, 1000 * seconds); }

if (source && source.dataset.every) look(Number(source.dataset.every));
else if (source) {
  if (window.EventSource) {
    stream = new EventSource(`${source.dataset.events}?after=${source.dataset.seen}`);
    for (const type of TYPES) { stream.addEventListener(type, () => soon(900)); stream.addEventListener(`validation.${type}`, () => soon(900)); }
    stream.addEventListener("done", () => { stream.close(); soon(0); });
    stream.onerror = () => { if (stream.readyState === EventSource.CLOSED) { soon(900); look(); } };
  } else look();
}
