// A click on a download waits until Python has acknowledged what is typed in the window's fields.

const FIELDS = ".st-key-about :is(input, textarea)";
const DOWNLOAD = ".st-key-handing button";

let said = [];
const held = new Set();

function isSaid() {
  const fields = [...document.querySelectorAll(FIELDS)];
  return fields.every((field, place) => said[place] === undefined || field.value === said[place]);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.(DOWNLOAD);
  if (!button || isSaid()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  document.activeElement?.blur(); // by which Streamlit sends what was typed
  button.setAttribute("aria-busy", "true");
  held.add(button);
}, true);

export default ({ data }) => {
  said = data.said;
  if (!isSaid()) return;
  for (const button of held) {
    button.removeAttribute("aria-busy");
    if (button.isConnected) button.click();
  }
  held.clear();
};
