// The payer's side of the API: the client secret is the bearer token.
import { Refused, call, pause } from "./calls.js";

const WAITS_MS = [400, 1200, 3000];

export class Api {
  /** How far the server's clock is ahead of this one, in ms. */
  ahead = 0;
  #secret;

  constructor(secret) {
    this.#secret = secret;
  }

  /** The intent as it stands: asked for again and again, since asking changes nothing. */
  async intent() {
    for (const wait of WAITS_MS) {
      try {
        return await this.#call("GET", "intent");
      } catch (error) {
        if (error instanceof Refused && error.status < 500) throw error;
        await pause(wait);
      }
    }
    return this.#call("GET", "intent");
  }

  challenge() {
    return this.#call("POST", "challenges");
  }

  confirmByFace(challengeId, frames) {
    const form = new FormData();
    form.set("challenge_id", challengeId);
    frames.forEach((frame, number) => form.append("frame", frame, `${number}.jpg`));
    return this.#call("POST", "confirmations", form);
  }

  confirmByPin(pin) {
    return this.#call("POST", "confirmations/pin", JSON.stringify({ pin }), { "Content-Type": "application/json" });
  }

  cancel() {
    return this.#call("POST", "cancellation");
  }

  async #call(method, path, body, headers = {}) {
    const { answer, headers: told } = await call(method, `v1/payer/${path}`, { bearer: this.#secret, body, headers });
    this.ahead = (Date.parse(told.get("Date")) || Date.now()) - Date.now();
    return answer;
  }
}
