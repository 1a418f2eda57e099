// Gives the content's frame the height that the content says it needs.
// Protocol: the frame's page posts {type: "broadsheet:resize", v: 1, height: pixels}. Nothing else is
// heard, and from nobody but that frame: its content is not ours.
"use strict";

const LEAST = 50;
const MOST = 20000;

window.addEventListener("message", (event) => {
  const frame = [...document.querySelectorAll("iframe[data-fits]")].find(
    (candidate) => candidate.contentWindow === event.source,
  );
  const said = event.data;
  if (!frame || said?.type !== "broadsheet:resize" || said.v !== 1) return;
  if (!Number.isFinite(said.height) || said.height <= 0) return;
  frame.style.blockSize = `${Math.ceil(Math.min(Math.max(said.height, LEAST), MOST))}px`;
});
