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
    this.note = this.element.querySelector(".note");
    this.star = this.element.querySelector(".star");
    this.restore = this.element.querySelector(".restore");
    this.compare = this.element.querySelector(".compare-with");
    this.typing = false;
    this.note.setAttribute("aria-label", `Note of run ${number}`);
    this.restore.setAttribute("aria-label", `Restore run ${number}`);
    this.element.querySelector(".delete").setAttribute("aria-label", `Delete run ${number}`);
    this.compare.setAttribute("aria-label", `Compare run ${number}`);
    this.compare.addEventListener("click", () => list.report("compare", number));
    this.restore.addEventListener("click", () => list.report("restore", number));
    this.element.querySelector(".delete").addEventListener("click", () => list.report("delete", number));
    this.star.addEventListener("click", () => list.report("star", number, !this.row.star));
    this.note.addEventListener("input", () => { this.typing = true; });
    this.note.addEventListener("blur", () => this.commit());
    this.note.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter") this.note.blur();
      if (event.key === "Escape") { this.typing = false; this.note.value = this.row.note; }
    });
  }

  commit() {
    const value = this.note.value.trim();
    if (this.typing && value !== this.row.note) this.list.report("note", this.row.number, value);
    this.typing = false;
  }

  draw(row, isNow) {
    this.row = row;
    if (this.picture.getAttribute("src") !== row.picture) this.picture.src = row.picture;
    this.element.querySelector("strong").textContent = row.title;
    this.element.querySelector(".words").textContent = row.words;
    this.element.querySelector(".separation").textContent = row.separation;
    this.element.title = `Run ${row.number} · ${row.scene}`;
    this.element.classList.toggle("now", isNow);
    this.element.setAttribute("aria-current", String(isNow));
    this.star.setAttribute("aria-pressed", String(row.star));
    this.star.setAttribute("aria-label", row.star ? `Take the star from run ${row.number}` : `Star run ${row.number}`);
    this.note.maxLength = this.list.data.longest_note;
    if (!this.typing && this.note.value !== row.note) this.note.value = row.note;
    this.compare.disabled = row.why_not_compare !== null;
    this.compare.title = row.why_not_compare ?? (isNow ? "Beside the run before it, or the picture" : "Beside the map that is shown now");
    this.restore.disabled = !row.can_restore;
    this.restore.title = row.can_restore ? "" : "The files of its scene are no longer kept. Bring the scene again.";
  }
}
