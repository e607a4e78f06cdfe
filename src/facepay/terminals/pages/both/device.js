// The tablet as a device of the store: paired once, it keeps its token in this browser's storage.
import { Refused, Unreachable, call, pause } from "./calls.js";

const BEAT_MS = 30_000;
const WAITS_MS = [500, 1000, 2000, 4000, 8000];
const TRIES_OF_FAULTS = 4;

export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export class Device {
  /** What it is, once it has asked: its name, its store, what it may do. */
  about = null;
  #role;
  #path;
  #told;
  #pending;
  #kept;
  #wake = null;

  /** `told.lost()` is called once its token is refused, `told.reached(isReached)` whenever that changes. */
  constructor(role, told) {
    this.#role = role;
    this.#told = told;
    this.#path = `facepay.${role}`;
    this.#pending = `facepay.${role}.pending`;
    this.#kept = JSON.parse(localStorage.getItem(this.#path) ?? "null");
    addEventListener("online", () => this.tryNow());
  }

  get isPaired() {
    return this.#kept !== null;
  }

  get id() {
    return this.#kept.id;
  }

  /** Raises Refused (code `other_role` where the code was another kind of device's) and Unreachable. */
  async pair(code) {
    const headers = { "Content-Type": "application/json" };
    const { answer } = await call("POST", "v1/pairings", { body: JSON.stringify({ code }), headers });
    if (answer.role !== this.#role) throw new Refused(409, { code: "other_role" });
    this.#kept = { id: answer.device_id, token: answer.token };
    localStorage.setItem(this.#path, JSON.stringify(this.#kept));
  }

  forget() {
    this.#kept = this.about = null;
    localStorage.removeItem(this.#path);
  }

  async learn() {
    this.about = await this.ask("GET", `v1/terminals/${this.id}`);
  }

  /** Raises Refused and Unreachable. */
  async ask(method, path, body, headers = {}) {
    const json = body !== undefined && !(body instanceof FormData);
    const sent = json ? { "Content-Type": "application/json", ...headers } : headers;
    const used = this.#kept;
    try {
      const { answer } = await call(method, path, {
        bearer: used.token,
        body: json ? JSON.stringify(body) : body,
        headers: sent,
      });
      this.#told.reached(true);
      return answer;
    } catch (error) {
      this.#told.reached(!(error instanceof Unreachable));
      if (error.status === 401 && used === this.#kept) {
        this.forget();
        this.#told.lost();
      }
      throw error;
    }
  }

  /**
   * Sent until it is answered, always with the same key and the same body: whatever gets lost, it happens once.
   * `doubt()` is called while it isn't known whether it has. After `lastsMs` it gives up as `ask` does. The key is
   * kept meanwhile, so that a tablet that was switched off can ask what came of it.
   */
  async insist(path, body, options = {}) {
    const key = newKey();
    localStorage.setItem(this.#pending, key);
    try {
      return await this.#untilAnswered(path, body, key, options);
    } finally {
      localStorage.removeItem(this.#pending);
    }
  }

  /** The answer that this page didn't live to see; null where there is none, or nothing came of the request. */
  async missedAnswer(doubt) {
    const key = localStorage.getItem(this.#pending);
    for (let tries = 0; key !== null; tries++) {
      try {
        const { answer } = await this.ask("GET", `v1/terminals/${this.id}/answers/${key}`);
        localStorage.removeItem(this.#pending);
        return answer;
      } catch (error) {
        doubt();
        if (error.code === "answer_unknown" && tries >= TRIES_OF_FAULTS) break;
        if (!(error instanceof Unreachable) && !["answer_unknown", "idempotency_key_in_use"].includes(error.code)) break;
        await this.#wait(WAITS_MS[Math.min(tries, WAITS_MS.length - 1)]);
      }
    }
    localStorage.removeItem(this.#pending);
    return null;
  }

  async #untilAnswered(path, body, key, { doubt, lastsMs = Infinity }) {
    const headers = { "Idempotency-Key": key };
    const until = performance.now() + lastsMs;
    for (let tries = 1; ; tries++) {
      try {
        return await this.ask("POST", path, body, headers);
      } catch (error) {
        if (!isWorthARetry(error, tries) || performance.now() > until) throw error;
        if (error instanceof Unreachable) doubt?.();
        await this.#wait(error.retryAfter * 1000 || WAITS_MS[Math.min(tries, WAITS_MS.length) - 1]);
      }
    }
  }

  /** Whatever waits to be sent again is sent now. */
  tryNow() {
    this.#wake?.();
  }

  /** Tell every half minute that it is alive, and how it is. */
  async beat(status) {
    for (;;) {
      if (this.isPaired) {
        const body = { sent_at: new Date().toISOString(), status: status() };
        await this.ask("POST", `v1/devices/${this.id}/heartbeats`, body).catch(() => {});
      }
      await pause(BEAT_MS);
    }
  }

  async #wait(ms) {
    await Promise.race([pause(ms), new Promise((done) => (this.#wake = done))]);
    this.#wake = null;
  }
}

/** A gateway in between that says no knows as little as nobody. */
function isWorthARetry(error, tries) {
  if (error instanceof Unreachable || error.status === 502 || error.status === 504) return true;
  const isPassing = error.status === 429 || error.status >= 500 || error.code === "idempotency_key_in_use";
  return isPassing && tries <= TRIES_OF_FAULTS;
}
