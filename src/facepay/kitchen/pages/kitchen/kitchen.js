import { Refused, Store, credentials, make, pause, stayAwake } from "../board/live.js";
import { language, words } from "./words.js";

const STEPS = {
  received: { path: "start", leadsTo: "preparing", label: words.start },
  preparing: { path: "ready", leadsTo: "ready", label: words.finish },
  ready: { path: "collect", leadsTo: "collected", label: words.collect },
};
const PAGES_MAX = 5;
const TOLD_MS = 8000;
const LOST_SHOWN_AFTER_MS = 3000;
const SEND_AGAIN_MS = [500, 1500];
const BACK = "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3";
const find = (selector, within = document) => within.querySelector(selector);

const tickets = new Map(); // by id, as the server last told
const cards = new Map();
let store = null;
let ahead = 0; // of this screen's clock, how far the server's is, in ms
let usual = null; // how long the last orders took, in seconds
let toldAt = null;
let asked = 0; // how often for the list
let shown = 0; // which of these is seen
let losing = null;
let undoing = null;
let hiding = null;

async function hear(board) {
  clearTimeout(losing);
  losing = null;
  ahead = Date.parse(board.at) - Date.now();
  usual = board.wait_seconds;
  try {
    await refresh();
    toldAt = new Date();
    document.body.dataset.state = "live";
  } catch {
    lose({});
  }
}

/** Answers may overtake each other, and so may presses: an older one is no news. */
async function refresh() {
  const turn = (asked += 1);
  const found = await listed();
  if (turn <= shown) return;
  shown = turn;
  show(found);
}

async function listed() {
  const found = [];
  let path = "/kitchen/tickets?limit=200";
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { items, next_cursor: next } = await store.call("GET", path);
    found.push(...items);
    if (!next) break;
    path = `/kitchen/tickets?limit=200&cursor=${next}`;
  }
  return found;
}

function show(found) {
  const first = toldAt === null;
  const arrived = found.filter((ticket) => !tickets.has(ticket.id));
  tickets.clear();
  for (const ticket of found) tickets.set(ticket.id, ticket);
  draw();
  if (first) return;
  for (const ticket of arrived) cards.get(ticket.id).classList.add("fresh");
  if (arrived.length) announce(arrived.map((each) => words.arrived(called(each), named(each))).join(". "));
}

/** Brings every card to its column, the oldest on top, and keeps the focus where it was. */
function draw() {
  const focused = document.activeElement?.closest(".ticket")?.dataset.id;
  const neighbour = focused && cards.get(focused)?.nextElementSibling?.dataset.id;
  for (const [id, card] of cards) if (!tickets.has(id)) drop(id, card);
  for (const ticket of tickets.values()) drawCard(ticket);
  for (const state of Object.keys(STEPS)) arrange(state);
  if (focused && document.activeElement === document.body) find(".step", cards.get(focused) ?? cards.get(neighbour) ?? document)?.focus();
}

function drop(id, card) {
  card.remove();
  cards.delete(id);
}

function drawCard(ticket) {
  const known = cards.get(ticket.id);
  const looks = JSON.stringify([ticket.state, ticket.dishes]);
  if (known?.looks === looks) return;
  const card = cardOf(ticket);
  card.looks = looks;
  known?.replaceWith(card);
  cards.set(ticket.id, card);
}

function arrange(state) {
  const list = find(`.${state} ol`);
  const here = [...tickets.values()].filter((ticket) => columnOf(ticket) === state).sort((a, b) => (a.received_at < b.received_at ? -1 : 1));
  here.forEach((ticket, place) => {
    const card = cards.get(ticket.id);
    if (list.children[place] !== card) list.insertBefore(card, list.children[place] ?? null);
  });
  find(`.${state} .count`).textContent = here.length;
  age();
}

/** What was cancelled while it was cooked stays where the cook looks. */
const columnOf = (ticket) => (ticket.state in STEPS ? ticket.state : ticket.ready_at ? "ready" : "preparing");

function cardOf(ticket) {
  const card = make("li", `ticket ${ticket.state}`);
  card.dataset.id = ticket.id;
  const header = make("header", "", make("span", ticket.place ? "number place" : "number", called(ticket)), make("span", "since"));
  card.append(header);
  if (ticket.course) card.append(make("p", "course", words.course(ticket.course)));
  card.append(make("ul", "dishes", ...ticket.dishes.map(dishOf)));
  const step = STEPS[ticket.state];
  if (!step) {
    card.append(make("p", "stop", words.cancelled));
    return card;
  }
  if (ticket.state !== "received") header.append(backButton(ticket));
  const button = make("button", "step", step.label);
  button.type = "button";
  button.setAttribute("aria-label", words.step(step.label, called(ticket)));
  button.addEventListener("click", () => move(ticket, step.path));
  card.append(button);
  return card;
}

const called = (ticket) => ticket.number ?? ticket.place;

const amountOf = (quantity, soldBy) => (soldBy === "weight" ? `${quantity} g` : `${quantity} ×`);

function dishOf({ name, options, seat, sold_by: soldBy, quantity, taken_back: back }) {
  const wanted = quantity - back;
  const line = make("li", "", make("b", "", amountOf(wanted || quantity, soldBy)), wanted ? name : make("s", "", name));
  const detail = [...options, seat && words.seat(seat)].filter(Boolean).join(" · ");
  if (detail) line.append(make("span", "detail", detail));
  if (back) line.append(make("small", "", soldBy === "weight" ? `−${back} g` : words.taken_back(back)));
  return line;
}

function backButton(ticket) {
  const button = make("button", "back");
  button.type = "button";
  button.setAttribute("aria-label", words.back(called(ticket)));
  button.addEventListener("click", () => move(ticket, "recall", { state: ticket.state }));
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("viewBox", "0 0 24 24");
  icon.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", BACK);
  icon.append(path);
  button.append(icon);
  return button;
}

/** Pressing twice is pressing once, so it is sent again where no answer came. */
async function move(ticket, path, body) {
  const card = cards.get(ticket.id);
  card?.setAttribute("aria-busy", "true");
  try {
    const moved = await sent(`/kitchen/tickets/${ticket.id}/${path}`, body);
    shown = asked;
    if (moved.ended_at) tickets.delete(moved.id);
    else tickets.set(moved.id, moved);
    draw();
    tell(words.moved[moved.state](called(moved)), path === "recall" ? null : moved);
  } catch (error) {
    const refused = error instanceof Refused;
    tell(refused ? words.elsewhere(called(ticket)) : words.unsent(called(ticket)), null);
    if (refused) await refresh().catch(() => {});
  } finally {
    cards.get(ticket.id)?.removeAttribute("aria-busy");
  }
}

async function sent(path, body) {
  for (const wait of SEND_AGAIN_MS) {
    try {
      return await store.call("POST", path, body);
    } catch (error) {
      if (error instanceof Refused && error.status < 500) throw error;
      await pause(wait);
    }
  }
  return store.call("POST", path, body);
}

/** Says what has happened, and for a while offers to undo it. */
function tell(text, moved) {
  undoing = moved;
  find(".toast .what").textContent = text;
  find(".toast").classList.toggle("plain", !moved);
  find(".toast").hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(hideToast, TOLD_MS);
  announce(text);
}

function hideToast() {
  undoing = null;
  find(".toast").hidden = true;
}

function announce(text) {
  find(".heard").textContent = text;
}

const named = (ticket) => ticket.dishes.map((dish) => `${amountOf(dish.quantity, dish.sold_by)} ${dish.name}`).join(", ");

/** How long each order waits; longer than usual in amber, and so long that staff were told of it in red. */
function age() {
  for (const ticket of tickets.values()) {
    const card = cards.get(ticket.id);
    const from = Date.parse(ticket.state === "ready" ? ticket.ready_at : ticket.received_at);
    const seconds = Math.max(0, (Date.now() + ahead - from) / 1000);
    find(".since", card).textContent = words.minutes(Math.floor(seconds / 60));
    const waits = ticket.state === "received" || ticket.state === "preparing";
    card.classList.toggle("late", waits && ticket.late_since !== null);
    card.classList.toggle("slow", waits && usual !== null && seconds > usual);
  }
}

function lose({ refused }) {
  if (refused) return say("refused");
  losing ??= setTimeout(() => say("lost"), LOST_SHOWN_AFTER_MS);
}

function say(state) {
  clearTimeout(losing);
  losing = null;
  document.body.dataset.state = state;
  const since = toldAt?.toLocaleTimeString(language, { hour: "2-digit", minute: "2-digit" });
  find(".offline .words").textContent = words[state](since);
}

function begin(given) {
  document.documentElement.lang = language;
  document.title = words.title;
  for (const element of document.querySelectorAll("[data-words]")) element.textContent = words[element.dataset.words];
  for (const list of document.querySelectorAll("ol")) list.dataset.empty = words.nothing;
  if (!given) {
    document.body.dataset.state = "setup";
    return;
  }
  find(".toast button").addEventListener("click", () => undoing && move(undoing, "recall", { state: undoing.state }));
  store = new Store(given);
  stayAwake();
  setInterval(age, 5000);
  store.follow({ told: hear, lost: lose });
}

begin(credentials());
