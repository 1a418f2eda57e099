// Small comforts that every page has: dialogs in browsers without invoker commands, copy buttons, menus that
// close, lists that hold still, "/".
"use strict";

const hasInvokers = "commandForElement" in HTMLButtonElement.prototype;

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copies) copy(button);
  else if (!hasInvokers && button.hasAttribute("commandfor")) {
    const dialog = document.getElementById(button.getAttribute("commandfor"));
    if (button.getAttribute("command") === "close") dialog.close();
    else dialog.showModal();
  }
});

// A day is wider than a phone: it opens where it is now.
for (const now of document.querySelectorAll(".scroll .now")) {
  const pane = now.closest(".scroll");
  pane.scrollLeft += now.getBoundingClientRect().left - pane.getBoundingClientRect().left - pane.clientWidth * 0.7;
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.querySelector("main .search input, .masthead .search input");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector(".menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// Pressing elsewhere or tabbing on closes a menu.
for (const happening of ["click", "focusin"]) {
  document.addEventListener(happening, (event) => {
    for (const menu of document.querySelectorAll(".menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
}

// A list that refreshes itself holds still while something in it is ticked.
document.addEventListener("htmx:before:request", (event) => {
  const list = event.target.closest("[data-holds-still]");
  if (list?.querySelector("input:checked")) event.preventDefault();
});

for (const button of document.querySelectorAll("[data-copies]")) button.hidden = false;

async function copy(button) {
  const source = document.getElementById(button.dataset.copies);
  source.select();
  try {
    await navigator.clipboard.writeText(source.value);
  } catch {
    document.execCommand("copy"); // plain http has no clipboard of its own
  }
  const label = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = label), 2000);
}
