// The behaviour of the class legend: draws rows from data, keeps what is being typed, reports edits.
//
// An edit shows at once and is sent with a growing number; every message repeats the edits that
// Python has not yet acknowledged (`data.handled`), so that one lost among quick clicks arrives
// with the next, and one that arrives twice is known by its number.
//
// Classes are moved by dragging a row or by Alt with an arrow key (legend_order.js).
//
// A file is built on the server from what has arrived there. So a click on what hands the map over
// first commits what is being typed, and waits until Python has acknowledged it.

const DOWNLOAD = "[data-testid=stDownloadButton] button, .st-key-handover button";

const ORDER = "s2dash order of classes"; // in the browser's own store

// What each order compares; the number decides between equals. "own" is the order that the page says.
const ORDERS = {
  own: () => 0,
  number: () => 0,
  name: (one, other) => one.name.localeCompare(other.name, undefined, { numeric: true, sensitivity: "base" }),
  share: (one, other) => other.part - one.part,
};

const tables = new WeakMap();
let shown = null;

document.addEventListener("click", (event) => {
  const button = event.target.closest?.(DOWNLOAD);
  if (!button || !shown?.root.isConnected || !shown.hasUnsaid()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  shown.hold(button);
}, true);

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".legend");
  if (!tables.has(root)) tables.set(root, new LegendTable(root));
  const table = tables.get(root);
  shown = table;
  table.send = (edits) => setTriggerValue("edits", edits);
  table.receive(data);
  followCard(); // legend_asked.js
}

class LegendTable {
  constructor(root) {
    this.root = root;
    this.body = root.querySelector("tbody");
    this.template = root.querySelector("template");
    this.releaseButton = root.querySelector(".release");
    this.rows = new Map();
    this.pending = [];
    this.number = 0;
    this.held = new Set();
    this.order = root.querySelector(".order");
    this.order.value = this.wanted = ORDERS[kept(ORDER)] ? kept(ORDER) : "own";
    this.order.addEventListener("change", () => this.reorder());
    this.moving = new Moving(this);
    this.releaseButton.addEventListener("click", () => this.release());
    this.suggestions = new Suggestions(this);
    root.addEventListener("keydown", (event) => this.onKey(event));
  }

  receive(data) {
    this.pending = this.pending.filter((edit) => edit.number > data.handled);
    this.number = Math.max(this.number, data.handled);
    this.data = data;
    this.moving.receive(data);
    this.draw();
    if (!this.pending.length) this.letGo();
  }

  // Whether there is anything, typed or sent, that Python has not answered.
  hasUnsaid() {
    for (const row of this.rows.values()) row.commit();
    return this.pending.length > 0;
  }

  hold(button) {
    button.setAttribute("aria-busy", "true");
    this.held.add(button);
  }

  letGo() {
    const buttons = [...this.held];
    this.held.clear();
    for (const button of buttons) {
      button.removeAttribute("aria-busy");
      if (button.isConnected) button.click();
    }
  }

  report(edit) {
    this.number += 1;
    this.pending.push({ ...edit, number: this.number });
    this.send(this.pending);
    this.draw();
  }

  // What Python said, with the edits that it has not yet answered on top.
  view() {
    const rows = new Map(this.data.rows.map((row) => [row.id, { ...row }]));
    let isolated = this.data.isolated;
    for (const { kind, id, value } of this.pending) {
      if (kind === "isolate") isolated = id;
      else if (kind === "names") for (const [one, name] of Object.entries(value)) rename(rows.get(Number(one)), name);
      else if (kind === "order") continue;
      else if (kind === "name") rename(rows.get(id), value);
      else if (rows.has(id) && (kind === "merge" || kind === "keep both")) rows.get(id).same = null;
      else if (rows.has(id) && kind !== "open") rows.get(id)[kind] = value;
    }
    return { rows: this.moving.inOwnOrder(rows), isolated: rows.has(isolated) ? isolated : null };
  }

  draw() {
    const { rows, isolated } = this.view();
    this.isolated = isolated;
    this.moving.draw();
    this.keepRows(this.inOrder(rows));
    for (const [id, row] of rows) this.rows.get(id).draw(row, isolated);
    this.suggestions.draw(rows);
    this.root.style.setProperty("--half", Math.ceil(rows.size / 2));
    this.root.classList.toggle("dense", rows.size > this.data.dense_above);
    this.root.querySelector(".heading").hidden = isolated !== null;
    this.releaseButton.hidden = isolated === null;
    this.root.querySelector("thead .figures").textContent = `Share and ${this.data.unit.toLowerCase()}`;
    this.root.querySelector("tfoot .amount").textContent = this.withUnit(this.data.total);
    this.root.querySelector(".unmapped").textContent = this.data.unmapped;
  }

  withUnit(figure) {
    return `${figure} ${this.data.symbol}`.trim();
  }

  reorder() {
    this.wanted = this.order.value;
    keep(ORDER, this.wanted);
    this.draw();
  }

  // Class numbers from top to bottom. Nothing moves by itself while a name is typed or a row dragged.
  inOrder(rows) {
    const typing = [...this.rows.values()].some((row) => row.typing);
    if ((typing || this.moving.isDragging) && this.rows.size === rows.size) return this.moving.placesNow();
    if (this.order.value === "own") return [...rows.keys()];
    const compare = ORDERS[this.order.value];
    return [...rows.keys()].sort((one, other) => compare(rows.get(one), rows.get(other)) || one - other);
  }

  // Rows for exactly these classes; those that stay where they are are not touched, which would take the focus.
  keepRows(ids) {
    const focused = this.root.getRootNode().activeElement;
    for (const [id, row] of this.rows) {
      if (ids.includes(id)) continue;
      row.element.remove();
      this.rows.delete(id);
    }
    ids.forEach((id, place) => {
      if (!this.rows.has(id)) this.rows.set(id, new Row(this, id));
      const { element } = this.rows.get(id);
      if (this.body.children[place] !== element) this.body.insertBefore(element, this.body.children[place] ?? null);
    });
    if (focused?.isConnected && this.body.contains(focused)) focused.focus({ preventScroll: true });
  }

  toggle(id) {
    this.report({ kind: "isolate", id: this.isolated === id ? null : id });
  }

  release() {
    const button = this.rows.get(this.isolated)?.only;
    this.report({ kind: "isolate", id: null });
    button?.focus();
  }

  onKey(event) {
    if (event.target.tagName === "INPUT") event.stopPropagation(); // or Streamlit takes r and c for its shortcuts
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === "Escape" && this.isolated !== null && !event.defaultPrevented) this.release();
    if (step && event.altKey) this.moving.byKey(event, step);
    else if (step) this.move(event, step);
  }

  // Up and down go to the same control of the next row.
  move(event, step) {
    const control = event.target.dataset.control;
    const places = [...this.body.querySelectorAll(`[data-control="${control}"]`)];
    const next = places[places.indexOf(event.target) + step];
    if (!control || !next || event.target.hasAttribute("list")) return; // a list of names opens so
    event.preventDefault();
    next.focus();
  }
}

class Row {
  constructor(table, id) {
    this.table = table;
    this.id = id;
    this.element = table.template.content.firstElementChild.cloneNode(true);
    this.element.dataset.id = id;
    this.swatch = this.element.querySelector(".swatch label");
    this.name = this.element.querySelector(".name input");
    this.colour = this.element.querySelector("input[type=color]");
    this.second = this.element.querySelector(".name small");
    this.suggestion = new SuggestedName(table, id, this.element.querySelector(".suggestion"));
    this.only = this.element.querySelector(".only button");
    this.open = this.element.querySelector(".only .open");
    this.same = this.element.querySelector(".same");
    this.typing = false;
    this.picking = false;
    this.swatch.firstElementChild.textContent = id;
    this.swatch.title = `Change the colour of class ${id}; drag to move it in the legend`;
    this.colour.setAttribute("aria-label", `Colour of class ${id}`);
    this.name.setAttribute("aria-label", `Name of class ${id}`);
    this.only.setAttribute("aria-label", `Show only class ${id}`);
    this.open.setAttribute("aria-label", `More about class ${id}`);
    this.open.title = "More about this class: merge, split, leave out, move";
    this.open.setAttribute("aria-keyshortcuts", "Alt+ArrowUp Alt+ArrowDown");
    this.listen();
  }

  listen() {
    this.name.addEventListener("input", (event) => {
      this.typing = true;
      if (isChosen(event)) this.commitName();
    });
    this.name.addEventListener("focus", () => offerChoices(this));
    this.name.addEventListener("blur", () => this.commitName());
    this.name.addEventListener("keydown", (event) => this.onNameKey(event));
    this.colour.addEventListener("input", () => { this.picking = true; this.paint(this.colour.value); });
    this.colour.addEventListener("change", () => this.commitColour());
    this.colour.addEventListener("blur", () => this.commit());
    this.open.addEventListener("click", () => this.table.report({ kind: "open", id: this.id }));
    this.same.querySelector(".merge").addEventListener("click", () => this.answerSame("merge", this.shown.same));
    this.same.querySelector(".both").addEventListener("click", () => this.answerSame("keep both", this.shown.name));
    this.element.addEventListener("click", (event) => {
      const ownUse = event.target.closest("input, label, .open, .same, .suggestion");
      if (!ownUse) this.table.toggle(this.id);
    });
  }

  draw(row, isolated) {
    this.shown = row;
    const emptied = this.name.value === "" && this.name.placeholder === row.name && this.name.matches(":focus");
    if (!this.typing && !emptied && this.name.value !== row.name) this.name.value = row.name;
    this.name.maxLength = this.table.data.longest_name;
    this.name.title = row.name;
    this.second.textContent = row.same ? "\u00a0" : row.second;
    this.suggestion.draw(row.suggestion);
    this.same.hidden = !row.same;
    this.same.firstElementChild.textContent = `same as ${row.same}`;
    this.same.querySelector(".merge").title = `Make classes ${row.same} and ${this.id} one class; undo parts them`;
    if (!this.picking) {
      this.colour.value = row.colour;
      this.paint(row.colour);
    }
    this.element.title = row.about;
    this.element.querySelector(".share").textContent = row.share;
    this.element.querySelector(".amount").textContent = this.table.withUnit(row.amount);
    this.element.style.setProperty("--part", `${100 * row.part}%`);
    this.element.style.setProperty("--fraction", row.part);
    this.element.classList.toggle("alone", isolated === this.id);
    this.element.classList.toggle("away", isolated !== null && isolated !== this.id);
    this.only.setAttribute("aria-pressed", String(isolated === this.id));
    this.only.title = isolated === this.id ? "Show all classes again" : "Show only this class";
  }

  answerSame(kind, value) {
    this.table.report({ kind, id: this.id, value });
  }

  paint(colour) {
    const dark = luminance(colour) > 0.179; // black ink contrasts more than white from here on
    this.element.style.setProperty("--colour", colour);
    this.element.style.setProperty("--ink", dark ? "#000" : "#fff");
  }

  commit() {
    this.commitName();
    if (this.picking) this.commitColour();
  }

  commitName() {
    const name = this.name.value.trim();
    const changed = this.typing && name !== "" && name !== this.shown.name;
    this.typing = false;
    if (changed) this.table.report({ kind: "name", id: this.id, value: name });
    else this.name.value = this.shown.name;
  }

  commitColour() {
    this.picking = false;
    const value = this.colour.value;
    if (value !== this.shown.colour) this.table.report({ kind: "colour", id: this.id, value });
  }

  onNameKey(event) {
    if (event.isComposing) return;
    if (event.key === "Enter") this.name.blur();
    if (event.key !== "Escape" || !this.typing) return;
    event.preventDefault();
    this.typing = false;
    this.name.value = this.shown.name;
    this.name.select();
  }
}

// A class that has been named has no name suggested any more.
function rename(row, name) {
  if (row) Object.assign(row, { name, suggestion: null });
}

// The browser may keep nothing: then an order lasts as long as the page.
function kept(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

function keep(name, value) {
  try { localStorage.setItem(name, value); } catch { /* lasts as long as the page */ }
}

// Relative luminance of #rrggbb (WCAG 2.2).
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5]
    .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
