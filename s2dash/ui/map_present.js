// Full screen: the map with what it needs to speak for itself, its title and its legend.
// on: {entered(), left()}.
function s2dashPresent(stage, on) {
  "use strict";
  const MOST_ROWS = 10;
  const panel = add(stage, "aside", "s2-present");
  panel.setAttribute("aria-label", "Title and legend");
  panel.tabIndex = 0; // it scrolls where the screen is small
  const title = add(panel, "h1", "");
  const facts = add(panel, "p", "s2-facts");
  const list = add(panel, "ul", "s2-legend");
  const more = add(panel, "p", "s2-more");
  add(panel, "p", "s2-leave").textContent = "Esc to leave";

  function add(parent, tag, className) {
    const element = document.createElement(tag);
    element.className = className;
    return parent.appendChild(element);
  }

  const isFull = () => document.fullscreenElement === stage;

  function toggle() {
    if (isFull()) document.exitFullscreen();
    else stage.requestFullscreen();
  }

  document.addEventListener("fullscreenchange", () => {
    stage.classList.toggle("s2-full", isFull());
    if (isFull()) on.entered();
    else on.left();
  });

  // The largest classes, in the order of the legend; the one that is shown alone always among them.
  function chosen(rows, alone) {
    const bySize = [...rows].sort((a, b) => (b.id === alone) - (a.id === alone) || b.part - a.part);
    const kept = new Set(bySize.slice(0, MOST_ROWS));
    return rows.filter((row) => kept.has(row));
  }

  // Relative luminance of #rrggbb (WCAG 2.2).
  function luminance(colour) {
    const [red, green, blue] = [1, 3, 5]
      .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  function drawRow(row, alone) {
    const line = add(list, "li", alone === null || alone === row.id ? "" : "s2-faded");
    const swatch = add(line, "span", "s2-swatch");
    swatch.textContent = row.id;
    swatch.style.background = row.colour;
    swatch.style.color = luminance(row.colour) > 0.179 ? "#000" : "#fff"; // from here on black contrasts more
    add(line, "span", "s2-name").textContent = row.name;
    add(line, "span", "s2-share").textContent = row.share;
  }

  // state: {title, facts, legend: [{id, name, colour, part, share}], alone}; all texts are from outside.
  function tell(state) {
    title.textContent = state.title;
    facts.textContent = state.facts;
    const rows = chosen(state.legend, state.alone);
    list.replaceChildren();
    for (const row of rows) drawRow(row, state.alone);
    const rest = state.legend.length - rows.length;
    more.textContent = rest > 0 ? "and " + rest + " more" : "";
  }

  return { tell, toggle, isFull };
}
