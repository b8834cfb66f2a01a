// Who moves when fingers or the wheel are over the map: the page, or the map by Ctrl + wheel, two fingers, or presenting.
function s2dashGestures(stage, isFull) {
  "use strict";
  const HINT_MS = 1500;
  const isApple = /Mac|iPhone|iPad/.test(navigator.platform);
  const BY_WHEEL = isApple ? "Hold ⌘ to zoom" : "Hold Ctrl to zoom";
  const BY_FINGERS = "Use two fingers to move the map";

  // For eyes only: screen readers neither turn wheels nor move fingers here, and the map's own words name the keys.
  const hint = document.createElement("div");
  hint.className = "s2-gesture";
  hint.setAttribute("aria-hidden", "true");
  stage.appendChild(hint);
  let timer = 0;

  function show(words) {
    hint.textContent = words;
    hint.classList.add("s2-shown");
    clearTimeout(timer);
    timer = setTimeout(hide, HINT_MS);
  }

  function hide() {
    clearTimeout(timer);
    hint.classList.remove("s2-shown");
  }

  // What is not stopped here reaches Leaflet; what it never sees, the browser does as on any page: it scrolls.
  stage.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey || isFull()) return void hide();
    event.stopPropagation();
    if (event.deltaY !== 0) show(BY_WHEEL);
  }, { capture: true, passive: true });

  stage.addEventListener("touchstart", (event) => {
    if (event.touches.length > 1) hide();
    else if (!isFull()) event.stopPropagation();
  }, { capture: true, passive: true });

  stage.addEventListener("touchmove", (event) => {
    const isControl = event.target.closest(".s2-grip, .leaflet-control, .s2-corner, .s2-draw-card");
    if (event.touches.length === 1 && !isFull() && !isControl) show(BY_FINGERS);
  }, { capture: true, passive: true });
}
