// Presenting: the frame lies over the whole page, the map beside what it needs to speak for itself, and keys do the rest.
// on: {entered(), left(), view(), wish({k} or {view} or {alone})}, of which `view` says how one looks now.
function s2dashPresent(stage, on) {
  "use strict";
  const MOST_ROWS = 10;
  const STILL_MS = 250;
  const VIEWS = ["Swipe", "Classes", "Picture"];
  const ICONS = {
    leave: ["M6 6l12 12", "M18 6 6 18"], grow: ["M4 9V4h5", "M15 4h5v5", "M20 15v5h-5", "M9 20H4v-5"],
    shrink: ["M9 4v5H4", "M20 9h-5V4", "M15 20v-5h5", "M4 15h5v5"], less: ["M5 12h14"], more: ["M12 5v14", "M5 12h14"],
  };
  const page = window.frameElement ? window.frameElement.ownerDocument : null;

  const panel = add(stage, "aside", "s2-present", { "aria-label": "Title and legend" });
  const read = add(panel, "div", "s2-read", { tabindex: 0 }); // it scrolls where the screen is small
  const head = add(read, "div", "s2-head");
  const names = add(head, "div", "s2-names");
  const title = add(names, "h1", "");
  const facts = add(names, "p", "s2-facts");
  const full = document.fullscreenEnabled ? button(head, "Full screen", "grow", toggleFullscreen) : null;
  button(head, "Leave", "leave", leave).title = "Leave (Esc)";
  const list = add(read, "ul", "s2-legend");
  const more = add(read, "p", "s2-more");
  const foot = add(panel, "div", "s2-foot");
  const views = add(foot, "div", "s2-seg", { role: "group", "aria-label": "View" });
  const viewButtons = VIEWS.map((view) => {
    const one = button(views, view, null, () => on.wish({ view }));
    one.textContent = view;
    return one;
  });
  const stepper = add(foot, "div", "s2-stepper", { role: "group", "aria-label": "Number of classes" });
  add(stepper, "span", "s2-stepper-words", { "aria-hidden": "true" }).textContent = "Classes";
  const steps = add(stepper, "div", "s2-seg");
  const less = button(steps, "Fewer classes", "less", () => step(-1));
  const count = add(steps, "output", "s2-count");
  const others = button(steps, "More classes", "more", () => step(1));
  const keys = add(panel, "p", "s2-leave");

  let isOn = false;
  let told = { legend: [], alone: null, k: null };
  let wanted = null; // a number of classes that the page has not been asked for, or has not shown yet
  let timer = 0;
  let focusBefore = null;
  let watcher = null;

  function add(parent, tag, className, attributes) {
    const element = document.createElement(tag);
    element.className = className;
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    return parent.appendChild(element);
  }

  function icon(name) {
    return '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" ' +
      'stroke-linejoin="round" aria-hidden="true">' + ICONS[name].map((d) => '<path d="' + d + '"/>').join("") + "</svg>";
  }

  function button(parent, label, name, act) {
    const element = add(parent, "button", "", { type: "button", title: label });
    if (name) {
      element.setAttribute("aria-label", label);
      element.innerHTML = icon(name);
    }
    element.addEventListener("mousedown", (event) => event.preventDefault()); // or space would press it again
    element.addEventListener("click", act);
    return element;
  }

  // ---- in and out ---------------------------------------------------------------------------------------------

  function deepest(root) {
    let found = root.activeElement;
    while (found && found.shadowRoot && found.shadowRoot.activeElement) found = found.shadowRoot.activeElement;
    return found;
  }

  function enter() {
    if (isOn) return;
    isOn = true;
    focusBefore = { outside: page && deepest(page), inside: document.activeElement };
    if (page) cover();
    stage.classList.add("s2-full");
    window.focus();
    read.focus({ preventScroll: true, focusVisible: false });
    on.entered();
  }

  function leave() {
    if (!isOn) return;
    isOn = false;
    wanted = null;
    clearTimeout(timer);
    if (page && page.fullscreenElement) page.exitFullscreen();
    stage.classList.remove("s2-full");
    if (page) uncover();
    on.left();
    giveFocusBack();
  }

  function giveFocusBack() {
    const { outside, inside } = focusBefore;
    if (inside.isConnected) inside.focus({ preventScroll: true });
    else document.activeElement.blur();
    if (!page || outside === window.frameElement) return;
    if (outside && outside.isConnected && outside !== page.body) outside.focus({ preventScroll: true });
    else window.frameElement.blur();
  }

  // What the frame stands in cannot be put out of reach, and takes the focus where it scrolls.
  function comeBack(event) {
    if (event.target !== window.frameElement) read.focus({ preventScroll: true });
  }

  // All of the page but the frame and what it stands in is out of reach, also what is drawn meanwhile.
  function cover() {
    const path = [];
    for (let one = window.frameElement; one && one !== page.documentElement; one = one.parentElement) path.push(one);
    const close = () => {
      for (const one of path) {
        for (const other of one === page.body ? [] : one.parentElement.children) {
          if (other === one || other.inert) continue;
          other.inert = true;
          other.dataset.beneath = "";
        }
      }
    };
    page.documentElement.dataset.present = "";
    page.addEventListener("focusin", comeBack);
    close();
    watcher = new MutationObserver(close);
    for (const one of path.slice(1)) watcher.observe(one, { childList: true });
  }

  function uncover() {
    if (watcher) watcher.disconnect();
    watcher = null;
    page.removeEventListener("focusin", comeBack);
    delete page.documentElement.dataset.present;
    for (const one of page.querySelectorAll("[data-beneath]")) {
      one.inert = false;
      delete one.dataset.beneath;
    }
  }

  if (page) {
    window.addEventListener("pagehide", uncover);
    page.addEventListener("fullscreenchange", drawFull);
  }

  function toggleFullscreen() {
    const whole = page || document;
    if (whole.fullscreenElement) whole.exitFullscreen();
    else whole.documentElement.requestFullscreen();
  }

  function drawFull() {
    if (!full) return;
    const isFull = Boolean((page || document).fullscreenElement);
    full.innerHTML = icon(isFull ? "shrink" : "grow");
    full.title = isFull ? "Leave full screen" : "Full screen";
    full.setAttribute("aria-label", full.title);
  }

  // ---- keys ---------------------------------------------------------------------------------------------------

  // The page is asked when the number has stood still for a moment.
  function step(by) {
    if (!told.k) return;
    const [now, lowest, highest] = told.k;
    wanted = Math.min(highest, Math.max(lowest, (wanted === null ? now : wanted) + by));
    drawFoot();
    clearTimeout(timer);
    timer = setTimeout(() => on.wish({ k: wanted }), STILL_MS);
  }

  function nextView() {
    if (told.legend.length && !told.compared) on.wish({ view: VIEWS[(VIEWS.indexOf(on.view()) + 1) % VIEWS.length] });
  }

  function nextAlone() {
    const ids = told.legend.map((row) => row.id);
    if (ids.length && !told.compared) on.wish({ alone: [...ids, null][(ids.indexOf(told.alone) + 1)] });
  }

  const KEYS = {
    Escape: leave, p: leave, n: nextAlone, " ": nextView,
    ArrowRight: () => step(1), ArrowUp: () => step(1), ArrowLeft: () => step(-1), ArrowDown: () => step(-1),
  };

  // Before Leaflet, whose map moves by arrows; the swipe and sliders keep theirs, and space presses a button.
  document.addEventListener("keydown", (event) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (!isOn && (key !== "p" || event.repeat)) return;
    const own = key.startsWith("Arrow") ? ".s2-grip, input" : key === " " ? "button, a, input" : "";
    if (own && event.target.closest(own)) return;
    const act = isOn ? KEYS[key] : enter;
    if (!act) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  }, true);

  // What does not scroll here would scroll the page beneath.
  panel.addEventListener("wheel", (event) => {
    if (read.scrollHeight <= read.clientHeight || !read.contains(event.target)) event.preventDefault();
  }, { passive: false });

  // ---- what is said -------------------------------------------------------------------------------------------

  // The largest classes, in the order of the legend; the one that is shown alone always among them.
  function chosen(rows, alone) {
    const bySize = [...rows].sort((a, b) => (b.id === alone) - (a.id === alone) || b.part - a.part);
    const kept = new Set(bySize.slice(0, MOST_ROWS));
    return rows.filter((row) => kept.has(row));
  }

  // Relative luminance of #rrggbb (WCAG 2.2).
  function luminance(colour) {
    const [red, green, blue] = [1, 3, 5]
      .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  function drawRow(row, alone) {
    const line = add(list, "li", alone === null || alone === row.id ? "" : "s2-faded");
    const swatch = add(line, "span", "s2-swatch");
    swatch.textContent = row.id;
    swatch.style.background = row.colour;
    swatch.style.color = luminance(row.colour) > 0.179 ? "#000" : "#fff"; // from here on black contrasts more
    add(line, "span", "s2-name").textContent = row.name;
    add(line, "span", "s2-share").textContent = row.share;
  }

  function drawFoot() {
    viewButtons.forEach((one) => one.setAttribute("aria-pressed", String(one.textContent === on.view())));
    views.hidden = !told.legend.length || Boolean(told.compared);
    stepper.hidden = !told.k;
    if (!told.k) return;
    const [now, lowest, highest] = told.k;
    const shown = wanted === null ? now : wanted;
    count.textContent = String(shown);
    less.disabled = shown <= lowest;
    others.disabled = shown >= highest;
  }

  // state: {title, facts, legend: [{id, name, colour, part, share}], alone, k: [now, lowest, highest] or null, compared: two maps
  // that stay as they are meanwhile, or null}; all texts are from outside.
  function tell(state) {
    told = state;
    if (state.k && state.k[0] === wanted) wanted = null;
    title.textContent = state.title;
    facts.textContent = state.facts;
    const rows = chosen(state.legend, state.alone);
    list.replaceChildren();
    for (const row of rows) drawRow(row, state.alone);
    const rest = state.legend.length - rows.length;
    keys.textContent = (state.compared ? "" : "← → classes · Space view · N next class alone · ") + "Esc to leave";
    more.textContent = rest > 0 ? "and " + rest + " more" : "";
    drawFoot();
  }

  return { tell, enter, isFull: () => isOn };
}
