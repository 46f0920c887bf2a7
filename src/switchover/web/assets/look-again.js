// Looks at a page with live figures again, until somebody stops it. Without this script it stands as it was loaded.
(() => {
  "use strict";
  const PAUSE_MS = 3000;
  document.documentElement.classList.add("has-script");
  const hold = document.getElementById("hold");
  let held = false;

  hold.addEventListener("click", () => {
    held = !held;
    hold.textContent = held ? "Look again" : "Stop that";
  });
  setInterval(() => {
    // Whoever is in the middle of the page, by key or by marking text, is left there.
    const busy = document.activeElement !== document.body || !getSelection().isCollapsed;
    if (!held && !busy && !document.hidden) location.reload();
  }, PAUSE_MS);
})();
