import { Refused, make } from "../board/live.js";
import { openPage } from "../board/staff_page.js";

const WRONG = { forced: "forced open", held_open: "held open", open: "open" };
const PURPOSE = "purpose=" + encodeURIComponent("Guard's view: who waits at the door");
const find = (selector, within = document) => within.querySelector(selector);

const cards = new Map(); // of alerts and hits, by id
let store = null;
let ahead = 0; // of this screen's clock, how far the server's is, in ms
let view = null;

function show(told) {
  ahead = Date.parse(told.at) - Date.now();
  announce(told);
  view = told;
  showFigures();
  showHits();
  fill(find(".alerts ol"), view.alerts, alertCard);
  find(".emergencies").replaceChildren(...view.emergencies.map(emergency));
  showAside();
  age();
}

/** Whoever doesn't look at the screen hears of what is new and grave. */
function announce(told) {
  const known = new Set(view?.alerts.map((alert) => alert.id));
  const grave = view ? told.alerts.filter((alert) => alert.severity === "critical" && !known.has(alert.id)) : [];
  if (grave.length) find(".heard").textContent = grave.map((alert) => alert.words).join(" ");
}

function showFigures() {
  const { inside, figures } = view;
  const wrong = view.doors.filter(isWrong).length;
  figure("people", String(inside.people), inside.capacity_max && ` / ${inside.capacity_max}`);
  for (const name of ["critical", "warning", "info"]) figure(name, String(figures.by_severity[name]));
  find(".figures .critical").classList.toggle("grave", figures.by_severity.critical > 0);
  figure("wrong", String(wrong));
  find(".figures .wrong").classList.toggle("grave", wrong > 0);
  figure("quiet", String(view.silent.length));
  find(".figures .quiet").classList.toggle("warm", view.silent.length > 0);
}

function figure(name, text, small) {
  find(`.figures .${name} dd`).replaceChildren(text, ...(small ? [make("small", "", small)] : []));
}

const isWrong = (door) => door.tampered || ["forced", "held_open"].includes(door.state);
const nameOf = (id) => [...view.doors, ...view.cameras, ...view.silent].find((device) => device.id === id)?.name;

function showAside() {
  rows(".zones", view.inside.zones, (zone) => [zone.name, `${zone.people}${zone.capacity_max ? ` / ${zone.capacity_max}` : ""}`,
    zone.capacity_max !== null && zone.people >= zone.capacity_max]);
  rows(".doors", view.doors, (door) => [door.name, doorWords(door), isWrong(door)]);
  rows(".cameras", view.cameras, (camera) => [camera.name, camera.faults.join(", ") || "sees well", camera.faults.length > 0]);
  rows(".silent", view.silent, (device) => [device.name, device.role, true]);
}

function doorWords(door) {
  const words = [door.tampered && "tampered with", WRONG[door.state] ?? door.state];
  if (door.emergency) words.push(door.emergency === "release" ? "released" : "lockdown");
  else if (door.released) words.push("open for everybody");
  else if (door.locked) words.push("locked");
  return words.filter(Boolean).join(", ");
}

function rows(section, things, words) {
  const items = things.map((thing) => {
    const [name, state, wrong] = words(thing);
    return make("li", wrong ? "wrong" : "", make("span", "", name), make("span", "", state));
  });
  find(`${section} ul`).replaceChildren(...items);
}

function emergency(each) {
  const what = each.kind === "release" ? "All doors are released" : "Lockdown";
  return make("li", "", `${what}: ${each.zone ?? "the whole store"}. ${each.reason}`);
}

/** In the order told; cards that are there already stay, so that nobody's finger lands on another one. */
function fill(list, things, card) {
  const wanted = new Set(things.map((thing) => thing.id));
  for (const element of [...list.children]) {
    if (wanted.has(element.dataset.id)) continue;
    element.remove();
    cards.delete(element.dataset.id);
  }
  things.forEach((thing, place) => {
    const element = cards.get(thing.id) ?? card(thing);
    element.dataset.id = thing.id;
    cards.set(thing.id, element);
    element.update?.(thing);
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
  });
}

function alertCard(alert) {
  const title = make("strong", "", alert.words);
  const what = make("p", "");
  const since = make("span", "since", "");
  const tag = make("span", "tag", "");
  const meta = make("p", "", tag, " ", since);
  const look = button("Look after it", "main", () => act(card, `/v1/alerts/${alert.id}/acknowledgement`));
  const done = button("Resolve", "", () => act(card, `/v1/alerts/${alert.id}/resolution`, {}));
  const card = make("li", "alert", make("div", "", title, meta, what), make("div", "acts", look, done));
  card.update = (now) => {
    card.className = `alert ${now.severity}${now.acknowledged_at ? " seen" : ""}`;
    card.dataset.raised = now.raised_at;
    tag.textContent = now.severity;
    what.textContent = [nameOf(now.device_id), now.times > 1 && `seen ${now.times} times`,
      now.level > 0 && !now.acknowledged_at && `brought to step ${now.level}`,
      now.acknowledged_at && "somebody looks after it"].filter(Boolean).join(" · ");
    look.hidden = now.acknowledged_at !== null;
  };
  return card;
}

function showHits() {
  find(".hits").hidden = view.hits.length === 0;
  fill(find(".hits ul"), view.hits, hitCard);
}

/** Somebody waits. Each look is written down, so nothing is fetched until the guard asks for it. */
function hitCard(hit) {
  const faces = make("div", "faces");
  const left = make("p", "left", "");
  const look = button("Compare", "main", () => compare(hit, faces, look));
  const admit = button("Let in", "", () => act(card, `/v1/watchlist/hits/${hit.id}/answer`, { answer: "admit" }));
  const refuse = button("Refuse", "refuse", () => act(card, `/v1/watchlist/hits/${hit.id}/answer`, { answer: "refuse" }));
  const where = nameOf(hit.device_id) ?? "a door";
  const card = make("li", "hit", make("div", "", make("strong", "", `Somebody waits at ${where}: they look like a banned person.`), left),
    make("div", "acts", look, admit, refuse), faces);
  card.dataset.until = hit.expires_at;
  return card;
}

async function compare(hit, faces, look) {
  look.setAttribute("aria-busy", "true");
  try {
    const { ban_id: banId } = await json(`/v1/watchlist/hits/${hit.id}?${PURPOSE}`);
    const ban = await json(`/v1/watchlist/bans/${banId}?${PURPOSE}`);
    const shown = [["At the door", `/v1/watchlist/hits/${hit.id}/frame?${PURPOSE}`],
      ...ban.photo_ids.map((id) => ["Banned", `/v1/watchlist/bans/${banId}/photos/${id}?${PURPOSE}`])];
    faces.replaceChildren(...(await Promise.all(shown.map(([words, path]) => face(words, path)))));
  } catch (error) {
    faces.replaceChildren(make("p", "", error instanceof Refused ? `Not shown: ${error.code ?? error.status}` : "No connection: press again."));
  } finally {
    look.removeAttribute("aria-busy");
  }
}

async function face(words, path) {
  const picture = await createImageBitmap(await (await store.send("GET", path)).blob());
  const canvas = make("canvas", "");
  [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d").drawImage(picture, 0, 0);
  return make("figure", "", canvas, make("figcaption", "", words));
}

const json = async (path) => (await store.send("GET", path)).json();

function button(text, className, pressed) {
  const element = make("button", className, text);
  element.type = "button";
  element.addEventListener("click", pressed);
  return element;
}

/** What comes of it is told by the stream; a colleague may have been quicker, which is as well. */
async function act(card, path, body) {
  card.setAttribute("aria-busy", "true");
  try {
    await store.send("POST", path, body);
  } catch (error) {
    const known = error instanceof Refused;
    if (!(known && error.status === 409)) find(".heard").textContent = known ? `Refused: ${error.code}` : "No connection: press again.";
  } finally {
    card.removeAttribute("aria-busy");
  }
}

function age() {
  if (!view) return;
  const now = Date.now() + ahead;
  for (const card of document.querySelectorAll(".alert")) find(".since", card).textContent = `for ${lasting(now - Date.parse(card.dataset.raised))}`;
  for (const card of document.querySelectorAll(".hit")) find(".left", card).textContent = `refused in ${lasting(Date.parse(card.dataset.until) - now)}, unless you answer`;
  const since = view.figures.unacknowledged_since;
  figure("oldest", since ? lasting(now - Date.parse(since)) : "–");
  find(".figures .oldest").classList.toggle("warm", since !== null && now - Date.parse(since) > 60_000);
}

function lasting(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

openPage({ path: "/guard/events", show, age, ageMs: 1000, begin: (begun) => (store = begun) });
