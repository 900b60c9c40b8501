/**
 * The frame: every page works without this file, and a little faster with it.
 *
 * "/" focuses the search. A scanner gun types fast and ends with Enter: what it types
 * while no field has the focus goes into the search. Menus close when one looks away.
 * Codes are copied with one tap. A form that was sent is not sent again by a double tap.
 */

const BURST_MS = 50;
const LEAST_SCANNED = 8;

const search = document.getElementById("search");
let typed = "";
let last = 0;

const isEditable = (element) =>
  element instanceof HTMLElement &&
  (element.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(element.tagName));

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") closeMenus();
  if (!search || event.ctrlKey || event.metaKey || event.altKey) return;
  if (isEditable(event.target)) return;
  if (event.key === "/") {
    event.preventDefault();
    search.focus();
    search.select();
    return;
  }
  collect(event);
});

/** Gather a burst of keys as a scanner types them, and search for it at its Enter. */
function collect(event) {
  const quick = event.timeStamp - last < BURST_MS;
  last = event.timeStamp;
  if (event.key.length === 1) {
    typed = quick ? typed + event.key : event.key;
    return;
  }
  if (event.key === "Enter" && quick && typed.length >= LEAST_SCANNED) {
    event.preventDefault();
    search.value = typed;
    search.form.requestSubmit();
  }
  if (event.key !== "Shift") typed = "";
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  closeMenus(event.target.closest("details[data-menu]"));
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
});

async function copy(button) {
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    selectBeside(button);
    return;
  }
  button.textContent = button.dataset.copied;
  setTimeout(() => {
    button.textContent = label;
  }, 1500);
}

/** Where the clipboard is closed to us (plain HTTP), at least select the text. */
function selectBeside(button) {
  const text = button.parentElement.querySelector("code");
  if (text) getSelection().selectAllChildren(text);
}

const showCopyButtons = (root) => {
  for (const button of root.querySelectorAll("[data-copy][hidden]")) {
    button.hidden = false;
  }
};
showCopyButtons(document);
document.addEventListener("htmx:load", (event) => showCopyButtons(event.detail.elt));

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  form.setAttribute("aria-busy", "true");
});
// A page that comes back out of the history may be sent anew
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
});

document.querySelector("[data-focus]")?.focus();
