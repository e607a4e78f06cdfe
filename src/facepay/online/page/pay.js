// Pay by smile: what the API says of the payment decides which screen is shown.
import { Api } from "./api.js";
import { Refused, Unreachable, pause } from "./calls.js";
import { Camera, CameraFault } from "./camera.js";
import { hostOf, remember as speakOf, tellTime } from "./payment.js";
import { fill, find, keyOf, show, shown } from "./screen.js";
import { clock } from "./words.js";

const KEPT_AS = "facepay.payment";
const LOOK_AGAIN_MS = 1500;
const RETURN_AFTER_MS = 3000;
const SHORT_SECONDS = 60;
// One message for what comes to the same for a person.
const SAME = {
  challenge_face_swapped: "faces_disagree",
  challenge_frames_missing: "challenge_incomplete",
  challenge_unknown: "challenge_expired",
  challenge_spent: "challenge_expired",
  frame_seen_before: "challenge_incomplete",
  liveness_unmeasured: "refused",
  replay_unmeasured: "refused",
  store_daily_limit: "daily_limit",
  wallet_frozen: "member_blocked",
};

const camera = new Camera(find("video"), interrupted);
const secret = takeSecret();
const api = new Api(secret);
let intent = null;
let resend = null;

/** Out of the address bar and of history at once; a reload finds it again until the payment has ended. */
function takeSecret() {
  const given = location.hash.slice(1);
  if (given) {
    history.replaceState(null, "", location.pathname);
    sessionStorage.setItem(KEPT_AS, given);
  }
  const kept = sessionStorage.getItem(KEPT_AS) ?? "";
  return /^[\w-]+$/.test(kept) ? kept : null;
}

function begin() {
  return secret ? look(follow) : end("wrong_link");
}

/** Ask how the payment stands. */
async function look(then) {
  resend = () => look(then);
  try {
    then(await api.intent());
  } catch (error) {
    if (error instanceof Refused && error.status === 401) end("wrong_link");
    else show("unreachable");
  }
}

/** Send what moves the payment on. Where no answer comes, the payment itself is asked: nothing is sent twice. */
async function send(request) {
  const before = intent;
  show("checking");
  try {
    answered(await request());
  } catch (error) {
    if (error instanceof Unreachable) return look((now) => afterDoubt(before, now));
    if (error.status === 409 || error.status === 401) return look(follow);
    refused(error.status === 503 ? "overloaded" : "refused");
  }
}

function afterDoubt(before, now) {
  if (now.status === "requires_action" && now.attempts_left === before.attempts_left && sameWays(before, now)) {
    remember(now);
    return refused("lost");
  }
  answered(now);
}

const sameWays = (one, other) => one.ways.join() === other.ways.join();

function remember(now) {
  intent = now;
  speakOf(now);
  tick();
}

/** The payment as it is found, with nothing tried just before. */
function follow(now) {
  const isFirst = intent === null;
  remember(now);
  if (now.status === "succeeded") return isFirst ? end("already_paid", "done") : succeed();
  if (now.status === "canceled") return ended();
  if (now.status === "requires_confirmation") return end("not_confirmed");
  if (now.status === "processing") return lookAgain(follow);
  if (!now.ways.length) return noWay();
  const options = [...now.ways, "cancel"];
  show("offer", { options });
  find(".both").hidden = now.ways_needed < 2;
  find("[data-screen=offer] .note").hidden = !now.ways.includes("face");
  find("[data-screen=offer] [data-do=pin]").dataset.words = now.ways.includes("face") && now.ways_needed < 2 ? "use_pin" : "pay_pin";
  fill();
}

/** The payment after something was tried. */
function answered(now) {
  const tried = intent;
  remember(now);
  if (now.status === "succeeded") return succeed();
  if (now.status === "canceled") return ended();
  if (now.status === "processing") return lookAgain(answered);
  const code = now.last_payment_error?.code;
  if (!code) return sameWays(tried, now) ? follow(now) : askForOther();
  if (code === "wrong_pin" && now.ways.includes("pin")) return askForPin("pin_title", code);
  if (!now.ways.length) return noWay(SAME[code] ?? code);
  refused(SAME[code] ?? code);
}

async function lookAgain(then) {
  show("checking");
  await pause(LOOK_AGAIN_MS);
  return look(then);
}

/** One of two proofs is there. */
function askForOther() {
  if (intent.ways.includes("pin")) return askForPin("pin_after_face");
  find("[data-screen=refused] [data-do=face]").dataset.words = "pay_face";
  show("refused", { words: "face_after_pin", options: ["face", "cancel"] });
  find("[data-screen=refused] .left").hidden = true;
}

function refused(code) {
  find("[data-screen=refused] [data-do=face]").dataset.words = "again";
  show("refused", { words: keyOf(code), options: [...intent.ways, "cancel"] });
  find("[data-screen=refused] .left").hidden = intent.attempts_left > 2;
}

function noWay(code) {
  end(code && keyOf(code) === code ? code : "no_way");
}

function succeed() {
  show("done", { words: "paid" });
  leave(true);
}

function ended() {
  const why = intent.cancellation_reason;
  end(["expired", "failed_verification"].includes(why) ? why : "canceled");
}

/** Nothing more can be done here. `return_url` is there once the payment has ended. */
function end(words, screen = "ended") {
  show(screen, { words });
  leave(false);
}

function leave(atOnce) {
  camera.stop();
  const url = wayBack();
  const hasEnded = ["succeeded", "canceled"].includes(intent?.status);
  if (hasEnded || !intent) sessionStorage.removeItem(KEPT_AS);
  const section = find(`section[data-screen=${shown()}]`);
  const link = section.querySelector("a");
  link.hidden = !url;
  if (url) link.href = url;
  const after = section.querySelector(".after");
  after.dataset.words = url ? (atOnce ? "returning" : "leads_to") : "close_page";
  fill();
  if (atOnce && url) setTimeout(() => location.replace(url), RETURN_AFTER_MS);
}

const wayBack = () => (hostOf(intent?.return_url) ? intent.return_url : null);

async function openCamera() {
  const section = find("[data-screen=camera]");
  section.dataset.phase = "opening";
  section.dataset.step = "";
  show("camera", { words: "camera_opening" });
  section.querySelector("[data-do=pin]").hidden = !intent.ways.includes("pin");
  await withCamera(async () => {
    await camera.open();
    section.dataset.phase = "ready";
    show("camera", { words: "camera_ready" });
    section.querySelector("[data-do=begin]").focus({ preventScroll: true });
  });
}

async function film() {
  const section = find("[data-screen=camera]");
  section.dataset.phase = "running";
  section.querySelector("h1").focus({ preventScroll: true });
  await withCamera(async () => {
    const challenge = await api.challenge();
    const steps = challenge.steps.map((step) => step.action);
    const frames = await camera.film(steps, (step, number, ms) => prompt(section, steps, step, number, ms));
    camera.stop();
    await send(() => api.confirmByFace(challenge.id, frames));
  });
}

function prompt(section, steps, step, number, ms) {
  section.dataset.step = step ?? "rest";
  show("camera", { words: `do_${step ?? "rest"}` });
  const progress = section.querySelector(".progress");
  progress.style.setProperty("--share", (number + 1) / (steps.length + 1));
  progress.style.setProperty("--lasts", `${ms}ms`);
  navigator.vibrate?.(30); // whoever has turned away doesn't see the screen
}

async function withCamera(work) {
  const progress = find(".progress");
  progress.style.setProperty("--share", 0);
  progress.style.setProperty("--lasts", "0ms");
  try {
    await work();
  } catch (error) {
    if (shown() !== "camera" || error.message === "left") return;
    camera.stop();
    if (error instanceof CameraFault) needsHelp(error.message);
    else look(follow);
  }
}

function interrupted() {
  camera.stop();
  needsHelp("interrupted");
}

function needsHelp(fault) {
  show("help", { words: `camera_${fault}`, options: [...intent.ways, "back"] });
}

/** The form is made for each try and taken away with it, so that no PIN stays in the page. */
function askForPin(words, wrong) {
  camera.stop();
  const middle = find("[data-screen=pin] .middle");
  middle.replaceChildren(find("#pin-template").content.cloneNode(true));
  show("pin", { words, options: [...intent.ways.filter((way) => way !== "pin"), "cancel"] });
  const [form, input, alert] = ["form", "input", "[role=alert]"].map((each) => middle.querySelector(each));
  const complain = (...keys) => {
    alert.replaceChildren(...keys.map(sentence));
    input.setAttribute("aria-invalid", "true");
    fill();
    input.focus();
  };
  if (wrong) complain(wrong, "attempts_left");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const pin = input.value;
    if (!/^[0-9]{4,12}$/.test(pin)) return complain("pin_shape");
    middle.replaceChildren();
    send(() => api.confirmByPin(pin));
  });
  input.focus();
}

function sentence(key) {
  const element = document.createElement("span");
  element.dataset.words = key;
  return element;
}

function tick() {
  if (!intent) return;
  const seconds = Math.max(0, Math.ceil((Date.parse(intent.expires_at) - Date.now() - api.ahead) / 1000));
  tellTime(clock(seconds), seconds < SHORT_SECONDS);
  if (seconds === 0 && ["offer", "refused", "help", "pin"].includes(shown())) look(follow);
}

const DOES = {
  face: openCamera,
  pin: () => askForPin("pin_title"),
  begin: film,
  back: () => {
    camera.stop();
    follow(intent);
  },
  cancel: () => find("dialog").showModal(),
  keep: () => find("dialog").close(),
  really_cancel: () => {
    find("dialog").close();
    send(() => api.cancel());
  },
  resend: () => resend(),
};

document.addEventListener("click", (event) => {
  const action = event.target.closest("[data-do]")?.dataset.do;
  if (action) DOES[action]();
});
document.addEventListener("visibilitychange", () => document.hidden && camera.isOn && interrupted());
addEventListener("pagehide", () => camera.stop());
addEventListener("pageshow", (event) => event.persisted && location.reload());
addEventListener("hashchange", () => location.reload());
setInterval(tick, 1000);
fill();
begin();
