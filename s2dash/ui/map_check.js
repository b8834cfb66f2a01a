// The check of a map: the mark around the very pixel that is asked about, where in the scene it lies, and afterwards marks
// at all places that were checked. Told by events of the page, like the places of a gallery (map_places.js).
// on: {maps, stage, picture(), wish(wished)}, of which `picture` gives the template of the picture's tiles.
function s2dashCheck(on) {
  "use strict";
  const PIXEL_PX = 14; // of the screen, across a pixel of the scene that is asked about
  const TILE = 256;
  const MARK = '<svg viewBox="0 0 120 120" width="120" height="120" aria-hidden="true"><path d="M60 6V40M60 80V114M6 60H40M80 60H114"/><path d="M60 6V40M60 80V114M6 60H40M80 60H114"/></svg>';
  const SIGNS = { right: "M5 10.500l3.500 3.500 7-8", wrong: "M5.500 5.500l9 9M14.500 5.500l-9 9", open: "M6 10h8" };
  const page = window.frameElement ? window.frameElement.ownerDocument : null;
  let shown = null; // the scene's map
  let told = null; // {mark, next, inset, marks}
  let isAsking = false;
  let layers = [];
  let picked = []; // what frames the place that is looked at again
  let hidden = null; // its mark, which would cover it

  const inset = document.createElement("button");
  inset.type = "button";
  inset.className = "s2-inset";
  inset.title = "Back to the mark";
  inset.setAttribute("aria-label", "Back to the mark");
  inset.append(new Image(), document.createElement("i"));
  inset.hidden = true;
  inset.addEventListener("click", () => { if (isAsking) look(told.mark); });
  on.maps.append(inset);

  function zoomOf(corners) {
    const [one, other] = [corners[0], corners[2]].map((corner) => shown.map.project(corner, 0));
    const diagonal = one.distanceTo(other) || 1e-9;
    const wanted = Math.log2((PIXEL_PX * Math.SQRT2) / diagonal);
    return shown.map._limitZoom(Math.min(wanted, shown.map.getMaxZoom()));
  }

  // At once rather than in a flight: fifty of these would be a minute.
  function look(place) { shown.aim({ centre: place.at, zoom: zoomOf(place.corners) }); }

  function framed(corners, colour) {
    const ring = [...corners, corners[0]];
    const how = { interactive: false, lineJoin: "miter", lineCap: "square" };
    return [L.polyline(ring, { ...how, color: "#0b1512", weight: 5 }), L.polyline(ring, { ...how, color: colour, weight: 2.5 })];
  }

  function add(layer) {
    layer.addTo(shown.map);
    layers.push(layer);
    return layer;
  }

  function clear() {
    for (const layer of [...layers, ...picked]) layer.remove();
    layers = [];
    picked = [];
    hidden = null;
  }

  function arms(at) {
    const icon = L.divIcon({ className: "s2-mark", iconSize: [120, 120], html: MARK });
    return L.marker(at, { icon, interactive: false, keyboard: false });
  }

  function drawMark() {
    const { mark } = told;
    framed(mark.corners, "#ffffff").forEach(add);
    add(arms(mark.at));
    look(mark);
    if (told.next) preload(told.next);
  }

  function drawMarks() {
    for (const place of told.marks) {
      const html = '<svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true"><path d="' + SIGNS[place.kind] + '"/></svg>';
      const icon = L.divIcon({ className: "s2-checked s2-checked-" + place.kind, iconSize: [24, 24], html });
      // By keys the list in the panel leads there: marks may lie too close to be hit one by one.
      const marker = add(L.marker(place.at, { icon, keyboard: false, riseOnHover: true, zIndexOffset: place.kind === "wrong" ? 500 : 0 }));
      marker.bindTooltip(said(place), { direction: "top", offset: [0, -12], className: "s2-tip" });
      marker.on("click", () => pick(place));
      place.marker = marker;
    }
  }

  function said(place) {
    const words = document.createElement("span");
    words.textContent = place.words;
    return words;
  }

  // What was seen is seen again: on the picture, and not beneath its mark.
  function pick(place) {
    for (const layer of picked) layer.remove();
    if (hidden) hidden.getElement().hidden = false;
    hidden = place.marker;
    hidden.closeTooltip();
    hidden.getElement().hidden = true;
    const mark = arms(place.at).bindTooltip(said(place), { permanent: true, direction: "top", offset: [0, -58], className: "s2-tip" });
    picked = [...framed(place.corners, place.kind === "wrong" ? "#ff77b7" : "#ffffff"), mark];
    for (const layer of picked) layer.addTo(shown.map);
    look(place);
    on.wish({ view: "Picture" });
  }

  // What the next place needs is there before it is asked about.
  function preload(place) {
    const zoom = zoomOf(place.corners);
    const z = Math.round(zoom);
    const centre = shown.map.project(place.at, z);
    const half = shown.map.getSize().divideBy(2 * 2 ** (zoom - z));
    const [from, to] = [centre.subtract(half), centre.add(half)].map((corner) => corner.divideBy(TILE).floor());
    for (let x = from.x; x <= to.x; x += 1) {
      for (let y = from.y; y <= to.y; y += 1) new Image().src = L.Util.template(on.picture(), { x, y, z });
    }
  }

  function drawInset() {
    const { mark, inset: small } = told;
    inset.hidden = !small;
    if (!small) return;
    const [picture, here] = inset.children;
    if (picture.src !== small.picture) picture.src = small.picture;
    picture.alt = "";
    here.style.left = 100 * mark.left + "%";
    here.style.top = 100 * mark.top + "%";
  }

  function draw() {
    clear();
    told = (page && page.defaultView.s2dashCheck) || null;
    const wasAsking = isAsking;
    isAsking = Boolean(told && told.mark);
    on.stage.classList.toggle("s2-checking", isAsking);
    on.stage.classList.toggle("s2-with-marks", Boolean(told) && !isAsking);
    inset.hidden = true;
    if (isAsking) {
      drawMark();
      drawInset();
    } else if (told) {
      drawMarks();
    }
    if (wasAsking && !isAsking) shown.aim(null);
    document.body.dataset.check = isAsking ? "asking" : told ? "result" : "";
  }

  function attach(next) {
    shown = next;
    layers = [];
    picked = [];
    draw();
  }

  // Of what is pressed on the map the page hears nothing: it is told of answers, and of nothing else meanwhile.
  document.addEventListener("keydown", (event) => {
    if (!isAsking || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const key = event.key.toLowerCase();
    if (key === "p") return void event.stopImmediatePropagation();
    if (!/^([1-9]|s|backspace)$/.test(key) || event.target.closest("input")) return;
    event.preventDefault();
    if (!event.repeat) page.dispatchEvent(new CustomEvent("s2dash-check-key", { detail: key }));
  }, { capture: true });

  if (page) {
    const listening = new AbortController();
    const how = { signal: listening.signal };
    page.addEventListener("s2dash-check", () => { if (shown) draw(); }, how);
    page.addEventListener("s2dash-check-look", ({ detail }) => {
      const place = shown && told && told.marks && told.marks[detail];
      if (place) pick(place);
    }, how);
    window.addEventListener("pagehide", () => listening.abort());
  }

  return { attach, isOn: () => isAsking };
}
