import { Refused, make } from "../board/live.js";
import { openPage } from "../board/staff_page.js";

const TOLD_MS = 6000;
const LATE_MINUTES = 3;
const SVG = "http://www.w3.org/2000/svg";
const STEPS = {
  asked: [{ path: "accept", label: "I bring it" }],
  accepted: [{ path: "bring", label: "On my way" }, { path: "not-found", label: "Not found" }],
  bringing: [{ path: "brought", label: "Brought" }, { path: "not-found", label: "Not found" }],
};
const REFUSALS = {
  fitting_request_taken: "Somebody else brings it already.",
  fitting_request_elsewhere: "That has changed meanwhile.",
  fitting_request_not_found: "That is gone.",
  insufficient_scope: "You may look, and not answer.",
};
const find = (selector, within = document) => within.querySelector(selector);

let store = null;
let ahead = 0; // of this screen's clock, how far the server's is, in ms
let requests = null; // by id, as the server last told
let hiding = null;

function show(told) {
  ahead = Date.parse(told.at) - Date.now();
  const fresh = requests ? told.requests.filter((each) => !requests.has(each.id)) : [];
  const gone = requests ? [...requests.values()].filter((each) => each.state !== "bringing" && !told.requests.some(({ id }) => id === each.id)) : [];
  requests = new Map(told.requests.map((each) => [each.id, each]));
  draw(new Set(fresh.map(({ id }) => id)));
  if (fresh.length) tell(fresh.map((each) => `${each.mirror}: ${named(each)}`).join(". "));
  else if (gone.length) tell(gone.map((each) => `${each.mirror} no longer waits for ${named(each)}`).join(". "));
}

function draw(fresh) {
  const focused = document.activeElement?.closest("li")?.dataset.id;
  for (const [list, states] of [["asked", ["asked"]], ["going", ["accepted", "bringing"]]]) {
    const here = [...requests.values()].filter(({ state }) => states.includes(state));
    find(`.${list} ol`).replaceChildren(...here.map((each) => card(each, fresh.has(each.id))));
    find(`.${list} .count`).textContent = here.length || "";
  }
  if (focused) find(`li[data-id="${focused}"] button`)?.focus();
  age();
}

function card(request, isFresh) {
  const item = make("li", isFresh ? "fresh" : "", patch(request.colour), make("strong", "", request.name), make("span", "size", request.size ?? "–"));
  item.dataset.id = request.id;
  const since = make("span", "since");
  since.dataset.at = request.asked_at;
  const who = request.accepted_by ? ` · ${request.accepted_by}` : "";
  item.append(make("span", "what", make("b", "", request.mirror), ` · ${request.sku} · `, since, who));
  item.append(make("div", "steps", ...STEPS[request.state].map((step, place) => button(request, step, place === 0))));
  return item;
}

/** Inline styles are not for pages under our policy; an attribute of SVG is none. */
function patch(colour) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("class", "colour");
  picture.setAttribute("viewBox", "0 0 48 48");
  picture.setAttribute("aria-hidden", "true");
  const circle = document.createElementNS(SVG, "circle");
  for (const [name, value] of Object.entries({ cx: 24, cy: 24, r: 22, fill: colour ?? "none" })) circle.setAttribute(name, value);
  picture.append(circle);
  return picture;
}

function button(request, step, isMain) {
  const press = make("button", isMain ? "main" : "", step.label);
  press.type = "button";
  press.setAttribute("aria-label", `${step.label}: ${named(request)}, ${request.mirror}`);
  press.addEventListener("click", () => move(request, step, press));
  return press;
}

async function move(request, step, press) {
  press.disabled = true;
  try {
    await store.call("POST", `/fitting-requests/${request.id}/${step.path}`);
  } catch (error) {
    tell(error instanceof Refused ? (REFUSALS[error.code] ?? error.code) : "No connection: press again.");
    press.disabled = false;
  }
}

const named = ({ name, size }) => (size ? `${name}, ${size}` : name);

function age() {
  for (const since of document.querySelectorAll(".since")) {
    const minutes = Math.max(0, Math.floor((Date.now() + ahead - Date.parse(since.dataset.at)) / 60_000));
    since.textContent = minutes ? `${minutes} min` : "now";
    const item = since.closest("li");
    item.classList.toggle("late", minutes >= LATE_MINUTES && item.closest(".asked") !== null);
  }
}

function tell(words) {
  clearTimeout(hiding);
  find(".told").textContent = words;
  hiding = setTimeout(() => (find(".told").textContent = ""), TOLD_MS);
}

openPage({ path: "/fitting-requests/events", show, age, ageMs: 10_000, begin: (begun) => (store = begun) });
