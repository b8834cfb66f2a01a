// A small chart of one pixel's spectrum: its line over the mean of its class, and where most of that class lies.
// bands: [{name, wavelength_nm, group, value, mean, low, high}], reflectances or null. className: words for the class, or null.
// isEmbedding: whether they are values of a yearly embedding, which are no shares of light.
function s2dashSpectrum(parent, bands, className, isEmbedding) {
  "use strict";
  const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [288, 128, 34, 8, 8, 24];
  const LETTER_PX = 5.9;
  const LIGHTS = [
    ["shortwave infrared", 1300, 3000], ["blue", 400, 520], ["near infrared", 760, 1000], ["red", 600, 700], ["green", 520, 600],
  ];
  const svg = make("svg", { viewBox: "0 0 " + WIDTH + " " + HEIGHT, role: "img", "aria-label": inWords(), class: "s2-spectrum" }, parent);

  function make(tag, attributes, into, words) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (words !== undefined) element.textContent = words;
    return into.appendChild(element);
  }

  function inWords() {
    const percent = (value) => s2dashAmount(value, isEmbedding);
    const each = bands.map((band) => band.name + " " + percent(band.value) + (band.mean === null ? "" : ", class mean " + percent(band.mean)));
    return (isEmbedding ? "Embedding of this place" : "Spectrum of this place") + (className ? " beside the class " + className : "") + ": " + each.join("; ") + ".";
  }

  // By wavelength, on a logarithmic axis, where all are known and of one date; else side by side.
  const isByLight = bands.every((band) => band.wavelength_nm && band.group === bands[0].group);
  const lines = [];
  for (const band of isByLight ? [...bands].sort((a, b) => a.wavelength_nm - b.wavelength_nm) : bands) {
    if (!lines.length || lines[lines.length - 1][0].group !== band.group) lines.push([]);
    lines[lines.length - 1].push(band);
  }
  const ordered = lines.flat();
  const measure = isByLight ? (band) => Math.log(band.wavelength_nm) : (band) => ordered.indexOf(band);
  const [first, last] = [measure(ordered[0]), measure(ordered[ordered.length - 1])];
  const x = (band) => LEFT + 6 + (last > first ? (measure(band) - first) / (last - first) : 0.5) * (WIDTH - LEFT - RIGHT - 12);

  const known = ordered.flatMap((band) => [band.value, band.mean, band.low, band.high]).filter((value) => value !== null);
  const highest = Math.max(0.01, ...known);
  const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1].find((one) => highest / one <= 3.2) || highest / 3;
  const lowest = Math.min(0, Math.floor(Math.min(...known) / step) * step);
  const y = (value) => TOP + (1 - (value - lowest) / (highest - lowest)) * (HEIGHT - TOP - BOTTOM);

  for (let tick = lowest; tick <= highest; tick += step) {
    make("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(tick), y2: y(tick), class: "s2-grid" }, svg);
    make("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, svg, isEmbedding ? tick.toFixed(step < 0.1 ? 2 : 1) : Math.round(100 * tick) + " %");
  }
  for (const band of ordered) {
    make("line", { x1: x(band), x2: x(band), y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 4, class: "s2-grid" }, svg);
  }

  // ---- words of the axis, as many as have room ----------------------------------------------------------------

  const taken = [];
  function write(words, at) {
    const half = (words.length * LETTER_PX) / 2;
    const middle = Math.min(WIDTH - half, Math.max(half, at));
    if (taken.some(([low, high]) => middle - half < high + 8 && middle + half > low - 8)) return;
    taken.push([middle - half, middle + half]);
    make("text", { x: middle, y: HEIGHT - 5, "text-anchor": "middle" }, svg, words);
  }

  const mean = (some) => some.reduce((sum, band) => sum + x(band), 0) / some.length;
  if (isByLight) {
    for (const [words, from, to] of LIGHTS) {
      const some = ordered.filter((band) => band.wavelength_nm >= from && band.wavelength_nm < to);
      if (some.length) write(words, mean(some));
    }
  } else if (lines.length > 1) {
    for (const line of lines) write(line[0].group.replace(/^_/, ""), mean(line));
  } else {
    for (const band of [ordered[0], ordered[ordered.length - 1]]) write(band.name.slice(0, 18), x(band));
  }

  // ---- most of the class, its mean, this place ----------------------------------------------------------------

  function path(line, what) {
    const some = line.filter((band) => band[what] !== null);
    return some.map((band, at) => (at ? "L" : "M") + x(band).toFixed(1) + " " + y(band[what]).toFixed(1)).join("");
  }

  for (const line of lines) {
    const both = line.filter((band) => band.low !== null);
    const there = both.map((band) => x(band) + "," + y(band.high));
    const back = [...both].reverse().map((band) => x(band) + "," + y(band.low));
    if (both.length > 1) make("polygon", { points: [...there, ...back].join(" "), class: "s2-most" }, svg);
    make("path", { d: path(line, "mean"), class: "s2-mean" }, svg);
    make("path", { d: path(line, "value"), class: "s2-here" }, svg);
    for (const band of line) {
      if (band.value === null) continue;
      const dot = make("circle", { cx: x(band), cy: y(band.value), r: 2.8, class: "s2-dot" }, svg);
      make("title", {}, dot, band.description + ": " + s2dashAmount(band.value, isEmbedding));
    }
  }

  const key = parent.appendChild(document.createElement("p"));
  key.className = "s2-spectrum-key";
  key.setAttribute("aria-hidden", "true");
  for (const [kind, words, title] of [
    ["here", "this place", ""], ["mean", "class mean", ""], ["most", "most of it", "The middle 80 % of the class, by the pixels it was learnt from"],
  ].slice(0, className ? 3 : 1)) {
    const item = key.appendChild(document.createElement("span"));
    item.className = "s2-line-" + kind;
    item.title = title;
    item.textContent = words;
  }
}

// A band's value in words: in percent of the light, or as it is.
function s2dashAmount(value, isEmbedding) {
  "use strict";
  if (value === null) return "no data";
  return isEmbedding ? value.toFixed(2) : (100 * value).toFixed(1) + " %";
}
