// What kiosks and gates have in common: pairing, starting, looking into the camera, and second factors.
import { Unreachable } from "./calls.js";
import { PACE } from "./camera.js";
import { find, fill, show } from "./screen.js";
import { has, say } from "./words.js";

const FRAMES = 3;
const EVERY_MS = 150;
const RETRY_MS = 5000;

/** Until the tablet is a device and knows what it is: by the code in the address, or one that is typed. */
export async function pairUp(device) {
  const code = codeInAddress();
  if (code) {
    device.forget();
    await device.pair(code).catch((error) => complain(error));
  }
  while (!device.about) {
    if (!device.isPaired) await pairByHand(device);
    await device.learn().catch(async (error) => {
      if (!(error instanceof Unreachable)) return;
      show("unreachable");
      await new Promise((done) => setTimeout(done, RETRY_MS));
    });
  }
}

/** Out of the address bar and of history at once: it is good for one pairing. */
function codeInAddress() {
  const code = new URLSearchParams(location.hash.slice(1)).get("pair");
  if (code) history.replaceState(null, "", location.pathname);
  return code;
}

function pairByHand(device) {
  show("pair");
  const form = find("#pair-form");
  const input = form.querySelector("input");
  input.focus();
  return new Promise((done) => {
    form.onsubmit = async (event) => {
      event.preventDefault();
      try {
        await device.pair(input.value.trim());
        form.reset();
        complain(null);
        done();
      } catch (error) {
        complain(error);
        input.focus();
      }
    };
  });
}

function complain(error) {
  const key = error && (error instanceof Unreachable ? "pair_unreachable" : `pair_${error.status === 429 ? "rate_limited" : error.code}`);
  tell(find("#pair-wrong"), key && (has(key) ? key : "pair_refused"));
}

/** A tap is what lets a page use sound and keep the screen awake. */
export async function start(device) {
  show("start");
  find("[data-screen=start] .depth").hidden = !device.about.presentation_checks.includes("depth");
  await new Promise((done) => find("[data-do=start]").addEventListener("click", done, { once: true }));
  stayAwake();
  document.addEventListener("visibilitychange", () => document.hidden || stayAwake());
}

function stayAwake() {
  navigator.wakeLock?.request("screen").catch(() => {});
}

/** Frames of whoever stands before the camera, who is asked to do something first where the device has to. */
export async function look(device, camera, calls) {
  const form = new FormData();
  let frames;
  if (device.about.presentation_checks.includes("challenge")) {
    const challenge = await device.ask("POST", `${calls}/challenges`);
    form.set("challenge_id", challenge.id);
    const steps = challenge.steps.map((step) => step.action);
    frames = await camera.film(steps, (step, number, ms) => prompt(step, number / steps.length, ms));
  } else {
    prompt("look", 0, 0);
    frames = await camera.burst(FRAMES, EVERY_MS);
  }
  frames.forEach((frame, number) => form.append("frame", frame, `${number}.jpg`));
  return form;
}

function prompt(step, share, ms) {
  const section = find("section:not([hidden])");
  section.dataset.step = step ?? "rest";
  tell(section.querySelector(".prompt"), `do_${step ?? "rest"}`);
  const progress = section.querySelector(".progress");
  progress.style.setProperty("--share", step ? share : 0);
  progress.style.setProperty("--lasts", `${ms || PACE.settle}ms`);
}

/**
 * Digits that somebody types on the screen's pad or a keyboard, or null where they would rather not.
 * `factor` is pin, phone_last_four or pass; `wrong` are words on the try before. None of it stays in the page.
 */
export function askFor(factor, { wrong, expiresAt } = {}) {
  const place = find("[data-screen=ask] .middle");
  place.replaceChildren(find("#ask-template").content.cloneNode(true));
  const [form, input, pad] = ["form", "input", ".pad"].map((each) => place.querySelector(each));
  place.querySelector("h1").dataset.words = `ask_${factor}`;
  place.querySelector("label").dataset.words = `label_${factor}`;
  const alert = place.querySelector("[role=alert]");
  if (factor === "pass") input.type = "text";
  input.maxLength = factor === "phone_last_four" ? 4 : factor === "pin" ? 12 : 52;
  show("ask");
  tell(alert, wrong);
  input.focus();
  pad.addEventListener("pointerdown", (event) => event.preventDefault()); // the keyboard goes on into the field
  pad.addEventListener("click", (event) => {
    const { digit } = event.target.dataset;
    if (digit === undefined) return;
    input.value = digit ? input.value + digit : input.value.slice(0, -1);
  });
  return new Promise((done) => {
    const end = (given) => {
      clearTimeout(timer);
      place.replaceChildren();
      done(given);
    };
    const timer = setTimeout(() => end(null), expiresAt ? Math.max(0, Date.parse(expiresAt) - Date.now()) : 60_000);
    find("[data-do=refuse]").onclick = () => end(null);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const given = input.value.trim();
      if (!SHAPES[factor].test(given)) return tell(alert, `shape_${factor}`);
      end(given);
    });
  });
}

const SHAPES = { pin: /^[0-9]{4,12}$/, phone_last_four: /^[0-9]{4}$/, pass: /^([0-9]{8}|[\w-]{52})$/ };

/**
 * A decision that asks for a second factor, until it asks for none. Where somebody would rather not, null.
 * `calls` is where its answers go, `busy` shows that one is on its way.
 */
export async function stepUp(device, decision, calls, { busy, doubt, lastsMs }) {
  let now = decision;
  let asked = null;
  while (now.decision === "step_up") {
    asked = now.step_up ?? asked;
    const wrong = now.code === "wrong_answer" ? "wrong_answer" : null;
    const given = await askFor(asked.factor, { wrong, expiresAt: asked.expires_at });
    if (given === null) return null;
    busy();
    const body = asked.factor === "pass" ? { pass: given } : { answer: given };
    now = await device.insist(`${calls}/step-up`, body, { doubt, lastsMs });
  }
  return now;
}

/** Write these words into an element; none empty it. */
export function tell(element, key) {
  if (key) element.dataset.words = key;
  else delete element.dataset.words;
  if (key) fill();
  else element.textContent = "";
}

/** What to say of a refusal: what the person can do, as the API advises, or else what its code means. */
export function adviceOf(answer) {
  const code = [...answer.feedback.map((each) => each.code), answer.code].find((each) => has(`do_${each}`) || has(`no_${each}`));
  if (!code) return "no_other";
  return has(`do_${code}`) ? `do_${code}` : `no_${code}`;
}

export const spoken = (key) => say(key, {});
