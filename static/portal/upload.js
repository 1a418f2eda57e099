// Drag and drop of files and folders, a list of what was chosen, and a progress bar.
// Without this the form sends itself; with it the same form is sent by XMLHttpRequest.
"use strict";

const form = document.querySelector("[data-upload]");
const input = form.querySelector("input[type=file]");
const zone = form.querySelector("[data-drop]");
const table = document.getElementById("chosen");
const bar = document.getElementById("progress");
const words = document.getElementById("progress-words");
const refusal = document.getElementById("refusal");
const submit = form.querySelector(".actions .primary");
const limit = Number(form.dataset.limit);
let chosen = []; // {file, path}

form.querySelector("[data-drop-hint]").hidden = false;

input.addEventListener("change", () => {
  add([...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
  input.value = "";
});

zone.addEventListener("dragover", (event) => {
  event.preventDefault();
  zone.classList.add("over");
});
zone.addEventListener("dragleave", () => zone.classList.remove("over"));
zone.addEventListener("drop", async (event) => {
  event.preventDefault();
  zone.classList.remove("over");
  const dropped = [...event.dataTransfer.items].filter((item) => item.kind === "file").map(filesOfItem);
  add((await Promise.all(dropped)).flat());
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!chosen.length) return refuse("Choose at least one file, then send again.");
  const size = chosen.reduce((sum, { file }) => sum + file.size, 0);
  if (size > limit) return refuse(`At most ${sizeWords(limit)} at once; these are ${sizeWords(size)}.`);
  send();
});

function filesOfItem(item) {
  const entry = item.webkitGetAsEntry(); // nothing for a file that comes from another page
  const file = item.getAsFile();
  return entry ? filesOf(entry) : [{ file, path: file.name }];
}

async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return [{ file, path: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break; // a reader gives at most 100 at a time
    found.push(...some);
  }
  return (await Promise.all(found.map(filesOf))).flat();
}

function add(files) {
  const paths = new Set(files.map(({ path }) => path));
  chosen = chosen.filter(({ path }) => !paths.has(path)).concat(files);
  show();
}

function show() {
  table.hidden = chosen.length === 0;
  table.tBodies[0].replaceChildren(...chosen.map(rowOf));
  refusal.hidden = true;
}

function rowOf(item) {
  const row = document.getElementById("chosen-row").content.cloneNode(true);
  row.querySelector("code").textContent = item.path;
  row.querySelector("td").textContent = sizeWords(item.file.size);
  const button = row.querySelector("button");
  button.setAttribute("aria-label", `Remove ${item.path}`);
  button.addEventListener("click", () => {
    chosen = chosen.filter((other) => other !== item);
    show();
    input.focus();
  });
  return row;
}

function send() {
  const data = new FormData(form);
  data.delete("file");
  for (const { file, path } of chosen) {
    data.append("file", file);
    data.append("path", path);
  }
  const request = new XMLHttpRequest();
  request.open("POST", form.action || location.href);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => progress(event.loaded / event.total));
  request.addEventListener("load", () => finish(request));
  request.addEventListener("error", () => refuse("The connection broke before everything was sent. Try again."));
  submit.disabled = true;
  bar.hidden = false;
  refusal.hidden = true;
  progress(0);
  request.send(data);
}

function progress(share) {
  bar.value = 100 * share;
  words.textContent = share < 1 ? `${Math.round(100 * share)} % sent` : "Sent. The files are being checked.";
}

function finish(request) {
  const answer = request.response ?? {};
  if (request.status === 201) location.assign(answer.url);
  else refuse(answer.message ?? "That did not work. Reload the page and try again.", answer.field, answer.error);
}

function refuse(message, field = "file", code = "") {
  submit.disabled = false;
  bar.hidden = true;
  words.textContent = "";
  refusal.hidden = false;
  refusal.replaceChildren(strong("Nothing was kept."), ` ${message}`);
  refusal.scrollIntoView({ block: "center" });
  const asked = form.querySelector("[data-if-unknown]");
  if (asked && code === "slug_unknown") asked.hidden = false;
  for (const marked of form.querySelectorAll("[aria-invalid]")) marked.removeAttribute("aria-invalid");
  const at = field === "file" ? input : form.elements[field];
  at?.setAttribute("aria-invalid", "true");
  at?.focus({ preventScroll: true });
}

function strong(text) {
  const element = document.createElement("strong");
  element.textContent = text;
  return element;
}

function sizeWords(bytes) {
  const units = ["bytes", "kB", "MB", "GB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit += 1) bytes /= 1000;
  return `${bytes < 10 && unit ? bytes.toFixed(1).replace(/\.0$/, "") : Math.round(bytes)}\u00a0${units[unit]}`;
}
