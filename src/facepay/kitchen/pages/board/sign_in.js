// Staff who sign in at a page: with a password first, and then, where there are several, for one of the stores.
import { Refused, Store, make } from "./live.js";

/** Calls `follow` with the store and the token, which stay with this tab alone. */
export function signInBy(form, follow) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const given = await signIn(form);
      if (given) follow(given);
    } catch (error) {
      const refusal = form.querySelector(".refusal");
      refusal.hidden = false;
      refusal.textContent = error instanceof Refused ? error.code : "No connection.";
    }
  });
}

/** Null where a store has to be chosen first. */
async function signIn(form) {
  const fields = new FormData(form);
  const sent = new URLSearchParams({ grant_type: "password", username: fields.get("username"), password: fields.get("password") });
  const response = await fetch("/v1/auth/token", { method: "POST", body: sent, cache: "no-store" });
  if (!response.ok) throw new Refused(response.status, (await response.json().catch(() => ({}))).title ?? "Refused");
  const { access_token: token } = await response.json();
  const { items } = await (await new Store({ store: "", token }).send("GET", "/v1/stores?limit=200")).json();
  const store = fields.get("store") ?? (items.length === 1 ? items[0].id : null);
  if (!store) return offer(form, items);
  sessionStorage.setItem(location.pathname, JSON.stringify({ store, token }));
  form.reset();
  return { store, token };
}

function offer(form, stores) {
  const choices = stores.map((each) => Object.assign(make("option", "", each.name), { value: each.id }));
  form.querySelector("select").replaceChildren(...choices);
  form.querySelector(".which").hidden = false;
  form.querySelector("select").focus();
  return null;
}
