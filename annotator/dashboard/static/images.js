// From picture to picture by arrow keys; X marks the one in focus, Enter opens it as any link.

const pictures = [...document.querySelectorAll(".grid .picture")];

function columns() {
  const top = pictures[0].offsetTop;
  const next = pictures.findIndex((picture) => picture.offsetTop > top);
  return next < 0 ? pictures.length : next;
}

function goal(at, key) {
  switch (key) {
    case "ArrowRight": return at + 1;
    case "ArrowLeft": return at - 1;
    case "ArrowDown": return at + columns();
    case "ArrowUp": return at - columns();
    case "Home": return 0;
    case "End": return pictures.length - 1;
    default: return at;
  }
}

document.querySelector(".grid")?.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const tile = event.target.closest(".tile");
  const at = pictures.indexOf(tile?.querySelector(".picture"));
  if (at < 0) return;
  if (event.key.toLowerCase() === "x") {
    tile.querySelector("input[name=image]")?.click();
    event.preventDefault();
    return;
  }
  if (event.key === "Enter" && event.target.type === "checkbox") {
    pictures[at].click();
    event.preventDefault();
    return;
  }
  const to = Math.min(Math.max(goal(at, event.key), 0), pictures.length - 1);
  if (to === at) return;
  pictures[to].focus();
  event.preventDefault();
});

// On the page of one image, the neighbours by arrow keys.
addEventListener("keydown", (event) => {
  if (pictures.length || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, .scroll")) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (rel) document.querySelector(`.step a[rel=${rel}]`)?.click();
});
