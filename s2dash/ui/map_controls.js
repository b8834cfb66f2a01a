// What floats over a scene's map: buttons, scale bar, backgrounds, class opacity, swipe and credits.
// look: how the user looks at any scene {view, hasClasses, compared, isAlike, fraction, opacity, basemap}, kept by the stage;
// with isAlike it shows what is like one place.
// on: {say(words), changed(), drawn(x, width, height), swiped()}, of which `drawn` says where the swipe stands, null without
// one, and how high the credits are.
function s2dashControls(shown, scene, basemaps, look, on) {
  "use strict";
  const NEAR_EDGE = 0.02;
  const NO_BACKGROUND = "The online background cannot be reached. Your picture and classes are not affected.";
  const { map, container, panes } = shown;

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

  // ---- buttons: zoom, whole scene -----------------------------------------------------------------------------

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

  button("Show the whole scene", ["M4 11.5 12 5l8 6.5", "M6.5 10v9h11v-9"], () => shown.showWhole(true));

  // ---- backgrounds from the internet, off until chosen; scale bar; credits ------------------------------------

  const credits = L.control.attribution({ prefix: false }).addTo(map);
  let hasLayersButton = false;
  if (scene.hasPlace) {
    L.control.scale({ imperial: false, maxWidth: map.getSize().x < 480 ? 72 : 120 }).addTo(map);
    const layers = { None: L.layerGroup() };
    for (const basemap of basemaps) layers[basemap.name] = backgroundLayer(basemap);
    if (basemaps.length) addLayersButton(layers);
    (layers[look.basemap] || layers.None).addTo(map);
  }

  function backgroundLayer(basemap) {
    const layer = L.tileLayer(basemap.url, {
      // The page itself tells nobody where it is; these hosts ask for its name, and get no more than that.
      referrerPolicy: "strict-origin",
      pane: "background", attribution: basemap.attribution, maxNativeZoom: basemap.maxNativeZoom, maxZoom: 30, alt: "",
    });
    let loads = 0;
    layer.on("loading", () => { loads = 0; });
    layer.on("tileload", () => { loads += 1; });
    layer.on("tileerror", () => { if (loads === 0) on.say(NO_BACKGROUND); });
    layer.on("load", () => { if (loads > 0) on.say(""); });
    layer.on("remove", () => on.say(""));
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
      look.basemap = event.name === "None" ? "" : event.name;
      on.changed();
    });
  }

  let credit = "";
  function setCredit(words) {
    const plain = document.createElement("span");
    plain.textContent = words;
    if (credit) credits.removeAttribution(credit);
    credit = plain.innerHTML;
    if (credit) credits.addAttribution(credit);
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

  slider.value = String(Math.round(look.opacity * 100));
  slider.addEventListener("input", () => {
    look.opacity = Number(slider.value) / 100;
    draw();
    on.changed();
  });

  // ---- swipe --------------------------------------------------------------------------------------------------

  const swipe = make("div", "s2-swipe", {}, container);
  const leftSide = make("span", "s2-side", { "data-side": "left" }, swipe);
  const rightSide = make("span", "s2-side", { "data-side": "right" }, swipe);
  const grip = make("div", "s2-grip", {
    role: "slider", tabindex: 0, "aria-orientation": "horizontal", "aria-valuemin": 0, "aria-valuemax": 100,
  }, swipe);
  make("span", "s2-knob", {}, grip).innerHTML = icon(["M9 7l-5 5 5 5", "M15 7l5 5-5 5"]);

  function moveSwipe(fraction) {
    look.fraction = Math.min(1 - NEAR_EDGE, Math.max(NEAR_EDGE, fraction));
    draw();
    on.changed();
  }

  const KEYS = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 };
  grip.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    moveSwipe(look.fraction + KEYS[event.key] * (event.shiftKey ? 5 : 1));
    on.swiped();
  });

  let grabbedAt = null;
  let hasMoved = false;
  L.DomEvent.disableClickPropagation(grip);
  grip.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.stopPropagation();
    event.preventDefault();
    grip.focus({ focusVisible: false });
    grip.setPointerCapture(event.pointerId);
    grabbedAt = event.clientX - look.fraction * map.getSize().x;
  });
  grip.addEventListener("pointermove", (event) => {
    if (grabbedAt === null) return;
    hasMoved = true;
    moveSwipe((event.clientX - grabbedAt) / map.getSize().x);
  });
  for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
    grip.addEventListener(kind, () => {
      if (hasMoved) on.swiped();
      grabbedAt = null;
      hasMoved = false;
    });
  }

  // ---- where two maps differ ----------------------------------------------------------------------------------

  const differTitle = make("div", "s2-side s2-differ", {}, container);
  const differKey = make("div", "s2-key", {}, container);

  function drawKey(lines) {
    differKey.replaceChildren();
    for (const line of lines) {
      const row = make("div", "", { "data-kind": line.kind }, differKey);
      const colour = make("i", "", { "aria-hidden": "true" }, row);
      if (line.colour) colour.style.background = line.colour;
      make("b", "", {}, row).textContent = line.lead;
      make("span", "", {}, row).textContent = line.words;
    }
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
    const view = look.isAlike ? "Alike" : look.hasClasses ? look.view : "Picture";
    const isSwipe = view === "Swipe";
    const isDiffer = view === "Differ";
    const isAlike = view === "Alike";
    const hasLeft = Boolean(look.compared && look.compared.left);
    const size = map.getSize();
    const x = Math.round(size.x * look.fraction);
    const from = map.containerPointToLayerPoint([0, 0]);
    const to = map.containerPointToLayerPoint(size);
    panes.picture.style.clipPath = isSwipe ? box(from.x, from.y, from.x + x, to.y) : "";
    panes.classes.style.clipPath = isSwipe ? box(from.x + x, from.y, to.x, to.y) : "";
    panes.classes.style.display = view === "Picture" || isDiffer || isAlike ? "none" : "";
    panes.left.style.clipPath = panes.picture.style.clipPath;
    panes.left.style.display = isSwipe && hasLeft ? "" : "none";
    panes.picture.style.display = isSwipe && hasLeft ? "none" : ""; // or it would show where the left map has no data
    panes.picture.classList.toggle("s2-grey", isDiffer || isAlike);
    panes.differ.style.display = isDiffer ? "" : "none";
    panes.alike.style.display = isAlike ? "" : "none";
    differTitle.hidden = differKey.hidden = !isDiffer;
    panes.classes.style.opacity = view === "Classes" ? String(look.opacity) : "";
    opacityPanel.hidden = view !== "Classes";
    opacityWords.textContent = slider.value + " %";
    swipe.hidden = !isSwipe;
    swipe.style.left = x + "px";
    fitSide(leftSide, x - 12 - 54);
    fitSide(rightSide, size.x - x - 12 - (hasLayersButton ? 54 : 10));
    const percent = Math.round(look.fraction * 100);
    grip.setAttribute("aria-valuenow", String(percent));
    grip.setAttribute("aria-valuetext", leftName() + " on the left " + percent + " %, classes on the right");
    document.body.dataset.view = view;
    on.drawn(isSwipe ? x : null, size.x, credits.getContainer().offsetHeight);
  }

  map.on("move zoom viewreset resize", draw);
  map.on("moveend", on.changed);

  function leftName() { return look.compared ? look.compared.leftWords[0] : leftSide.textContent; }
  function rightName() { return look.compared ? look.compared.rightWords[0] : "classes"; }

  function sayBeside(side, [name, more]) {
    side.textContent = name;
    if (more) make("small", "", {}, side).textContent = " " + more;
  }

  function tell(state) {
    const { compared } = state;
    sayBeside(leftSide, compared ? compared.leftWords : [state.label]);
    sayBeside(rightSide, compared ? compared.rightWords : ["Classes"]);
    grip.setAttribute("aria-label", compared ? "Swipe between " + leftName() + " and " + rightName() : "Swipe between picture and classes");
    differTitle.textContent = compared ? compared.differWords : "";
    drawKey(compared ? compared.key : []);
    setCredit(state.attribution);
    draw();
  }

  return { tell, draw };
}
