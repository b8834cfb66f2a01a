// The hint of the first visit: a few things to try, each ticked when done; closed or all done, it never comes back.
function s2dashHint(stage) {
  "use strict";
  const STORE = "s2dash-first-steps";
  const SEEN_MS = 1500;
  const GAP_PX = 26;
  const STEPS = [
    { id: "swipe", words: "Drag the handle" },
    { id: "ask", words: "Click the map: what is there?" },
    { id: "name", words: "Name a class" },
  ];
  const TICK = '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="3.5" stroke-linecap="round" ' +
    'stroke-linejoin="round" aria-hidden="true"><path d="M6 12.5l4 4 8-9"/></svg>';
  const CROSS = '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" ' +
    'aria-hidden="true"><path d="M7 7l10 10M17 7 7 17"/></svg>';

  const kept = recall();
  let card = null;

  function recall() {
    try {
      return { done: [], isOver: false, ...JSON.parse(localStorage.getItem(STORE)) };
    } catch (error) {
      return { done: [], isOver: false }; // storage may be switched off; the hint then comes with every visit
    }
  }

  function remember() {
    try {
      localStorage.setItem(STORE, JSON.stringify(kept));
    } catch (error) {
      return; // as above
    }
  }

  function add(parent, tag, className, words) {
    const element = document.createElement(tag);
    element.className = className;
    element.textContent = words || "";
    return parent.appendChild(element);
  }

  function open() {
    if (card || kept.isOver) return;
    card = add(stage, "section", "s2-steps");
    card.setAttribute("aria-label", "Try this");
    add(card, "p", "s2-steps-title", "Try this");
    const list = add(card, "ul", "");
    list.setAttribute("aria-live", "polite");
    for (const step of STEPS) {
      const line = add(list, "li", "");
      line.dataset.step = step.id;
      add(line, "span", "s2-tick").innerHTML = TICK;
      add(line, "span", "", step.words);
      add(line, "span", "s2-unseen");
    }
    const close = add(card, "button", "");
    Object.assign(close, { type: "button", title: "Close for good", innerHTML: CROSS });
    close.setAttribute("aria-label", "Close these hints for good");
    close.addEventListener("click", end);
    draw();
  }

  function draw() {
    for (const line of card.querySelectorAll("li")) {
      const isDone = kept.done.includes(line.dataset.step);
      line.classList.toggle("s2-done", isDone);
      line.lastChild.textContent = isDone ? ": done" : "";
    }
  }

  function end() {
    kept.isOver = true;
    remember();
    if (!card) return;
    const hadFocus = card.contains(document.activeElement);
    card.remove();
    card = null;
    if (hadFocus) stage.querySelector(".s2-map:not([inert])").focus({ preventScroll: true });
  }

  // A step of which the page or the map says that it is done, known here or not.
  function done(id) {
    if (kept.isOver || kept.done.includes(id)) return;
    kept.done.push(id);
    remember();
    if (card) draw();
    if (STEPS.every((step) => kept.done.includes(step.id))) setTimeout(end, SEEN_MS);
  }

  // It keeps clear of the swipe: at the other side where the handle comes near, which leaves always half of the map.
  function keepClear(handleX, width) {
    if (!card || !width) return;
    const isRight = card.classList.contains("s2-right");
    const covers = isRight ? handleX > card.offsetLeft - GAP_PX : handleX < card.offsetLeft + card.offsetWidth + GAP_PX;
    if (covers) card.classList.toggle("s2-right", handleX < width / 2);
  }

  // Above what stands at the map's bottom, such as credits of several lines.
  function standAbove(height) {
    if (card) card.style.setProperty("--s2-below", height + "px");
  }

  return { open, done, keepClear, standAbove };
}
