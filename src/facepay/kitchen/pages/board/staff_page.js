// A page that staff sign in to, and that shows a store as it changes; it says when it is old, or they are signed out.
import { Store, credentials, stayAwake } from "./live.js";
import { signInBy } from "./sign_in.js";

const LOST_SHOWN_AFTER_MS = 3000;
const find = (selector) => document.querySelector(selector);

/** `show` gets all that `path` tells each time, `begin` the store once, and `age` is called again and again. */
export function openPage({ path, show, age, ageMs, begin = () => {} }) {
  let toldAt = null;
  let losing = null;

  function hear(told) {
    clearTimeout(losing);
    losing = null;
    toldAt = new Date();
    document.body.dataset.state = "live";
    show(told);
  }

  function lose({ refused }) {
    if (refused) return say("refused", "You are signed out, or may not see this store.");
    const since = toldAt ? ` since ${toldAt.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}` : "";
    losing ??= setTimeout(() => say("lost", `No connection${since}: what you see is old`), LOST_SHOWN_AFTER_MS);
  }

  function say(state, words) {
    clearTimeout(losing);
    losing = null;
    document.body.dataset.state = state;
    find(".offline .words").textContent = words;
  }

  function follow(given) {
    document.body.dataset.state = "starting";
    stayAwake();
    setInterval(age, ageMs);
    const store = new Store(given);
    begin(store);
    store.follow({ path, told: hear, lost: lose });
  }

  find(".again").addEventListener("click", () => {
    sessionStorage.removeItem(location.pathname);
    location.reload();
  });
  signInBy(find("form"), follow);
  const given = credentials();
  if (given) follow(given);
  else document.body.dataset.state = "setup";
}
