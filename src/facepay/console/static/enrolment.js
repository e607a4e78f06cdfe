// Enrols by the camera: frames are judged while it is on, and the first three good ones in a row are sent.
import { Camera, CameraFault } from "/kiosk/camera.js";

const EVERY_MS = 700;
const NEEDED = 3;
const section = document.getElementById("enrolment");
const form = document.getElementById("photos");

if (section) {
  const [video, hint, progress] = ["video", ".hint", "progress"].map((each) => section.querySelector(each));
  const [start, stop] = ["[data-start]", "[data-stop]"].map((each) => section.querySelector(each));
  const camera = new Camera(video, () => end("interrupted"));
  section.hidden = false;

  const say = (code) => {
    const words = section.querySelector(`[data-code="${code}"]`)?.textContent ?? "";
    if (hint.textContent !== words) hint.textContent = words;
  };

  function end(code) {
    camera.stop();
    [start.hidden, stop.hidden] = [false, true];
    progress.value = 0;
    say(code);
  }

  function refuse(html) {
    end("");
    const problem = document.getElementById("problem");
    // It is our own page's words, escaped by the server.
    problem.innerHTML = html;
    problem.scrollIntoView({ block: "center" });
  }

  async function enrol(frames) {
    const body = new FormData();
    frames.forEach((frame, number) => body.append("frames", frame, `${number}.jpg`));
    const answer = await fetch(form.action, { method: "POST", body, headers: { "HX-Request": "true" } });
    if (!answer.ok) return refuse(await answer.text());
    camera.stop();
    location.reload();
  }

  async function watch() {
    const good = [];
    while (camera.isOn && good.length < NEEDED) {
      const [frame] = await camera.burst(1, 0);
      const answer = await fetch(section.dataset.check, { method: "POST", body: frame, headers: { "HX-Request": "true" } });
      if (answer.status === 429 || answer.status === 503) await new Promise((done) => setTimeout(done, EVERY_MS));
      else if (!answer.ok || answer.status === 204) return refuse(await answer.text());
      else {
        const verdict = await answer.json();
        if (!camera.isOn) return;
        if (verdict.good) good.push(frame);
        else good.length = 0;
        progress.value = good.length;
        say(verdict.good ? "good" : verdict.advice[0]);
      }
      await new Promise((done) => setTimeout(done, EVERY_MS));
    }
    if (camera.isOn) await enrol(good);
  }

  start.addEventListener("click", async () => {
    [start.hidden, stop.hidden] = [true, false];
    try {
      await camera.open();
      await watch();
    } catch (error) {
      end(error instanceof CameraFault ? error.message : "interrupted");
    }
  });
  stop.addEventListener("click", () => end(""));
  addEventListener("pagehide", () => camera.stop());
}
