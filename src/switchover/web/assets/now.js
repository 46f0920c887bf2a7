// Keeps the first page fresh. Without this script it is as fresh as when it was loaded.
(() => {
  "use strict";
  const EVERY_MS = 3000;
  const LATE_MS = 10000;
  document.documentElement.classList.add("has-script");
  const asking = document.getElementById("asking");
  const parts = ["notices", "live"];

  function say(text, isStale) {
    if (asking.textContent !== text) asking.textContent = text;
    asking.classList.toggle("stale", isStale);
  }

  // What somebody stands on by keyboard is not taken from under them: the same place is found again.
  function placeOf(element, part) {
    const places = [...part.querySelectorAll("a, button, input, select, [tabindex]")];
    return { at: places.indexOf(element), address: element.getAttribute("href") };
  }

  function put(part, fresh) {
    const here = part.contains(document.activeElement) ? placeOf(document.activeElement, part) : null;
    part.replaceChildren(...fresh.childNodes);
    if (!here) return;
    const places = [...part.querySelectorAll("a, button, input, select, [tabindex]")];
    const same = here.address ? places.find((one) => one.getAttribute("href") === here.address) : places[here.at];
    if (same) same.focus({ preventScroll: true });
  }

  const clock = () => new Date().toISOString().slice(11, 19);
  let fresh = clock();

  async function ask() {
    const stopped = new AbortController();
    const late = setTimeout(() => stopped.abort(), LATE_MS);
    try {
      const answer = await fetch("/?part=live", { credentials: "same-origin", redirect: "manual", signal: stopped.signal });
      if (answer.type === "opaqueredirect") return say(`Signed out: nobody has come for a while. Not fresh since ${fresh} UTC; reload.`, true);
      if (answer.status === 503) return say(`The store can't be asked. What stands here is as of ${fresh} UTC.`, true);
      if (!answer.ok) return say(`The pages answer with ${answer.status}. What stands here is as of ${fresh} UTC; reload.`, true);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const name of parts) put(document.getElementById(name), page.getElementById(name));
      fresh = clock();
      say("This page follows by itself.", false);
    } catch {
      say(`The pages do not answer. What stands here is as of ${fresh} UTC.`, true);
    } finally {
      clearTimeout(late);
    }
  }

  async function follow() {
    if (!document.hidden) await ask();
    setTimeout(follow, EVERY_MS);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
  setTimeout(follow, EVERY_MS);
})();
