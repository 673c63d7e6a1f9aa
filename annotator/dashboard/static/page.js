// What all views share: moments in the reader's zone, pictures that come later, and live parts.

import { localise } from "./moments.js";

localise(document);

// The server answers 503 while others wait for pictures: ask again, each time after a longer pause.
const PAUSES = [0.5, 1, 2, 4, 8, 15];
document.addEventListener("error", (event) => {
  const image = event.target;
  if (!(image instanceof HTMLImageElement) || !image.hasAttribute("data-retry")) return;
  const tries = Number(image.dataset.tries ?? 0);
  if (tries >= PAUSES.length) return;
  image.dataset.tries = String(tries + 1);
  setTimeout(() => {
    const address = new URL(image.src);
    address.searchParams.set("try", String(tries + 1));
    image.src = address.href;
  }, 1000 * PAUSES[tries] * (0.75 + Math.random() / 2));
}, true);

// <section data-live="address">: its content is sent anew whenever it has changed.
for (const section of document.querySelectorAll("[data-live]")) {
  const source = new EventSource(section.dataset.live);
  let shown = "";
  source.addEventListener("message", (event) => {
    if (event.data === shown) return;
    shown = event.data;
    section.innerHTML = event.data;
    localise(section);
  });
  addEventListener("pagehide", () => source.close());
}

// <div data-load="address">: a part that takes longer to count follows.
for (const element of document.querySelectorAll("[data-load]")) {
  element.setAttribute("aria-busy", "true");
  const answer = await fetch(element.dataset.load);
  if (answer.ok) {
    element.innerHTML = await answer.text();
    localise(element);
  }
  element.removeAttribute("aria-busy");
}
