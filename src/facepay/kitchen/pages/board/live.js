// What screens stand on: a token that comes in the address, and a store's board that comes as it changes.
const SILENT_MS_MAX = 25_000; // the server says something every ten seconds
const AGAIN_MS = [500, 1000, 2000, 4000, 8000, 15_000];
const REFUSED_AGAIN_MS = 30_000;

export class Refused extends Error {
  constructor(status, code) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** The store and token of `#store=…&token=…`. They leave the address bar at once and stay with this tab alone. */
export function credentials() {
  const key = location.pathname;
  const given = new URLSearchParams(location.hash.slice(1));
  if (given.has("store") && given.has("token")) {
    sessionStorage.setItem(key, JSON.stringify({ store: given.get("store"), token: given.get("token") }));
    history.replaceState(null, "", location.pathname + location.search);
  }
  addEventListener("hashchange", () => location.reload(), { once: true });
  return JSON.parse(sessionStorage.getItem(key));
}

export class Store {
  #path;
  #headers;

  constructor({ store, token }) {
    this.#path = `/v1/stores/${encodeURIComponent(store)}`;
    this.#headers = { Authorization: `Bearer ${token}` };
  }

  /** The answer's JSON, of a path below the store's. Throws Refused, and TypeError where nobody answers. */
  async call(method, path, body) {
    return (await this.send(method, this.#path + path, body)).json();
  }

  /** The answer, of any path. */
  async send(method, path, body) {
    const headers = body ? { ...this.#headers, "Content-Type": "application/json" } : this.#headers;
    const signal = AbortSignal.timeout(SILENT_MS_MAX);
    const sent = { method, headers, signal, cache: "no-store", body: body && JSON.stringify(body) };
    const response = await fetch(path, sent);
    if (!response.ok) throw await refusal(response);
    return response;
  }

  /** Calls `told` with each board, and `lost` whenever none will come for a while; goes on for ever. */
  async follow({ path = "/board/events", told, lost }) {
    for (let failures = 0; ; failures += 1) {
      let refused;
      try {
        for await (const board of this.#boards(path)) {
          failures = 0;
          told(board);
        }
      } catch (error) {
        refused = error instanceof Refused && [401, 403, 404].includes(error.status);
      }
      lost({ refused });
      const wait = AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)];
      await pauseOffline(refused ? REFUSED_AGAIN_MS : wait * (0.75 + Math.random() / 2));
    }
  }

  async *#boards(path) {
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), SILENT_MS_MAX);
    try {
      const sent = { headers: this.#headers, signal: silence.signal, cache: "no-store" };
      const response = await fetch(this.#path + path, sent);
      if (!response.ok) throw await refusal(response);
      let text = "";
      for await (const part of parts(response.body.pipeThrough(new TextDecoderStream()))) {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENT_MS_MAX);
        const events = (text + part).split("\n\n");
        text = events.pop();
        const boards = events.map(dataOf).filter(Boolean);
        if (boards.length) yield JSON.parse(boards.at(-1)); // each is the whole of it
      }
    } finally {
      clearTimeout(timer);
      silence.abort();
    }
  }
}

async function refusal(response) {
  const problem = await response.json().catch(() => ({}));
  return new Refused(response.status, problem.code);
}

// Not every television's browser iterates over streams.
async function* parts(stream) {
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}

function dataOf(event) {
  const lines = event.split("\n").filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice(5)).join("\n");
}

/** Or until the network is back. Nothing is left listening: a screen may be without one for days. */
async function pauseOffline(ms) {
  const over = new AbortController();
  await Promise.race([pause(ms), new Promise((back) => addEventListener("online", back, { signal: over.signal }))]);
  over.abort();
}

/** A screen that nobody touches stays lit. The browser gives that up whenever the page is hidden. */
export function stayAwake() {
  const ask = () => document.visibilityState === "visible" && navigator.wakeLock?.request("screen").catch(() => {});
  document.addEventListener("visibilitychange", ask);
  ask();
}

/** An element with a class and children, which are elements or text. */
export function make(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}
