// Moves sliders, numbers and shares of a source's weights together while one of them is changed.
// Without this script the numbers are typed, and the shares are those of the last answer.
"use strict";

(() => {
  const WHOLE = 1000; // shares are in tenths of a per cent
  const MOST = 10000;
  const SCALES = [20, 50, 100, 200, 500, 1000, 2000, 5000, MOST]; // where sliders may end

  let leaving = false;

  const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

  // Divides WHOLE by the parts so that it adds up: distribution/shares.py does the same.
  const rounded = (parts) => {
    const total = sum(parts);
    if (!total) {
      return parts.map(() => 0);
    }
    const shares = parts.map((part) => Math.floor((part * WHOLE) / total));
    const lost = parts.map((part) => (part * WHOLE) % total);
    const byLoss = parts.map((_, index) => index).sort((one, other) => lost[other] - lost[one]);
    for (const index of byLoss.slice(0, WHOLE - sum(shares))) {
      shares[index] += 1;
    }
    return shares;
  };
  window.roundedShares = rounded; // for the test that holds both to one table

  // As the server writes it, whose "0.0 %" shows how that is in the user's language.
  const percent = (form, tenths, weight) => {
    const isLess = weight > 0 && !tenths;
    const number = isLess ? 1 : tenths;
    const digits = (_, point) => `${Math.floor(number / 10)}${point}${number % 10}`;
    return (isLess ? "< " : "") + form.dataset.nothing.replace(/0(.)0/, digits);
  };

  // What the page shows -------------------------------------------------------------------------

  const parsed = (text) => {
    const number = /^[0-9]{1,5}$/.test(text.trim()) ? Number(text) : MOST + 1;
    return number > MOST ? null : number;
  };

  const rowOf = (element) => {
    const id = element.dataset.operator;
    const find = (name) => document.getElementById(`${name}-${id}`);
    const typed = parsed(find("weight").value);
    const was = find("was");
    const isRemoved = find("remove").checked;
    return {
      element,
      find,
      typed,
      isRemoved,
      was: was === null ? null : Number(was.value),
      weight: isRemoved || typed === null ? 0 : typed,
      isFree: element.dataset.free === "1",
      isWrong: !isRemoved && typed === null,
    };
  };

  const rowsOf = (form) => [...form.querySelectorAll("tr[data-operator]")].map(rowOf);

  const isChanged = ({ isRemoved, typed, was }) => (isRemoved ? was !== null : typed !== was);

  const write = (output, text) => {
    if (output.textContent !== text) {
      output.textContent = text;
    }
  };

  const stretch = (form, rows) => {
    // A scale that moves under the hand is of no use: it grows only when a weight reaches its end.
    const largest = Math.max(0, ...rows.map((row) => Math.max(row.weight, row.was ?? 0)));
    let scale = Number(form.dataset.scale ?? 0);
    if (scale <= largest) {
      scale = SCALES.find((end) => end >= 2 * largest) ?? MOST;
      form.dataset.scale = String(scale);
    }
    return scale;
  };

  const show = (form, { dragged = null } = {}) => {
    const rows = rowsOf(form);
    const scale = dragged ? null : stretch(form, rows);
    const gives = form.dataset.sourceOn === "1";
    const nowOf = (row) => (gives && row.isFree ? row.weight : 0);
    const configured = rounded(rows.map((row) => row.weight));
    const now = rounded(rows.map(nowOf));
    rows.forEach((row, index) => {
      const share = percent(form, configured[index], row.weight);
      const slider = row.find("slider");
      if (scale !== null) {
        slider.max = String(scale);
        slider.hidden = false;
      }
      if (slider !== dragged) {
        slider.value = String(row.typed ?? 0);
      }
      slider.setAttribute("aria-valuetext", `${row.typed ?? "–"} (${share})`);
      write(row.find("configured"), share);
      write(row.find("now"), percent(form, now[index], nowOf(row)));
      row.find("bar").value = now[index];
      row.element.classList.toggle("is-removed", row.isRemoved);
      row.find("weight").setAttribute("aria-invalid", String(row.isWrong));
      row.find("error").hidden = !row.isWrong;
    });
    const changed = rows.some(isChanged);
    form.dataset.changed = changed ? "1" : "";
    document.getElementById("weights-unsaved").hidden = !changed;
    document.getElementById("weights-discard").hidden = !changed;
  };

  const setWeight = (number, weight) => {
    number.value = String(weight);
    number.dataset.edited = ""; // a renewed page leaves it alone, as if it had been typed
  };

  // As distribution/shares.py does it: the same for all who have a weight, about the same sum.
  const evenOut = (form) => {
    const rows = rowsOf(form).filter((row) => !row.isRemoved && !row.isWrong);
    const positive = rows.map((row) => row.weight).filter((weight) => weight > 0);
    const mean = positive.length ? Math.floor(sum(positive) / positive.length + 0.5) : 1;
    for (const row of rows) {
      if (row.weight > 0 || !positive.length) {
        setWeight(row.find("weight"), mean);
      }
    }
    show(form);
  };

  const filter = (search) => {
    const text = search.value.trim().toLocaleLowerCase();
    for (const row of search.form.querySelectorAll("tr[data-operator]")) {
      row.hidden = !row.dataset.name.toLocaleLowerCase().includes(text);
    }
  };

  // What the user does --------------------------------------------------------------------------

  const formOf = (element) => element.closest?.("form[data-weights]");

  document.addEventListener("input", (event) => {
    const field = event.target;
    const form = formOf(field);
    if (!form) {
      return;
    }
    if (field.id === "find-operator") {
      filter(field);
    } else if (field.type === "range") {
      setWeight(document.getElementById(field.id.replace("slider", "weight")), field.value);
      show(form, { dragged: field });
    } else if (field.closest("tr[data-operator]")) {
      show(form);
    }
  });

  document.addEventListener("change", (event) => {
    const form = formOf(event.target);
    if (form && event.target.closest("tr[data-operator]")) {
      show(form);
    }
  });

  document.addEventListener("click", (event) => {
    const even = event.target.closest?.("[data-even]");
    if (even) {
      event.preventDefault();
      evenOut(even.form);
    }
    leaving = Boolean(event.target.closest?.("#weights-discard, [data-discard]"));
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.id === "find-operator") {
      event.preventDefault(); // it looks, and does not save
    }
  });

  document.addEventListener("submit", (event) => {
    if (formOf(event.target)) {
      leaving = true;
    }
  });

  window.addEventListener("beforeunload", (event) => {
    if (!leaving && document.querySelector("form[data-weights][data-changed='1']")) {
      event.preventDefault();
    }
  });

  const begin = () => {
    for (const form of document.querySelectorAll("form[data-weights]")) {
      show(form);
    }
    for (const place of document.querySelectorAll("[data-find]")) {
      place.hidden = false;
    }
  };
  document.addEventListener("htmx:after:swap", begin);
  begin();
})();
