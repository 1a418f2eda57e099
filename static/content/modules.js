// For outputs of notebooks that were made for the classic notebook, which had require.js:
// `require(["plotly"], draw)` finds the libraries that this page has already loaded.
(() => {
  "use strict";

  const own = new Map();
  const globals = { plotly: "Plotly", vega: "vega", "vega-lite": "vegaLite", "vega-embed": "vegaEmbed" };
  const problems = (window.broadsheetProblems = []);
  // The script that runs, or else the output that is being read: a syntax error has no script.
  const current = () => document.currentScript ?? [...document.querySelectorAll(".output.html")].at(-1);

  const find = (name) => {
    const known = Object.keys(globals).find((key) => name === key || name === `nbextensions/${key}`);
    return own.get(name) ?? (known && window[globals[known]]);
  };

  function define(...parts) {
    const factory = parts.pop();
    const name = typeof parts[0] === "string" ? parts.shift() : "";
    const module = { exports: {} };
    const given = { require, module, exports: module.exports };
    const needs = (parts[0] ?? ["require", "exports", "module"]).map((need) => given[need] ?? find(need));
    const made = typeof factory === "function" ? factory(...needs) : factory;
    const result = made ?? module.exports;
    if (name) own.set(name, result);
    if (result?.newPlot) window.Plotly = result;
  }

  function require(names, use, fail) {
    if (typeof names === "string") return find(names);
    const found = names.map(find);
    const missing = names.filter((name, index) => !found[index]);
    if (!missing.length) return use?.(...found);
    problems.push({ element: current(), message: `it needs ${missing.join(", ")}, which is not here.` });
    fail?.(new Error(`not here: ${missing.join(", ")}`));
  }

  // Altair and others ask for `define.amd` and load from a CDN where it is missing.
  define.amd = window.vegaEmbed ? {} : undefined;
  Object.assign(require, { config() {}, undef() {}, defined: (name) => Boolean(find(name)), specified: () => false });
  Object.assign(window, { define, require, requirejs: require });

  addEventListener("error", (event) => {
    if (event.message) problems.push({ element: current(), message: event.message });
  });
})();
