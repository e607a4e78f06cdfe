// How far a file has come: <form data-uploads> with a <progress>. When all of it is sent, the server is at work.
document.addEventListener("htmx:beforeRequest", (event) => show(event, true));
document.addEventListener("htmx:afterRequest", (event) => show(event, false));
document.addEventListener("htmx:xhr:progress", (event) => {
  const bar = barOf(event);
  if (!bar || !event.detail.lengthComputable) return;
  if (event.detail.loaded < event.detail.total) bar.value = event.detail.loaded / event.detail.total;
  else bar.removeAttribute("value");
});

function barOf(event) {
  return event.target.matches?.("form[data-uploads]") ? event.target.querySelector("progress") : null;
}

function show(event, busy) {
  const bar = barOf(event);
  if (!bar) return;
  bar.hidden = !busy;
  if (busy) bar.value = 0;
}
