// Shows a PDF: <div data-pdf="report.pdf">. The browser's own viewer does not start in a sandbox.
(() => {
  "use strict";

  // A script of another origin has no address of its own to start from: this one is complete.
  const LIBRARY = new URL("/static/vendor/pdfjs-dist-6.5.438/", location.href).href;
  const LARGEST = 12e6; // pixels of one canvas; browsers give up above some 16 million
  const ZOOMS = [0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3];

  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };

  document.head.append(make("link", { rel: "stylesheet", href: "/static/content/pdf.css" }));

  // An opaque origin starts classic workers from its own blobs only; that one imports the module.
  // What is sent before the module runs would be lost, so we wait for its first word.
  const startWorker = async () => {
    const source = `import("${LIBRARY}pdf.worker.min.mjs")`;
    const worker = new Worker(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    await new Promise((resolve, reject) => {
      worker.addEventListener("message", resolve, { once: true });
      worker.addEventListener("error", () => reject(new Error("Its viewer did not start.")));
      setTimeout(() => reject(new Error("Its viewer did not start in time.")), 30_000);
    });
    return worker;
  };

  const load = async () => {
    const [pdfjs, worker] = await Promise.all([import(`${LIBRARY}pdf.min.mjs`), startWorker()]);
    pdfjs.GlobalWorkerOptions.workerPort = worker;
    return pdfjs;
  };

  const open = (pdfjs, address) => {
    return pdfjs.getDocument({
      url: new URL(address, location.href).href,
      cMapUrl: `${LIBRARY}cmaps/`, cMapPacked: true, standardFontDataUrl: `${LIBRARY}standard_fonts/`, wasmUrl: `${LIBRARY}wasm/`,
      isEvalSupported: false, enableXfa: false, verbosity: 0,
    }).promise;
  };

  class Viewer {
    constructor(place, pdfjs, pdf, first) {
      Object.assign(this, { pdfjs, pdf, zoom: 1, current: 1 });
      this.box = make("div", { class: "pdf-pages", tabindex: 0, role: "region", "aria-label": "Pages" });
      this.width = first.getViewport({ scale: 1 }).width;
      this.shape = first.getViewport({ scale: 1 }).height / this.width;
      this.pages = Array.from({ length: pdf.numPages }, (_, index) => {
        const element = make("div", { class: "pdf-page", "aria-label": `Page ${index + 1}` });
        return { element, number: index + 1, shape: this.shape, width: this.width, drawn: 0 };
      });
      this.box.append(...this.pages.map((page) => page.element));
      place.classList.add("pdf");
      place.replaceChildren(this.bar(place.dataset.pdf), this.box);

      const near = new IntersectionObserver((entries) => entries.forEach((entry) => this.see(entry)), { root: this.box, rootMargin: "100% 0px" });
      this.pages.forEach((page) => near.observe(page.element));
      this.box.addEventListener("scroll", () => this.follow(), { passive: true });
      let width = 0;
      new ResizeObserver(() => {
        if (width !== (width = this.box.clientWidth)) this.layOut();
      }).observe(this.box);
    }

    bar(address) {
      const button = (text, label, act) => {
        const made = make("button", { type: "button", "aria-label": label, title: label }, text);
        made.addEventListener("click", act);
        return made;
      };
      this.input = make("input", { type: "number", min: 1, max: this.pdf.numPages, value: 1, "aria-label": "Page" });
      this.input.addEventListener("change", () => this.go(Number(this.input.value)));
      this.shown = make("output", { "aria-live": "polite" });
      this.back = button("‹", "Previous page", () => this.go(this.current - 1));
      this.forth = button("›", "Next page", () => this.go(this.current + 1));
      return make("div", { class: "pdf-bar" },
        make("span", {}, this.back, this.input, ` of ${this.pdf.numPages}`, this.forth),
        make("span", {}, button("−", "Smaller", () => this.step(-1)), this.shown, button("+", "Larger", () => this.step(1))),
        make("a", { href: address, download: "" }, "Download PDF"));
    }

    step(by) {
      const next = by > 0 ? ZOOMS.find((zoom) => zoom > this.zoom) : ZOOMS.findLast((zoom) => zoom < this.zoom);
      if (!next) return;
      const at = this.box.scrollTop / this.box.scrollHeight;
      this.zoom = next;
      this.layOut();
      this.box.scrollTop = at * this.box.scrollHeight;
    }

    // At 100 % a page is as wide as the box, but not wider than it is on paper times 1.5.
    layOut() {
      const room = this.box.clientWidth - 24;
      this.shown.textContent = `${Math.round(this.zoom * 100)} %`;
      for (const page of this.pages) {
        const width = Math.floor(Math.min(room, page.width * 1.5) * this.zoom);
        Object.assign(page.element.style, { width: `${width}px`, height: `${Math.round(width * page.shape)}px` });
        if (page.near) this.draw(page);
      }
      this.follow();
    }

    go(number) {
      const page = this.pages[Math.min(Math.max(1, number || 1), this.pages.length) - 1];
      this.box.scrollTop = page.element.offsetTop - 12;
      this.follow();
    }

    follow() {
      const middle = this.box.scrollTop + this.box.clientHeight / 3;
      this.current = (this.pages.findLast((page) => page.element.offsetTop <= middle) ?? this.pages[0]).number;
      if (document.activeElement !== this.input) this.input.value = this.current;
      this.back.disabled = this.current === 1;
      this.forth.disabled = this.current === this.pages.length;
    }

    see(entry) {
      const page = this.pages.find(({ element }) => element === entry.target);
      page.near = entry.isIntersecting;
      if (page.near) return this.draw(page);
      page.element.replaceChildren(); // a hundred drawn pages would fill the memory
      page.drawn = 0;
    }

    async draw(page) {
      const width = page.element.clientWidth;
      if (!width || page.drawn === width) return;
      page.drawn = width;
      const source = await this.pdf.getPage(page.number);
      const natural = source.getViewport({ scale: 1 });
      if (Math.abs(natural.height / natural.width - page.shape) > 0.001 || natural.width !== page.width) {
        Object.assign(page, { shape: natural.height / natural.width, width: natural.width, drawn: 0 });
        return this.layOut();
      }
      const scale = width / natural.width;
      const viewport = source.getViewport({ scale });
      const density = Math.min(devicePixelRatio || 1, Math.sqrt(LARGEST / (viewport.width * viewport.height)));
      const canvas = make("canvas", { width: Math.max(1, Math.floor(viewport.width * density)), height: Math.max(1, Math.floor(viewport.height * density)) });
      await source.render({ canvas, viewport, transform: [density, 0, 0, density, 0, 0] }).promise;
      if (page.drawn !== width) return;
      const words = make("div", { class: "textLayer" });
      page.element.style.setProperty("--total-scale-factor", scale);
      page.element.replaceChildren(canvas, words);
      await new this.pdfjs.TextLayer({ textContentSource: source.streamTextContent(), container: words, viewport }).render();
    }
  }

  const fail = (place, problem) => {
    const reason = problem?.name === "PasswordException" ? "It asks for a password." : `${problem?.message ?? problem}`;
    place.replaceChildren(make("div", { class: "notice" },
      make("p", {}, make("strong", {}, "This PDF could not be shown. "), reason),
      make("p", {}, make("a", { href: place.dataset.pdf, download: "" }, "Download PDF"))));
  };

  const show = async (place) => {
    try {
      const pdfjs = await load();
      const pdf = await open(pdfjs, place.dataset.pdf);
      new Viewer(place, pdfjs, pdf, await pdf.getPage(1));
    } catch (problem) {
      fail(place, problem);
    }
  };
  for (const place of document.querySelectorAll("[data-pdf]")) show(place);
})();
