// Opens the sidebar, and closes it over a narrow window when somebody goes back to the page.

const root = document.documentElement;
const NARROW = "(max-width: 1199px)";

const close = () => { delete root.dataset.settings; };

document.addEventListener("pointerdown", (event) => {
  if (matchMedia(NARROW).matches && event.target.closest?.("[data-testid=stMain]")) close();
}, true);

// What this opens stands in the page, beneath the sidebar of a narrow window.
document.addEventListener("click", (event) => {
  if (!matchMedia(NARROW).matches || !event.target.closest?.(".st-key-help-me-choose button")) return;
  setTimeout(() => {
    close();
    document.querySelector(".st-key-side")?.scrollIntoView({ block: "nearest" });
  });
});

export default function ({ parentElement }) {
  parentElement.querySelector("button").onclick = () => {
    root.dataset.settings = "open";
    document.querySelector("[data-testid=stExpandSidebarButton]")?.click();
  };
}
