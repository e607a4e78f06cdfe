import { make } from "../board/live.js";
import { openPage } from "../board/staff_page.js";

const STATES = { ordered: "waits", sent: "sent", cooking: "cooking", served: "served" };
const find = (selector, within = document) => within.querySelector(selector);

let ahead = 0; // of this screen's clock, how far the server's is, in ms
let store = null;

function show(floor) {
  ahead = Date.parse(floor.at) - Date.now();
  const seated = floor.tables.filter((table) => table.party);
  find("h1 .count").textContent = `${seated.length} of ${floor.tables.length} tables`;
  const focused = document.activeElement?.dataset.of;
  find(".tables").replaceChildren(...floor.tables.map((table) => cardOf(table, floor)));
  if (focused) find(`[data-of="${CSS.escape(focused)}"]`)?.focus();
  age();
}

function cardOf(table, floor) {
  const { party } = table;
  const card = make("li", `table ${party?.state ?? ""}`);
  const header = make("header", "", make("h2", "", table.name));
  card.append(header);
  if (!party) {
    const lead = floor.tables.find((each) => each.id === table.merged_into_id);
    card.append(make("p", "state", lead ? `with ${lead.name}` : `free, ${table.seats} seats`));
    return card;
  }
  header.append(make("span", "total", money(party.total, floor.currency)));
  const since = make("span", "since", "");
  since.dataset.at = party.opened_at;
  card.append(make("p", "state", party.state === "paying" ? "paying, " : "", since));
  card.append(make("ul", "covers", ...party.covers.map((cover) => coverOf(cover, party))));
  const courses = [...new Set(party.items.map((item) => item.course))].sort((one, other) => one - other);
  card.append(make("ul", "courses", ...courses.map((course) => courseOf(course, party))));
  return card;
}

function coverOf({ seat, member }, party) {
  const host = seat === party.host_seat ? " (host)" : "";
  return make("li", "", make("b", "", String(seat)), `${member?.display_name ?? "Guest"}${host}`);
}

function courseOf(course, party) {
  const items = party.items.filter((item) => item.course === course);
  const found = Object.entries(STATES).map(([state, word]) => [items.filter((item) => item.state === state).length, word]);
  const words = found.filter(([count]) => count).map(([count, word]) => `${count} ${word}`);
  const line = make("li", "", make("span", "what", `Course ${course}: ${words.join(", ")}`));
  if (items.some((item) => item.state === "ordered")) line.append(fireButton(course, party));
  return line;
}

function fireButton(course, party) {
  const button = make("button", "fire", "Call");
  button.type = "button";
  button.dataset.of = `${party.id}/${course}`;
  button.setAttribute("aria-label", `Call course ${course} of ${party.table}`);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await store.call("POST", `/parties/${party.id}/courses/${course}/fire`);
      announce(`Course ${course} of ${party.table} is called.`);
    } catch {
      button.disabled = false;
      announce(`Course ${course} of ${party.table} was not called. Try again.`);
    }
  });
  return button;
}

function announce(text) {
  find(".heard").textContent = text;
}

function money(amount, currency) {
  const format = new Intl.NumberFormat(undefined, { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

function age() {
  for (const since of document.querySelectorAll(".since")) {
    const minutes = Math.max(0, Math.floor((Date.now() + ahead - Date.parse(since.dataset.at)) / 60_000));
    since.textContent = minutes < 60 ? `for ${minutes} min` : `for ${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }
}

openPage({ path: "/floor/events", show, age, ageMs: 10_000, begin: (begun) => (store = begun) });
