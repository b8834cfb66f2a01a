// The stage in the component's frame: one map for each scene, of which a new one takes the old one's place when complete.
// first: the empty map that streamlit-folium begins with. settings: {key, basemaps}.
function startS2dashMap(first, settings) {
  "use strict";
  const SWAP_AT_LATEST_MS = 6000;
  const TELLING_MS = 150;
  const NAME = "Map of the scene";

  const stage = div("s2-stage", document.body);
  const maps = div("s2-maps", stage);
  const note = div("s2-note", maps);
  note.setAttribute("role", "status");
  const point = s2dashPoint(stage, maps, { wish, asked: () => hint.done("ask"), alike });
  const places = s2dashPlaces(() => (look.view === "Swipe" && look.hasClasses ? look.fraction : null));
  const check = s2dashCheck({ stage, maps, picture: () => wanted.picture, wish });
  const present = s2dashPresent(stage, { entered, left, wish, view: () => (wanted ? wanted.view : "Swipe") });
  const hint = s2dashHint(maps);
  s2dashGestures(maps, present.isFull);

  let wanted = null; // what the page said last
  let shown = null; // the scene's map on screen
  let pending = null; // the next scene's, which loads beneath it
  let controls = null;
  let area = null;
  let viewBefore = null; // of presenting
  const remembered = recall();
  let startTaken = remembered ? remembered.start : undefined;
  const telling = { timer: 0, last: undefined };
  const look = { view: "Swipe", hasClasses: false, compared: null, isAlike: false, fraction: 0.5, opacity: 1, basemap: "", ...pick(remembered) };

  new ResizeObserver(() => {
    for (const one of [shown, pending]) if (one) one.map.invalidateSize({ animate: false });
  }).observe(maps);

  function div(className, parent) {
    const element = document.createElement("div");
    element.className = className;
    return parent.appendChild(element);
  }

  function say(words) {
    if (note.textContent !== words) note.textContent = words;
  }

  // ---- what outlives a reload of the frame --------------------------------------------------------------------

  function storeName() { return "s2dash-map-" + settings.key; }

  function recall() {
    try {
      return JSON.parse(sessionStorage.getItem(storeName()));
    } catch (error) {
      return null; // storage may be switched off; the map then starts afresh
    }
  }

  function remember() {
    if (!shown || present.isFull()) return;
    tell();
    const state = { scene: identity(wanted.scene), view: shown.view(), start: startTaken, ...pick(look) };
    try {
      sessionStorage.setItem(storeName(), JSON.stringify(state));
    } catch (error) {
      return; // as above
    }
  }

  // The page's server is told where the map looks, which no run of the page needs.
  function tell() {
    clearTimeout(telling.timer);
    telling.timer = setTimeout(tellNow, TELLING_MS);
  }

  function tellNow() {
    clearTimeout(telling.timer);
    const view = shown && !present.isFull() && shown.view();
    if (!view || !shown.tellTo) return;
    const [lat, lng] = view.centre;
    const words = JSON.stringify(shown.isWhole() ? null : { centre: [lng, lat], zoom: view.zoom });
    const all = shown.tellTo + words;
    if (all !== telling.last && navigator.sendBeacon(shown.tellTo, words)) telling.last = all;
  }

  addEventListener("pagehide", tellNow);

  function identity(scene) { return JSON.stringify([scene.key, scene.hasPlace, scene.bounds]); }

  function pick(from) {
    const names = ["fraction", "opacity", "basemap"];
    return Object.fromEntries(names.filter((n) => from && from[n] !== undefined).map((n) => [n, from[n]]));
  }

  // ---- presenting ---------------------------------------------------------------------------------------------

  function entered() {
    viewBefore = shown.view();
    area.leave();
    shown.aim(null);
  }

  function left() { shown.aim(viewBefore); }

  // What the page holds is asked of it (present.js); a view needs nothing of it to be shown.
  function wish(wished) {
    if (wished.view) {
      wanted = { ...wanted, view: wished.view };
      draw();
    }
    if (!window.frameElement) return;
    window.frameElement.ownerDocument.dispatchEvent(new CustomEvent("s2dash-wish", { detail: wished }));
  }

  // The page's own key, of which it hears nothing from here.
  document.addEventListener("keydown", (event) => {
    const isMeant = event.key === "Escape" && wanted && (wanted.compared || places.areShown() || check.isOn()) && !present.isFull() && !event.defaultPrevented;
    if (isMeant && window.frameElement) window.frameElement.ownerDocument.dispatchEvent(new CustomEvent("s2dash-leave"));
  });

  // ---- scenes -------------------------------------------------------------------------------------------------

  function opened(scene) {
    const made = s2dashScene(maps, scene, {
      say,
      settled: () => queueMicrotask(() => { if (made === pending && made.isReady()) take(made); }),
      shows: (what, url) => {
        made.urls[what] = url;
        if (made === shown) announce(what, url);
      },
    });
    made.urls = {};
    made.container.inert = true;
    made.timer = setTimeout(() => { if (made === pending) take(made); }, SWAP_AT_LATEST_MS);
    made.aim(firstView(scene));
    return made;
  }

  // Tiles of what is like one place, in the stead of the classes; null for these again.
  function alike(url) {
    look.isAlike = Boolean(url);
    shown.showAlike(url);
    controls.draw();
  }

  // What a link or the session says, once; else, after a reload, where it was.
  function firstView(scene) {
    const start = wanted.start;
    if (start && start.scene === scene.key && start.id !== startTaken) {
      startTaken = start.id;
      // Of another place it says nothing about this scene.
      if (L.latLngBounds(scene.bounds).pad(1).contains(start.centre)) return start;
    }
    return !shown && remembered && remembered.scene === identity(scene) ? remembered.view : null;
  }

  function discard(scene) {
    if (!scene) return;
    clearTimeout(scene.timer);
    scene.remove();
  }

  // In one go, so that no frame shows part of one scene and part of another.
  function take(next) {
    const old = shown;
    const hadFocus = old && old.container.contains(document.activeElement);
    clearTimeout(next.timer);
    [shown, pending] = [next, null];
    next.container.inert = false;
    controls = s2dashControls(next, wanted.scene, settings.basemaps, look, { say, changed: remember, drawn, swiped: () => hint.done("swipe") });
    const key = wanted.scene.key;
    area = s2dashArea(next, wanted.scene, { say, begin: point.close, send: (rings) => wish({ area: { scene: key, rings } }),
      act: (step) => wish({ areaStep: { scene: key, ...step } }) });
    viewBefore = null;
    point.attach(next);
    places.attach(next);
    check.attach(next);
    draw();
    for (const what of ["picture", "classes", "left", "differ"]) {
      delete document.body.dataset[what + "Loaded"];
      if (next.urls[what]) announce(what, next.urls[what]);
    }
    tellPage(wanted.scene.key);
    window.map = window.map_div = next.map; // by these names streamlit-folium knows its map
    if (old) discard(old);
    else replaceFirst();
    next.container.id = "map_div";
    if (hadFocus) next.container.focus({ preventScroll: true });
    remember();
  }

  function drawn(handleX, width, creditsHeight) {
    hint.standAbove(creditsHeight);
    if (handleX !== null) hint.keepClear(handleX, width);
  }

  function replaceFirst() {
    const empty = first.getContainer();
    first.remove();
    empty.remove();
  }

  // Of words that belong to a scene, each place on the page holds those of before and, last, those of now: it shows
  // those of the scene here. The places change one by one, so each is looked at by itself.
  function tellPage(key) {
    if (!window.frameElement) return;
    const page = window.frameElement.ownerDocument;
    const id = "s2-scene-on-map";
    const rules = page.getElementById(id) || page.head.appendChild(page.createElement("style"));
    rules.id = id;
    rules.textContent =
      '[class*="st-key-now-"]:not([class*="st-key-now-' + key + '-"]) { display: none; }' +
      ':root :is(.st-key-title, .st-key-facts):not(:has([class*="st-key-now-' + key + '-"])) [class*="st-key-before-' + key + '-"]' +
      " { display: flex; }";
  }

  // Tests and the benchmark wait for these; the time is in milliseconds since 1970, so frames can be compared.
  // The page is told of classes, as it draws what else has changed once they are on the screen.
  function announce(what, url) {
    const token = (url.match(/([^/]+)\/\{z\}/) || ["", url])[1];
    document.body.dataset[what + "LoadedAt"] = String(performance.timeOrigin + performance.now());
    document.body.dataset[what + "Loaded"] = token;
    if (what === "classes" && wanted.drawnTo) navigator.sendBeacon(wanted.drawnTo + "/" + token);
  }

  function draw() {
    document.body.dataset.scene = wanted.scene.key;
    look.view = wanted.view;
    look.hasClasses = Boolean(wanted.classes);
    look.compared = wanted.compared;
    stage.classList.toggle("s2-comparing", Boolean(wanted.compared));
    if (wanted.classes) hint.open();
    if (wanted.named) hint.done("name");
    controls.tell(wanted);
    area.tell(wanted);
    present.tell(wanted);
    point.tell(wanted);
  }

  function show(scene) {
    if (shown && shown.is(scene)) {
      discard(pending);
      pending = null;
      return shown;
    }
    if (pending && pending.is(scene)) return pending;
    discard(pending);
    pending = null;
    pending = opened(scene);
    if (!shown) take(pending);
    return shown.is(scene) ? shown : pending;
  }

  // state: {scene: {key, bounds, hasPlace}, picture, classes, view, label, attribution, dark, named} and what
  // present.tell and point.tell take; everything else stays as the user left it.
  function update(state) {
    wanted = state;
    window.feature_group = []; // streamlit-folium would keep every message's empty group for ever
    document.documentElement.dataset.theme = state.dark ? "dark" : "light";
    if (window.frameElement) window.frameElement.title = NAME;
    const told = show(state.scene);
    told.tellTo = state.tellTo && state.tellTo + "/" + state.scene.key;
    if (told === shown) draw();
    told.tell(state);
  }

  return {
    update, present: present.enter,
    get map() { return shown.map; },
    get isDrawing() { return area.isOn(); }, // clicks then set corners
  };
}
