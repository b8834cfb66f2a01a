// What lies inside of the area whose corners can be moved: its classes as a bar and a list, and grouping it anew.
// card: where it stands. on: {regroup(k), size(hectares)}.
function s2dashInside(card, on) {
  "use strict";
  const WAIT_MS = 150; // corners are dragged
  const MOST_ROWS = 5;
  const PARTS = [2, 3, 4];

  const box = add(card, "div", "s2-inside", { hidden: "" });
  const bar = add(box, "div", "s2-inside-bar", { role: "img" });
  const list = add(box, "ul", "s2-inside-list", {});
  const seen = add(box, "p", "s2-inside-seen", {});
  const row = add(box, "div", "s2-inside-regroup", { role: "group", "aria-label": "Regroup inside" });
  add(row, "span", "", { "aria-hidden": "true" }, "Regroup inside");
  const seg = add(row, "div", "s2-seg", {});
  for (const k of PARTS) {
    const button = add(seg, "button", "", { type: "button", "aria-label": "Regroup inside into " + k }, String(k));
    button.title = "The pixels inside are grouped by themselves, into " + k + " new classes; undo takes it back";
    button.addEventListener("click", () => on.regroup(k));
  }
  let asked = null; // what of: the map's address and the ring, as text
  let asking = null;
  let timer = null;

  function add(parent, tag, className, attributes, words) {
    const made = document.createElement(tag);
    made.className = className;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (words) made.textContent = words;
    parent.append(made);
    return made;
  }

  function percent(share) {
    const all = 100 * share;
    return all < 0.1 ? "< 0.1 %" : all.toFixed(all < 9.95 ? 1 : 0) + " %";
  }

  // Numbers of classes as the map has them now; what has none is no data.
  function draw(found, classes) {
    const known = new Map(classes.map((one) => [one.id, one]));
    const rows = found.classes.map((one) => ({
      name: one.id ? (known.get(one.id) || { name: "Class " + one.id }).name : "No data",
      colour: (known.get(one.id) || {}).colour, share: one.share, hectares: one.area_ha,
    }));
    bar.replaceChildren();
    for (const one of rows) {
      const part = add(bar, "i", one.colour ? "" : "s2-none", {});
      part.style.flexGrow = one.share;
      if (one.colour) part.style.background = one.colour;
    }
    bar.setAttribute("aria-label", "Inside: " + rows.map((one) => one.name + " " + percent(one.share)).join(", "));
    bar.hidden = !rows.length;
    const isLong = rows.length > MOST_ROWS;
    const rest = isLong ? rows.slice(MOST_ROWS - 1) : [];
    list.replaceChildren();
    for (const one of isLong ? rows.slice(0, MOST_ROWS - 1) : rows) addRow(one);
    if (rest.length) {
      const sum = (name) => rest.reduce((all, one) => all + one[name], 0);
      addRow({ name: rest.length + " more", share: sum("share"), hectares: sum("hectares"), isSum: true });
    }
    seen.textContent = !rows.length ? "No pixel of the map lies inside."
      : found.step > 1 ? "Counted on one pixel of each " + found.step + " × " + found.step + "." : "";
    row.hidden = !found.classes.some((one) => one.id);
  }

  function addRow(one) {
    const item = add(list, "li", "", {});
    const swatch = add(item, "i", one.colour || one.isSum ? "" : "s2-none", { "aria-hidden": "true" });
    if (one.colour) swatch.style.background = one.colour;
    else if (one.isSum) swatch.style.visibility = "hidden";
    add(item, "span", "", { title: one.name }, one.name);
    add(item, "small", "", {}, on.size(one.hectares));
    add(item, "b", "", {}, percent(one.share));
  }

  async function ask(url, rings, classes) {
    const mine = asking = new AbortController();
    try {
      const response = await fetch(url + "/inside", { method: "POST", body: JSON.stringify(rings), signal: mine.signal });
      const found = response.ok ? await response.json() : null;
      if (mine !== asking) return;
      box.hidden = !found;
      if (found) draw(found, classes);
      on.drawn();
    } catch (error) {
      if (mine === asking && error.name !== "AbortError") box.hidden = true;
    }
  }

  // ring: closed, or null for none; told: {url, classes} of the map, or null. What was told of before stays meanwhile.
  function show(ring, told) {
    const what = ring && told ? told.url + JSON.stringify([ring, told.classes]) : null;
    if (what === asked) return;
    asked = what;
    clearTimeout(timer);
    if (asking) asking.abort();
    asking = null;
    if (!what) box.hidden = true;
    else timer = setTimeout(() => ask(told.url, [ring], told.classes), box.hidden ? 0 : WAIT_MS);
  }

  return { show };
}
