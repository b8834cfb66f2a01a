// The line between picture and classes: a range input carries mouse, touch and keys.
const frame = document.querySelector(".swipe");
const at = frame && frame.querySelector("input");
if (at) {
  const show = () => {
    frame.style.setProperty("--at", `${at.value / 10}%`);
    at.setAttribute("aria-valuetext", `${Math.round(at.value / 10)} % shows the picture`);
  };
  at.oninput = show;
  show();
}
