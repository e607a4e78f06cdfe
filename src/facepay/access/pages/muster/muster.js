// The list of who is inside, once a person asks for it: on paper it stays as it was.
const WAIT_MS_MAX = 15_000;
const find = (selector) => document.querySelector(selector);

/** The store and token of `#store=…&token=…`. They leave the address bar at once and stay with this tab alone. */
function credentials() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has("store") && given.has("token")) {
    sessionStorage.setItem("muster", JSON.stringify({ store: given.get("store"), token: given.get("token") }));
    history.replaceState(null, "", location.pathname);
  }
  addEventListener("hashchange", () => location.reload(), { once: true });
  return JSON.parse(sessionStorage.getItem("muster"));
}

function make(tag, text = "", ...children) {
  const element = document.createElement(tag);
  element.textContent = text;
  element.append(...children);
  return element;
}

function clock(timezone) {
  const form = new Intl.DateTimeFormat("en-GB", { timeZone: timezone, dateStyle: "medium", timeStyle: "short" });
  return (at) => form.format(new Date(at));
}

function row(person, time) {
  const guests = person.guests ? ` + ${person.guests} guest${person.guests > 1 ? "s" : ""}` : "";
  const cells = [person.name + guests, person.kind, person.company ?? "", time(person.since)];
  const ticks = Array.from({ length: 1 + person.guests }, () => make("i"));
  return make("tr", "", make("td", "", ...ticks), ...cells.map((text) => make("td", text)));
}

function section(zone, time) {
  const heads = ["Safe", "Name", "Kind", "Company", "Since"].map((text) => make("th", text));
  const rows = zone.people.map((person) => row(person, time));
  const title = make("h2", `${zone.name ?? "Shop floor"}: ${zone.count}`);
  if (!rows.length) return make("section", "", title);
  return make("section", "", title, make("table", "", make("thead", "", make("tr", "", ...heads)), make("tbody", "", ...rows)));
}

async function load({ store, token }) {
  const response = await fetch(`/v1/stores/${encodeURIComponent(store)}/muster`, {
    headers: { Authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(WAIT_MS_MAX),
    cache: "no-store",
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

async function show(given) {
  try {
    const muster = await load(given);
    const time = clock(muster.timezone);
    find(".store").textContent = `· ${muster.store}`;
    find(".figures").textContent = `${muster.count} inside at ${time(muster.at)}`;
    find("main").replaceChildren(...muster.zones.map((zone) => section(zone, time)));
    document.body.dataset.state = "shown";
  } catch (error) {
    // What was shown before stays: an old list is worth more than none.
    find(".figures").textContent = `This list is not up to date: ${error.message}`;
    document.body.dataset.state = "failed";
  }
}

const given = credentials();
if (given) {
  find(".again").addEventListener("click", () => show(given));
  find(".print").addEventListener("click", () => print());
  show(given);
} else {
  document.body.dataset.state = "setup";
}
