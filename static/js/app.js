// What pages do beyond plain HTML. Everything works without it: forms post, links lead on.
"use strict";

(() => {
  const POLL_MS = 2500;
  const TOAST_MS = 9000;
  const body = document.body;
  const root = document.documentElement;
  root.classList.add("js");

  // What the user has opened stays open when the page around it is renewed.
  htmx.registerExtension("keep-open", {
    htmx_before_morph_attr: (element, detail) =>
      !(detail.attrName === "open" && element.matches("dialog, details")),
  });

  // Toasts -------------------------------------------------------------------------------------

  const say = (text, level) => {
    const shown = [...document.querySelectorAll("[data-toast] p")];
    if (shown.some((element) => element.textContent === text)) {
      return;
    }
    const toast = document.createElement("div");
    toast.className = `note ${level}`;
    toast.dataset.toast = "";
    const words = document.createElement("p");
    words.textContent = text;
    toast.append(words);
    document.getElementById("toasts").append(toast);
    watchToasts();
  };

  const watchToasts = () => {
    for (const toast of document.querySelectorAll("[data-toast]:not([data-watched])")) {
      toast.dataset.watched = "";
      // An error stays until it was seen; the rest goes, unless the user is about to undo it.
      if (toast.classList.contains("error") && toast.querySelector("[data-dismiss]")) {
        continue;
      }
      const go = () => {
        if (toast.matches(":hover") || toast.contains(document.activeElement)) {
          window.setTimeout(go, 1000);
        } else {
          toast.remove();
        }
      };
      window.setTimeout(go, TOAST_MS);
    }
  };

  // Live pages ---------------------------------------------------------------------------------

  let lost = ""; // what was said about the connection when it was lost
  let sending = 0; // requests that are no polls

  const showSign = () => {
    const sign = document.getElementById("live-sign");
    if (!sign) {
      return;
    }
    const live = document.querySelector("[data-live]");
    const state = lost ? "off" : !live ? "still" : document.hidden ? "paused" : "on";
    const text = sign.querySelector("[data-live-text]");
    if (sign.dataset.state !== state) {
      sign.dataset.state = state;
      text.textContent = text.dataset[state];
    }
  };

  const poll = () => {
    showSign();
    const live = document.querySelector("[data-live]");
    if (lost && !live && !document.hidden) {
      probe();
    }
    if (live && !document.hidden && !live.dataset.busy && !sending) {
      live.dataset.busy = "1";
      htmx.trigger(live, "poll");
    }
  };

  const connectionIs = (up, words = body.dataset.lost) => {
    if (!up && !lost) {
      lost = words;
      say(lost, "error");
    } else if (up && lost) {
      for (const toast of document.querySelectorAll("[data-toast].error")) {
        if (toast.textContent.trim() === lost) {
          toast.remove();
        }
      }
      lost = "";
    }
    root.classList.toggle("is-lost", lost !== "");
    showSign();
  };

  // A page that does not poll asks only while the connection is lost, and for nothing but that.
  const probe = async () => {
    try {
      const answer = await fetch("/readyz", { cache: "no-store" });
      connectionIs(answer.ok);
    } catch {
      connectionIs(false);
    }
  };

  const isPoll = (event) => "live" in (event.detail.ctx.sourceElement?.dataset ?? {});

  // An answer to a poll that was asked before a change would bring the old state back.
  document.addEventListener("htmx:before:request", (event) => {
    if (!isPoll(event)) {
      sending += 1;
      for (const live of document.querySelectorAll("[data-live][data-busy]")) {
        htmx.trigger(live, "htmx:abort");
      }
    }
  });

  document.addEventListener("htmx:finally:request", (event) => {
    if (!isPoll(event)) {
      sending = Math.max(0, sending - 1);
    }
    for (const live of document.querySelectorAll("[data-live][data-busy]")) {
      delete live.dataset.busy;
    }
  });

  document.addEventListener("htmx:after:request", (event) => {
    const { response, text } = event.detail.ctx;
    const polls = document.querySelector("[data-live]") !== null;
    if ([502, 503, 504].includes(response.status) || (response.status >= 500 && isPoll(event))) {
      // With 503 the server says itself what it lacks; a proxy's answer is a page.
      const own = response.headers.get("Content-Type")?.startsWith("text/plain");
      connectionIs(false, own ? text : body.dataset.lost);
    } else if (isPoll(event) || !polls) {
      // Where something polls, that decides; else the sign would blink with every other request.
      connectionIs(true);
    }
  });

  document.addEventListener("htmx:error", (event) => {
    // A failed fetch; an error of our own has no request.
    if (event.detail.ctx && !event.detail.ctx.response) {
      connectionIs(false);
    }
  });

  document.addEventListener("htmx:response:error", (event) => {
    const { status, headers } = event.detail.ctx.response;
    if (isPoll(event)) {
      return;
    }
    if (headers.get("X-Form-Expired")) {
      say(body.dataset.expired, "error");
    } else if (status === 403 || status === 404) {
      say(status === 403 ? body.dataset.refused : body.dataset.gone, "error");
    } else if (status !== 409 && status !== 422) {
      say(body.dataset.broken, "error");
    }
  });

  window.setInterval(poll, POLL_MS);
  document.addEventListener("visibilitychange", poll);

  // What is being edited is left alone by a poll, until an answer to it is shown: what was typed,
  // and what the form was told when that began, which shows whether somebody else was faster.

  const TOKENS = ["csrfmiddlewaretoken", "next"];

  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field.form?.method === "post" && field.closest("#content")) {
      field.dataset.edited = "";
      for (const told of field.form.elements) {
        if (told.type === "hidden" && !TOKENS.includes(told.name)) {
          told.dataset.edited = "";
        }
      }
    }
  });

  document.addEventListener("htmx:before:swap", (event) => {
    const { response, sourceElement } = event.detail.ctx;
    if (response.status < 400 || response.status === 409 || response.status === 422) {
      for (const field of sourceElement.elements ?? []) {
        delete field.dataset.edited;
      }
    }
  });

  // Dialogs: a link to a page of its own opens that page's content in one. ---------------------

  const dialog = document.getElementById("dialog");

  const openDialog = async (address) => {
    const inside = document.getElementById("dialog-body");
    inside.replaceChildren();
    const headers = { "HX-Target": "div#dialog-body" }; // the server sends what fits in there
    await htmx.ajax("GET", address, { target: inside, swap: "innerHTML", headers });
    const title = inside.querySelector("h1, h2");
    if (title) {
      title.id = "dialog-title";
      dialog.showModal();
    }
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("a[data-dialog]");
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.button);
    if (opener && dialog && plain) {
      event.preventDefault();
      opener.closest("details[open]")?.removeAttribute("open");
      openDialog(opener.href);
      return;
    }
    const closer = event.target.closest("[data-close]");
    if (closer?.closest("dialog")) {
      event.preventDefault();
      closer.closest("dialog").close();
    } else if (event.target === dialog) {
      dialog.close(); // beside it
    }
    const dismissed = event.target.closest("[data-dismiss]");
    if (dismissed) {
      dismissed.closest("[data-toast]").remove();
    }
    copy(event.target.closest("[data-copy]"));
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) {
        menu.removeAttribute("open");
      }
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const menu = event.target.closest?.("details.menu[open]");
      menu?.removeAttribute("open");
      menu?.querySelector("summary").focus();
    }
  });

  // Copy buttons -------------------------------------------------------------------------------

  const copy = async (button) => {
    const source = button && document.querySelector(button.dataset.copy);
    if (!source) {
      return;
    }
    const text = source.value ?? source.textContent;
    try {
      await navigator.clipboard.writeText(text.trim());
    } catch {
      // Only a page that came over HTTPS, or from this machine, may use the clipboard.
      const range = document.createRange();
      range.selectNodeContents(source);
      window.getSelection().removeAllRanges();
      window.getSelection().addRange(range);
      document.execCommand("copy");
    }
    say(body.dataset.copied, "success");
  };

  // Filters send themselves --------------------------------------------------------------------

  // A filter that is not set stays out of the address.
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement.matches?.("form[data-autosubmit]")) {
      // One at a time, and of those that come meanwhile the latest, which has the newest values.
      ctx.sourceElement.setAttribute("hx-sync", "queue last");
      for (const [name, value] of [...ctx.request.body]) {
        if (value === "") {
          ctx.request.body.delete(name);
        }
      }
    }
  });

  let typing;

  const sendFilter = (event) => {
    const form = event.target.closest("form[data-autosubmit]");
    if (!form) {
      return;
    }
    window.clearTimeout(typing);
    const isText = event.target.matches("input[type=search], input[type=text]");
    if (event.type === "input" ? isText : !isText) {
      typing = window.setTimeout(() => form.requestSubmit(), isText ? 350 : 0);
    }
  };
  document.addEventListener("input", sendFilter);
  document.addEventListener("change", sendFilter);

  // Selections ---------------------------------------------------------------------------------

  const boxes = (name) => [...document.querySelectorAll(`input[type=checkbox][name="${name}"]`)];

  const count = () => {
    const all = document.querySelector("[data-select-all]");
    const name = all?.dataset.selectAll ?? "pk";
    const chosen = boxes(name).filter((box) => box.checked);
    for (const place of document.querySelectorAll("[data-selected-count]")) {
      place.textContent = String(chosen.length);
    }
    for (const bar of document.querySelectorAll("form.bulk")) {
      bar.classList.toggle("is-active", chosen.length > 0);
    }
    if (all) {
      all.checked = chosen.length > 0 && chosen.length === boxes(name).length;
      all.indeterminate = chosen.length > 0 && !all.checked;
    }
  };

  document.addEventListener("change", (event) => {
    const { selectAll } = event.target.dataset;
    if (selectAll) {
      for (const box of boxes(selectAll)) {
        box.checked = event.target.checked;
      }
    }
    count();
  });

  // Who works with the keyboard goes on where they were, also if that was drawn anew. ----------

  let place = "";
  document.addEventListener("focusin", (event) => {
    place = event.target.closest("#content [id]")?.id ?? "";
  });

  document.addEventListener("pointerdown", () => (place = ""), true);

  const refocus = () => {
    const again = document.getElementById(place);
    if (again && document.activeElement === body) {
      const control = "a[href], button, input, select, textarea, summary";
      (again.matches(control) ? again : again.querySelector(control))?.focus();
    }
  };

  // --------------------------------------------------------------------------------------------

  const settle = () => {
    refocus();
    watchToasts();
    count();
    showSign();
  };
  // On a phone the menu is one line, which may be wider than the screen.
  const current = document.querySelector(".menu-main [aria-current]");
  current?.parentElement.scrollTo({ left: current.offsetLeft - 60 });

  document.addEventListener("htmx:after:swap", (event) => {
    // What was undone needs no word any more.
    event.detail.ctx?.sourceElement?.closest?.("[data-toast]")?.remove();
    settle();
  });
  settle();
})();
