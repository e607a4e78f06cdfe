// The payer's side of the API. The client secret goes as a bearer token, and nowhere else.
const ANSWER_WITHIN_MS = 30_000;
const WAITS_MS = [400, 1200, 3000];

/** The API's refusal: its HTTP status and its stable code. */
export class Refused extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

/** No answer came: whether the request arrived isn't known. */
export class Unreachable extends Error {}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

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

  async #call(method, path, body, more = {}) {
    const headers = { Authorization: `Bearer ${this.#secret}`, ...more };
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    let response, answer;
    try {
      response = await fetch(`v1/payer/${path}`, { method, headers, body, signal, cache: "no-store" });
      answer = await response.json();
    } catch (error) {
      throw new Unreachable(path, { cause: error });
    }
    this.ahead = (Date.parse(response.headers.get("Date")) || Date.now()) - Date.now();
    if (!response.ok) throw new Refused(response.status, answer.code);
    return answer;
  }
}
