// Places of a class as pictures with numbers. The map's frame is told of them by events of the page, and finds those
// that are shown at `window.s2dashPlaces` when it begins later (map_places.js).

const HEADS = {
  typical: ["Typical places", "Well inside of patches, sure, and nearest to the mean of the class"],
  doubtful: ["Doubtful places", "The least sure that are no specks, each with the class that it would be in otherwise"],
};

const SVG = "http://www.w3.org/2000/svg";

function tellMap(places) {
  window.s2dashPlaces = places.map(({ number, kind, at }) => ({ number, kind, at }));
  document.dispatchEvent(new CustomEvent("s2dash-places"));
}

function fly(place) {
  const frame = document.querySelector(".st-key-map iframe");
  frame?.scrollIntoView({ block: "nearest" });
  document.dispatchEvent(new CustomEvent("s2dash-fly", { detail: place.bounds }));
}

function add(parent, tag, className, words) {
  const element = parent.appendChild(document.createElement(tag));
  element.className = className;
  if (words !== undefined) element.textContent = words;
  return element;
}

// Where the class ends, over its picture, which is cut to the same shape.
function drawOutline(parent, { width, height, outline }) {
  const svg = parent.appendChild(document.createElementNS(SVG, "svg"));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("preserveAspectRatio", "xMidYMid slice");
  svg.setAttribute("aria-hidden", "true");
  for (const className of ["casing", "line"]) {
    const path = svg.appendChild(document.createElementNS(SVG, "path"));
    path.setAttribute("class", className);
    path.setAttribute("d", outline);
  }
}

function drawPlace(list, place, root) {
  const item = add(list, "li", "");
  const button = add(item, "button", "");
  button.type = "button";
  button.title = "Show this place on the map";
  const next = place.next ? `, or ${place.next}` : "";
  button.setAttribute("aria-label", `Go to ${place.kind} place ${place.number}${next}`);
  add(button, "img", "").alt = "";
  button.firstElementChild.src = place.picture;
  if (place.outline) drawOutline(button, place);
  add(button, "b", "", String(place.number)).setAttribute("aria-hidden", "true");
  const here = add(button, "i", "");
  here.style.left = `${100 * place.left}%`;
  here.style.top = `${100 * place.top}%`;
  if (place.next) add(button, "span", "", `or ${place.next}`).setAttribute("aria-hidden", "true");
  button.onclick = () => {
    for (const other of root.querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
    button.setAttribute("aria-current", "true");
    fly(place);
  };
}

// Esc on the map leaves the card. Once in a page, however often this script is loaded.
window.s2dashGallery?.abort();
const listening = window.s2dashGallery = new AbortController();
document.addEventListener("s2dash-leave", () => {
  if (window.s2dashPlaces?.length) document.querySelector(".st-key-leave-panel button")?.click();
}, { signal: listening.signal });

const drawn = new WeakMap();

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".gallery");
  const places = data.places.map((place, at) => ({ ...place, number: at + 1 }));
  const content = JSON.stringify(data);
  if (drawn.get(root) !== content) {
    drawn.set(root, content);
    root.replaceChildren();
    for (const [kind, [title, why]] of Object.entries(HEADS)) {
      const some = places.filter((place) => place.kind === kind);
      if (!some.length) continue;
      const section = add(root, "section", kind);
      const head = add(section, "header", "");
      head.title = why;
      add(head, "h5", "", title);
      add(head, "p", "", kind === "typical" ? `${data.across} · click to go there` : "could be another class");
      const list = add(section, "ol", "");
      list.setAttribute("aria-label", title);
      for (const place of some) drawPlace(list, place, root);
    }
    tellMap(places);
  }
  return () => setTimeout(() => { if (!root.isConnected) tellMap([]); });
}
