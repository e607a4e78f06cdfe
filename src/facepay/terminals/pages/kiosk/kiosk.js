// A tablet as a kiosk: a basket, a face, a receipt.
import { Basket } from "./basket.js";
import { Refused, Unreachable } from "./calls.js";
import { Camera, CameraFault } from "./camera.js";
import { Device } from "./device.js";
import { Finder } from "./finding.js";
import { writeReceipt } from "./receipt.js";
import { fill, find, show, shown, speakOf } from "./screen.js";
import { play } from "./sound.js";
import { adviceOf, askFor, look, pairUp, start, stepUp, tell } from "./terminal.js";
import { current, has, money } from "./words.js";

const SETTLE_MS = 1000;
const FORGET_AFTER_MS = 180_000;
const RECEIPT_LASTS_MS = 60_000;

const device = new Device("kiosk", { lost: () => location.reload(), reached: tellOfLink });
const camera = new Camera(find(".stage video"), () => interrupted());
const basket = new Basket(find(".lines"), (goods) => device.ask("POST", `${calls()}/quotes`, goods), priced);
const finder = new Finder(device, (product) => basket.add(product));
let paid = null;
let turn = 0;
let touchedAt = performance.now();

const calls = () => `v1/kiosks/${device.id}`;

speakOf(() => ({ shop: device.about?.store_name }));
begin();

async function begin() {
  await pairUp(device);
  fill();
  device.beat(() => (shown() === "help" ? find("[data-screen=help] h1").dataset.words : "ok"));
  await start(device);
  const missed = await device.missedAnswer(doubt);
  if (missed?.decision === "paid") thank(missed);
  else toBasket();
  setInterval(forgetWhoLeft, 1000);
}

function tellOfLink(isReached) {
  const wasReached = find(".link").hidden;
  find(".link").hidden = isReached;
  if (isReached && !wasReached && !basket.total) basket.reprice();
}

function toBasket() {
  turn++;
  camera.stop();
  show("basket");
  find("#code").focus();
}

/** What the basket costs is known, or why it isn't. */
function priced(fault) {
  const { total } = basket;
  find(".total").textContent = total ? money(total.amount, total.currency) : basket.isEmpty ? "" : "…";
  for (const name of ["pay", "pass"]) find(`.foot [data-do=${name}]`).disabled = !total;
  find("[data-do=empty]").hidden = find(".foot .sum").hidden = basket.isEmpty;
  if (fault !== "pricing") tell(find("#said"), fault && (has(`basket_${fault}`) ? `basket_${fault}` : "basket_refused"));
}

/** By face: the same basket and frames go out under one key until there is an answer. */
async function pay() {
  finder.stop();
  show("camera");
  const mine = ++turn;
  await charge(async () => {
    await camera.open();
    await new Promise((done) => setTimeout(done, SETTLE_MS));
    const form = await look(device, camera, calls());
    if (mine !== turn) throw new CameraFault("left");
    camera.stop();
    form.set("basket", JSON.stringify(basket.goods));
    show("checking");
    return device.insist(`${calls()}/checkouts`, form, { doubt });
  });
}

async function payByPass() {
  finder.stop();
  await charge(async () => {
    const given = await askFor("pass");
    if (given === null) return null;
    show("checking");
    return device.insist(`${calls()}/checkouts/pass`, { pass: given, basket: basket.goods }, { doubt });
  });
}

/** `send` asks for a decision; whatever it asks for is asked of the person, and what comes of it is shown. */
async function charge(send) {
  try {
    const first = await send();
    if (first === null) return toBasket();
    const path = `${calls()}/checkouts/${first.checkout_id}`;
    const decision = await stepUp(device, first, path, { busy: () => show("checking"), doubt });
    if (decision === null) toBasket();
    else if (decision.decision === "paid") thank(decision);
    else refuse(decision);
  } catch (error) {
    camera.stop();
    if (error instanceof CameraFault) needsHelp(error.message);
    else if (error instanceof Unreachable) refuseIn("no_unreachable");
    else if (error instanceof Refused) refuseIn(has(`no_${error.code}`) ? `no_${error.code}` : "no_other");
    else throw error;
  }
}

function doubt() {
  show("doubt");
}

function refuse(decision) {
  basket.mark(decision.skus);
  refuseIn(adviceOf(decision));
}

function refuseIn(words) {
  play("no");
  tell(find("[data-screen=refused] .why"), words);
  show("refused");
}

function thank(decision) {
  paid = decision;
  play("yes");
  const { order } = decision;
  const pickup = find(".pickup");
  pickup.hidden = !order.pickup_number;
  pickup.lastElementChild.textContent = order.pickup_number ?? "";
  writeReceipt(find(".receipt"), order, device.about);
  find("#mail").hidden = !device.about.mails_receipts;
  basket.empty();
  show("paid");
}

/** What was typed is taken out of the page as it is sent. */
async function mail(event) {
  event.preventDefault();
  const input = find("#address");
  if (!input.checkValidity() || !input.value) return tell(find("#mailed"), "mail_shape");
  const body = { email: input.value, language: current() };
  input.value = "";
  try {
    await device.ask("POST", `${calls()}/checkouts/${paid.checkout_id}/receipts`, body);
    tell(find("#mailed"), "mailed");
  } catch (error) {
    const shape = error.status === 422 ? "mail_shape" : "mail_failed";
    tell(find("#mailed"), error.code === "too_many_receipts" ? "mail_enough" : shape);
  }
}

/** Nothing of the last customer stays for the next. */
function done() {
  paid = null;
  find(".receipt").replaceChildren();
  find("#mail").reset();
  tell(find("#mailed"), null);
  basket.empty();
  finder.clear();
  finder.stop();
  toBasket();
}

function forgetWhoLeft() {
  const idle = performance.now() - touchedAt;
  if (shown() === "paid" && idle > RECEIPT_LASTS_MS) return done();
  if (["basket", "refused", "help"].includes(shown()) && !basket.isEmpty && idle > FORGET_AFTER_MS) done();
}

function interrupted() {
  camera.stop();
  if (shown() === "camera") needsHelp("interrupted");
}

function needsHelp(fault) {
  if (fault === "left" || shown() !== "camera") return;
  show("help", { words: `camera_${fault}` });
}

const DOES = {
  pay,
  pass: payByPass,
  back: toBasket,
  empty: done,
  done,
  scan: () => finder.toggle(),
  print: () => print(),
  now: () => device.tryNow(),
};

document.addEventListener("click", (event) => DOES[event.target.closest("[data-do]")?.dataset.do]?.());
document.addEventListener("keydown", (event) => shown() === "basket" && finder.typed(event));
for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, () => (touchedAt = performance.now()));
document.addEventListener("visibilitychange", () => document.hidden && camera.isOn && interrupted());
find("#mail").addEventListener("submit", mail);
find(".language").addEventListener("change", () => {
  basket.draw();
  priced();
  if (paid) writeReceipt(find(".receipt"), paid.order, device.about);
});
addEventListener("online", () => basket.total || basket.reprice());
addEventListener("pagehide", () => camera.stop());
addEventListener("beforeunload", (event) => ["checking", "doubt"].includes(shown()) && event.preventDefault());
addEventListener("hashchange", () => location.reload());
