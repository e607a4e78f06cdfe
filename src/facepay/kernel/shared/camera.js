// The camera: on for as long as frames are taken. Frames leave it as JPEG, unmirrored, and are kept nowhere.
const WISHED = { width: { ideal: 1280 }, height: { ideal: 720 } };
const LONGEST_SIDE = 1280;
const QUALITY = 0.85;
const FRAMES_MAX = 10;
/** How long a person has to settle, to follow a prompt, and between a prompt's frames, in ms. */
export const PACE = { settle: 1800, react: 1400, between: 500, framesEach: 3 };

const FAULTS = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

/** Why there is no picture: denied, missing, busy, insecure, interrupted; or left, where nobody waits for it now. */
export class CameraFault extends Error {}

export class Camera {
  #video;
  #whenLost;
  #facing;
  #opening = null;
  #stopped = new AbortController();

  /** `facing` is the side that is wished for: "user", who looks at the screen, or "environment". */
  constructor(video, whenLost, facing = "user") {
    this.#video = video;
    this.#whenLost = whenLost;
    this.#facing = facing;
  }

  get isOn() {
    return this.#video.srcObject !== null;
  }

  /** Until the first picture is there. Raises CameraFault. */
  async open() {
    this.stop();
    const opening = (this.#opening = {});
    if (!navigator.mediaDevices?.getUserMedia) throw new CameraFault("insecure");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { ...WISHED, facingMode: this.#facing } });
    } catch (error) {
      throw new CameraFault(this.#opening === opening ? (FAULTS[error.name] ?? "missing") : "left");
    }
    if (this.#opening !== opening) {
      end(stream);
      throw new CameraFault("left");
    }
    this.#stopped = new AbortController();
    stream.getVideoTracks()[0].addEventListener("ended", this.#whenLost);
    this.#video.srcObject = stream;
    await this.#video.play().catch(() => {
      throw new CameraFault(this.isOn ? "busy" : "left");
    });
  }

  stop() {
    this.#opening = null;
    this.#stopped.abort();
    if (this.isOn) end(this.#video.srcObject);
    this.#video.srcObject = null;
  }

  /**
   * One frame at rest, then some for each step. `prompt(step, number, ms)` is told what is due, and for how long;
   * the first step is null, the rest. Raises CameraFault("interrupted") once the camera is stopped.
   */
  async film(steps, prompt) {
    const each = Math.min(PACE.framesEach, Math.floor((FRAMES_MAX - 1) / steps.length));
    prompt(null, 0, PACE.settle);
    await this.#wait(PACE.settle);
    const frames = [await this.#take()];
    for (const [number, step] of steps.entries()) {
      prompt(step, number + 1, PACE.react + (each - 1) * PACE.between);
      for (let taken = 0; taken < each; taken++) {
        await this.#wait(taken ? PACE.between : PACE.react);
        frames.push(await this.#take());
      }
    }
    return frames;
  }

  /** Frames of one moment. Raises CameraFault("interrupted") once the camera is stopped. */
  async burst(count, everyMs) {
    const frames = [await this.#take()];
    while (frames.length < count) {
      await this.#wait(everyMs);
      frames.push(await this.#take());
    }
    return frames;
  }

  async #take() {
    const { videoWidth: width, videoHeight: height } = this.#video;
    const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.getContext("2d", { alpha: false }).drawImage(this.#video, 0, 0, canvas.width, canvas.height);
    const frame = await new Promise((done) => canvas.toBlob(done, "image/jpeg", QUALITY));
    if (!frame || !this.isOn) throw new CameraFault("interrupted");
    return frame;
  }

  #wait(ms) {
    const { signal } = this.#stopped;
    return new Promise((done, fail) => {
      const stop = () => fail(new CameraFault("interrupted"));
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
      setTimeout(done, ms);
    });
  }
}

function end(stream) {
  stream.getTracks().forEach((track) => track.stop());
}
