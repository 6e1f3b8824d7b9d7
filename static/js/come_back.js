// Loads a page again that could not be shown, as soon as the server can do its work.
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const waiting = document.getElementById("come-back");
  if (!waiting) {
    return;
  }
  const ask = async () => {
    try {
      const answer = await fetch("/readyz", { cache: "no-store" });
      if (answer.ok) {
        window.location.reload();
        return;
      }
    } catch {
      // Gone altogether: no answer is one, too.
    }
    window.setTimeout(ask, 2000);
  };
  window.setTimeout(ask, Number(waiting.dataset.after) * 1000);
});
