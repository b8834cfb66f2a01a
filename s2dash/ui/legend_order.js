// The order of the legend's rows as the user makes it: rows are dragged by mouse or pen, or moved by Alt with an arrow key.

const DRAG_PX = 5; // from here on a press is no click

class Moving {
  constructor(table) {
    this.table = table;
    this.dragged = null;
    const { root, body } = table;
    root.ownerDocument.addEventListener("keydown", (event) => this.onEscape(event), true);
    body.addEventListener("pointerdown", (event) => this.press(event));
    body.addEventListener("pointermove", (event) => this.drag(event));
    body.addEventListener("pointerup", () => this.drop());
    body.addEventListener("pointercancel", () => this.giveUp());
    body.addEventListener("click", (event) => this.swallow(event), true);
  }

  get isDragging() {
    return this.dragged !== null;
  }

  // An order that has come from elsewhere (undo, a file, the card) is looked at.
  receive(data) {
    const told = data.ordered ? JSON.stringify(data.rows.map((row) => row.id)) : "";
    if (told && this.told !== undefined && told !== this.told) this.table.wanted = "own";
    this.told = told;
  }

  // Rows as Python has them, or as they were last moved where it has not answered yet.
  inOwnOrder(rows) {
    const last = this.table.pending.findLast((edit) => edit.kind === "order");
    if (!last) return rows;
    const moved = last.value.filter((id) => rows.has(id));
    return new Map([...moved, ...[...rows.keys()].filter((id) => !moved.includes(id))].map((id) => [id, rows.get(id)]));
  }

  // "In your order" is offered where there is one.
  draw() {
    const { order, data, pending, wanted } = this.table;
    const isOrdered = data.ordered || pending.some((edit) => edit.kind === "order");
    const own = order.querySelector("[value=own]");
    own.hidden = own.disabled = !isOrdered;
    order.value = wanted === "own" && !isOrdered ? "number" : wanted;
  }

  placesNow() {
    return [...this.table.body.children].map((row) => Number(row.dataset.id));
  }

  report(ids, id) {
    this.table.wanted = "own";
    keep(ORDER, "own");
    this.table.report({ kind: "order", id, value: ids });
    const name = this.table.rows.get(id)?.shown.name;
    this.table.root.querySelector(".moved").textContent = `${name}: place ${ids.indexOf(id) + 1} of ${ids.length}`;
  }

  byKey(event, step) {
    const id = Number(event.target.closest("tr")?.dataset.id);
    if (!this.table.rows.has(id)) return;
    event.preventDefault();
    this.table.rows.get(id).commit();
    const ids = this.placesNow();
    const [here, there] = [ids.indexOf(id), ids.indexOf(id) + step];
    if (there < 0 || there >= ids.length) return;
    [ids[here], ids[there]] = [ids[there], ids[here]];
    this.report(ids, id);
    event.target.scrollIntoView({ block: "nearest" });
  }

  press(event) {
    const element = event.target.closest("tr");
    const isOther = event.pointerType === "touch" || event.button !== 0 || event.target.closest("input[type=text], button");
    this.hasDragged = false;
    this.pressed = element && !isOther ? { element, x: event.clientX, y: event.clientY, before: this.placesNow() } : null;
  }

  drag(event) {
    if (!this.pressed) return;
    const { element, x, y } = this.pressed;
    if (!this.dragged) {
      if (Math.hypot(event.clientX - x, event.clientY - y) < DRAG_PX) return;
      this.dragged = element;
      this.table.body.setPointerCapture(event.pointerId);
      element.classList.add("dragged");
      this.table.root.classList.add("dragging");
    }
    const over = [...this.table.body.children].find((row) => row !== element && isIn(row, event));
    if (over) this.putAt(element, over);
  }

  // In the place of the row that it was dragged onto.
  putAt(element, over) {
    const ids = [...this.table.body.children];
    if (ids.indexOf(element) < ids.indexOf(over)) over.after(element);
    else over.before(element);
  }

  drop() {
    const pressed = this.pressed;
    if (!this.letGo()) return;
    const ids = this.placesNow();
    if (ids.join() !== pressed.before.join()) this.report(ids, Number(pressed.element.dataset.id));
  }

  giveUp() {
    if (this.letGo()) this.table.draw();
  }

  // Whether a row was being dragged.
  letGo() {
    const wasDragging = this.isDragging;
    this.dragged?.classList.remove("dragged");
    this.table.root.classList.remove("dragging");
    this.pressed = this.dragged = null;
    this.hasDragged = wasDragging;
    return wasDragging;
  }

  onEscape(event) {
    if (event.key !== "Escape" || !this.isDragging) return;
    event.preventDefault();
    event.stopPropagation();
    this.giveUp();
  }

  // The click that ends a drag neither shows a class alone nor opens its colours.
  swallow(event) {
    if (!this.hasDragged) return;
    this.hasDragged = false;
    event.preventDefault();
    event.stopPropagation();
  }
}

function isIn(row, { clientX, clientY }) {
  const { left, right, top, bottom } = row.getBoundingClientRect();
  return clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
}
