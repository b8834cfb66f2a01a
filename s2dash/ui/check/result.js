// What a check says of the map: its accuracy with the interval, areas by the answers, what gets mixed up. The map's frame is
// told of all places by an event of the page (map_check.js); a click on what gets mixed up has it go to one of them.

function luminance(colour) {
  const [red, green, blue] = [1, 3, 5]
    .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function paint(element, { number, colour }) {
  element.textContent = number;
  element.style.setProperty("--colour", colour);
  element.style.setProperty("--ink", luminance(colour) > 0.179 ? "#000" : "#fff");
}

function tellMap(told) {
  window.s2dashCheck = told;
  document.dispatchEvent(new CustomEvent("s2dash-check"));
}

function look(number) {
  document.querySelector(".st-key-map iframe")?.scrollIntoView({ block: "nearest" });
  document.dispatchEvent(new CustomEvent("s2dash-check-look", { detail: number }));
}

function row(template, one) {
  const line = template.content.firstElementChild.cloneNode(true);
  paint(line.querySelector("b"), one);
  line.querySelector("th").textContent = one.name;
  line.title = one.words;
  const [reach, dot, tick] = line.querySelectorAll(".range i");
  const hasRange = one.value !== null;
  reach.hidden = dot.hidden = !hasRange;
  if (hasRange) {
    reach.style.left = `${100 * one.low}%`;
    reach.style.width = `${100 * (one.high - one.low)}%`;
    dot.style.left = `${100 * one.value}%`;
  }
  tick.style.left = `${100 * one.map}%`;
  line.querySelector(".amount span").textContent = one.amount;
  line.querySelector(".amount small").textContent = one.more;
  return line;
}

function mixed(template, one) {
  const item = template.content.firstElementChild.cloneNode(true);
  paint(item.querySelector("b"), one);
  item.querySelector("span").textContent = one.words;
  item.querySelector("strong").textContent = one.count;
  let turn = 0;
  item.firstElementChild.onclick = () => {
    look(one.places[turn % one.places.length]);
    turn += 1;
  };
  return item;
}

const drawn = new WeakMap();

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".checked");
  const content = JSON.stringify(data);
  if (drawn.get(root) !== content) {
    drawn.set(root, content);
    const [lead, range] = root.querySelector(".lead").children;
    lead.parentElement.hidden = !data.lead;
    lead.textContent = data.lead;
    range.textContent = data.range;
    root.querySelector(".said").textContent = data.said;
    root.querySelector("table").hidden = !data.rows.length;
    root.querySelector(".unit").textContent = data.unit;
    root.querySelector("tbody").replaceChildren(...data.rows.map((one) => row(root.querySelector("#row"), one)));
    root.querySelector("h5").hidden = !data.mixed.length;
    root.querySelector(".mixed").replaceChildren(...data.mixed.map((one) => mixed(root.querySelector("#mix"), one)));
    tellMap({ mark: null, marks: data.marks });
  }
  return () => setTimeout(() => { if (!root.isConnected && window.s2dashCheck?.marks) tellMap(null); });
}
