// The first script of every page made from an author's file: storage that an opaque origin lacks,
// links that work in a frame, and the height that the frame should have.
(() => {
  const map = () => {
    const m = new Map();
    return {
      getItem: (k) => m.get(`${k}`) ?? null,
      setItem: (k, v) => void m.set(`${k}`, `${v}`),
      removeItem: (k) => void m.delete(`${k}`),
      clear: () => m.clear(),
      key: (n) => [...m.keys()][n] ?? null,
      get length() { return m.size; },
    };
  };
  const shim = (owner, name, descriptor) => {
    try { owner[name]; } catch { Object.defineProperty(owner, name, descriptor); }
  };
  shim(window, "localStorage", { value: map() });
  shim(window, "sessionStorage", { value: map() });
  shim(document, "cookie", { get: () => "", set() {} });

  const tell = (what, more) => parent.postMessage({ type: `broadsheet:${what}`, v: 1, ...more }, "*");
  const top = (box, edge) => Math.ceil(box.getBoundingClientRect()[edge] + scrollY);

  addEventListener("click", ({ target }) => {
    const link = target.closest?.("a[href]");
    if (!link || link.target || !/^http/.test(link.protocol)) return;
    if (link.host !== location.host) return void (link.target = "_blank");
    if (link.hash) setTimeout(() => {
      const goal = document.querySelector(":target");
      if (goal) tell("scroll", { top: top(goal, "top") });
    });
  }, true);

  // Never documentElement.scrollHeight: it is at least the frame's own height and could only grow.
  let height = 0, frame = innerHeight, chases = 0;
  // The margin below a box; the last one inside sticks out unless something holds it in.
  const below = (box) => {
    const style = getComputedStyle(box);
    const holds = style.display !== "block" || style.overflow !== "visible" || rim(style);
    const last = !holds && [...box.children].findLast((child) => child.getClientRects().length);
    return Math.max(parseFloat(style.marginBottom) || 0, last ? below(last) : 0);
  };
  const rim = (style) => parseFloat(style.paddingBottom) + parseFloat(style.borderBottomWidth);
  const measure = () => {
    const page = document.querySelectorAll("[data-broadsheet-page]");
    const boxes = page.length ? page : document.body.children;
    const body = getComputedStyle(document.body);
    const margin = parseFloat(body.marginBottom) || 0;
    const ends = [...boxes].map((box) => top(box, "bottom") + Math.max(below(box), rim(body) ? 0 : margin));
    const grown = Math.ceil(Math.max(0, ...ends) + (rim(body) && rim(body) + margin)) - height;
    const taller = innerHeight - frame;
    height += grown;
    frame += taller;
    // Content that grew because the frame did (100vh and a margin) would chase it for ever.
    const chasing = taller > 0 && grown >= taller && (grown === taller || ++chases > 2);
    if (grown && !chasing) tell("resize", { height });
  };
  addEventListener("load", measure);
  // What scrolls sideways must be reachable by keyboard, in browsers that do not see to it.
  addEventListener("load", () => {
    for (const box of document.querySelectorAll("[data-broadsheet-page] :is(.scroll, pre)")) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    }
  });
  addEventListener("DOMContentLoaded", () => {
    const watch = new ResizeObserver(measure);
    for (const box of [document.body, ...document.body.children]) watch.observe(box);
  });
})();
