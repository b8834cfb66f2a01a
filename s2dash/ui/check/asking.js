// Asks about the places of a check, one after another. The next place is there at once: answers go to a route of their own
// (`data.url`), each message with all that are not yet acknowledged, and no run of the page comes of them.
//
// The map's frame is told of the place by an event of the page, and finds it at `window.s2dashCheck` when it begins later
// (map_check.js). While places are asked about, the rest of the page is out of reach (`data-checking`, look.css).

const DENSE_ABOVE = 12;
const PAUSED = ".st-key-scene, .st-key-examples, .st-key-looking, .st-key-folds, .st-key-quick, .st-key-present, .st-key-handover, " +
  ".st-key-grouping > :not(:has(.st-key-paused), .st-key-paused)";
const TYPED_IN = "textarea, select, [contenteditable=true], input";
const AGAIN_MS = 1500;
const LOST = "The last answers could not be kept: the server does not answer. Trying again …";
const ELSEWHERE = "These places are no longer asked about: the check was begun anew, perhaps in another window. Reload the page to go on.";

let shown = null; // what is on the page

class Asking {
  constructor(root) {
    this.root = root;
    this.list = root.querySelector(".answers");
    this.template = root.querySelector("template");
    this.of = null;
    this.count = 0; // of actions
    this.unsure = root.querySelector(".unsure");
    this.back = root.querySelector(".back");
    this.trouble = root.querySelector(".trouble");
    this.unsure.onclick = () => this.answer(null);
    this.back.onclick = () => this.goBack();
    root.querySelector(".stop").onclick = () => this.stop();
  }

  receive(data) {
    this.count = Math.max(this.count, data.handled);
    const isOther = this.of !== data.of;
    this.data = data;
    if (isOther) {
      this.of = data.of;
      this.answers = new Map(Object.entries(data.answers).map(([number, name]) => [Number(number), name]));
      this.unsaid = new Map();
      this.isSaying = this.isOver = false;
      this.at = this.next();
      this.visited = [];
      const block = matchMedia("(max-width: 899px)").matches ? "start" : "nearest";
      document.querySelector(".st-key-map")?.scrollIntoView({ block });
    }
    this.drawAnswers();
    this.draw();
  }

  // The first place without an answer, after this one if there is any.
  next(after = -1) {
    const open = this.data.places.map((_, number) => number).filter((number) => !this.answers.has(number));
    return open.find((number) => number > after) ?? open[0] ?? null;
  }

  answer(name) {
    if (this.at === null || this.isOver) return;
    this.answers.set(this.at, name);
    this.unsaid.set(this.at, name);
    this.visited.push(this.at);
    this.say();
    this.at = this.next(this.at);
    if (this.at === null) this.stop();
    else this.draw();
  }

  goBack() {
    const before = this.visited.pop() ?? (this.at === null ? null : [...this.answers.keys()].filter((n) => n < this.at).pop()) ?? null;
    if (before === null || this.isOver) return;
    this.at = before;
    this.draw();
  }

  async say() {
    if (this.isSaying) return;
    this.isSaying = true;
    while (this.unsaid.size) {
      const sent = new Map(this.unsaid);
      const status = await this.post(sent);
      if (status === 204) {
        for (const [number, name] of sent) if (this.unsaid.get(number) === name) this.unsaid.delete(number);
        this.complain("");
      } else if (status >= 400 && status < 500) {
        this.complain(ELSEWHERE);
        break;
      } else {
        this.complain(LOST);
        await new Promise((done) => setTimeout(done, AGAIN_MS));
      }
    }
    this.isSaying = false;
    if (this.isOver && !this.unsaid.size) this.report();
  }

  async post(sent) {
    const body = JSON.stringify({ of: this.of, answers: Object.fromEntries(sent) });
    try {
      return (await fetch(this.data.url, { method: "POST", body, keepalive: true })).status;
    } catch {
      return 0;
    }
  }

  complain(words) {
    this.trouble.hidden = !words;
    if (this.trouble.textContent !== words) this.trouble.textContent = words;
  }

  // What was answered is there before the page is asked to say what comes of it.
  stop() {
    if (this.isOver) return;
    this.isOver = true;
    if (!this.unsaid.size) this.report();
    else this.say();
  }

  report() {
    this.count += 1;
    this.send([{ count: this.count, kind: "stop" }]);
  }

  drawAnswers() {
    const { names } = this.data;
    this.root.classList.toggle("dense", names.length > DENSE_ABOVE);
    const same = JSON.stringify(names);
    if (this.drawn === same) return;
    this.drawn = same;
    this.list.replaceChildren(...names.map((one, place) => {
      const item = this.template.content.firstElementChild.cloneNode(true);
      const button = item.firstElementChild;
      const swatch = button.querySelector("i");
      swatch.textContent = one.number;
      swatch.style.setProperty("--colour", one.colour);
      swatch.style.setProperty("--ink", luminance(one.colour) > 0.179 ? "#000" : "#fff");
      button.querySelector("b").textContent = one.name;
      button.querySelector("small").textContent = one.more;
      button.title = one.name;
      if (place < 9) {
        button.querySelector("kbd").textContent = String(place + 1);
        button.setAttribute("aria-keyshortcuts", String(place + 1));
      }
      button.onclick = () => this.answer(one.name);
      return item;
    }));
  }

  draw() {
    const { places, names } = this.data;
    const answered = this.answers.size;
    const here = this.at === null ? places.length : this.at + 1;
    const words = `${here} of ${places.length}`;
    this.root.querySelector(".count").textContent = words;
    this.root.querySelector(".unseen").textContent = `Place ${words}`;
    const bar = this.root.querySelector(".progress");
    bar.setAttribute("aria-valuemax", String(places.length));
    bar.setAttribute("aria-valuenow", String(answered));
    bar.firstElementChild.style.width = `${(100 * answered) / places.length}%`;
    const given = this.answers.get(this.at);
    [...this.list.children].forEach((item, place) => {
      item.firstElementChild.setAttribute("aria-pressed", String(given !== undefined && given === names[place].name));
    });
    this.unsure.setAttribute("aria-pressed", String(given === null));
    this.back.disabled = !this.visited.length && (this.at === 0 || !answered);
    document.documentElement.dataset.checking = "";
    for (const one of document.querySelectorAll(PAUSED)) one.inert = true;
    if (this.at === null) return;
    const next = this.next(this.at);
    tellMap({ mark: places[this.at], next: next === null || next === this.at ? null : places[next], inset: { picture: this.data.inset } });
  }

  onKey(key) {
    if (key === "s") this.answer(null);
    else if (key === "backspace") this.goBack();
    else if (this.data.names[Number(key) - 1]) this.answer(this.data.names[Number(key) - 1].name);
  }
}

function tellMap(told) {
  window.s2dashCheck = told;
  document.dispatchEvent(new CustomEvent("s2dash-check"));
}

function leave() {
  delete document.documentElement.dataset.checking;
  for (const one of document.querySelectorAll(PAUSED)) one.inert = false;
  if (window.s2dashCheck?.mark) tellMap(null);
}

// Relative luminance of #rrggbb (WCAG 2.2).
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5]
    .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const isAsking = () => shown !== null && shown.root.isConnected;

// Once in a page, however often this script is loaded.
window.s2dashAskingKeys?.abort();
const listening = window.s2dashAskingKeys = new AbortController();
const how = { signal: listening.signal, capture: true };
document.addEventListener("keydown", (event) => {
  if (!isAsking() || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.composedPath()[0].closest?.(TYPED_IN) || document.querySelector("[role=dialog]")) return;
  const key = event.key.toLowerCase();
  if (key === "p") event.stopImmediatePropagation(); // what is presented would tell the class
  if (key === "escape") shown.stop();
  if (!/^([1-9]|s|backspace)$/.test(key)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!event.repeat) shown.onKey(key);
}, how);
document.addEventListener("s2dash-check-key", ({ detail }) => { if (isAsking()) shown.onKey(detail); }, how);
document.addEventListener("s2dash-leave", () => { if (isAsking()) shown.stop(); }, how);

const drawn = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".check");
  if (!drawn.has(root)) drawn.set(root, new Asking(root));
  shown = drawn.get(root);
  shown.send = (actions) => setTriggerValue("actions", actions);
  shown.receive(data);
  return () => setTimeout(() => { if (!root.isConnected) leave(); });
}
