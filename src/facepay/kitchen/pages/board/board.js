import { Store, credentials, make } from "./live.js";

const FRESH_MS = 15_000;
const LOST_SHOWN_AFTER_MS = 4000; // a connection that is cut and back at once troubles nobody
const SHOWN_MAX = { ready: 20, preparing: 30 };
const WORDS = {
  lost: (since) => `更新中断 · Not up to date · 갱신 중단${since ? ` · ${since}` : ""}`,
  refused: () => "This screen's token no longer counts · 屏幕已停用 · 사용 중지된 화면",
};
const find = (selector) => document.querySelector(selector);
const time = (at) => at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
let toldAt = null;
let losing = null;

function show(board) {
  clearTimeout(losing);
  losing = null;
  const first = toldAt === null;
  toldAt = new Date();
  document.body.dataset.state = "live";
  showNumbers("ready", board.ready, { flash: !first });
  showNumbers("preparing", board.preparing, {});
  const minutes = Math.max(1, Math.round(board.wait_seconds / 60));
  find(".wait").hidden = board.wait_seconds === null;
  find(".wait b").textContent = `${minutes} min`;
}

function showNumbers(name, numbers, { flash }) {
  const list = find(`.${name} .numbers`);
  const known = new Map([...list.children].map((item) => [item.textContent, item]));
  const shown = numbers.slice(0, SHOWN_MAX[name]);
  for (const [number, item] of known) if (!shown.includes(number)) item.remove();
  shown.forEach((number, place) => {
    const item = known.get(number) ?? make("li", "", number);
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
    if (flash && !known.has(number)) freshen(item);
  });
  list.dataset.density = density(name, shown.length);
  const more = find(`.${name} .more`);
  more.hidden = numbers.length === shown.length;
  more.textContent = `+ ${numbers.length - shown.length}`;
}

function density(name, count) {
  if (name === "preparing") return count > 10 ? "many" : "few";
  if (count > 12) return "many";
  return count > 6 ? "some" : "few";
}

function freshen(item) {
  item.classList.add("fresh");
  setTimeout(() => item.classList.remove("fresh"), FRESH_MS);
}

function lose({ refused }) {
  if (refused) return say("refused");
  losing ??= setTimeout(() => say("lost"), LOST_SHOWN_AFTER_MS);
}

function say(state) {
  document.body.dataset.state = state;
  find(".offline .words").textContent = WORDS[state](toldAt && time(toldAt));
}

function tick() {
  find(".clock").textContent = time(new Date());
}

const given = credentials();
if (given) {
  tick();
  setInterval(tick, 1000);
  new Store(given).follow({ told: show, lost: lose });
} else {
  document.body.dataset.state = "setup";
}
