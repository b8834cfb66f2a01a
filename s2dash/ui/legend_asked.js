
// ---- what the map's card says to the legend: the row of the place that was clicked, and whose name is to be typed ----

let asked = null;
let toName = null;

function followCard() {
  if (!shown?.root.isConnected) return;
  for (const [id, row] of shown.rows) row.element.classList.toggle("asked", id === asked);
  const row = shown.rows.get(toName);
  if (!row) return;
  toName = null;
  row.name.focus();
  row.name.select();
  row.element.scrollIntoView({ block: "nearest" });
}

// Once in a page, however often this script is loaded.
window.s2dashAsked?.abort();
const listening = window.s2dashAsked = new AbortController();
document.addEventListener("s2dash-point", ({ detail }) => { asked = detail; followCard(); }, { signal: listening.signal });
document.addEventListener("s2dash-name", (event) => {
  toName = event.detail;
  followCard();
  if (toName === null) event.preventDefault(); // taken
}, { signal: listening.signal });
