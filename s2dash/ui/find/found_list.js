/* Shows the rows, and says which are chosen; a small picture that arrives later takes nothing of that away. */
export default ({ data, parentElement, setTriggerValue }) => {
  const list = parentElement.querySelector(".found");
  const map = parentElement.querySelector(".where");
  const boxes = () => [...list.querySelectorAll("input")];
  const mark = (name, ids) => {
    for (const one of map.querySelectorAll(".footprint")) one.classList.toggle(name, ids.includes(one.dataset.id));
  };
  const show = (chosen) => {
    for (const box of boxes()) box.checked = chosen.includes(box.value);
    mark("chosen", chosen);
  };
  if (map.shown !== data.map) map.innerHTML = map.shown = data.map;
  if (list.shown !== data.rows) {
    const focused = parentElement.getRootNode().activeElement?.value;
    list.innerHTML = list.shown = data.rows;
    show(data.chosen);
    if (focused) boxes().find((box) => box.value === focused)?.focus({ preventScroll: true });
  }
  const said = JSON.stringify(data.chosen);
  if (list.said !== said) {
    list.said = said;
    show(data.chosen);
  }
  list.onchange = () => {
    const chosen = boxes().filter((box) => box.checked).map((box) => box.value);
    list.said = JSON.stringify(chosen);
    mark("chosen", chosen);
    setTriggerValue("chosen", chosen);
  };
  list.onpointerover = ({ target }) => mark("over", [target.closest("label")?.querySelector("input").value]);
  list.onpointerleave = () => mark("over", []);
};
