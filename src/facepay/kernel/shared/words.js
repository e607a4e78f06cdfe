// The page's words in the language of whoever reads it.
import en from "./words.en.js";
import ko from "./words.ko.js";
import zh from "./words.zh.js";

const WORDS = { en, zh, ko };
const TAGS = { en: "en", zh: "zh-Hans", ko: "ko" };
export const LANGUAGES = { en: "English", zh: "中文", ko: "한국어" };
const KEPT_AS = "facepay.language";

const wished = navigator.languages.map((each) => each.slice(0, 2));
let language = sessionStorage.getItem(KEPT_AS) ?? wished.find((each) => each in WORDS) ?? "en";

export const current = () => language;
export const tag = () => TAGS[language];

export function choose(chosen) {
  language = chosen;
  sessionStorage.setItem(KEPT_AS, chosen);
}

export const has = (key) => key in en;

/** The words for a key, with {names} filled in from `facts`; plural forms go by `facts.count`. */
export function say(key, facts) {
  let words = WORDS[language][key];
  if (typeof words !== "string") words = words[new Intl.PluralRules(language).select(facts.count)] ?? words.other;
  return words.replace(/{(\w+)}/g, (_, name) => facts[name] ?? "");
}

// ISO 4217: the currencies whose minor unit is not a hundredth. Browsers go by custom, which is another matter.
const WHOLE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split(" ");
const THOUSANDTHS = "BHD IQD JOD KWD LYD OMR TND".split(" ");

/** Minor units as money: 5900 CNY is ¥59.00, 5900 KRW is ₩5,900. */
export function money(amount, currency) {
  const digits = WHOLE.includes(currency) ? 0 : THOUSANDTHS.includes(currency) ? 3 : 2;
  const exact = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(tag(), { style: "currency", currency, ...exact }).format(amount / 10 ** digits);
}

export function clock(seconds) {
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0"));
  const hours = Math.floor(seconds / 3600);
  return hours ? `${hours}:${parts.join(":")}` : `${Number(parts[0])}:${parts[1]}`;
}
