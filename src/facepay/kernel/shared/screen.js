// What is shown: one screen at a time, in the reader's language.
import { LANGUAGES, choose, current, has, say, tag } from "./words.js";

const sections = [...document.querySelectorAll("section[data-screen]")];
const main = document.querySelector("main");
let facts = () => ({});

export const find = (selector) => document.querySelector(selector);
export const shown = () => main.dataset.showing;

/** Show a screen, its heading in these words and what to do about it below; `options` are the buttons it offers. */
export function show(name, { words, options } = {}) {
  const changed = name !== shown();
  main.dataset.showing = name;
  main.removeAttribute("aria-busy");
  const [section] = sections.filter((each) => {
    each.hidden = each.dataset.screen !== name;
    return !each.hidden;
  });
  if (words) {
    section.querySelector("h1").dataset.words = words;
    const more = section.querySelector("h1 + p[data-words]");
    if (more) more.dataset.words = `${words}_more`;
  }
  if (options) {
    section.querySelectorAll("[data-do]").forEach((each) => (each.hidden = !options.includes(each.dataset.do)));
    const first = section.querySelector(".actions > :not([hidden])");
    section.querySelectorAll("button:not(.small)").forEach((each) => {
      each.className = each === first ? "primary" : "second";
    });
  }
  fill();
  if (changed) section.querySelector("h1").focus({ preventScroll: true });
}

/** What is spoken of: `source` gives what the words may name, anew each time that they are written. */
export function speakOf(source) {
  facts = source;
  fill();
}

export function fill() {
  const now = facts();
  document.documentElement.lang = tag();
  write(document.querySelector("title"), say("title", now));
  document.querySelectorAll("[data-words]").forEach((each) => write(each, say(each.dataset.words, now)));
  document.querySelectorAll("[data-fact]").forEach((each) => write(each, now[each.dataset.fact] ?? ""));
}

/** A code of the API as a key of our words, or else a general one. */
export const keyOf = (code) => (has(`${code}_more`) ? code : "refused");

// Only what changes is written, or a screen reader would say all of it again.
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const language = find(".language");
for (const [code, name] of Object.entries(LANGUAGES)) {
  const option = new Option(name, code);
  option.lang = code;
  language.add(option);
}
language.value = current();
language.addEventListener("change", () => {
  choose(language.value);
  fill();
});
