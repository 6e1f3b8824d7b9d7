// Presses the button of a page that shows how far something long is. Without this script people
// press it themselves.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const form = document.getElementById("go-on");
  if (!form) {
    return;
  }
  window.setTimeout(() => form.requestSubmit(), Number(form.dataset.after));
});
