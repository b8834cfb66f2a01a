// Names suggested in the legend: one beneath each name that a click takes, why on hover, focus or long press, all at once.

const LONG_PRESS_MS = 450;
const LEAVE_MS = 150; // the way from a name to its reason

class Suggestions {
  constructor(table) {
    this.table = table;
    this.why = table.root.querySelector(".why");
    this.all = table.root.querySelector(".accept-all");
    this.why.id = "why";
    this.all.firstElementChild.addEventListener("click", () => this.takeAll());
    this.why.addEventListener("pointerenter", () => clearTimeout(this.leaving));
    this.why.addEventListener("pointerleave", () => this.hideSoon());
    table.root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.why.hidden) return;
      event.preventDefault(); // a class alone stays alone
      this.hide();
    }, true);
  }

  draw(rows) {
    this.rows = rows;
    this.drawChoices(this.table.data.choices ?? []);
    const offered = [...rows.values()].filter((row) => row.suggestion);
    this.all.hidden = offered.length === 0;
    this.table.root.classList.toggle("suggesting", offered.length > 0);
    if (this.shown && !rows.get(this.shown.id)?.suggestion) this.hide();
  }

  drawChoices(names) {
    const list = this.table.root.querySelector("datalist");
    const told = JSON.stringify(names);
    if (list.dataset.names === told) return;
    list.dataset.names = told;
    list.replaceChildren(...names.map((name) => Object.assign(document.createElement("option"), { value: name })));
  }

  // What is being typed is the user's own: it is taken first, and nothing is suggested for it any more.
  takeAll() {
    for (const row of this.table.rows.values()) row.commit();
    const names = [...this.rows].filter(([, row]) => row.suggestion).map(([id, row]) => [id, row.suggestion.name]);
    if (!names.length) return;
    this.table.report({ kind: "names", id: null, value: Object.fromEntries(names) });
    this.table.rows.get(names[0][0])?.name.focus();
  }

  show(one) {
    clearTimeout(this.leaving);
    this.shown = one;
    this.why.textContent = one.said.why;
    this.why.hidden = false;
    one.button.setAttribute("aria-describedby", "why");
    const [around, own] = [this.table.root, one.button].map((element) => element.getBoundingClientRect());
    const below = own.bottom - around.top;
    const above = own.top - around.top - this.why.offsetHeight;
    this.why.style.top = `${below + this.why.offsetHeight > around.height && above > 0 ? above : below}px`;
  }

  hideSoon() {
    clearTimeout(this.leaving);
    this.leaving = setTimeout(() => this.hide(), LEAVE_MS);
  }

  hide() {
    clearTimeout(this.leaving);
    this.shown?.button.removeAttribute("aria-describedby");
    this.shown = null;
    this.why.hidden = true;
  }
}

class SuggestedName {
  constructor(table, id, button) {
    this.table = table;
    this.id = id;
    this.button = button;
    button.addEventListener("click", () => this.take());
    button.addEventListener("focus", () => this.explain());
    button.addEventListener("blur", () => table.suggestions.hide());
    button.addEventListener("pointerenter", (event) => { if (event.pointerType !== "touch") this.explain(); });
    button.addEventListener("pointerleave", (event) => { if (event.pointerType !== "touch") table.suggestions.hideSoon(); });
    button.addEventListener("pointerdown", (event) => this.press(event));
    for (const end of ["pointerup", "pointercancel"]) button.addEventListener(end, () => clearTimeout(this.pressing));
    button.addEventListener("contextmenu", (event) => { if (this.wasLong) event.preventDefault(); });
  }

  draw(said) {
    this.said = said;
    this.button.hidden = !said;
    if (!said) return;
    const [name, sureness] = this.button.children;
    name.textContent = `${said.name}?`;
    sureness.textContent = said.sureness;
    this.button.setAttribute("aria-label", `${said.name}? ${said.sureness}, suggested for class ${this.id}. Take this name`);
  }

  explain() {
    if (this.said) this.table.suggestions.show(this);
  }

  press(event) {
    this.wasLong = false;
    clearTimeout(this.pressing);
    if (event.pointerType !== "touch") return;
    this.pressing = setTimeout(() => { this.wasLong = true; this.explain(); }, LONG_PRESS_MS);
  }

  // The name's field takes the focus, as the button goes.
  take() {
    if (this.wasLong || !this.said) {
      this.wasLong = false;
      return;
    }
    const row = this.table.rows.get(this.id);
    row.typing = false;
    this.table.report({ kind: "name", id: this.id, value: this.said.name });
    row.name.focus({ preventScroll: true });
  }
}

// A field with a list of names to choose from: empty while a class without a name is at hand, or the list shows nothing.
function offerChoices(row) {
  const offered = row.table.data.choices?.length > 0;
  if (offered) row.name.setAttribute("list", "choices");
  else row.name.removeAttribute("list");
  row.name.placeholder = offered ? row.shown.name : "";
  if (offered && !row.typing && /^Class \d+$/.test(row.name.value)) row.name.value = "";
}
