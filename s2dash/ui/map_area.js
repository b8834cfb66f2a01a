// The area that is drawn on a scene's map: outlines of what counts, and while drawing the tools, corners and their card.
// shown: the scene's map. scene: what the page says of it. on: {say(words), begin(), send(rings), act(step)}.
function s2dashArea(shown, scene, on) {
  "use strict";
  const NOTE_MS = 5000;
  const NEAR_PX = 14;
  const MOVED_PX = 5;
  const STEP_PX = 8;
  const MOST_CORNERS = 1000;
  const MOST_AREAS = 50;
  const PIECES = 24;
  const ENDS = ["pointerup", "pointercancel"];
  const ICONS = {
    draw: ["M12 3.5 20.5 9.7 17.3 19.8H6.7L3.5 9.7z"], rectangle: ["M4 6h16v12H4z"], polygon: ["M12 4 20 10 17 19H7L4 10z"],
    remove: ["M7 7l10 10", "M17 7 7 17"],
  };
  const NO_PLACE = "An area cannot be drawn here: the files of this scene have no coordinates.";
  const isCoarse = matchMedia("(pointer: coarse)").matches;
  const tap = isCoarse ? "Tap" : "Click";
  const { map, container } = shown;

  let told = { rings: [], isOfFile: false, isReading: false, asked: 0, refused: 0, why: "" };
  let isOn = false;
  let isHidden = false;
  let draft = []; // open rings of [longitude, latitude], as they are drawn
  let sent = null; // what the page has been given and has not answered
  let picked = -1; // whose corners can be moved
  let tool = null; // "rectangle" or "polygon", while one is being drawn
  let corners = []; // of the one being drawn
  let pointer = null; // where it would go on
  let isByKeys = false;
  let isGrabbing = false; // whose corner is in somebody's hand stays the element it is
  let isEnding = false; // the click that ends a drag sets no corner
  let why = "";

  // ---- geometry: [longitude, latitude] in degrees, as the file has them ---------------------------------------

  const at = (corner) => map.latLngToContainerPoint([corner[1], corner[0]]);
  const round = (value) => Math.round(value * 1e7) / 1e7;
  const under = (point) => {
    const place = map.containerPointToLatLng(point);
    return [round(place.lng), round(Math.max(-90, Math.min(90, place.lat)))];
  };
  const isSame = (one, other) => one[0] === other[0] && one[1] === other[1];
  const isNear = (one, other) => at(one).distanceTo(at(other)) <= NEAR_PX;
  const closed = (ring) => [...ring, ring[0]];
  const asText = (rings) => JSON.stringify(rings);

  function box(one, other) { return [one, [other[0], one[1]], other, [one[0], other[1]]]; }

  function isBox(ring) {
    return ring.length === 4 && ring.every((corner, i) => {
      const next = ring[(i + 1) % 4];
      return (corner[0] === next[0]) !== (corner[1] === next[1]);
    });
  }

  // An edge is straight in degrees, and so it is drawn: on a Mercator map it may bend.
  function traced(ring) {
    return closed(ring).flatMap((corner, i, all) => {
      const next = all[i + 1];
      const isStraight = !next || corner[0] === next[0] || corner[1] === next[1];
      return Array.from({ length: isStraight ? 1 : PIECES }, (_, n) => {
        const share = n / PIECES;
        return isStraight ? [corner[1], corner[0]]
          : [corner[1] + share * (next[1] - corner[1]), corner[0] + share * (next[0] - corner[0])];
      });
    });
  }

  // As `core.drawn_area.area_ha` has it.
  function hectares(ring) {
    const radius = 6378137, e = 0.081819190842622;
    const ground = (latitude) => {
      const sine = Math.sin(latitude * Math.PI / 180);
      return radius ** 2 * (1 - e * e) / 2 * (sine / (1 - (e * sine) ** 2) + Math.atanh(e * sine) / e);
    };
    const all = closed(ring);
    const parts = ring.map(([x, y], i) => (all[i + 1][0] - x) * Math.PI / 180 *
      (ground(y) + 4 * ground((y + all[i + 1][1]) / 2) + ground(all[i + 1][1])) / 6);
    return Math.abs(parts.reduce((sum, part) => sum + part, 0)) / 10000;
  }

  function size(ha) {
    const [value, unit] = ha >= 1e5 ? [ha / 100, " km²"] : [ha, " ha"];
    const digits = value >= 100 ? 0 : 1;
    return value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }) + unit;
  }

  // ---- what stands on the map ---------------------------------------------------------------------------------

  const pane = map.createPane("areas");
  pane.style.zIndex = 330;
  pane.style.pointerEvents = "none";
  const renderer = L.svg({ pane: "areas", padding: 0.5 });
  const outlines = L.layerGroup().addTo(map);
  const sketch = L.layerGroup().addTo(map);

  function line(group, latLngs, className, isClosed) {
    const options = { renderer, pane: "areas", interactive: false, className };
    (isClosed ? L.polygon : L.polyline)(latLngs, options).addTo(group);
  }

  function drawOutlines() {
    outlines.clearLayers();
    if (isHidden) return;
    const rings = isOn ? draft : opened(sent || told.rings);
    rings.forEach((ring, i) => {
      const more = isOn && i === picked ? " s2-picked" : "";
      line(outlines, traced(ring), "s2-area-casing" + more, true);
      line(outlines, traced(ring), "s2-area-line" + more, true);
    });
  }

  function drawSketch() {
    sketch.clearLayers();
    if (!tool || !corners.length) return;
    const next = isByKeys ? under(middle()) : pointer;
    const isBoxed = tool === "rectangle" && next;
    const ring = isBoxed ? box(corners[0], next) : [...corners, ...(next ? [next] : [])];
    if (ring.length < 2) return;
    const path = isBoxed ? traced(ring) : ring.map(([x, y]) => [y, x]);
    line(sketch, path, "s2-area-casing s2-picked", isBoxed || ring.length > 2);
    line(sketch, path, "s2-area-line s2-picked", isBoxed || ring.length > 2);
  }

  const opened = (rings) => rings.map((ring) => ring.slice(0, -1));
  const middle = () => map.getSize().divideBy(2);

  function add(parent, tag, className, attributes, words) {
    const element = document.createElement(tag);
    element.className = className;
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    if (words) element.textContent = words;
    return parent.appendChild(element);
  }

  function icon(name) {
    return '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" ' +
      'stroke-linejoin="round" aria-hidden="true">' + ICONS[name].map((d) => '<path d="' + d + '"/>').join("") + "</svg>";
  }

  // ---- corners that can be moved ------------------------------------------------------------------------------

  const handles = add(container, "div", "s2-corners");
  const cross = add(container, "div", "s2-draw-cross", { "aria-hidden": "true" });
  let dots = []; // {element, corner()}

  function drawHandles() {
    if (isGrabbing) return void placeHandles();
    const focus = handles.contains(document.activeElement) ? document.activeElement.dataset.index : null;
    handles.replaceChildren();
    dots = [];
    if (!isOn) return;
    if (tool) corners.forEach((corner, i) => addDot("s2-corner s2-new", () => corner, i === 0 && tool === "polygon" ? closeShape : null));
    else if (draft[picked]) addHandles(draft[picked]);
    placeHandles();
    if (focus === null) return;
    const again = handles.querySelector('[data-index="' + focus + '"]') || handles.querySelector("[data-index]");
    if (again) again.focus({ preventScroll: true });
  }

  function addDot(className, corner, act) {
    const element = add(handles, act ? "button" : "span", className, act ? { type: "button", "aria-label": "Close the shape" } : {});
    if (act) element.addEventListener("click", act);
    L.DomEvent.disableClickPropagation(element);
    dots.push({ element, corner });
  }

  function addHandles(ring) {
    const boxed = isBox(ring);
    ring.forEach((_, i) => {
      if (!boxed && ring.length < MOST_CORNERS) addHandle(i, true);
      addHandle(i, false);
    });
  }

  function addHandle(i, isBetween) {
    const label = isBetween ? "New corner after " + (i + 1) : "Corner " + (i + 1);
    const element = add(handles, "button", isBetween ? "s2-corner s2-between" : "s2-corner", {
      type: "button", "aria-label": label, "data-index": isBetween ? i + "+" : String(i),
      title: isBetween ? "Drag to add a corner" : "Drag to move",
    });
    const corner = () => {
      const ring = draft[picked];
      const [one, other] = [ring[i], ring[(i + 1) % ring.length]];
      return isBetween ? [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2] : one;
    };
    const dot = { element, corner };
    dots.push(dot);
    L.DomEvent.disableClickPropagation(element);
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      element.focus({ focusVisible: false });
      grab(event, dot, isBetween ? insert(i) : i);
    });
    element.addEventListener("keydown", (event) => onHandleKey(event, i, isBetween));
  }

  function insert(i) {
    const ring = draft[picked];
    const [one, other] = [ring[i], ring[(i + 1) % ring.length]];
    ring.splice(i + 1, 0, [round((one[0] + other[0]) / 2), round((one[1] + other[1]) / 2)]);
    return i + 1;
  }

  function grab(event, dot, i) {
    const ring = draft[picked];
    const aside = at(ring[i]).subtract(map.mouseEventToContainerPoint(event));
    dot.corner = () => ring[i];
    follow(event, dot.element, (moved) => moveCorner(ring, i, under(map.mouseEventToContainerPoint(moved).add(aside))), () => {
      passOver();
      draw();
    });
  }

  // Until it ends, a gesture belongs to this element.
  function follow(event, element, move, end) {
    isGrabbing = true;
    const ended = (last) => {
      isGrabbing = false;
      element.removeEventListener("pointermove", move);
      for (const kind of ENDS) element.removeEventListener(kind, ended);
      end(last);
    };
    element.setPointerCapture(event.pointerId);
    element.addEventListener("pointermove", move);
    for (const kind of ENDS) element.addEventListener(kind, ended);
  }

  function passOver() {
    isEnding = true;
    setTimeout(() => { isEnding = false; }, 0);
  }

  function moveCorner(ring, i, to) {
    if (isBox(ring)) {
      const opposite = ring[(i + 2) % 4];
      if (to[0] === opposite[0] || to[1] === opposite[1]) return;
      const [before, after] = [(i + 3) % 4, (i + 1) % 4];
      const isAlongX = ring[after][1] === ring[i][1];
      ring[after] = isAlongX ? [opposite[0], to[1]] : [to[0], opposite[1]];
      ring[before] = isAlongX ? [to[0], opposite[1]] : [opposite[0], to[1]];
    }
    ring[i] = to;
    why = "";
    drawOutlines();
    placeHandles();
    drawCard();
  }

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  function onHandleKey(event, i, isBetween) {
    const ring = draft[picked];
    if (event.key in ARROWS && !isBetween) {
      const far = event.shiftKey ? 1 : STEP_PX;
      moveCorner(ring, i, under(at(ring[i]).add(L.point(ARROWS[event.key]).multiplyBy(far))));
    } else if ((event.key === "Delete" || event.key === "Backspace") && !isBetween) {
      if (ring.length > 3 && !isBox(ring)) ring.splice(i, 1);
      draw();
    } else if ((event.key === "Enter" || event.key === " ") && isBetween) {
      const made = insert(i);
      draw();
      handles.querySelector('[data-index="' + made + '"]').focus({ preventScroll: true });
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function placeHandles() {
    for (const { element, corner } of dots) {
      const point = at(corner());
      element.style.transform = "translate(" + point.x + "px," + point.y + "px)";
    }
  }

  // ---- drawing a shape ----------------------------------------------------------------------------------------

  function choose(next) {
    tool = next;
    corners = [];
    pointer = null;
    isByKeys = false;
    why = "";
    for (const handler of [map.doubleClickZoom, map.boxZoom]) handler[tool ? "disable" : "enable"]();
    map.dragging[tool === "rectangle" ? "disable" : "enable"]();
    draw();
  }

  function place(corner) {
    const isOnOne = corners.length > 2 && (isNear(corner, corners[0]) || isNear(corner, corners[corners.length - 1]));
    if (tool === "polygon" && isOnOne) return closeShape();
    if (corners.length && isNear(corner, corners[corners.length - 1])) return;
    if (tool === "rectangle" && corners.length) return finish(box(corners[0], corner));
    corners.push(corner);
    pointer = null;
    draw();
  }

  function closeShape() {
    if (corners.length > 2) finish(corners);
  }

  function finish(ring) {
    if (ring.some((corner, i) => isSame(corner, ring[(i + 1) % ring.length]))) return;
    const focusVisible = isByKeys;
    draft.push(ring);
    picked = draft.length - 1;
    choose(null);
    apply.focus({ preventScroll: true, focusVisible });
  }

  map.on("click", (event) => {
    if (!isOn || isEnding) return;
    if (tool) return place(under(event.containerPoint));
    const hit = draft.findLastIndex((ring) => isInside(event.containerPoint, ring.map(at)));
    if (hit >= 0) {
      picked = hit;
      draw();
    }
  });

  function isInside(point, ring) {
    return ring.reduce((inside, a, i) => {
      const b = ring[(i + 1) % ring.length];
      const crosses = (a.y > point.y) !== (b.y > point.y) && point.x < (b.x - a.x) * (point.y - a.y) / (b.y - a.y) + a.x;
      return crosses ? !inside : inside;
    }, false);
  }

  map.on("mousemove", (event) => {
    if (!tool || !corners.length) return;
    isByKeys = false;
    pointer = under(event.containerPoint);
    drawSketch();
  });

  // With a mouse a rectangle may also be drawn in one go; fingers scroll the page and tap.
  container.addEventListener("pointerdown", (event) => {
    const isMeant = isOn && tool === "rectangle" && event.pointerType === "mouse" && event.button === 0;
    if (!isMeant || corners.length || event.target.closest(".leaflet-control, .s2-draw-card, .s2-corner")) return;
    const from = map.mouseEventToContainerPoint(event);
    const corner = under(from);
    const move = (moved) => {
      corners = [corner];
      pointer = under(map.mouseEventToContainerPoint(moved));
      drawSketch();
    };
    follow(event, container, move, (last) => {
      const to = map.mouseEventToContainerPoint(last);
      const isDragged = Math.abs(to.x - from.x) > MOVED_PX && Math.abs(to.y - from.y) > MOVED_PX;
      corners = [];
      if (last.type === "pointerup" && isDragged) {
        passOver();
        finish(box(corner, under(to)));
      } else draw(); // the click that follows sets the first corner
    });
  });

  container.addEventListener("keydown", (event) => {
    if (!isOn || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (!choices.hidden) {
        offerClasses(false);
        return void set.focus({ preventScroll: true });
      }
      return void (tool && corners.length ? choose(null) : leave());
    }
    if (!tool || event.target !== container) return;
    if (event.key in ARROWS) {
      isByKeys = true;
      return void draw();
    }
    if (!["Enter", " ", "Backspace", "Delete"].includes(event.key)) return;
    event.preventDefault();
    isByKeys = true;
    if (event.key === "Enter" || event.key === " ") place(under(middle()));
    else corners.pop();
    draw();
  });

  // ---- the card -----------------------------------------------------------------------------------------------

  const card = add(container, "section", "s2-draw-card", { "aria-label": "Draw an area", hidden: "" });
  L.DomEvent.disableClickPropagation(card);
  L.DomEvent.disableScrollPropagation(card);
  card.addEventListener("keydown", (event) => { if (event.key !== "Escape") event.stopPropagation(); });
  const tools = add(card, "div", "s2-seg", { role: "group", "aria-label": "Shape to draw" });
  const toolButtons = ["rectangle", "polygon"].map((name) => {
    const words = name === "rectangle" ? "Rectangle" : "Polygon";
    const button = add(tools, "button", "", { type: "button", "aria-pressed": "false", title: "Draw a " + name });
    button.innerHTML = icon(name) + "<span>" + words + "</span>";
    button.addEventListener("click", () => {
      choose(tool === name ? null : name);
      if (tool) container.focus({ preventScroll: true });
    });
    return [name, button];
  });
  const list = add(card, "ul", "s2-draw-list", { "aria-label": "Drawn areas" });
  const hint = add(card, "p", "s2-draw-hint", { role: "status" });
  const inside = s2dashInside(card, { size, drawn: () => keepClear(), regroup: (k) => act({ act: "regroup", k }) });
  const foot = add(card, "div", "s2-draw-foot");
  const apply = add(foot, "button", "s2-primary", { type: "button" }, "Only this area");
  const set = add(foot, "button", "s2-set", { type: "button", "aria-expanded": "false" }, "Set class …");
  const out = add(foot, "button", "s2-out", { type: "button" }, "Leave out");
  const close = add(foot, "button", "", { type: "button" }, "Close the shape");
  const cancel = add(foot, "button", "", { type: "button" }, "Cancel");
  const choices = add(card, "ul", "s2-draw-classes", { "aria-label": "Class of the area", hidden: "" });
  apply.addEventListener("click", done);
  set.addEventListener("click", () => offerClasses(choices.hidden));
  out.addEventListener("click", () => act({ act: "leave out" }));
  close.addEventListener("click", closeShape);
  cancel.addEventListener("click", leave);

  function drawCard() {
    card.hidden = !isOn;
    if (!isOn) return void inside.show(null, null);
    for (const [name, button] of toolButtons) {
      button.setAttribute("aria-pressed", String(tool === name));
      button.disabled = draft.length >= MOST_AREAS;
    }
    card.toggleAttribute("data-tool", Boolean(tool));
    drawList();
    const said = words();
    if (hint.textContent !== said) hint.textContent = said;
    hint.classList.toggle("s2-wrong", Boolean(why));
    close.hidden = !(tool === "polygon" && corners.length > 2);
    const isWhole = !draft.length && told.rings.length > 0;
    apply.hidden = Boolean(tool && corners.length) || (!draft.length && !isWhole);
    const isOne = Boolean(!tool && draft[picked] && classes.length);
    const name = "Area " + (picked + 1);
    set.hidden = out.hidden = !isOne;
    out.title = name + " becomes no data; undo brings it back";
    set.title = name + " becomes one class, where it has data; undo takes it back";
    if (!isOne) offerClasses(false);
    inside.show(isOne ? closed(draft[picked]) : null, asking);
    apply.textContent = isWhole ? "Use the whole scene" : draft.length > 1 ? "Only these areas" : "Only this area";
  }

  // ---- what is done to the area whose corners can be moved ----------------------------------------------------

  let classes = []; // as the legend has them
  let asking = null; // {url, classes} of the map, where it can be asked about

  function offerClasses(is) {
    choices.hidden = !is;
    set.setAttribute("aria-expanded", String(is));
    if (!is) return;
    choices.replaceChildren();
    for (const one of classes) {
      const button = add(add(choices, "li", ""), "button", "", { type: "button" });
      add(button, "i", "", { "aria-hidden": "true" }).style.background = one.colour;
      add(button, "span", "", {}, one.name);
      button.addEventListener("click", () => act({ act: "set class", number: one.id }));
    }
    choices.querySelector("button").focus({ preventScroll: true });
    choices.scrollIntoView({ block: "nearest" });
  }

  // The area is of the edits then: it is drawn no longer, unless only it counts.
  function act(step) {
    const ring = closed(draft[picked]);
    on.act({ ...step, rings: [ring] });
    if (!told.rings.some((other) => asText(other) === asText(ring))) draft.splice(picked, 1);
    picked = draft.length - 1;
    offerClasses(false);
    if (asText(draft.map(closed)) === asText(told.rings)) leave();
    else draw();
  }

  function words() {
    if (why) return why;
    if (tool && isByKeys) return "Arrow keys move the map under the cross. Space sets a corner; the same place again closes the shape.";
    if (tool === "rectangle") {
      return corners.length ? tap + " the opposite corner." : isCoarse ? "Tap two opposite corners." : "Drag over the map, or click two opposite corners.";
    }
    if (tool === "polygon") return corners.length > 2 ? tap + " the first corner to close the shape." : tap + " one corner after the other.";
    if (!draft.length) return told.rings.length ? "Nothing is drawn: all of the scene counts again." : "Choose a shape, then draw it on the map.";
    const isReplacing = told.isOfFile ? " It takes the place of the area that you gave." : "";
    return (isBox(draft[picked] || []) ? "Drag a corner to change it." : "Drag a corner to change it, a small dot to add one.") + isReplacing;
  }

  // At the side where less of the shape lies whose corners can be moved.
  function keepClear() {
    if (!isOn || tool || !draft[picked]) return;
    const points = draft[picked].map(at);
    const middle = map.getSize().x / 2;
    const onLeft = points.filter((point) => point.x < middle).length;
    const box = card.getBoundingClientRect();
    const area = L.bounds(points);
    if (area.max.x > box.left && area.min.x < box.right && area.max.y > box.top && area.min.y < box.bottom) {
      card.classList.toggle("s2-right", 2 * onLeft >= points.length);
    }
  }

  function drawList() {
    while (list.children.length > draft.length) list.lastChild.remove();
    draft.forEach((ring, i) => {
      const row = list.children[i] || addRow();
      const name = "Area " + (i + 1);
      row.firstChild.setAttribute("aria-pressed", String(i === picked && !tool));
      row.firstChild.firstChild.textContent = name;
      row.firstChild.lastChild.textContent = size(hectares(ring));
      row.lastChild.setAttribute("aria-label", "Remove " + name.toLowerCase());
      row.lastChild.title = "Remove";
    });
    list.hidden = !draft.length;
  }

  function addRow() {
    const row = add(list, "li", "");
    const index = () => [...list.children].indexOf(row);
    const name = add(row, "button", "s2-draw-name", { type: "button", title: "Show its corners" });
    add(name, "span", "");
    add(name, "small", "");
    name.addEventListener("click", () => {
      const i = index();
      choose(null);
      picked = i;
      draw();
    });
    const remove = add(row, "button", "s2-draw-remove", { type: "button" });
    remove.innerHTML = icon("remove");
    remove.addEventListener("click", () => {
      const i = index();
      draft.splice(i, 1);
      picked = Math.min(picked > i ? picked - 1 : picked, draft.length - 1);
      why = "";
      draw();
      const next = list.children[Math.min(i, draft.length - 1)];
      (next ? next.lastChild : toolButtons[0][1]).focus({ preventScroll: true });
    });
    return row;
  }

  // ---- beginning and ending -----------------------------------------------------------------------------------

  const bar = L.control({ position: "topleft" });
  bar.onAdd = () => L.DomUtil.create("div", "leaflet-bar s2-draw-bar");
  bar.addTo(map);
  const start = add(bar.getContainer(), "a", "", { href: "#", role: "button", "aria-label": "Draw an area", "aria-expanded": "false" });
  start.innerHTML = icon("draw");
  start.title = scene.hasPlace ? "Draw an area" : NO_PLACE;
  if (!scene.hasPlace) {
    start.classList.add("leaflet-disabled");
    start.setAttribute("aria-disabled", "true");
    start.setAttribute("aria-description", NO_PLACE);
  }
  L.DomEvent.disableClickPropagation(start);
  start.addEventListener("click", (event) => {
    event.preventDefault();
    if (!scene.hasPlace) {
      on.say(NO_PLACE);
      setTimeout(() => on.say(""), NOTE_MS);
    } else if (isOn) leave();
    else enter();
  });
  start.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    start.click();
  });

  function enter(rings) {
    if (isHidden || !scene.hasPlace) return;
    draft = opened(rings || sent || told.rings).map((ring) => ring.map((corner) => [...corner]));
    picked = draft.length - 1;
    on.begin();
    card.classList.remove("s2-right");
    setOn(true);
    if (!draft.length) choose("rectangle");
    draw();
    (draft.length ? apply : container).focus({ preventScroll: true, focusVisible: false });
  }

  function leave() {
    if (!isOn) return;
    const hadFocus = container.contains(document.activeElement);
    choose(null);
    setOn(false);
    draft = [];
    draw();
    if (hadFocus) start.focus({ preventScroll: true });
  }

  function setOn(is) {
    isOn = is;
    why = "";
    container.classList.toggle("s2-drawing", isOn);
    start.setAttribute("aria-expanded", String(isOn));
  }

  function done() {
    const rings = draft.map(closed);
    if (asText(rings) !== asText(told.rings)) {
      sent = rings;
      on.send(rings);
    }
    leave();
  }

  function draw() {
    start.classList.toggle("s2-pressed", isOn || told.rings.length > 0);
    cross.hidden = !(tool && isByKeys);
    drawOutlines();
    drawSketch();
    drawHandles();
    drawCard();
    keepClear();
  }

  map.on("move zoom viewreset resize", () => { placeHandles(); if (isByKeys) drawSketch(); });
  map.on("zoomanim", () => handles.classList.add("s2-moving"));
  map.on("zoomend", () => handles.classList.remove("s2-moving"));

  let isFirst = true;
  function tell(state) {
    const before = told;
    told = state.area;
    asking = state.asking;
    classes = asking ? asking.classes : [];
    isHidden = Boolean(state.compared || state.checking || told.isOff);
    bar.getContainer().hidden = isHidden;
    const isRefused = !isFirst && told.refused !== before.refused;
    const isAsked = !isFirst && told.asked !== before.asked;
    isFirst = false;
    if (isHidden) leave();
    if (isRefused && sent && !isOn) {
      enter(sent);
      why = told.why;
    }
    const isGivenUp = before.isReading && !told.isReading;
    if (isRefused || isGivenUp || asText(told.rings) !== asText(before.rings)) sent = null;
    if (isAsked && !isOn) enter();
    draw();
  }

  return { tell, leave, isOn: () => isOn };
}
