// A page that goes on showing what is: it says so when it no longer does.
const SILENT_MS_MAX = 25_000; // the server says something every ten seconds
const live = document.getElementById("live");
let heard = Date.now();

function be(state) {
  live.dataset.state = state;
  live.querySelector("[data-lost]").hidden = state !== "lost";
  live.querySelector("[data-over]").hidden = state !== "over";
}

live.addEventListener("htmx:sseOpen", () => (heard = Date.now()));
live.addEventListener("htmx:sseMessage", () => {
  heard = Date.now();
  if (live.dataset.state !== "over") be("live");
});
live.addEventListener("htmx:sseError", () => {
  if (live.dataset.state !== "over") be("lost");
});
live.addEventListener("htmx:sseClose", (event) => {
  if (event.detail.type === "message") be("over");
});
setInterval(() => {
  if (live.dataset.state === "live" && Date.now() - heard > SILENT_MS_MAX) be("lost");
}, 1000);
