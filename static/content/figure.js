// Draws the charts of a page, one after the other: <div data-figure="figure.json" data-kind="plotly">.
(() => {
  "use strict";

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const LIGHT = {
    series: ["#2343a8", "#a85817", "#1d826c", "#ab8d36", "#6d2a51", "#0496e1"],
    ink: "#17160f", ink2: "#47443c", rule: "#dcd7cb", rule2: "#8d887b", paper: "#fcfbf8", sunken: "#f3f0e9",
    wash: "#e9edf9", accent: "#2343a8", other: "#a85817",
  };
  const DARK = {
    series: ["#9db5ff", "#dd9c87", "#65e8ca", "#dacc7a", "#c2718d", "#33a1c9"],
    ink: "#efece4", ink2: "#c2bdb1", rule: "#37342e", rule2: "#7a7468", paper: "#161513", sunken: "#100f0d",
    wash: "#20263d", accent: "#a3b8ff", other: "#dd9c87",
  };
  const FONT = '"Source Sans 3", "Segoe UI", sans-serif'; // quoted: a name may not begin a word with a digit
  const CLEAR = "rgba(0,0,0,0)";

  // An opaque origin starts no module workers from blobs, which maps need. A classic worker imports the
  // module instead, and hands on what was sent to it before the module listened.
  const importing = (address) => `
    const early = [], keep = (event) => { event.stopImmediatePropagation(); early.push(event.data); };
    addEventListener("message", keep);
    import(${JSON.stringify(String(address))}).then(() => {
      removeEventListener("message", keep);
      for (const data of early) dispatchEvent(new MessageEvent("message", { data }));
    });`;
  const revoke = URL.revokeObjectURL.bind(URL);
  URL.revokeObjectURL = (address) => setTimeout(revoke, 30_000, address); // the import comes later
  window.Worker = class extends Worker {
    constructor(address, options = {}) {
      const isModule = options.type === "module" && String(address).startsWith("blob:");
      super(isModule ? URL.createObjectURL(new Blob([importing(address)])) : address, isModule ? {} : options);
    }
  };

  // ---- Plotly ------------------------------------------------------------------------------------

  const plotlyTemplate = (c, narrow) => {
    const axis = { automargin: true, linecolor: c.rule2, gridcolor: c.rule, zerolinecolor: c.rule2 };
    const round = { bgcolor: CLEAR, angularaxis: axis, radialaxis: axis };
    const depth = { ...axis, backgroundcolor: c.sunken, showbackground: true };
    const scale = [[0, c.wash], [1, c.accent]];
    const bar = { outlinewidth: 0, ticks: "", thickness: 14 };
    const heat = [{ colorbar: bar, colorscale: scale }];
    return {
      data: { heatmap: heat, contour: heat, histogram2d: heat, histogram2dcontour: heat, choropleth: heat, surface: heat,
        table: [{ header: { fill: { color: c.sunken }, line: { color: c.rule } }, cells: { fill: { color: c.paper }, line: { color: c.rule } } }] },
      layout: {
        colorway: c.series, paper_bgcolor: CLEAR, plot_bgcolor: CLEAR,
        font: { family: FONT, size: 13, color: c.ink2 },
        title: { font: { family: "Newsreader, Georgia, serif", size: narrow ? 18 : 22, color: c.ink }, x: 0, xref: "container", pad: { l: 4 } },
        xaxis: { ...axis, showgrid: false }, yaxis: { ...axis, zeroline: false },
        margin: { l: 48, r: 24, t: 32, b: 40 },
        colorscale: { sequential: scale, sequentialminus: [[0, c.accent], [1, c.wash]], diverging: [[0, c.other], [0.5, c.paper], [1, c.accent]] },
        hoverlabel: { font: { family: FONT, size: 13 } },
        legend: { bgcolor: CLEAR, ...(narrow ? { orientation: "h", x: 0, y: -0.2, yanchor: "top" } : {}) },
        polar: round, ternary: { bgcolor: CLEAR, aaxis: axis, baxis: axis, caxis: axis },
        scene: { xaxis: depth, yaxis: depth, zaxis: depth },
        geo: { bgcolor: CLEAR, landcolor: c.sunken, lakecolor: c.paper, oceancolor: c.paper, coastlinecolor: c.rule2, countrycolor: c.rule, subunitcolor: c.rule, framecolor: c.rule },
      },
    };
  };

  const isLines = (traces) => traces.every((trace) => trace.type === "scatter" && /lines/.test(trace.mode ?? "lines") && !trace.fill);
  const isNarrow = (place) => place.parentElement.clientWidth < 520;

  // Every figure of plotly.py carries its default template; that is nobody's decision.
  const isDefault = (template) => !template || (template.layout?.plot_bgcolor === "#E5ECF6" && template.layout?.colorway?.[0] === "#636efa");
  const hasOwnGround = (layout) => [layout.paper_bgcolor, layout.plot_bgcolor, layout.font?.color].some(Boolean);

  // On a phone a title takes as many lines as it needs; one with tags of its own stays as it is.
  const titled = (layout, title, place) => {
    const margin = { t: 64, ...layout.margin };
    if (!isNarrow(place) || title.includes("<")) return { margin };
    const letters = Math.floor(place.parentElement.clientWidth / 9);
    const lines = title.match(new RegExp(`\\S.{0,${letters - 1}}(?!\\S)|\\S+`, "g"));
    margin.t += 22 * (lines.length - 1);
    const atTop = { y: 1, yref: "container", yanchor: "top", pad: { t: 12, l: 4 } };
    return { margin, title: { ...atTop, ...(layout.title.text && layout.title), text: lines.join("<br>") } };
  };

  const plotlyLayout = (figure, place) => {
    const layout = { ...figure.layout };
    const sheet = !isDefault(layout.template) || hasOwnGround(layout);
    place.classList.toggle("sheet", sheet);
    if (isDefault(layout.template)) {
      layout.template = plotlyTemplate(dark.matches && !sheet ? DARK : LIGHT, isNarrow(place));
      if (isLines(figure.data)) layout.template.layout.hovermode = "x unified";
    }
    const title = layout.title?.text ?? layout.title;
    if (title && typeof title === "string") Object.assign(layout, titled(layout, title, place));
    if (layout.width > place.parentElement.clientWidth) delete layout.width;
    if (!layout.width) layout.autosize = true;
    place.style.maxWidth = layout.width ? `${layout.width}px` : "";
    return layout;
  };

  // On paper a picture shrinks to the sheet, for which it must know its own size.
  const measured = (place) => {
    for (const svg of place.querySelectorAll(".main-svg")) {
      const { width, height } = svg;
      svg.setAttribute("viewBox", `0 0 ${width.baseVal.value} ${height.baseVal.value}`);
    }
    const { clientWidth, clientHeight } = place.querySelector(".svg-container");
    place.style.setProperty("--ratio", `${clientWidth} / ${clientHeight}`);
  };

  const drawPlotly = async (place, figure) => {
    const config = { responsive: !(figure.layout.width <= place.parentElement.clientWidth), displaylogo: false, displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false, topojsonURL: "/static/vendor/plotly-geo-4.1.1/" };
    place.style.height = place.style.minHeight; // which the server has read from the layout
    const draw = async () => {
      await Plotly.newPlot(place, { ...structuredClone({ data: figure.data, frames: figure.frames }), layout: plotlyLayout(structuredClone(figure), place), config });
      measured(place);
      place.on("plotly_afterplot", () => measured(place)); // a new plot forgets its listeners
    };
    await draw();
    dark.addEventListener("change", draw);
    // Plotly follows the width by itself; what depends on having room is decided anew.
    const room = () => `${isNarrow(place)} ${figure.layout.width > place.parentElement.clientWidth}`;
    let before = room();
    new ResizeObserver(() => {
      if (before !== (before = room())) draw();
    }).observe(place.parentElement);
  };

  // ---- Vega, Vega-Lite, Bokeh ----------------------------------------------------------------------

  const vegaConfig = (c) => ({
    background: null, font: FONT,
    title: { color: c.ink, font: "Newsreader, Georgia, serif", fontSize: 18, fontWeight: 500, anchor: "start" },
    axis: { domainColor: c.rule2, gridColor: c.rule, tickColor: c.rule2, labelColor: c.ink2, titleColor: c.ink2, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400 },
    legend: { labelColor: c.ink2, titleColor: c.ink2, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 600 },
    header: { labelColor: c.ink2, titleColor: c.ink2 },
    view: { stroke: null }, text: { color: c.ink2 },
    mark: { color: c.accent }, range: { category: c.series, ramp: { scheme: [c.wash, c.accent] } },
  });

  const drawVega = async (place, spec) => {
    const draw = async () => {
      const own = structuredClone(spec);
      const sheet = own.background ?? own.config?.background;
      place.classList.toggle("sheet", Boolean(sheet));
      own.config = vega.mergeConfig(vegaConfig(dark.matches && !sheet ? DARK : LIGHT), own.config ?? {});
      const single = !own.width && !own.hconcat && !own.vconcat && !own.concat && !own.repeat && !own.facet && !own.spec && /vega-lite/.test(own.$schema ?? "vega-lite") && !own.encoding?.column && !own.encoding?.facet && !own.encoding?.row;
      if (single) { own.width = "container"; own.autosize ??= { type: "fit-x", contains: "padding" }; }
      const holder = document.createElement("div");
      holder.style.width = "100%";
      place.replaceChildren(holder);
      // The interpreter draws without eval; the menu keeps only what works without a network.
      await vegaEmbed(holder, own, { ast: true, actions: { export: true, source: false, compiled: false, editor: false } });
    };
    await draw();
    dark.addEventListener("change", draw);
  };

  const drawBokeh = async (place, item) => {
    place.classList.add("sheet");
    if (!JSON.stringify(item).includes('"stretch_')) place.style.width = "fit-content";
    place.replaceChildren();
    place.id ||= `figure-${Math.random().toString(36).slice(2)}`;
    await Bokeh.embed.embed_item({ ...item, target_id: place.id });
  };

  // ---- All of them ---------------------------------------------------------------------------------

  const DRAW = { plotly: drawPlotly, vega: drawVega, bokeh: drawBokeh };

  const show = async (place) => {
    try {
      const answer = await fetch(place.dataset.figure);
      if (!answer.ok) throw new Error(`its data did not arrive (${answer.status})`);
      const figure = await answer.json();
      if (place.dataset.kind === "plotly") place.replaceChildren();
      await DRAW[place.dataset.kind](place, figure);
      place.style.minHeight = "";
    } catch (problem) {
      const notice = document.createElement("div");
      notice.className = "notice";
      notice.innerHTML = "<p><strong>This chart could not be drawn.</strong> <span></span></p><p>Reload the page; if that does not help, tell the author what stands here.</p>";
      notice.querySelector("span").textContent = `${problem?.message ?? problem}`;
      place.classList.remove("sheet");
      place.style.minHeight = "";
      place.replaceChildren(notice);
    }
  };

  (async () => {
    await document.fonts?.ready;
    for (const place of document.querySelectorAll("[data-figure]")) await show(place);
  })();
})();
