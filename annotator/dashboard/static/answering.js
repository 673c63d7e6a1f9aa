// Answers by one key, on the grid and on the page of one image: one after the other, and each said aloud.
// The list of labels stays as it was when the page was opened, so that no key moves to another label.

import { localise } from "./moments.js";

const part = document.querySelector("[data-answering]");
const form = part?.closest("form");
const tiles = form?.querySelector(".grid");
const typing = "input:not([type=checkbox]), select, textarea";

addEventListener("keydown", (event) => {
  if (!keysAnswer() || event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.(typing)) return;
  const button = buttonOf(event);
  if (button && !button.hidden) {
    event.preventDefault();
    button.click();
  }
});

// Who speaks to the computer, or strikes keys by mistake, switches single keys off; the browser remembers it.
function keysAnswer() {
  return localStorage.getItem("onetag-keys") !== "off";
}

function offerSwitch() {
  const switched = part.querySelector("[data-keys-switch]");
  const box = switched.querySelector("input");
  switched.hidden = false;
  box.checked = keysAnswer();
  part.toggleAttribute("data-no-keys", !box.checked);
  box.addEventListener("change", () => {
    localStorage.setItem("onetag-keys", box.checked ? "on" : "off");
    part.toggleAttribute("data-no-keys", !box.checked);
  });
}

function buttonOf(event) {
  if (event.key === "?") return document.querySelector("[data-keys] summary");
  const digit = /^Digit[0-9]$/.test(event.code) ? event.code.slice(5) : "";
  const key = digit ? (event.shiftKey ? `Shift+${digit}` : digit) : event.shiftKey ? "" : event.key.toLowerCase();
  return key && form?.querySelector(`button[aria-keyshortcuts="${key}"]`);
}

if (form) {
  offerSwitch();
  answer();
}

function answer() {
  const status = part.querySelector("[role=status]");
  const undo = part.querySelector("[data-undo]");
  let before = Promise.resolve(); // what was pressed earlier is answered earlier
  let undoable = !undo.hidden;

  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || (button.formMethod || form.method) !== "post") return;
    event.preventDefault();
    const sent = new FormData(form, button);
    if (tiles) nameFocused(sent);
    const address = button.getAttribute("formaction") ?? form.getAttribute("action");
    undo.hidden = false; // for who takes back at once what is still on its way
    part.dataset.sending = String(Number(part.dataset.sending ?? 0) + 1);
    before = before.then(() => send(address, sent)).catch(reportError).finally(sentOne);
  });

  function sentOne() {
    const left = Number(part.dataset.sending) - 1;
    if (left) {
      part.dataset.sending = String(left);
    } else {
      delete part.dataset.sending;
      const focused = document.activeElement === undo;
      undo.hidden = !undoable;
      if (focused && undo.hidden) status.focus(); // else the next Tab would begin at the top of the page
    }
  }

  async function send(address, sent) {
    status.textContent = "";
    const options = { method: "POST", body: sent, headers: { Accept: "application/json" }, keepalive: true };
    const got = await fetch(address, options).catch(() => null);
    const told = await got?.json().catch(() => null);
    if (!got?.ok || !told?.told) {
      status.textContent = told?.error ?? "Not recorded: the server did not answer as it should. Load the page again.";
      return;
    }
    undoable = told.undo;
    status.textContent = told.told;
    if (told.undo) status.append(hidden(" – undo u"));
    if (tiles) unmark(sent);
    await refresh(told.images);
  }
}

function hidden(text) {
  const element = document.createElement("span");
  element.className = "hidden-text";
  element.textContent = text;
  return element;
}

// What is known now, by the version that the page was opened with.
async function refresh(images) {
  const address = new URL(location.href);
  if (form.elements.version.value) address.searchParams.set("version", form.elements.version.value);
  const got = await fetch(address, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!got?.ok) return;
  const now = new DOMParser().parseFromString(await got.text(), "text/html");
  if (tiles) for (const image of images) refreshTile(image, now);
  else refreshImage(now);
}

function refreshImage(now) {
  for (const shown of document.querySelectorAll("[data-fresh]")) {
    const fresh = now.getElementById(shown.id);
    if (!fresh) continue;
    const focused = shown.contains(document.activeElement) && document.activeElement.closest("details")?.id;
    for (const details of shown.querySelectorAll("details[open]")) {
      fresh.querySelector(`#${details.id}`)?.setAttribute("open", "");
    }
    shown.replaceWith(document.adoptNode(fresh));
    localise(fresh);
    if (focused) fresh.querySelector(`#${focused} summary`)?.focus();
  }
  const cells = new Map([...document.querySelectorAll("td[data-label]")].map((cell) => [cell.dataset.label, cell]));
  for (const asked of form.querySelectorAll("[data-label]")) {
    const known = cells.get(asked.dataset.label)?.cloneNode(true);
    if (known) asked.querySelector(".people").replaceChildren(...known.childNodes);
  }
}

// An image that the search does not find any more stays where it is, its picture paler.
function refreshTile(image, now) {
  const [tile, fresh] = [form, now].map((page) => boxOf(page, image)?.closest(".tile"));
  tile?.classList.toggle("left", !fresh);
  if (tile && fresh) tile.querySelector(".chips").replaceWith(document.adoptNode(fresh.querySelector(".chips")));
}

function boxOf(page, image) {
  return page.querySelector(`input[name=image][value="${image}"]`);
}

let last = null; // where the focus was last, since a click on a button takes it away

// Where no picture is marked, the one in focus is meant.
function nameFocused(sent) {
  const focused = document.activeElement?.closest(".tile")?.querySelector("input[name=image]") ?? last;
  if (!sent.has("image") && focused) sent.append("image", focused.value);
}

function unmark(sent) {
  for (const image of sent.getAll("image")) boxOf(form, image).checked = false;
  count();
}

function count() {
  const marked = tiles.querySelectorAll("input[name=image]:checked").length;
  part.querySelector("[data-marked]").textContent = marked ? `(${marked} marked)` : "(none marked: the picture in focus)";
}

if (tiles) {
  for (const button of part.querySelectorAll("[data-mark]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      for (const box of tiles.querySelectorAll("input[name=image]")) box.checked = button.dataset.mark === "all";
      count();
    });
  }
  form.addEventListener("change", count);
  form.addEventListener("focusin", (event) => {
    last = event.target.closest(".tile")?.querySelector("input[name=image]") ?? last;
  });
  count();
}
