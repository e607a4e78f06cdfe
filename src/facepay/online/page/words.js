// The page's words in the language of whoever reads it.
import en from "./words.en.js";
import ko from "./words.ko.js";
import zh from "./words.zh.js";

const WORDS = { en, zh, ko };
const TAGS = { en: "en", zh: "zh-Hans", ko: "ko" };
export const LANGUAGES = { en: "English", zh: "中文", ko: "한국어" };
const KEPT_AS = "facepay.language";

let language = sessionStorage.getItem(KEPT_AS) ?? preferred();

function preferred() {
  const wished = navigator.languages.map((tag) => tag.slice(0, 2));
  return wished.find((tag) => tag in WORDS) ?? "en";
}

export const current = () => language;
export const tag = () => TAGS[language];

export function choose(wished) {
  language = wished;
  sessionStorage.setItem(KEPT_AS, wished);
}

export const has = (key) => key in en;

/** The words for a key, with {names} filled in from `facts`; plural forms go by `facts.attempts`. */
export function say(key, facts) {
  let words = WORDS[language][key];
  if (typeof words !== "string") words = words[new Intl.PluralRules(language).select(facts.attempts)] ?? words.other;
  return words.replace(/{(\w+)}/g, (_, name) => facts[name] ?? "");
}

/** Minor units as money: 5900 CNY is ¥59.00, 5900 KRW is ₩5,900. */
export function money(amount, currency) {
  const format = new Intl.NumberFormat(tag(), { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

export function clock(seconds) {
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
  const hours = Math.floor(seconds / 3600);
  return hours ? `${hours}:${parts.join(":")}` : `${Number(parts[0])}:${parts[1]}`;
}
