// The embed page: the frame inside takes its content's height, and this page tells its host its own.
// The content and, sandboxed, this page have no origin to check: a message counts for the frame that sent it.
(() => {
  const clamp = (height) => Math.min(Math.max(height, 50), 20000);

  addEventListener("message", ({ data, source }) => {
    const frame = document.querySelector("iframe");
    if (!frame || source !== frame.contentWindow) return;
    if (data?.type !== "broadsheet:resize" || data.v !== 1 || !(data.height > 0)) return;
    frame.style.blockSize = `${clamp(data.height)}px`;
    tell(); // browsers do not observe sizes in frames that are out of sight
  });

  // A wrapper of exactly the content's height, never the document: that is at least as tall as the host's frame.
  const tell = () => {
    const { height } = document.querySelector("[data-embed]").getBoundingClientRect();
    parent.postMessage({ type: "broadsheet:resize", v: 1, height: Math.ceil(height) }, "*");
  };

  addEventListener("DOMContentLoaded", () =>
    new ResizeObserver(tell).observe(document.querySelector("[data-embed]")));
  addEventListener("load", tell); // a host whose script came late missed the first
})();
