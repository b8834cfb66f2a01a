// The behaviour of the list of runs: draws rows from data, keeps what is being typed, reports actions.
//
// As with the legend, every message repeats the actions that Python has not yet acknowledged (`data.handled`).

const lists = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".runs");
  if (!lists.has(root)) lists.set(root, new Runs(root));
  const list = lists.get(root);
  list.send = (actions) => setTriggerValue("actions", actions);
  list.receive(data);
}

class Runs {
  constructor(root) {
    this.root = root;
    this.list = root.querySelector("ol");
    this.template = root.querySelector("template");
    this.gone = root.querySelector(".gone");
    this.rows = new Map();
    this.pending = [];
    this.count = 0;
    this.gone.querySelector("button").addEventListener("click", () => this.report("bring back", null));
    root.addEventListener("keydown", (event) => {
      if (event.target.tagName === "INPUT") event.stopPropagation(); // or Streamlit takes r and c for its shortcuts
    });
  }

  receive(data) {
    this.pending = this.pending.filter((action) => action.count > data.handled);
    this.count = Math.max(this.count, data.handled);
    this.data = data;
    const numbers = data.rows.map((row) => row.number);
    for (const [number, row] of this.rows) {
      if (numbers.includes(number)) continue;
      row.element.remove();
      this.rows.delete(number);
    }
    data.rows.forEach((row, place) => {
      if (!this.rows.has(row.number)) this.rows.set(row.number, new Row(this, row.number));
      const kept = this.rows.get(row.number);
      if (this.list.children[place] !== kept.element) {
        this.list.insertBefore(kept.element, this.list.children[place] ?? null);
      }
      kept.draw(row, data.now === row.number);
    });
    const many = data.rows.length !== 1;
    this.root.querySelector(".count").textContent = `${data.rows.length} ${many ? "runs, newest first" : "run"}`;
    this.gone.hidden = data.deleted === null;
    this.gone.querySelector("span").textContent = `Run ${data.deleted} is deleted.`;
    this.root.querySelector(".foot").textContent = data.foot;
  }

  report(kind, number, value = null) {
    this.count += 1;
    this.pending.push({ count: this.count, kind, number, value });
    this.send(this.pending);
  }
}

class Row {
  constructor(list, number) {
    this.list = list;
    this.element = list.template.content.firstElementChild.cloneNode(true);
    this.picture = this.element.querySelector("img");
    this.fields = ["title", "note"].map((kind) => new TextField(this, this.element.querySelector(`.${kind}`), kind, number));
    this.star = this.element.querySelector(".star");
    this.restore = this.element.querySelector(".restore");
    this.compare = this.element.querySelector(".compare-with");
    this.restore.setAttribute("aria-label", `Restore run ${number}`);
    this.element.querySelector(".delete").setAttribute("aria-label", `Delete run ${number}`);
    this.compare.setAttribute("aria-label", `Compare run ${number}`);
    this.compare.addEventListener("click", () => list.report("compare", number));
    this.restore.addEventListener("click", () => list.report("restore", number));
    this.element.querySelector(".delete").addEventListener("click", () => list.report("delete", number));
    this.star.addEventListener("click", () => list.report("star", number, !this.row.star));
  }

  draw(row, isNow) {
    this.row = row;
    if (row.picture && this.picture.getAttribute("src") !== row.picture) this.picture.src = row.picture;
    this.element.querySelector("strong").textContent = row.classes;
    this.element.querySelector(".words").textContent = row.title ? `${row.classes} · ${row.words}` : row.words;
    const needs = this.element.querySelector(".needs");
    needs.textContent = row.needs;
    needs.hidden = !row.needs;
    this.element.querySelector(".separation").textContent = row.separation;
    this.element.title = `Run ${row.number} · ${row.scene}`;
    this.element.classList.toggle("now", isNow);
    this.element.setAttribute("aria-current", String(isNow));
    this.star.setAttribute("aria-pressed", String(row.star));
    this.star.setAttribute("aria-label", row.star ? `Take the star from run ${row.number}` : `Star run ${row.number}`);
    this.compare.disabled = row.why_not_compare !== null;
    this.compare.title = row.why_not_compare ?? (isNow ? "Beside the run before it, or the picture" : "Beside the map that is shown now");
    for (const field of this.fields) field.draw(row);
    this.restore.disabled = !row.can_restore;
    this.restore.title = row.needs ? `${row.needs}. Bring it again, then all comes back.` : "";
  }
}

// A line that is written in place: sent when it is left, taken back by Escape.
class TextField {
  constructor(row, input, kind, number) {
    this.input = input;
    this.kind = kind;
    this.row = row;
    this.typing = false;
    input.setAttribute("aria-label", `${kind === "note" ? "Note" : "Title"} of run ${number}`);
    input.addEventListener("input", () => { this.typing = true; });
    input.addEventListener("blur", () => this.commit());
    input.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter") input.blur();
      if (event.key === "Escape") { this.typing = false; input.value = this.known; }
    });
  }

  get known() { return this.row.row[this.kind]; }

  commit() {
    const value = this.input.value.trim();
    if (this.typing && value !== this.known) this.row.list.report(this.kind, this.row.row.number, value);
    this.typing = false;
  }

  draw(row) {
    this.input.maxLength = this.row.list.data.longest_note;
    if (this.kind === "title") this.input.placeholder = row.classes;
    if (!this.typing && this.input.value !== this.known) this.input.value = this.known;
  }
}
