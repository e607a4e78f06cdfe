// The receipt: what was paid, for the screen and the printer.
import { make } from "./basket.js";
import { money, say, tag } from "./words.js";

/** An order of the API, written into `place`. */
export function writeReceipt(place, order, about) {
  const inMoney = (amount) => money(amount, order.currency);
  const paidAt = new Intl.DateTimeFormat(tag(), { dateStyle: "medium", timeStyle: "short", timeZone: about.timezone });
  const table = make("table");
  table.append(...order.lines.map((line) => row(line.name, quantityOf(line), inMoney(line.total + line.discount))));
  for (const { label, amount } of order.discounts) table.append(row(`${say("discount", {})} ${label}`, "", inMoney(-amount)));
  const total = row(say("total", {}), "", inMoney(order.total));
  total.className = "total";
  table.append(total, row(say("tax", {}), "", inMoney(order.tax)));
  for (const [key, amount] of [["gift", order.gift], ["points", order.points_value], ["wallet", order.wallet]]) {
    if (amount) table.append(row(say(key, {}), "", inMoney(amount)));
  }
  place.replaceChildren(
    make("h2", "", about.store_name),
    ...(about.store_address ? [make("p", "", about.store_address)] : []),
    make("p", "", `${paidAt.format(new Date(order.created_at))} · ${about.name}`),
    table,
    make("p", "number", `${say("order", {})} ${order.id}`),
  );
}

const quantityOf = (line) => (line.sold_by === "weight" ? `${line.quantity} g` : `× ${line.quantity}`);

function row(name, quantity, amount) {
  const cells = [make("th", "", name), make("td", "", quantity), make("td", "", amount)];
  cells[0].scope = "row";
  const line = make("tr");
  line.append(...cells);
  return line;
}
