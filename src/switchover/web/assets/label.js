// Keys for the labelling page. Without this script its forms do the same.
(() => {
  "use strict";
  document.documentElement.classList.add("has-script");
  const form = document.getElementById("pair");
  const undo = document.getElementById("undo");
  const help = document.getElementById("help");
  const keys = document.getElementById("keys");
  const sides = form ? [...form.querySelectorAll("[data-side]")] : [];
  let now = 0;
  let sent = false;

  const marksOf = (side) => [...side.querySelectorAll("input[type=radio]")];
  const isMarked = (side) => marksOf(side).some((mark) => mark.checked);

  function choose(place) {
    now = place;
    sides.forEach((side, at) => side.classList.toggle("chosen", at === now));
  }

  function send(owner, act) {
    if (sent) return;
    const button = owner.querySelector(`button[value="${act}"]`);
    sent = true;
    owner.requestSubmit(button);
  }

  function mark(place) {
    const marks = marksOf(sides[now]);
    if (!marks[place]) return;
    marks[place].checked = true;
    const open = sides.findIndex((side) => !isMarked(side));
    if (open < 0) send(form, "mark");
    else choose(open);
  }

  function showKeys() {
    keys.hidden = !keys.hidden;
    help.setAttribute("aria-expanded", String(!keys.hidden));
  }

  const acts = {
    "0": () => form && send(form, "unclear"),
    s: () => form && send(form, "skip"),
    u: () => undo && send(undo, "undo"),
    "?": showKeys,
    ArrowLeft: () => sides.length && choose(0),
    ArrowRight: () => sides.length && choose(1),
  };

  help.addEventListener("click", showKeys);
  addEventListener("pageshow", () => { sent = false; });
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
    const act = acts[event.key] ?? (/^[1-9]$/.test(event.key) && sides.length ? () => mark(event.key - 1) : null);
    if (!act) return;
    event.preventDefault();
    act();
  });
  if (sides.length) choose(0);
})();
