import { make } from "../board/live.js";
import { openPage } from "../board/staff_page.js";

const STATES = { opening: "the locker is opening", claimed: "damage claimed", disputed: "damage disputed" };
const find = (selector, within = document) => within.querySelector(selector);

let ahead = 0; // of this screen's clock, how far the server's is, in ms
let view = null;

function show(told) {
  ahead = Date.parse(told.at) - Date.now();
  announce(told);
  view = told;
  for (const name of ["available", "out", "inspection", "retired"]) find(`.figures .${name} dd`).textContent = String(view.cars[name]);
  find(".figures .late dd").textContent = String(view.late.length);
  find(".figures .late").classList.toggle("grave", view.late.length > 0);
  find("section.late").hidden = view.late.length === 0;
  list("section.late", view.late, (drive) => [drive.due_at, "grave", "due"]);
  list(".pick-ups", view.pick_ups, (drive) => [drive.starts_at, drive.locker === null ? "warm" : "", "from"]);
  list(".returns", view.returns, (drive) => [drive.due_at, "", "due"]);
  list(".inspections", view.inspections, (drive) => [drive.returned_at, drive.state === "disputed" ? "warm" : "", "back"]);
  age();
}

/** Whoever doesn't look at the screen hears of cars that have become late. */
function announce(told) {
  const known = new Set(view?.late.map((drive) => drive.drive_id));
  const late = view ? told.late.filter((drive) => !known.has(drive.drive_id)) : [];
  if (late.length) find(".heard").textContent = late.map((drive) => `${drive.model} ${drive.plate} is late.`).join(" ");
}

function list(section, drives, words) {
  const items = drives.map((drive) => {
    const [at, mark, kind] = words(drive);
    const what = [drive.plate, place(drive), STATES[drive.state], `no.\u00a0${drive.number}`].filter(Boolean).join(" · ");
    const left = make("span", "left", "");
    left.dataset.at = at;
    left.dataset.kind = kind;
    return make("li", mark, make("strong", "", drive.model), make("span", "when", clock(at)), make("span", "what", what), left);
  });
  find(`${section} ol`).replaceChildren(...items);
}

function place(drive) {
  if (drive.locker !== null) return `locker ${drive.locker}`;
  return ["reserved", "opening"].includes(drive.state) ? "no key in any locker" : null;
}

function clock(at) {
  const moment = new Date(at);
  const time = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  const today = moment.toDateString() === new Date(Date.now() + ahead).toDateString();
  return today ? time : `${moment.toLocaleDateString([], { day: "numeric", month: "short" })}, ${time}`;
}

function age() {
  if (!view) return;
  const now = Date.now() + ahead;
  for (const left of document.querySelectorAll(".left")) {
    const ms = Date.parse(left.dataset.at) - now;
    if (left.dataset.kind === "back") left.textContent = `back for ${lasting(-ms)}`;
    else if (ms >= 0) left.textContent = `in ${lasting(ms)}`;
    else left.textContent = left.dataset.kind === "from" ? `for ${lasting(-ms)}` : `late by ${lasting(-ms)}`;
  }
}

function lasting(ms) {
  const minutes = Math.max(0, Math.floor(ms / 60_000));
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / (24 * 60))} d ${Math.floor((minutes / 60) % 24)} h`;
}

openPage({ path: "/drives/events", show, age, ageMs: 10_000 });
