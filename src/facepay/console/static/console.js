// What pages need beside htmx. Everything works without it, a little less comfortably.

// A choice that takes effect at once: <select data-submits>.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});

// A page for paper: <button data-prints>.
document.addEventListener("click", (event) => {
  if (event.target.matches("[data-prints]")) window.print();
});

// A form asks before it does what can't be undone: <form data-asks="Really?">.
document.addEventListener("submit", (event) => {
  const words = event.target.dataset.asks;
  if (words && !window.confirm(words)) event.preventDefault();
});

// A refusal is read out and scrolled to, with what was typed still in the form.
document.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target?.id === "problem") event.detail.target.scrollIntoView({ block: "center" });
});
