// The last runs in the strip: a button for each, which restores it. As in the list, every message repeats the
// actions that Python has not yet acknowledged (`data.handled`).

const strips = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector(".last-runs");
  if (!strips.has(list)) strips.set(list, { pending: [], count: 0 });
  const strip = strips.get(list);
  strip.pending = strip.pending.filter((action) => action.count > data.handled);
  strip.count = Math.max(strip.count, data.handled);

  function restore(number) {
    strip.count += 1;
    strip.pending.push({ count: strip.count, kind: "restore", number, value: null });
    setTriggerValue("actions", strip.pending);
  }

  while (list.children.length > data.last.length) list.lastElementChild.remove();
  data.last.forEach((row, place) => draw(list.children[place] ?? made(list), row, restore));
}

function made(list) {
  const item = list.appendChild(document.createElement("li"));
  const button = item.appendChild(document.createElement("button"));
  button.type = "button";
  button.appendChild(document.createElement("img")).alt = "";
  button.appendChild(document.createElement("span"));
  return item;
}

function draw(item, row, restore) {
  const button = item.firstElementChild;
  const [picture, words] = button.children;
  if (picture.getAttribute("src") !== row.picture) picture.src = row.picture;
  words.textContent = row.words;
  button.title = row.now ? `${row.about} · on the map now` : row.about;
  button.setAttribute("aria-label", `Back to run ${row.number}: ${row.words}`);
  button.setAttribute("aria-current", String(row.now));
  button.disabled = !row.can_restore;
  button.onclick = () => { if (!row.now) restore(row.number); };
}
