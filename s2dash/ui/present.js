// The page's side of presenting: the button and the key P, and what people wish for while they present.
//
// The map's frame does the rest (map_present.js) and tells of wishes by an event of the page. They are sent with a
// growing number, those that Python has not acknowledged (`data.handled`) among them: one that was lost among quick
// presses arrives with the next.

const TYPED_IN = "textarea, select, [contenteditable=true], [role=combobox], " +
  "input:not([type=radio], [type=checkbox], [type=range], [type=button])";

let send = () => {};
let number = 0;
let pending = {};

function present() {
  document.querySelector(".st-key-map iframe")?.contentWindow.s2dash?.present();
}

function wish({ detail }) {
  number += 1;
  pending = { ...pending, ...detail, number };
  send(pending);
}

function onKey(event) {
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat && !event.isComposing;
  if (event.key.toLowerCase() !== "p" || !isPlain || event.defaultPrevented) return;
  if (event.composedPath()[0].closest?.(TYPED_IN) || document.querySelector("[role=dialog]")) return;
  event.preventDefault();
  present();
}

// Once in a page, however often this script is loaded.
window.s2dashPresenting?.abort();
const listening = window.s2dashPresenting = new AbortController();
document.addEventListener("keydown", onKey, { signal: listening.signal });
document.addEventListener("s2dash-wish", wish, { signal: listening.signal });

export default ({ data, parentElement, setTriggerValue }) => {
  send = (wishes) => setTriggerValue("wish", wishes);
  number = Math.max(number, data.handled);
  if (pending.number <= data.handled) pending = {};
  parentElement.querySelector("button").onclick = present;
};
