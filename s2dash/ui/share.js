// The link of a map: the page's own address without all that it says of this session, and the button that copies it.

const SHOWN_MS = 2500;

/** Whether the text is in the clipboard now; the field is selected where only a hand can copy it. */
async function copied(field) {
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    // Without a secure address browsers have no clipboard for scripts, but most still have this.
    field.focus();
    field.select();
    return document.execCommand("copy");
  }
}

export default ({ data, parentElement }) => {
  const [field, button, words, said] = ["input", "button", "p", ".said"].map((name) => parentElement.querySelector(name));
  const label = button.querySelector("span");
  const address = new URL(location.pathname, location.origin);
  address.searchParams.set(data.parameter, data.link);
  field.value = address.href;
  field.onfocus = () => field.select();
  words.textContent = data.words;
  button.onclick = async () => {
    const isCopied = await copied(field);
    label.textContent = isCopied ? "Copied" : "Press Ctrl+C";
    said.textContent = isCopied ? "The link is copied." : "The link is selected. Press Control and C to copy it.";
    setTimeout(() => { label.textContent = "Copy"; said.textContent = ""; }, SHOWN_MS);
  };
};
