// The slider of a label's threshold: what another one would do stands in the table below.
const slide = document.getElementById("slide");
const percent = document.getElementById("percent");
const would = document.getElementById("would");

if (slide && percent && would) {
  slide.value = percent.value;
  slide.hidden = false;
  slide.addEventListener("input", () => { percent.value = slide.value; tell(); });
  percent.addEventListener("input", () => { slide.value = percent.value; tell(); });
  tell();
}

function tell() {
  const row = document.querySelector(`tr[data-percent="${Number(percent.value)}"]`);
  if (!row) { would.textContent = "A whole number from 1 to 100."; return; }
  const [images, expected, right, answers] = [...row.querySelectorAll("td")].map((cell) => cell.textContent);
  const said = images === "0" ? "no image" : `${images} images, of which ${expected} are expected to show it`;
  const told = answers === "0" ? "Nobody has answered one that likely yet." : `Of ${answers} answers to chances as high, ${right} were right.`;
  would.textContent = `Would be suggested on ${said}. ${told}`;
}
