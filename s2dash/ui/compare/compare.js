// The behaviour of what is said of two maps: draws it from data, reports actions, and leaves by Esc.
//
// As with the list of runs, every message repeats the actions that Python has not yet acknowledged (`data.handled`).

const TYPED_IN = "textarea, select, [contenteditable=true], [role=combobox], [role=listbox], " +
  "input:not([type=radio], [type=checkbox], [type=range], [type=button])";
const ARROW = '<svg viewBox="0 0 16 16" width="14" height="14" fill="none" stroke="currentColor" stroke-width="1.6" ' +
  'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="M6 3.500l4.500 4.500L6 12.500"/></svg>';

const panels = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".compare");
  if (!panels.has(root)) panels.set(root, new Panel(root));
  const panel = panels.get(root);
  panel.send = (actions) => setTriggerValue("actions", actions);
  panel.receive(data);
  return () => panel.close();
}

class Panel {
  constructor(root) {
    this.root = root;
    this.pending = [];
    this.count = 0;
    root.querySelector(".stop").addEventListener("click", () => this.stop());
  }

  find(selector) { return this.root.querySelector(selector); }

  // The map's frame tells of its own key by an event of the page (map_view.js).
  listen() {
    if (this.listening) return;
    this.listening = new AbortController();
    const { signal } = this.listening;
    document.addEventListener("s2dash-leave", () => this.stop(), { signal });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.defaultPrevented || event.isComposing) return;
      const isElsewhere = event.composedPath()[0].closest?.(TYPED_IN) || document.querySelector("[role=dialog]");
      if (!isElsewhere) this.stop();
    }, { signal });
  }

  close() {
    this.listening?.abort();
    this.listening = null;
  }

  stop() { this.report({ kind: "stop" }); }

  report(action) {
    this.count += 1;
    this.pending.push({ count: this.count, ...action });
    this.send(this.pending);
  }

  receive(data) {
    this.listen();
    this.pending = this.pending.filter((action) => action.count > data.handled);
    this.count = Math.max(this.count, data.handled);
    this.root.setAttribute("aria-label", "Comparison: " + data.title);
    this.find(".title").textContent = data.title;
    this.find(".lead strong").textContent = data.lead;
    this.find(".lead span").textContent = data.more;
    this.find(".ends").textContent = data.ends;
    this.find(".counted").hidden = !data.table;
    if (data.table) this.draw(data);
  }

  draw({ sides, table, moves, movesTitle, scores }) {
    this.find("th.left").textContent = sides[0];
    this.find("th.right").textContent = sides[1];
    this.find("tbody").replaceChildren(...table.rows.map((row) => drawRow(row)));
    this.find(".unit").textContent = table.unit;
    this.find(".moved").textContent = table.moved;
    for (const [place, words] of [[".one-sided", table.one_sided], [".preview", table.preview]]) {
      this.find(place).textContent = words;
      this.find(place).hidden = !words;
    }
    this.find(".moving").hidden = !moves.length;
    this.find(".moving h3").textContent = movesTitle;
    this.find(".agreement").hidden = !scores.length;
    this.drawMoves(moves);
    this.find(".scores").replaceChildren(...scores.map(drawScore));
  }

  // Buttons stay where they are, or the one that was pressed would lose the focus.
  drawMoves(moves) {
    const list = this.find(".moves");
    while (list.children.length > moves.length) list.lastChild.remove();
    while (list.children.length < moves.length) list.append(this.moveLine(list.children.length));
    moves.forEach((move, place) => drawMove(list.children[place].firstChild, move));
    this.moves = moves;
  }

  moveLine(place) {
    const line = document.createElement("li");
    const button = make("button", "");
    button.type = "button";
    button.addEventListener("click", () => this.report({ kind: "move", pair: this.moves[place].pair }));
    line.append(button);
    return line;
  }
}

function make(tag, className, words) {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = words ?? "";
  return element;
}

// Relative luminance of #rrggbb (WCAG 2.2).
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5]
    .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function swatch({ number, colour }) {
  const element = make("span", "swatch", String(number));
  element.style.background = colour;
  element.style.color = luminance(colour) > 0.179 ? "#000" : "#fff"; // from here on black contrasts more
  return element;
}

function drawRow(row) {
  const line = document.createElement("tr");
  const first = document.createElement("td");
  first.append(swatch(row));
  const name = make("td", "name", row.name);
  name.title = row.name;
  const cells = [[row.before, "new"], [row.after, "gone"]].map(([words, none]) =>
    words === null ? make("td", "none", none) : make("td", "", words));
  line.append(first, name, ...cells, make("td", "change", row.change));
  return line;
}

function drawMove(button, move) {
  const what = make("span", "what", move.words);
  button.title = move.chosen ? "Show all that differs" : "Show these pixels on the map: " + move.words;
  button.setAttribute("aria-pressed", String(move.chosen));
  button.replaceChildren(swatch(move.before));
  button.insertAdjacentHTML("beforeend", ARROW);
  button.append(swatch(move.after), what, make("span", "amount", move.amount));
}

function drawScore({ name, value, words }) {
  const one = document.createElement("div");
  const term = make("dt", "", name);
  term.append(make("b", "", value));
  one.append(term, make("dd", "", words));
  return one;
}
