import { Store, credentials, make, stayAwake } from "./live.js";

const FRESH_MS = 15_000;
const LOST_SHOWN_AFTER_MS = 4000; // a connection that is cut and back at once troubles nobody
// In heights of a line and widths of a character, in em; and the sizes, as shares of the list's height.
const SHAPES = {
  ready: { line: 1.55, character: 0.72, beside: 0.55, largest: 0.3, smallest: 0.085 },
  preparing: { line: 1.17, character: 0.7, beside: 0.45, largest: 0.22, smallest: 0.075 },
};
const COLUMNS_MAX = 6;
const WORDS = {
  lost: (since) => `更新中断 · Not up to date · 갱신 중단${since ? ` · ${since}` : ""}`,
  refused: () => "This screen's token no longer counts · 屏幕已停用 · 사용 중지된 화면",
};
const find = (selector) => document.querySelector(selector);
const time = (at) => at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
let shown = { ready: [], preparing: [] };
let toldAt = null;
let losing = null;

function show(board) {
  clearTimeout(losing);
  losing = null;
  const first = toldAt === null;
  toldAt = new Date();
  document.body.dataset.state = "live";
  const fresh = first ? [] : board.ready.filter((number) => !shown.ready.includes(number));
  shown = board;
  layOut();
  for (const item of find(".ready .numbers").children) if (fresh.includes(item.textContent)) freshen(item);
  const minutes = Math.max(1, Math.round(board.wait_seconds / 60));
  find(".wait").hidden = board.wait_seconds === null;
  find(".wait b").textContent = `${minutes} min`;
}

function layOut() {
  for (const name of Object.keys(SHAPES)) {
    const list = find(`.${name} .numbers`);
    const { count, columns, size } = fit(list, shown[name], SHAPES[name]);
    list.style.setProperty("--columns", columns);
    list.style.setProperty("--size", `${size}px`);
    fill(list, shown[name].slice(0, count));
    find(`.${name} .more`).textContent = count < shown[name].length ? `+${shown[name].length - count}` : "";
  }
}

/** As many of the numbers as can be read from afar, and the columns in which they are largest. */
function fit(list, numbers, shape) {
  const { clientWidth: width, clientHeight: height } = list;
  const cell = Math.max(3, ...numbers.map((number) => number.length)) * shape.character + shape.beside;
  for (let count = numbers.length; ; count -= 1) {
    const sizes = Array.from({ length: COLUMNS_MAX }, (_, index) => {
      const rows = Math.max(1, Math.ceil(count / (index + 1)));
      return Math.min(width / (index + 1) / cell, height / rows / shape.line, height * shape.largest);
    });
    const size = Math.max(...sizes);
    if (size >= height * shape.smallest || count <= 1) return { count, columns: sizes.indexOf(size) + 1, size };
  }
}

function fill(list, numbers) {
  const known = new Map([...list.children].map((item) => [item.textContent, item]));
  for (const [number, item] of known) if (!numbers.includes(number)) item.remove();
  numbers.forEach((number, place) => {
    const item = known.get(number) ?? make("li", "", number);
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
  });
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
  clearTimeout(losing);
  losing = null;
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
  stayAwake();
  new ResizeObserver(layOut).observe(find("main"));
  new Store(given).follow({ told: show, lost: lose });
} else {
  document.body.dataset.state = "setup";
}
