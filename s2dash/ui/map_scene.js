// One scene's Leaflet map: how far it zooms, where it looks, and the swap of its tile layers.
// scene: {key, bounds, hasPlace}. on: what it tells the stage {say(words), settled(), shows(what, url)}.
function s2dashScene(parent, scene, on) {
  "use strict";
  const TILE = 256;
  const LEVELS_BEYOND_SCENE = 1;
  const PADDING_PX = 6;
  const LEAST_SIDE_PX = 50;
  const NEARLY_PX = 3;
  const NEARLY_ZOOM = 0.01;
  const SWAP_AT_LATEST_MS = 6000;
  const OVERLAP_MS = 60;
  const MOST_RETRIES = 5;
  const SETTLING_MS = 1500;
  const TRYING_AGAIN = "Part of the map could not be loaded. Trying again ...";
  const GIVEN_UP = "Part of the map could not be loaded. Reload the page to try again.";

  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const container = document.createElement("div");
  container.className = "s2-map";
  container.setAttribute("role", "region");
  container.setAttribute("aria-label", "Map of the scene. Arrow keys move it, plus and minus zoom, Enter says what is at its middle.");
  parent.appendChild(container);
  let bounds = L.latLngBounds(scene.bounds);
  const map = L.map(container, {
    crs: scene.hasPlace ? L.CRS.EPSG3857 : L.CRS.Simple,
    center: bounds.getCenter(), zoom: 1, zoomSnap: 0, zoomControl: false, attributionControl: false,
    fadeAnimation: false, zoomAnimation: !isCalm, inertia: !isCalm, bounceAtZoomLimits: false,
  });

  // Beside the picture and the classes, while two maps are compared: the one on the left, and where they differ.
  const panes = { picture: pane("picture", 300), left: pane("left", 305), classes: pane("classes", 310), differ: pane("differ", 320), alike: pane("alike", 325) };
  for (const name of ["left", "classes", "differ", "alike"]) panes[name].classList.add("s2-crisp");
  pane("background", 210);

  function pane(name, zIndex) {
    const element = map.createPane(name);
    element.style.zIndex = zIndex;
    return element;
  }

  // ---- view ---------------------------------------------------------------------------------------------------

  // Tiles of a whole number of pixels leave no hairlines between them, at any zoom; so zooms snap to those.
  const limitZoom = map._limitZoom;
  map._limitZoom = function (zoom) {
    const limited = limitZoom.call(map, zoom);
    const level = Math.round(limited);
    return level + Math.log2(Math.round(TILE * 2 ** (limited - level)) / TILE);
  };

  function limitZooms() {
    const size = map.getSize();
    if (size.x < LEAST_SIDE_PX || size.y < LEAST_SIDE_PX) return false;
    Object.assign(map.options, { minZoom: -30, maxZoom: 30 });
    const whole = map._limitZoom(map.getBoundsZoom(bounds, false, L.point(2 * PADDING_PX, 2 * PADDING_PX)));
    map.options.minZoom = whole - LEVELS_BEYOND_SCENE;
    map.options.maxZoom = Math.max(scene.hasPlace ? 19 : 5, Math.ceil(whole) + 2);
    map.fire("zoomlevelschange");
    return true;
  }

  function showWhole(animate) {
    map.fitBounds(bounds, { padding: [PADDING_PX, PADDING_PX], animate: animate && !isCalm });
  }

  // Whether it is seen as `showWhole` shows it.
  function isWhole() {
    const { center, zoom } = map._getBoundsCenterZoom(bounds, { padding: [PADDING_PX, PADDING_PX] });
    const aside = map.project(center).distanceTo(map.project(map.getCenter()));
    return aside < NEARLY_PX && Math.abs(map._limitZoom(zoom) - map.getZoom()) < NEARLY_ZOOM;
  }

  // The window gets its size from the page, which may come after the map, and changes it when it is presented: for a short
  // time, or until somebody touches the map, the view that was asked for follows.
  let goal = null;
  let aimedAt = 0;
  let isTouched = false;
  let isPlaced = false;

  // view: {centre, zoom}; null is the whole scene.
  function aim(view) {
    goal = view;
    aimedAt = performance.now();
    isTouched = false;
    place();
  }

  function place() {
    if (!limitZooms()) return;
    if (goal) map.setView(goal.centre, goal.zoom, { animate: false });
    else showWhole(false);
    isPlaced = true;
  }

  for (const kind of ["pointerdown", "wheel", "keydown"]) {
    container.addEventListener(kind, () => { isTouched = true; }, { capture: true, passive: true });
  }
  map.on("resize", () => {
    if (!isPlaced || (!isTouched && performance.now() - aimedAt < SETTLING_MS)) place();
    else if (limitZooms() && map.getZoom() < map.getMinZoom()) map.setZoom(map.getMinZoom(), { animate: false });
  });

  // ---- tile layers, each swapped behind the one on screen -----------------------------------------------------

  const SceneTiles = L.TileLayer.extend({
    getTileUrl(coords) {
      if (!scene.hasPlace) return L.TileLayer.prototype.getTileUrl.call(this, coords);
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
  function slot(what) {
    let shown = null;
    let pending = null;

    function open(url, attempt) {
      const entry = { url, attempt, loads: 0, errors: 0, timer: 0, isAnnounced: false, isClosed: false };
      entry.layer = new SceneTiles(url, {
        pane: what, bounds, noWrap: true, minZoom: -30, maxZoom: 30, keepBuffer: 1, alt: "",
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
      if (entry.isClosed) return;
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
      on.say("");
      on.shows(what, entry.url);
    }

    function retry(entry) {
      close(entry);
      if (entry.attempt >= MOST_RETRIES) {
        pending = null;
        on.settled();
        return void on.say(GIVEN_UP);
      }
      on.say(TRYING_AGAIN);
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
      on.settled();
    }

    function set(url) {
      if ((pending || shown || {}).url === url) return;
      close(pending);
      pending = null;
      if (shown && shown.url === url) return void on.shows(what, url);
      if (url) return void open(url, 0);
      close(shown);
      shown = null;
    }

    function forget() {
      close(pending);
      close(shown);
      pending = shown = null;
    }

    return { set, forget, isReady: () => pending === null };
  }

  const slots = Object.fromEntries(Object.keys(panes).map((name) => [name, slot(name)]));

  function tell(state) {
    bounds = L.latLngBounds(state.scene.bounds);
    slots.picture.set(state.picture);
    slots.classes.set(state.classes);
    slots.left.set(state.compared ? state.compared.left : null);
    slots.differ.set(state.compared ? state.compared.differ : null);
    on.settled();
  }

  function remove() {
    for (const one of Object.values(slots)) one.forget();
    map.remove();
    container.remove();
  }

  return {
    map, container, panes, isCalm, aim, showWhole, isWhole, tell, remove,
    contains: (place) => bounds.contains(place),
    showAlike: (url) => slots.alike.set(url),
    is: (other) => other.key === scene.key && other.hasPlace === scene.hasPlace,
    isReady: () => slots.picture.isReady() && slots.classes.isReady(),
    view: () => (isPlaced ? { centre: [map.getCenter().lat, map.getCenter().lng], zoom: map.getZoom() } : null),
  };
}
