// Notebooks: one switch for all code, and a word where an author's own script has stopped.
(() => {
  "use strict";

  const button = document.querySelector("[data-show-code]");
  const sources = document.querySelectorAll("details.source");
  if (button && sources.length) {
    button.hidden = false;
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-pressed") !== "true";
      for (const source of sources) source.open = open;
      button.setAttribute("aria-pressed", String(open));
      button.textContent = open ? "Hide all code" : "Show all code";
    });
  }

  // modules.js counts the errors of scripts inside outputs; it is there only where such scripts are.
  addEventListener("load", () => setTimeout(() => {
    for (const problem of window.broadsheetProblems ?? []) {
      const note = document.createElement("p");
      note.className = "note";
      note.textContent = `A script of this output stopped, so something may be missing here: ${problem.message}`;
      const place = problem.element?.closest(".output.html");
      if (place && !place.querySelector(":scope > .note")) place.append(note);
    }
  }, 500));
})();
