// Answers by one key, on the grid and on the page of one image; what was recorded is said aloud.

const bar = document.querySelector("[data-answering]");
const form = bar?.closest("form");
const one = document.querySelector("[data-answering-one]");
const typing = "input:not([type=checkbox]), select, textarea";

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.(typing)) return;
  const button = buttonOf(event);
  if (button && !button.hidden) {
    event.preventDefault();
    button.click();
  }
});

function buttonOf(event) {
  if (event.key === "?") return document.querySelector("[data-keys] summary");
  const digit = /^Digit[1-9]$/.test(event.code) && one ? event.code.slice(5) : "";
  const key = digit ? (event.shiftKey ? `Shift+${digit}` : digit) : event.shiftKey ? "" : event.key.toLowerCase();
  return key && (form ?? one)?.querySelector(`button[aria-keyshortcuts="${key}"]`);
}

if (form) {
  const status = bar.querySelector("[role=status]");
  const boxes = () => [...form.querySelectorAll("input[name=image]")];
  for (const button of bar.querySelectorAll("[data-mark]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      for (const box of boxes()) box.checked = button.dataset.mark === "all";
      count();
    });
  }
  form.addEventListener("change", count);
  count();

  function count() {
    const marked = boxes().filter((box) => box.checked).length;
    bar.querySelector("[data-marked]").textContent = marked ? `(${marked} marked)` : "(none marked: the picture in focus)";
  }

  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (!button?.formAction || button.formMethod !== "post") return;
    event.preventDefault();
    const sent = new FormData(form, button);
    if (!sent.has("image")) {
      const focused = document.activeElement?.closest(".tile")?.querySelector("input[name=image]") ?? last;
      if (focused) sent.append("image", focused.value);
    }
    status.textContent = "…";
    const answer = await fetch(button.formAction, { method: "POST", body: sent, headers: { Accept: "application/json" } })
      .catch(() => null);
    const told = await answer?.json().catch(() => null);
    if (!answer?.ok || !told?.told) {
      status.textContent = told?.error ?? "Not recorded: the server did not answer as it should. Load the page again.";
      return;
    }
    await show(told.images);
    status.textContent = told.told;
    for (const box of boxes()) box.checked = false;
    bar.querySelector("[data-undo]").hidden = false;
    count();
  });

  let last = null; // where the focus was last, since a click on a button takes it away
  form.addEventListener("focusin", (event) => {
    const box = event.target.closest(".tile")?.querySelector("input[name=image]");
    if (box) last = box;
  });

  // What is known of these images now; one that the search does not find any more stays where it is, paler.
  async function show(images) {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const image of images) {
      const tile = form.querySelector(`input[name=image][value="${image}"]`)?.closest(".tile");
      const now = fresh.querySelector(`input[name=image][value="${image}"]`)?.closest(".tile");
      tile?.classList.toggle("left", !now);
      const chips = now?.querySelector(".chips");
      if (tile && chips) tile.querySelector(".chips").replaceWith(document.adoptNode(chips));
    }
  }
}
