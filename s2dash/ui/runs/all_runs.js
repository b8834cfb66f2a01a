// The behaviour of the table of all runs: draws rows from data, sorts them, keeps what is being typed, reports actions.
//
// Actions travel as those of the list of runs do: each message repeats what Python has not yet acknowledged.

const tables = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".allruns");
  if (!tables.has(root)) tables.set(root, new Table(root));
  const table = tables.get(root);
  table.send = (actions) => setTriggerValue("actions", actions);
  table.receive(data);
}

class Table {
  constructor(root) {
    this.body = root.querySelector("tbody");
    this.template = root.querySelector("template");
    this.heads = [...root.querySelectorAll("[data-by]")];
    this.rows = new Map();
    this.pending = [];
    this.count = 0;
    this.by = "number";
    this.down = true;
    for (const head of this.heads) head.querySelector("button").addEventListener("click", () => this.sortBy(head.dataset.by));
    root.addEventListener("keydown", (event) => {
      if (event.target.tagName === "INPUT") event.stopPropagation(); // or Streamlit takes r and c for its shortcuts
    });
  }

  sortBy(by) {
    this.down = this.by === by ? !this.down : true;
    this.by = by;
    this.draw();
  }

  receive(data) {
    this.pending = this.pending.filter((action) => action.count > data.handled);
    this.count = Math.max(this.count, data.handled);
    this.data = data;
    this.draw();
  }

  draw() {
    const sign = this.down ? -1 : 1;
    // What was not measured comes last either way.
    const rank = (row) => row[this.by] === null ? -sign * Infinity : Number(row[this.by]);
    const rows = [...this.data.rows].sort((a, b) => {
      const [one, other] = [rank(a), rank(b)];
      return (one === other ? 0 : sign * (one - other)) || b.number - a.number;
    });
    for (const head of this.heads) {
      if (head.dataset.by === this.by) head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    rows.forEach((row, place) => {
      if (!this.rows.has(row.number)) this.rows.set(row.number, new Row(this, row.number));
      const kept = this.rows.get(row.number);
      if (this.body.children[place] !== kept.element) this.body.insertBefore(kept.element, this.body.children[place] ?? null);
      kept.draw(row, row.number === this.data.now);
    });
    for (const [number, row] of this.rows) {
      if (this.data.rows.some((one) => one.number === number)) continue;
      row.element.remove();
      this.rows.delete(number);
    }
  }

  report(kind, number, value = null) {
    this.count += 1;
    this.pending.push({ count: this.count, kind, number, value });
    this.send(this.pending);
  }
}

class Row {
  constructor(table, number) {
    this.table = table;
    this.element = table.template.content.firstElementChild.cloneNode(true);
    for (const name of ["star", "title", "words", "needs", "k", "separation", "made", "note", "restore"]) {
      this[name] = this.element.querySelector(`.${name}`);
    }
    this.picture = this.element.querySelector("img");
    this.typing = false;
    this.title.setAttribute("aria-label", `Title of run ${number}`);
    this.restore.setAttribute("aria-label", `Restore run ${number}`);
    this.star.addEventListener("click", () => table.report("star", number, !this.row.star));
    this.restore.addEventListener("click", () => table.report("restore", number));
    this.title.addEventListener("input", () => { this.typing = true; });
    this.title.addEventListener("blur", () => this.commit());
    this.title.addEventListener("keydown", (event) => {
      if (event.isComposing) return;
      if (event.key === "Enter") this.title.blur();
      if (event.key === "Escape") { this.typing = false; this.title.value = this.row.title; }
    });
  }

  commit() {
    const value = this.title.value.trim();
    if (this.typing && value !== this.row.title) this.table.report("title", this.row.number, value);
    this.typing = false;
  }

  draw(row, isNow) {
    this.row = row;
    this.element.classList.toggle("now", isNow);
    this.element.setAttribute("aria-current", String(isNow));
    if (row.picture && this.picture.getAttribute("src") !== row.picture) this.picture.src = row.picture;
    this.star.setAttribute("aria-pressed", String(row.star));
    this.star.setAttribute("aria-label", row.star ? `Take the star from run ${row.number}` : `Star run ${row.number}`);
    this.title.maxLength = this.table.data.longest_note;
    this.title.placeholder = `Run ${row.number}`;
    if (!this.typing && this.title.value !== row.title) this.title.value = row.title;
    this.words.textContent = `${row.scene} · ${row.words}`;
    this.needs.textContent = row.needs;
    this.needs.hidden = !row.needs;
    this.k.textContent = row.k;
    this.separation.textContent = row.separation || "–";
    this.made.textContent = row.made === null ? "–" : new Date(1000 * row.made).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
    this.note.textContent = row.note;
    this.restore.hidden = isNow;
    this.restore.disabled = !row.can_restore;
  }
}
