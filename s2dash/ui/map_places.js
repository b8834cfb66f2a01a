// Numbered pins of places that the page's gallery shows, and the flight to one of them: told by events of the page.
// swipeAt: says where the swipe stands, 0 to 1, null without one.
function s2dashPlaces(swipeAt) {
  "use strict";
  const SECONDS = 0.8;
  const SURROUNDINGS = 0.6; // so much of a picture's size is seen around it on each side
  const frame = window.frameElement;
  const page = frame ? frame.ownerDocument : null;
  let shown = null; // the scene's map
  let pins = [];

  function draw() {
    for (const pin of pins) pin.remove();
    const places = (page && page.defaultView.s2dashPlaces) || [];
    pins = places.filter(({ at }) => shown.contains(at)).map(({ number, kind, at }) => {
      const icon = L.divIcon({ className: "s2-place s2-place-" + kind, iconSize: [24, 24], html: String(Number(number)) });
      return L.marker(at, { icon, interactive: false, keyboard: false }).addTo(shown.map);
    });
  }

  function fly(bounds) {
    const { map, isCalm } = shown;
    // On the wider side of the swipe, whose handle would cover the place; and at a zoom of whole tiles, which a flight
    // does not look for itself.
    const [at, width] = [swipeAt(), map.getSize().x];
    const room = at === null ? {} : at <= 0.5 ? { paddingTopLeft: [at * width, 0] } : { paddingBottomRight: [(1 - at) * width, 0] };
    const { center, zoom } = map._getBoundsCenterZoom(L.latLngBounds(bounds).pad(SURROUNDINGS), room);
    if (isCalm) map.setView(center, map._limitZoom(zoom), { animate: false });
    else map.flyTo(center, map._limitZoom(zoom), { duration: SECONDS });
  }

  if (page) {
    const listening = new AbortController();
    const how = { signal: listening.signal };
    page.addEventListener("s2dash-places", () => { if (shown) draw(); }, how);
    page.addEventListener("s2dash-fly", ({ detail }) => { if (shown) fly(detail); }, how);
    window.addEventListener("pagehide", () => listening.abort());
  }

  function attach(next) {
    shown = next;
    pins = [];
    draw();
  }

  return { attach, areShown: () => pins.length > 0 };
}
