// Opens the sidebar, and closes it over a narrow window when somebody goes back to the page.

const root = document.documentElement;
const NARROW = "(max-width: 1199px)";

const close = () => { delete root.dataset.settings; };

document.addEventListener("pointerdown", (event) => {
  if (matchMedia(NARROW).matches && event.target.closest?.("[data-testid=stMain]")) close();
}, true);

export default function ({ parentElement }) {
  parentElement.querySelector("button").onclick = () => {
    root.dataset.settings = "open";
    document.querySelector("[data-testid=stExpandSidebarButton]")?.click();
  };
}
