/* Shows the rows, and says which are chosen; a small picture that arrives later takes nothing of that away. */
export default ({ data, parentElement, setTriggerValue }) => {
  const list = parentElement.querySelector(".found");
  const boxes = () => [...list.querySelectorAll("input")];
  if (list.shown !== data.rows) {
    const focused = parentElement.getRootNode().activeElement?.value;
    list.innerHTML = list.shown = data.rows;
    for (const box of boxes()) box.checked = data.chosen.includes(box.value);
    if (focused) boxes().find((box) => box.value === focused)?.focus({ preventScroll: true });
  }
  const said = JSON.stringify(data.chosen);
  if (list.said !== said) {
    list.said = said;
    for (const box of boxes()) box.checked = data.chosen.includes(box.value);
  }
  list.onchange = () => {
    const chosen = boxes().filter((box) => box.checked).map((box) => box.value);
    list.said = JSON.stringify(chosen);
    setTriggerValue("chosen", chosen);
  };
};
