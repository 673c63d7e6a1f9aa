// The code of a link stands behind the #, which no server sees: put it into the form, and out of the history.

const code = location.hash.slice(1);
if (code) {
  document.querySelector("#code").value = code;
  document.querySelector("#by-hand").hidden = true;
  history.replaceState(null, "", location.pathname);
}
