// The map inside the component's frame: its panes, swipe, opacity and backgrounds, and the swap of its tile layers.
// base: what holds for one scene {scene, key, bounds, hasPlace, basemaps}. The rest arrives through update().
function startS2dashMap(map, base) {
  "use strict";
  const NEAR_EDGE = 0.02;
  const SWAP_AT_LATEST_MS = 6000;
  const OVERLAP_MS = 60;
  const MOST_RETRIES = 5;
  const SETTLING_MS = 1500;
  const TRYING_AGAIN = "Part of the map could not be loaded. Trying again ...";
  const GIVEN_UP = "Part of the map could not be loaded. Reload the page to try again.";
  const NO_BACKGROUND = "The online background cannot be reached. Your picture and classes are not affected.";

  const container = map.getContainer();
  const bounds = L.latLngBounds(base.bounds);
  const scene = JSON.stringify([base.scene, base.hasPlace, base.bounds]);
  const kept = remembered();
  const now = { view: "Swipe", hasClasses: false, fraction: 0.5, opacity: 1, basemap: "", ...pick(kept, ["fraction", "opacity", "basemap"]) };

  map.attributionControl.setPrefix(false);
  container.setAttribute("aria-label", "Map of the scene. Arrow keys move it, plus and minus zoom.");
  const picturePane = pane("picture", 300);
  const classesPane = pane("classes", 310);
  classesPane.classList.add("s2-crisp");
  pane("background", 210);

  // Tiles of a whole number of pixels leave no hairlines between them, at any zoom; so zooms snap to those.
  const TILE = 256;
  const limitZoom = map._limitZoom;
  map._limitZoom = function (zoom) {
    const limited = limitZoom.call(map, zoom);
    const level = Math.round(limited);
    return level + Math.log2(Math.round(TILE * 2 ** (limited - level)) / TILE);
  };

  // ---- view of the map ----------------------------------------------------------------------------------------

  function pane(name, zIndex) {
    const element = map.createPane(name);
    element.style.zIndex = zIndex;
    return element;
  }

  function showWholeScene(animate) {
    map.fitBounds(bounds, { padding: [6, 6], animate });
  }

  function placeView() {
    const size = map.getSize();
    if (size.x < 50 || size.y < 50) return false;
    Object.assign(map.options, { minZoom: -30, maxZoom: 30 });
    const whole = map.getBoundsZoom(bounds, false, L.point(12, 12));
    map.options.minZoom = Math.floor(base.hasPlace ? Math.min(whole, Math.max(1, whole - 6)) : whole - 2);
    map.options.maxZoom = base.hasPlace ? 19 : Math.max(5, Math.ceil(whole) + 2);
    if (kept && kept.centre) map.setView(kept.centre, kept.zoom, { animate: false });
    else showWholeScene(false);
    return true;
  }

  // The frame gets its height from the page after the map was made; until then and shortly after, the view follows.
  const started = performance.now();
  let touched = false;
  let placed = placeView();
  for (const kind of ["pointerdown", "wheel", "keydown"]) {
    container.addEventListener(kind, () => { touched = true; }, { capture: true, passive: true, once: true });
  }
  map.on("resize", () => {
    if (!placed || (!touched && performance.now() - started < SETTLING_MS)) placed = placeView();
  });

  // ---- what outlives a re-mount of the frame ------------------------------------------------------------------

  function storeName() { return "s2dash-map-" + base.key; }

  function remembered() {
    try {
      const state = JSON.parse(sessionStorage.getItem(storeName()));
      return state && state.scene === scene ? state : null;
    } catch (error) {
      return null; // storage may be switched off; the map then starts afresh
    }
  }

  function remember() {
    const state = { scene, ...pick(now, ["fraction", "opacity", "basemap"]) };
    if (placed) Object.assign(state, { centre: [map.getCenter().lat, map.getCenter().lng], zoom: map.getZoom() });
    try {
      sessionStorage.setItem(storeName(), JSON.stringify(state));
    } catch (error) {
      return; // as above
    }
  }

  function pick(from, names) {
    return Object.fromEntries(names.filter((n) => from && from[n] !== undefined).map((n) => [n, from[n]]));
  }

  // ---- tile layers, each swapped behind the one on screen -----------------------------------------------------

  const SceneTiles = L.TileLayer.extend({
    getTileUrl(coords) {
      if (!base.hasPlace) return L.TileLayer.prototype.getTileUrl.call(this, coords);
      const across = 2 ** coords.z; // scenes beyond the antimeridian have columns past the last one
      const wrapped = L.point(((coords.x % across) + across) % across, coords.y);
      wrapped.z = coords.z;
      return L.TileLayer.prototype.getTileUrl.call(this, wrapped);
    },
    // As Leaflet's own, but for its rounding, which would put all tiles a fraction of a pixel aside.
    _setZoomTransform(level, centre, zoom) {
      const scale = map.getZoomScale(zoom, level.zoom);
      L.DomUtil.setTransform(level.el, level.origin.multiplyBy(scale).subtract(map._getNewPixelOrigin(centre, zoom)), scale);
    },
  });

  // A new layer loads unseen above the old one, is shown when it is complete, and only then is the old one removed.
  // Of several in quick succession the last one wins; one that cannot be loaded never replaces one that could.
  function slot(paneName, announce) {
    let shown = null;
    let pending = null;

    function open(url, attempt) {
      const entry = { url, attempt, loads: 0, errors: 0, timer: 0, isAnnounced: false, isClosed: false };
      entry.layer = new SceneTiles(url, {
        pane: paneName, bounds, noWrap: true, minZoom: -30, maxZoom: 30, keepBuffer: 1, alt: "",
      });
      entry.layer.on("tileload", () => { entry.loads += 1; });
      entry.layer.on("tileerror", () => { entry.errors += 1; });
      // Leaflet still needs its layer after telling this; settling may remove it.
      entry.layer.on("load", () => queueMicrotask(() => settle(entry)));
      pending = entry;
      entry.layer.addTo(map);
      entry.layer.getContainer().style.opacity = "0";
      entry.timer = setTimeout(() => reveal(entry), SWAP_AT_LATEST_MS);
      if (!entry.layer.isLoading()) settle(entry);
    }

    function close(entry) {
      if (!entry) return;
      clearTimeout(entry.timer);
      entry.isClosed = true;
      // A layer takes the map's events off itself on its own event "remove": its listeners go last, or it would go on
      // listening to a map that it no longer has.
      map.removeLayer(entry.layer);
      entry.layer.off();
    }

    function settle(entry) {
      if (entry.isClosed) return;
      const failed = entry.errors > 0 && entry.loads === 0;
      if (failed) {
        if (entry === pending) retry(entry);
        return;
      }
      if (entry === pending) reveal(entry);
      if (entry !== shown || entry.isAnnounced) return;
      entry.isAnnounced = true;
      say("");
      announce(entry.url);
    }

    function retry(entry) {
      close(entry);
      if (entry.attempt >= MOST_RETRIES) {
        pending = null;
        return void say(GIVEN_UP);
      }
      say(TRYING_AGAIN);
      entry.timer = setTimeout(() => {
        if (entry === pending) open(entry.url, entry.attempt + 1);
      }, 500 * 2 ** entry.attempt);
    }

    function reveal(entry) {
      if (entry !== pending) return;
      clearTimeout(entry.timer);
      const old = shown;
      shown = entry;
      pending = null;
      entry.layer.getContainer().style.opacity = "";
      setTimeout(() => close(old), OVERLAP_MS);
    }

    return function set(url) {
      if ((pending || shown || {}).url === url) return;
      close(pending);
      pending = null;
      if (shown && shown.url === url) return void announce(url);
      if (url) return void open(url, 0);
      close(shown);
      shown = null;
    };
  }

  // Tests and the benchmark wait for these; the time is in milliseconds since 1970, so frames can be compared.
  function announcer(what) {
    return (url) => {
      document.body.dataset[what + "LoadedAt"] = String(performance.timeOrigin + performance.now());
      document.body.dataset[what + "Loaded"] = (url.match(/([^/]+)\/\{z\}/) || ["", url])[1];
    };
  }

  const setPicture = slot("picture", announcer("picture"));
  const setClasses = slot("classes", announcer("classes"));

  // ---- small makers -------------------------------------------------------------------------------------------

  function make(tag, className, attributes, parent) {
    const element = document.createElement(tag);
    element.className = className;
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    if (parent) parent.appendChild(element);
    return element;
  }

  function icon(paths) {
    return '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" ' +
      'stroke-linejoin="round" aria-hidden="true">' + paths.map((d) => '<path d="' + d + '"/>').join("") + "</svg>";
  }

  const note = make("div", "s2-note", { role: "status" }, container);
  function say(words) {
    if (note.textContent !== words) note.textContent = words;
  }

  // ---- buttons: zoom, whole scene, full screen ----------------------------------------------------------------

  const bar = L.control.zoom({
    position: "topleft", zoomInText: icon(["M12 5v14", "M5 12h14"]), zoomOutText: icon(["M5 12h14"]),
  }).addTo(map).getContainer();

  function button(label, paths, act) {
    const link = make("a", "", { href: "#", role: "button", title: label, "aria-label": label }, bar);
    link.innerHTML = icon(paths);
    L.DomEvent.disableClickPropagation(link);
    L.DomEvent.on(link, "click", (event) => { L.DomEvent.preventDefault(event); act(); });
    link.addEventListener("keydown", (event) => {
      if (event.key !== " ") return;
      event.preventDefault();
      act();
    });
    return link;
  }

  button("Show the whole scene", ["M4 11.5 12 5l8 6.5", "M6.5 10v9h11v-9"], () => showWholeScene(true));
  if (document.fullscreenEnabled) {
    const grow = ["M4 9V4h5", "M15 4h5v5", "M20 15v5h-5", "M9 20H4v-5"];
    const shrink = ["M9 4v5H4", "M20 9h-5V4", "M15 20v-5h5", "M4 15h5v5"];
    const full = button("Full screen", grow, () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else container.requestFullscreen();
    });
    document.addEventListener("fullscreenchange", () => {
      const isFull = Boolean(document.fullscreenElement);
      full.innerHTML = icon(isFull ? shrink : grow);
      full.title = isFull ? "Leave full screen" : "Full screen";
      full.setAttribute("aria-label", full.title);
      map.invalidateSize();
    });
  }

  // ---- backgrounds from the internet, off until chosen; scale bar ---------------------------------------------

  let hasLayersButton = false;
  if (base.hasPlace) {
    L.control.scale({ imperial: false, maxWidth: map.getSize().x < 480 ? 72 : 120 }).addTo(map);
    const layers = { None: L.layerGroup() };
    for (const basemap of base.basemaps) layers[basemap.name] = backgroundLayer(basemap);
    if (base.basemaps.length) addLayersButton(layers);
    (layers[now.basemap] || layers.None).addTo(map);
  }

  function backgroundLayer(basemap) {
    const layer = L.tileLayer(basemap.url, {
      pane: "background", attribution: basemap.attribution, maxNativeZoom: basemap.maxNativeZoom, maxZoom: 30, alt: "",
    });
    let loads = 0;
    layer.on("loading", () => { loads = 0; });
    layer.on("tileload", () => { loads += 1; });
    layer.on("tileerror", () => { if (loads === 0) say(NO_BACKGROUND); });
    layer.on("load", () => { if (loads > 0) say(""); });
    layer.on("remove", () => say(""));
    return layer;
  }

  function addLayersButton(layers) {
    hasLayersButton = true;
    const control = L.control.layers(layers, null, { position: "topright", collapsed: true }).addTo(map).getContainer();
    const toggle = control.querySelector(".leaflet-control-layers-toggle");
    toggle.innerHTML = icon(["M12 4 3 9l9 5 9-5z", "M3 14.5l9 5 9-5"]);
    toggle.title = "Background map";
    toggle.setAttribute("aria-label", "Background map");
    const list = control.querySelector(".leaflet-control-layers-list");
    const heading = make("div", "s2-heading");
    heading.textContent = "Background map";
    list.prepend(heading);
    make("div", "s2-hint", {}, list).textContent = "Needs the internet";
    map.on("baselayerchange", (event) => {
      now.basemap = event.name === "None" ? "" : event.name;
      remember();
    });
  }

  // ---- opacity ------------------------------------------------------------------------------------------------

  const opacityPanel = opacityControl();
  const slider = opacityPanel.querySelector("input");
  const opacityWords = opacityPanel.querySelector("span");

  function opacityControl() {
    const Opacity = L.Control.extend({
      onAdd() {
        const panel = make("div", "leaflet-control s2-opacity", { hidden: "" });
        make("label", "", { for: "s2-opacity" }, panel).textContent = "Class opacity";
        make("input", "", { id: "s2-opacity", type: "range", min: 0, max: 100, step: 5 }, panel);
        make("span", "", { "aria-hidden": "true" }, panel);
        L.DomEvent.disableClickPropagation(panel);
        L.DomEvent.disableScrollPropagation(panel);
        panel.addEventListener("keydown", (event) => event.stopPropagation());
        return panel;
      },
    });
    return new Opacity({ position: "topright" }).addTo(map).getContainer();
  }

  slider.value = String(Math.round(now.opacity * 100));
  slider.addEventListener("input", () => {
    now.opacity = Number(slider.value) / 100;
    draw();
    remember();
  });

  // ---- swipe --------------------------------------------------------------------------------------------------

  const swipe = make("div", "s2-swipe", {}, container);
  const leftSide = make("span", "s2-side", { "data-side": "left" }, swipe);
  const rightSide = make("span", "s2-side", { "data-side": "right" }, swipe);
  const grip = make("div", "s2-grip", {
    role: "slider", tabindex: 0, "aria-orientation": "horizontal", "aria-valuemin": 0, "aria-valuemax": 100,
    "aria-label": "Swipe between picture and classes",
  }, swipe);
  make("span", "s2-knob", {}, grip).innerHTML = icon(["M9 7l-5 5 5 5", "M15 7l5 5-5 5"]);
  rightSide.textContent = "Classes";

  function moveSwipe(fraction) {
    now.fraction = Math.min(1 - NEAR_EDGE, Math.max(NEAR_EDGE, fraction));
    draw();
    remember();
  }

  const KEYS = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 };
  grip.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    moveSwipe(now.fraction + KEYS[event.key] * (event.shiftKey ? 5 : 1));
  });

  let grabbedAt = null;
  L.DomEvent.disableClickPropagation(grip);
  grip.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.stopPropagation();
    event.preventDefault();
    grip.focus({ focusVisible: false });
    grip.setPointerCapture(event.pointerId);
    grabbedAt = event.clientX - now.fraction * map.getSize().x;
  });
  grip.addEventListener("pointermove", (event) => {
    if (grabbedAt !== null) moveSwipe((event.clientX - grabbedAt) / map.getSize().x);
  });
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
    grip.addEventListener(kind, () => { grabbedAt = null; });
  }

  // ---- drawing it all -----------------------------------------------------------------------------------------

  function box(left, top, right, bottom) {
    return "polygon(" + [[left, top], [right, top], [right, bottom], [left, bottom]]
      .map(([x, y]) => x + "px " + y + "px").join(",") + ")";
  }

  function fitSide(side, room) {
    side.hidden = room < 56;
    side.style.maxWidth = Math.max(0, room) + "px";
  }

  function draw() {
    const view = now.hasClasses ? now.view : "Picture";
    const isSwipe = view === "Swipe";
    const size = map.getSize();
    const x = Math.round(size.x * now.fraction);
    const from = map.containerPointToLayerPoint([0, 0]);
    const to = map.containerPointToLayerPoint(size);
    picturePane.style.clipPath = isSwipe ? box(from.x, from.y, from.x + x, to.y) : "";
    classesPane.style.clipPath = isSwipe ? box(from.x + x, from.y, to.x, to.y) : "";
    classesPane.style.display = view === "Picture" ? "none" : "";
    classesPane.style.opacity = view === "Classes" ? String(now.opacity) : "";
    opacityPanel.hidden = view !== "Classes";
    opacityWords.textContent = slider.value + " %";
    swipe.hidden = !isSwipe;
    swipe.style.left = x + "px";
    fitSide(leftSide, x - 12 - 54);
    fitSide(rightSide, size.x - x - 12 - (hasLayersButton ? 54 : 10));
    const percent = Math.round(now.fraction * 100);
    grip.setAttribute("aria-valuenow", String(percent));
    grip.setAttribute("aria-valuetext", leftSide.textContent + " on the left " + percent + " %, classes on the right");
    document.body.dataset.view = view;
  }

  map.on("move zoom viewreset resize", draw);
  map.on("moveend", remember);

  let attribution = "";
  function setAttribution(words) {
    const plain = document.createElement("span");
    plain.textContent = words;
    if (attribution) map.attributionControl.removeAttribution(attribution);
    attribution = plain.innerHTML;
    if (attribution) map.attributionControl.addAttribution(attribution);
  }

  // state: {picture, classes, view, label, attribution, dark}; everything else stays as the user left it.
  function update(state) {
    document.documentElement.dataset.theme = state.dark ? "dark" : "light";
    now.view = state.view;
    now.hasClasses = Boolean(state.classes);
    leftSide.textContent = state.label;
    setAttribution(state.attribution);
    setPicture(state.picture);
    setClasses(state.classes);
    draw();
  }

  draw();
  return { update, map };
}
