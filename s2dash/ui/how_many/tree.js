// Draws the nested tree: branches from left to right, the cut, and the classes at their ends.

const trees = new WeakMap();

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".tree");
  if (!trees.has(root)) {
    trees.set(root, {});
    new ResizeObserver(() => draw(root, trees.get(root).data)).observe(root);
  }
  trees.get(root).data = data;
  draw(root, data);
}

function shape(name, attributes, parent) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
}

function draw(root, data) {
  const svg = root.querySelector("svg"), names = root.querySelector(".names"), width = root.clientWidth;
  if (!data || !width) return;
  const row = data.branches > 16 ? 17 : 22, height = data.branches * row, right = width * 0.56;
  const x = (level) => 3 + ((level - 1) / (data.branches - 1)) * (right - 6), y = (place) => (place + 0.5) * row;
  root.setAttribute("aria-label", `Tree cut at ${data.cut} classes. ${data.words}`);
  svg.setAttribute("height", height);
  svg.replaceChildren();
  names.replaceChildren();
  for (const [x1, y1, x2, y2, before] of data.lines) {
    shape("line", { class: before ? "before" : "", x1: x(x1), y1: y(y1), x2: x(x2), y2: y(y2), "stroke-linecap": "square" }, svg);
  }
  const cut = x(data.cut - 0.5);
  shape("line", { class: "cut", x1: cut, x2: cut, y1: 0, y2: height }, svg);
  if (data.next !== null) shape("rect", { class: "next", x: cut - 5, y: y(data.next) - 10, width: 10, height: 20, rx: 5 }, svg);
  for (const one of data.classes) {
    const top = one.rows[0] * row + 2, bottom = (one.rows[1] + 1) * row - 2;
    shape("rect", { class: "class", x: right + 4, y: top, width: 11, height: bottom - top, rx: 3, fill: one.colour }, svg);
    const name = document.createElement("div");
    name.textContent = one.name;
    name.title = one.name;
    name.style.top = `${(top + bottom) / 2}px`;
    name.style.insetInlineStart = `${right + 22}px`;
    names.append(name);
  }
}
