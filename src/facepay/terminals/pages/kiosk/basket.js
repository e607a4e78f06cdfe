// The basket: what is in it, at the prices that the API last said.
import { Refused } from "./calls.js";
import { money, say } from "./words.js";

const EACH_MAX = 999;

export class Basket {
  #lines = new Map();
  #quote = null;
  #asked = 0;
  #list;
  #price;
  #changed;

  /** Shown in `list`. `price(lines)` asks what lines cost; `changed(fault)` is called once that is known, or isn't. */
  constructor(list, price, changed) {
    this.#list = list;
    this.#price = price;
    this.#changed = changed;
    list.addEventListener("click", (event) => {
      const { sku, by } = event.target.closest("button")?.dataset ?? {};
      if (sku) this.#change(sku, Number(by));
    });
  }

  get isEmpty() {
    return this.#lines.size === 0;
  }

  /** Null while nobody knows what it costs. */
  get total() {
    return this.#quote && { amount: this.#quote.total, currency: this.#quote.currency };
  }

  get goods() {
    return { lines: [...this.#lines.values()].map(({ sku, quantity }) => ({ sku, quantity })) };
  }

  add(product) {
    if (!this.#lines.has(product.sku)) this.#lines.set(product.sku, { ...product, quantity: 0 });
    return this.#change(product.sku, 1);
  }

  empty() {
    this.#lines.clear();
    this.#quote = null;
    this.#asked++;
    this.draw();
    this.#changed();
  }

  #change(sku, by) {
    const line = this.#lines.get(sku);
    line.quantity = Math.min(EACH_MAX, line.quantity + by);
    line.total = null;
    if (line.quantity < 1) this.#lines.delete(sku);
    return this.reprice();
  }

  /** Only the last answer counts: an earlier one is about another basket. */
  async reprice() {
    const asked = ++this.#asked;
    this.#quote = null;
    this.draw();
    if (this.isEmpty) return this.#changed();
    this.#changed("pricing");
    let fault;
    try {
      const quote = await this.#price(this.goods);
      if (asked !== this.#asked) return;
      this.#quote = quote;
      for (const line of quote.lines) Object.assign(this.#lines.get(line.sku), line, { price: line.unit_price });
    } catch (error) {
      if (asked !== this.#asked) return;
      fault = error instanceof Refused ? (error.problem.reason ?? "refused") : "unreachable";
      this.mark(error.problem?.skus ?? []);
    }
    this.draw();
    this.#changed(fault);
  }

  /** These skus are at fault. */
  mark(skus) {
    for (const line of this.#lines.values()) line.isAtFault = skus.includes(line.sku);
    this.draw();
  }

  draw() {
    const held = document.activeElement?.closest?.(".lines button")?.dataset;
    const key = held && `[data-sku="${CSS.escape(held.sku)}"][data-by="${held.by}"]`;
    this.#list.replaceChildren(...[...this.#lines.values()].map(rowOf));
    if (key) this.#list.querySelector(key)?.focus();
  }
}

function rowOf(line) {
  const row = make("li", line.isAtFault ? "fault" : "");
  const what = make("div", "what");
  what.append(make("span", "name", line.name), make("span", "each", eachOf(line)));
  const count = make("div", "count");
  count.append(step(line, -1, "−", "fewer"), make("output", "", String(line.quantity)), step(line, 1, "+", "more"));
  const total = line.total ?? line.price * line.quantity;
  row.append(what, count, make("span", "sum", money(total, line.currency)));
  return row;
}

function eachOf(line) {
  const each = say("each", { price: money(line.price, line.currency) });
  const age = line.age_min ? ` · ${say("age", { years: line.age_min })}` : "";
  return `${each}${age}${line.isAtFault ? ` · ${say("at_fault", {})}` : ""}`;
}

function step(line, by, sign, key) {
  const button = make("button", "step", sign);
  button.type = "button";
  Object.assign(button.dataset, { sku: line.sku, by });
  button.setAttribute("aria-label", say(key, { name: line.name }));
  return button;
}

export function make(tag, className, text) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
}
