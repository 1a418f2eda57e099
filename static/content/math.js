// Formulas: KaTeX draws what the page holds as TeX. What it cannot read stays as it was written.
(() => {
  "use strict";

  for (const place of document.querySelectorAll(".math")) {
    const tex = place.textContent;
    try {
      katex.render(tex, place, { displayMode: place.classList.contains("block"), output: "htmlAndMathml" });
    } catch (problem) {
      place.textContent = tex;
      place.title = problem.message;
    }
  }
})();
