// A tablet as a gate: who may come in, and who goes out, in large letters.
import { Refused, Unreachable, pause } from "./calls.js";
import { Camera, CameraFault } from "./camera.js";
import { Device } from "./device.js";
import { watchFor } from "./motion.js";
import { fill, find, show, shown, speakOf } from "./screen.js";
import { play } from "./sound.js";
import { adviceOf, askFor, look, pairUp, start, stepUp, tell } from "./terminal.js";
import { has } from "./words.js";

const KEPT_AS = "facepay.gate.ways";
const LOOKS_MAX = 3;
const ADVICE_MS = 1800;
const ANSWER_MS = 4000;
const GIVES_UP_MS = 10_000;
const RETRY_MS = 5000;
// What a better picture may settle.
const PASSING = ["no_face", "low_quality", "faces_disagree", "face_covered"];

const device = new Device("gate", { lost: () => location.reload(), reached: (isReached) => (find(".link").hidden = isReached) });
const camera = new Camera(find("video"), () => help("interrupted"));
let way = "entries";
let guests = 0;
let isBusy = false;
let turn = 0;

const calls = () => `v1/gates/${device.id}`;
const options = { busy: () => show("checking"), doubt: () => tell(find("[data-screen=gate] .prompt"), "offline_wait"), lastsMs: GIVES_UP_MS };

speakOf(() => ({ shop: device.about?.store_name }));
begin();

async function begin() {
  await pairUp(device);
  fill();
  device.beat(() => (shown() === "help" ? find("[data-screen=help] h1").dataset.words : "ok"));
  const form = find("#ways");
  Object.assign(form.elements.namedItem("hands_free"), { checked: kept().handsFree });
  form.elements.namedItem("way").value = kept().way;
  await start(device);
  const chosen = { way: form.elements.namedItem("way").value, handsFree: form.elements.namedItem("hands_free").checked };
  localStorage.setItem(KEPT_AS, JSON.stringify(chosen));
  set(chosen);
  await wait();
}

const kept = () => JSON.parse(localStorage.getItem(KEPT_AS) ?? '{"way": "both", "handsFree": false}');

/** Which ways it opens. Without hands, where it is one way: nobody could tell which was meant. */
function set(chosen) {
  for (const each of ["entries", "exits"]) find(`[data-do=${each}]`).hidden = chosen.way !== "both" && chosen.way !== each;
  find(".guests").hidden = chosen.way === "exits" || device.about.guests_max === 0;
  if (chosen.way === "both" || !chosen.handsFree) return;
  watchFor(find("video"), () => !isBusy && shown() === "gate", () => go(chosen.way, { unasked: true }));
}

/** Ready for the next: the camera stays on. */
async function wait() {
  const mine = ++turn;
  guests = 0;
  find(".guests output").textContent = "0";
  const section = find("[data-screen=gate]");
  section.dataset.phase = "opening";
  section.dataset.step = "";
  show("gate", { words: "ready" });
  try {
    if (!camera.isOn) await camera.open();
    section.dataset.phase = "ready";
  } catch (error) {
    if (mine === turn) help(error.message);
  }
  isBusy = false;
}

/** Look, ask and show what came of it. Nobody who only walked by is shown a refusal. */
async function go(chosen, { unasked = false } = {}) {
  if (isBusy || !camera.isOn) return;
  way = chosen;
  await decided(async () => {
    for (let looks = 1; ; looks++) {
      find("[data-screen=gate]").dataset.phase = "running";
      const form = await look(device, camera, calls());
      if (way === "entries") form.set("guests", guests);
      tell(find("[data-screen=gate] .prompt"), "checking");
      const answer = await device.insist(`${calls()}/${way}`, form, options);
      if (unasked && answer.code === "no_face") return null;
      if (answer.decision !== "deny" || !PASSING.includes(answer.code) || looks === LOOKS_MAX) return answer;
      tell(find("[data-screen=gate] .prompt"), adviceOf(answer));
      await pause(ADVICE_MS);
    }
  });
}

async function goByPass() {
  if (isBusy) return;
  way = find("[data-do=entries]").hidden ? "exits" : "entries";
  await decided(async () => {
    const given = await askFor("pass");
    if (given === null) return null;
    show("checking");
    const body = way === "entries" ? { pass: given, guests } : { pass: given };
    return device.insist(`${calls()}/${way}/pass`, body, options);
  });
}

async function decided(ask) {
  isBusy = true;
  try {
    const first = await ask();
    const answer = first && (await stepUp(device, first, `${calls()}/${way}/${first.attempt_id}`, options));
    if (answer) await tellAnswer(answer);
    else await wait();
  } catch (error) {
    if (error instanceof CameraFault) help(error.message);
    else if (error instanceof Unreachable) await shut("no_unreachable");
    else if (error instanceof Refused) await shut(has(`no_${error.code}`) ? `no_${error.code}` : "no_other");
    else throw error;
  }
}

async function tellAnswer(answer) {
  if (answer.decision !== "open") return shut(adviceOf(answer), answer.retry_after);
  const owes = answer.code === "basket_unpaid";
  const usual = way === "entries" ? "open_welcome" : "open_goodbye";
  const words = has(`open_${answer.code}`) ? `open_${answer.code}` : usual;
  play(owes ? "no" : "yes");
  await sign(owes ? "warn" : "open", words, answer.member?.display_name, owes ? "pay_first" : null);
}

async function shut(why) {
  play("no");
  await sign("shut", "shut", "", why);
}

async function sign(tone, words, whom, why) {
  const section = find("[data-screen=answer]");
  section.dataset.tone = tone;
  section.querySelector(".whom").textContent = whom ?? "";
  tell(section.querySelector(".why"), why);
  const mine = ++turn;
  show("answer", { words });
  await pause(ANSWER_MS);
  if (mine === turn) await wait();
}

async function help(fault) {
  if (fault === "left") return;
  camera.stop();
  const mine = ++turn;
  isBusy = true;
  show("help", { words: `camera_${fault}` });
  await pause(RETRY_MS);
  if (mine === turn && fault !== "denied" && fault !== "insecure") await wait();
}

function bring(more) {
  guests = Math.max(0, Math.min(device.about.guests_max, guests + more));
  find(".guests output").textContent = String(guests);
}

const DOES = {
  entries: () => go("entries"),
  exits: () => go("exits"),
  pass: goByPass,
  fewer: () => bring(-1),
  more: () => bring(1),
  again: wait,
  next: wait,
};

document.addEventListener("click", (event) => DOES[event.target.closest("[data-do]")?.dataset.do]?.());
document.addEventListener("visibilitychange", () => !document.hidden && shown() === "help" && wait());
addEventListener("pagehide", () => camera.stop());
addEventListener("hashchange", () => location.reload());
