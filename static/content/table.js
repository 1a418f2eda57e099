// Shows a table of up to some ten thousand rows: <div data-table="data.json" data-original="sales.csv">.
// Only the rows in sight are in the page; all rows have one height.
(() => {
  "use strict";

  const ROW = 30, SPARE = 12;
  const compare = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;
  const count = new Intl.NumberFormat("en");
  const decimals = new Intl.NumberFormat("en", { maximumFractionDigits: 15, useGrouping: false });

  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  const isEmpty = (value) => value === null || value === undefined || value === "";
  const show = (value) => (isEmpty(value) ? "" : typeof value === "number" ? decimals.format(value) : String(value));
  const rowCount = (number) => (number === 1 ? "1 row" : `${count.format(number)} rows`);

  // Empty cells come last in both directions: nobody sorts in order to see them.
  const order = (type, at, way) => (a, b) => {
    const x = a[at], y = b[at];
    if (isEmpty(x) || isEmpty(y)) return isEmpty(x) - isEmpty(y);
    return way * (type === "number" && typeof x === "number" && typeof y === "number" ? x - y : compare(String(x), String(y)));
  };

  class Table {
    constructor(place, sheet, original) {
      this.sheet = sheet;
      this.rows = sheet.rows;
      this.sorted = { at: -1, way: 1 };
      this.status = make("p", { role: "status" });
      this.search = make("input", { type: "search", placeholder: "Search in all columns", "aria-label": "Search in all columns" });
      this.bar = make("div", { class: "table-bar" }, this.search, this.status);
      if (original) this.bar.append(make("a", { href: original, download: "" }, "Download the original"));
      this.heads = sheet.columns.map((column, at) => this.head(column, at));
      this.body = make("tbody");
      const table = make("table", { "aria-rowcount": sheet.rows.length + 1 }, make("thead", {}, make("tr", { "aria-rowindex": 1 }, ...this.heads)), this.body);
      this.view = make("div", { class: "table-view", tabindex: 0, role: "region", "aria-label": sheet.name || "Table" }, table);
      place.replaceChildren(this.bar, this.view);

      let timer = 0;
      this.search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => this.update(), 120); });
      this.view.addEventListener("scroll", () => this.draw(), { passive: true });
      new ResizeObserver(() => this.draw()).observe(this.view);
      this.update();
    }

    head(column, at) {
      const button = make("button", { type: "button" }, column.name);
      button.addEventListener("click", () => this.sort(at));
      return make("th", { scope: "col", class: column.type, "aria-sort": "none" }, button);
    }

    // Up, down, and as it was.
    sort(at) {
      const { at: before, way } = this.sorted;
      this.sorted = before !== at ? { at, way: 1 } : way === 1 ? { at, way: -1 } : { at: -1, way: 1 };
      this.heads.forEach((head, index) => {
        const sorted = index === this.sorted.at;
        head.setAttribute("aria-sort", !sorted ? "none" : this.sorted.way === 1 ? "ascending" : "descending");
      });
      this.update();
    }

    update() {
      const words = this.search.value.trim().toLowerCase();
      const { rows, columns } = this.sheet;
      const hits = words ? rows.filter((row) => row.some((value) => show(value).toLowerCase().includes(words))) : rows;
      const { at, way } = this.sorted;
      this.rows = at < 0 ? hits : [...hits].sort(order(columns[at].type, at, way));
      this.status.textContent = this.sentence(words);
      this.view.scrollTop = 0;
      this.first = -1;
      this.draw();
    }

    sentence(words) {
      const { rows, total = rows.length } = this.sheet;
      const part = rows.length < total ? `the first ${count.format(rows.length)} of ${rowCount(total)}` : rowCount(rows.length);
      if (!words) return part.charAt(0).toUpperCase() + part.slice(1);
      return `${rowCount(this.rows.length)} found in ${part}`;
    }

    draw() {
      const first = Math.max(0, Math.floor(this.view.scrollTop / ROW) - SPARE);
      const last = Math.min(this.rows.length, first + Math.ceil(this.view.clientHeight / ROW) + 2 * SPARE);
      if (first === this.first && last === this.last) return;
      Object.assign(this, { first, last });
      const rows = this.rows.slice(first, last).map((row, index) => this.row(row, first + index));
      this.body.replaceChildren(this.filler(first), ...rows, this.filler(this.rows.length - last));
      if (!this.rows.length) this.body.replaceChildren(make("tr", {}, make("td", { class: "empty", colspan: this.heads.length }, "No row to show.")));
      this.keepWidths();
    }

    row(row, index) {
      const cells = this.sheet.columns.map((column, at) => {
        const text = show(row[at]);
        return make("td", { class: column.type, ...(text.length > 40 ? { title: text } : {}) }, text);
      });
      return make("tr", { "aria-rowindex": index + 2 }, ...cells);
    }

    filler(rows) {
      const cell = make("td", { colspan: this.heads.length });
      cell.style.height = `${rows * ROW}px`;
      return make("tr", { class: "filler", "aria-hidden": "true" }, cell);
    }

    // Columns may grow while one scrolls, but never jump back.
    keepWidths() {
      for (const head of this.heads) head.style.minWidth = `${Math.ceil(head.getBoundingClientRect().width)}px`;
    }
  }

  const showSheets = (place, sheets, original) => {
    const tabs = make("div", { class: "table-sheets", role: "tablist", "aria-label": "Sheets" });
    const panel = make("div", { role: "tabpanel" });
    const open = (at) => {
      [...tabs.children].forEach((tab, index) => {
        tab.setAttribute("aria-selected", String(index === at));
        tab.tabIndex = index === at ? 0 : -1;
      });
      new Table(panel, sheets[at], original);
    };
    sheets.forEach((sheet, at) => {
      const tab = make("button", { type: "button", role: "tab" }, sheet.name);
      tab.addEventListener("click", () => open(at));
      tabs.append(tab);
    });
    tabs.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const at = (([...tabs.children].indexOf(document.activeElement) + step) + sheets.length) % sheets.length;
      tabs.children[at].focus();
      open(at);
    });
    place.replaceChildren(tabs, panel);
    open(0);
  };

  const fail = (place, problem) => {
    place.replaceChildren(make("div", { class: "notice" }, make("p", {}, make("strong", {}, "This table could not be shown. "), `${problem.message}`)));
    if (place.dataset.original) place.firstChild.append(make("p", {}, make("a", { href: place.dataset.original, download: "" }, "Download the original")));
  };

  for (const place of document.querySelectorAll("[data-table]")) {
    fetch(place.dataset.table)
      .then((answer) => { if (!answer.ok) throw new Error(`Its data did not arrive (${answer.status}).`); return answer.json(); })
      .then((data) => (data.sheets?.length > 1 ? showSheets(place, data.sheets, place.dataset.original) : new Table(place, data.sheets?.[0] ?? data, place.dataset.original)))
      .catch((problem) => fail(place, problem));
  }
})();
