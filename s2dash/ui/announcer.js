// Says each thing once. Equal words are said again of another thing: the line is emptied in between.

const SILENCE_MS = 150;

export default function ({ data, parentElement }) {
  const line = parentElement.querySelector(".heard");
  if (line.dataset.of === data.of) return;
  line.dataset.of = data.of;
  line.textContent = "";
  clearTimeout(line.waiting);
  line.waiting = setTimeout(() => { line.textContent = data.words; }, SILENCE_MS);
}
