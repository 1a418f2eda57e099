// Formulas of pages that would load MathJax from elsewhere: KaTeX draws them, between the same delimiters.
// What it cannot read stays as it was written.
(() => {
  "use strict";

  const LONGEST_SETTINGS = 10_000; // characters; longer scripts are libraries
  const DISPLAYED = ["equation", "align", "alignat", "gather", "CD"];
  const delimiters = [
    { left: "$$", right: "$$", display: true },
    { left: "\\[", right: "\\]", display: true },
    { left: "\\(", right: "\\)", display: false },
    ...DISPLAYED.flatMap((name) => [name, `${name}*`]).map((name) => ({
      left: `\\begin{${name}}`,
      right: `\\end{${name}}`,
      display: true,
    })),
  ];
  // One dollar is money, unless the page says otherwise, as MathJax has it.
  const asksForDollars = [...document.scripts].some(
    ({ text }) => text.length < LONGEST_SETTINGS && /inlineMath[^}]{0,80}?\[\s*["']\$["']/.test(text),
  );
  if (asksForDollars) delimiters.push({ left: "$", right: "$", display: false });

  renderMathInElement(document.body, {
    delimiters,
    ignoredTags: ["script", "noscript", "style", "textarea", "pre", "code", "option", "svg"],
    ignoredClasses: ["tex2jax_ignore", "mathjax_ignore", "katex", "js-plotly-plot"],
    errorCallback: (problem) => console.warn(problem),
  });
})();
