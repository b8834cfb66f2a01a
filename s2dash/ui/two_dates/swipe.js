// Two pictures of the same ground, the later one cut where the line stands; a range input carries mouse, touch and keys.

export default ({ data, parentElement }) => {
  const frame = parentElement.querySelector(".dates");
  const at = frame.querySelector("input");
  frame.style.aspectRatio = `${data.width} / ${data.height}`;
  frame.style.maxWidth = `calc(60vh * ${data.width / data.height})`; // whole and in its own shape on any screen
  at.setAttribute("aria-label", data.label);
  for (const [side, { src, words }] of Object.entries({ left: data.left, right: data.right })) {
    const picture = frame.querySelector(`img.${side}`);
    if (picture.src !== src) picture.src = src;
    picture.alt = words;
    frame.querySelector(`.said.${side}`).textContent = words;
  }
  const show = () => {
    frame.style.setProperty("--at", `${at.value / 10}%`);
    at.setAttribute("aria-valuetext", `${Math.round(at.value / 10)} % shows ${data.left.words}`);
  };
  at.oninput = show;
  show();
};
