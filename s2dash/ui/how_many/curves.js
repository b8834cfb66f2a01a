// The curves of numbers of classes: draws them from data, shows what is pointed at, reports the column that is chosen.
//
// As with the list of runs, every message repeats the actions that Python has not yet acknowledged (`data.handled`).

const HEIGHT = 64, ROOM = 9;
const panels = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".curves");
  if (!panels.has(root)) panels.set(root, new Curves(root));
  const curves = panels.get(root);
  curves.send = (actions) => setTriggerValue("actions", actions);
  curves.receive(data);
}

function shape(name, attributes, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

class Curves {
  constructor(root) {
    this.root = root;
    this.axis = root.querySelector(".axis");
    this.more = root.querySelector("details");
    this.charts = new Map();
    this.pending = [];
    this.count = 0;
    this.pointed = null;
    new ResizeObserver(() => this.draw()).observe(root);
    this.more.addEventListener("toggle", () => this.draw());
    root.addEventListener("pointerleave", () => this.point(null));
  }

  receive(data) {
    this.pending = this.pending.filter((action) => action.count > data.handled);
    this.count = Math.max(this.count, data.handled);
    this.data = data;
    this.more.hidden = data.more.length === 0;
    this.drawAxis();
    this.draw();
  }

  choose(k) {
    if (k === this.data.now) return;
    this.count += 1;
    this.pending.push({ count: this.count, k });
    this.send(this.pending);
  }

  point(k) {
    if (k === this.pointed) return;
    this.pointed = k;
    this.draw();
  }

  drawAxis() {
    const { ks, now, use, about } = this.data;
    this.axis.style.gridTemplateColumns = `repeat(${ks.length}, minmax(0, 1fr))`;
    while (this.axis.children.length > ks.length) this.axis.lastChild.remove();
    ks.forEach((k, place) => {
      const button = this.axis.children[place] ?? this.axis.appendChild(this.axisButton());
      button.textContent = k;
      button.dataset.k = k;
      button.setAttribute("aria-label", `${k} classes${about[place] && `: ${about[place]}`}`);
      button.setAttribute("aria-current", String(k === now));
      button.classList.toggle("use", k === use);
    });
  }

  axisButton() {
    const button = document.createElement("button");
    button.type = "button";
    button.addEventListener("click", () => this.choose(Number(button.dataset.k)));
    for (const kind of ["pointerenter", "focus"]) button.addEventListener(kind, () => this.point(Number(button.dataset.k)));
    button.addEventListener("blur", () => this.point(null));
    return button;
  }

  draw() {
    if (!this.data) return;
    const places = [[this.data.measures, ".main"], [this.data.more, ".others"]];
    const wanted = new Set([...this.data.measures, ...this.data.more].map((measure) => measure.name));
    for (const [name, chart] of this.charts) {
      if (!wanted.has(name)) { chart.section.remove(); this.charts.delete(name); }
    }
    for (const [measures, place] of places) {
      for (const measure of measures) {
        if (!this.charts.has(measure.name)) this.charts.set(measure.name, new Chart(this, this.root.querySelector(place), measure));
        this.charts.get(measure.name).draw(measure);
      }
    }
  }
}

class Chart {
  constructor(curves, parent, measure) {
    this.curves = curves;
    this.section = curves.root.querySelector("template").content.firstElementChild.cloneNode(true);
    this.section.querySelector("strong").textContent = measure.name;
    this.section.querySelector(".what").textContent = measure.what;
    const help = this.section.querySelector(".help"), why = this.section.querySelector(".why");
    help.textContent = measure.help;
    why.setAttribute("aria-label", `What ${measure.name} means`);
    why.title = measure.help;
    why.addEventListener("click", () => { help.hidden = !help.hidden; why.setAttribute("aria-expanded", String(!help.hidden)); });
    this.svg = this.section.querySelector("svg");
    this.svg.addEventListener("pointermove", (event) => curves.point(this.k(event)));
    this.svg.addEventListener("click", (event) => curves.choose(this.k(event)));
    parent.append(this.section);
  }

  k(event) {
    const box = this.svg.getBoundingClientRect(), ks = this.curves.data.ks;
    return ks[Math.min(ks.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * ks.length)))];
  }

  draw(measure) {
    const { ks, now, advised } = this.curves.data, width = this.svg.clientWidth;
    const column = width / ks.length, x = (place) => (place + 0.5) * column;
    const shown = ks.indexOf(this.curves.pointed ?? now);
    this.section.querySelector("output").textContent = shown < 0 ? "" : measure.shown[shown];
    this.svg.replaceChildren();
    if (!width) return;
    const band = (k, kind) => shape("rect", { class: kind, x: ks.indexOf(k) * column, y: 0, width: column, height: HEIGHT }, this.svg);
    for (const k of advised) band(k, "advised");
    if (ks.includes(this.curves.pointed)) band(this.curves.pointed, "pointed");
    const here = ks.indexOf(now);
    if (here >= 0) shape("line", { class: "at-now", x1: x(here), x2: x(here), y1: 0, y2: HEIGHT }, this.svg);
    const known = measure.values.map((value, place) => [place, value]).filter(([, value]) => value !== null);
    if (!known.length) return;
    const all = known.map(([, value]) => value).concat(measure.line ?? []);
    const low = Math.min(...all), high = Math.max(...all);
    const y = (value) => HEIGHT - ROOM - ((value - low) / (high - low || 1)) * (HEIGHT - 2 * ROOM);
    if (measure.line !== null) shape("line", { class: "least", x1: 0, x2: width, y1: y(measure.line), y2: y(measure.line) }, this.svg);
    shape("polyline", { points: known.map(([place, value]) => `${x(place)},${y(value)}`).join(" ") }, this.svg);
    for (const [place, value] of known) shape("circle", { cx: x(place), cy: y(value), r: place === shown ? 4.5 : 2.6 }, this.svg);
  }
}
