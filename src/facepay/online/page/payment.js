// The payment that is spoken of, in the words and figures of whoever reads.
import { fill, find, speakOf, write } from "./screen.js";
import { money, say } from "./words.js";

let payment = null;
let left = "";

speakOf(facts);

export function remember(intent) {
  payment = intent;
  find("main").dataset.known = "";
  document.querySelectorAll(".mark").forEach((each) => write(each, [...intent.shop][0] ?? ""));
  fill();
}

export function tellTime(text, isShort) {
  left = text;
  const until = find(".until");
  until.classList.toggle("short", isShort);
  write(until.lastElementChild, say("until", { left }));
}

function facts() {
  if (!payment) return { left };
  return {
    left,
    shop: payment.shop,
    description: payment.description ?? "",
    amount: money(payment.amount, payment.currency),
    attempts: payment.attempts_left,
    count: payment.attempts_left,
    host: hostOf(payment.return_url),
  };
}

/** Where an address leads, as whoever follows it should see it before; null where it is no web address. */
export function hostOf(address) {
  return /^https?:\/\//.test(address ?? "") ? new URL(address).host : null;
}
