// What is at a place: a click on the map, or Enter at its crosshair, asks the server and opens a card beside a pin.
// on: {wish(wished), asked(), alike(url or null)}; `wish` reaches the page, `alike` shows tiles of what is like the place.
function s2dashPoint(stage, maps, on) {
  "use strict";
  const GAP_PX = 26;
  const EDGE_PX = 8;
  const SHEET_UP_TO_PX = 480;
  const page = window.frameElement ? window.frameElement.ownerDocument : null;

  const card = add(stage, "section", "s2-point", { role: "dialog", "aria-label": "What is here", tabindex: -1, hidden: "" });
  const key = add(maps, "div", "s2-alike", { hidden: "" });
  let shown = null; // the scene's map
  let pin = null;
  let told = { asking: null, alone: null };
  let place = null; // {latitude, longitude} that was asked of
  let point = null; // what the server said of it
  let asking = null; // the request that is on its way
  let isAlike = false;
  let wantsFocus = false;

  function add(parent, tag, className, attributes, words) {
    const element = document.createElement(tag);
    element.className = className;
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    if (words !== undefined) element.textContent = words;
    return parent.appendChild(element);
  }

  function button(parent, className, words, act, label) {
    const one = add(parent, "button", className, { type: "button", ...(label ? { "aria-label": label, title: label } : {}) }, words);
    one.addEventListener("click", act);
    return one;
  }

  function tellPage(name, detail) {
    return page ? page.dispatchEvent(new CustomEvent(name, { detail, cancelable: true })) : true;
  }

  // ---- asking -------------------------------------------------------------------------------------------------

  async function answered(what, about) {
    const url = told.asking.url + what + "?latitude=" + about.latitude + "&longitude=" + about.longitude;
    const response = await fetch(url, { signal: asking.signal });
    const said = await response.json();
    return { isFound: response.ok && !said.message, said };
  }

  async function ask(about, byKey) {
    const isSame = place && place.latitude === about.latitude && place.longitude === about.longitude;
    if (asking) asking.abort();
    const mine = asking = new AbortController();
    if (!isSame) leaveAlike();
    place = about;
    wantsFocus = Boolean(byKey);
    putPin([about.latitude, about.longitude], true);
    try {
      const { isFound, said } = await answered("", about);
      if (mine !== asking) return;
      if (!isFound) {
        point = null;
        drawRefusal(said.message);
        return;
      }
      point = said;
      const [latitude, longitude] = said.at;
      // The other way round the Earth is the same place, but not on this map.
      putPin([latitude, longitude + 360 * Math.round((about.longitude - longitude) / 360) * Number(Boolean(said.ground))], false);
      draw();
      on.asked();
      if (isAlike) showAlike();
    } catch (error) {
      if (error.name === "AbortError") return;
      point = null;
      drawRefusal("The server did not answer. Try again in a moment.");
    }
  }

  function putPin(at, isWaiting) {
    if (!pin) {
      const icon = L.divIcon({ className: "s2-pin", iconSize: [30, 30], html: "<i></i>" });
      pin = L.marker(at, { icon, interactive: false, keyboard: false, pane: "popupPane" }).addTo(shown.map);
    }
    pin.setLatLng(at);
    pin.getElement().classList.toggle("s2-waiting", isWaiting);
  }

  function close() {
    if (!place) return;
    if (asking) asking.abort();
    const hadFocus = card.contains(document.activeElement);
    leaveAlike();
    asking = place = point = null;
    if (pin) pin.remove();
    pin = null;
    card.hidden = true;
    settle();
    tellPage("s2dash-point", null);
    if (hadFocus && shown) shown.container.focus({ preventScroll: true });
  }

  // ---- more like this -----------------------------------------------------------------------------------------

  async function showAlike() {
    const mine = asking;
    try {
      const { isFound, said } = await answered("/like", place);
      if (mine !== asking) return;
      if (!isFound) return void leaveAlike();
      isAlike = true;
      on.alike(said.url);
      drawKey(said.steps);
      draw();
    } catch (error) {
      if (error.name !== "AbortError") leaveAlike();
    }
  }

  function leaveAlike() {
    if (!isAlike) return;
    isAlike = false;
    key.hidden = true;
    stage.classList.remove("s2-liking");
    on.alike(null);
    if (point) draw();
  }

  function drawKey(steps) {
    key.replaceChildren();
    key.hidden = false;
    stage.classList.add("s2-liking");
    add(key, "b", "", {}, "Most like the pin");
    let before = 0;
    for (const { colour, opacity, share } of steps) {
      const item = add(key, "span", "");
      // As it looks over the picture's greys.
      const seen = "color-mix(in srgb, " + colour + " " + Math.round(100 * opacity) + "%, #a0a0a0)";
      add(item, "i", "", { "aria-hidden": "true" }).style.background = seen;
      item.append((before ? "to " : "nearest ") + Math.round(100 * share) + " %");
      before = share;
    }
    button(key, "s2-cross", "×", leaveAlike, "Back to the classes");
  }

  // ---- the card -----------------------------------------------------------------------------------------------

  function classOf(number) {
    return told.asking ? told.asking.classes.find((row) => row.id === number) : undefined;
  }

  function drawHead(swatch, name, second) {
    card.replaceChildren();
    const head = add(card, "header", "");
    if (swatch) {
      const mark = add(head, "span", "s2-swatch", { "aria-hidden": "true" }, String(swatch.id));
      mark.style.background = swatch.colour;
      mark.style.color = luminance(swatch.colour) > 0.179 ? "#000" : "#fff"; // from here on black contrasts more
    }
    const words = add(head, "div", "s2-words", { role: "status" });
    add(words, "h2", "", {}, name);
    if (second) add(words, "p", "", {}, second);
    button(head, "s2-cross", "×", close, "Close (Esc)");
    return head;
  }

  function drawRefusal(words) {
    drawHead(null, "Nothing to say here", words);
    open();
  }

  function draw() {
    const own = classOf(point.label);
    const next = classOf(point.next_label);
    const keepsFocus = card.contains(document.activeElement) ? document.activeElement.dataset.act : null;
    card.style.setProperty("--colour", own ? own.colour : "transparent");
    const second = [point.sure, next && "next: " + next.name].filter(Boolean).join(" · ");
    const reason = "Left out: " + point.left_out.join(", ");
    const head = drawHead(own, own ? own.name : "No class", own ? second : reason);
    const body = add(card, "div", "s2-body", { tabindex: 0, role: "group", "aria-label": "Spectrum and values" });
    if (point.bands.some((band) => band.value !== null)) s2dashSpectrum(body, point.bands, own ? own.name : null, point.is_embedding);
    drawValues(body);
    if (own) drawActions(head, own);
    open();
    const again = keepsFocus && card.querySelector('[data-act="' + keepsFocus + '"]');
    if (again) again.focus({ preventScroll: true });
    tellPage("s2dash-point", own ? own.id : null);
  }

  function drawValues(body) {
    const list = add(body, "dl", "");
    const row = (term, title) => {
      add(list, "dt", "", title ? { title } : {}, term);
      return add(list, "dd", "");
    };
    const values = row("Values", point.is_embedding
      ? "Values of the yearly embedding on the chosen axes"
      : "Share of the light that the ground reflects in each band, and spectral indices");
    const write = (name, title, words) => {
      const item = add(values, "span", "s2-value", { title });
      add(item, "small", "", {}, name);
      item.append(" " + words);
    };
    for (const band of point.bands.filter((one) => one.is_chosen)) {
      write(band.name, band.description, s2dashAmount(band.value, point.is_embedding));
    }
    for (const { name, value } of point.indices) write(name, "Spectral index", value === null ? "no value" : value.toFixed(2));
    if (point.scl) row("Product", "What the product's own classification says").textContent = point.scl;
    const where = row("Place");
    if (!point.ground) {
      where.textContent = "row " + point.row + ", column " + point.col + " (from 0)";
      return;
    }
    const { latitude, longitude, x, y, crs } = point.ground;
    const degrees = Math.abs(latitude).toFixed(4) + "° " + (latitude < 0 ? "S" : "N") + ", " +
      Math.abs(longitude).toFixed(4) + "° " + (longitude < 0 ? "W" : "E");
    add(where, "span", "", {}, degrees);
    const digits = Math.abs(x) <= 360 && Math.abs(y) <= 90 ? 5 : 0;
    const number = (value) => value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
    add(where, "small", "", {}, "x " + number(x) + ", y " + number(y) + " · " + crs);
  }

  function drawActions(head, own) {
    const opens = button(head, "s2-opens", "›", () => on.wish({ open: own.id }), "More about this class");
    head.insertBefore(opens, opens.previousSibling);
    const foot = add(card, "footer", "");
    const isAlone = told.alone === own.id;
    const acts = [
      ["name", "Name", "s2-main", "Name this class in the legend", null, () => name(own.id)],
      ["alone", "Show alone", "", "Show this class alone", isAlone, () => on.wish({ alone: isAlone ? null : own.id })],
      ["like", "More like this", "", "Where the scene looks most like this place", isAlike, isAlike ? leaveAlike : showAlike],
    ];
    for (const [act, words, className, title, isPressed, go] of acts) {
      const one = button(foot, className, words, go);
      one.dataset.act = act;
      one.title = title;
      if (isPressed !== null) one.setAttribute("aria-pressed", String(isPressed));
    }
  }

  // The legend may be out of sight: then the page brings it, and it remembers whose name was asked for.
  function name(id) {
    if (tellPage("s2dash-name", id)) on.wish({ panel: "Classes" });
  }

  // Relative luminance of #rrggbb (WCAG 2.2).
  function luminance(colour) {
    const [red, green, blue] = [1, 3, 5]
      .map((at) => parseInt(colour.slice(at, at + 2), 16) / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  function open() {
    const isNew = card.hidden;
    card.hidden = false;
    settle();
    if (isNew && page && stage.classList.contains("s2-with-sheet")) window.frameElement.scrollIntoView({ block: "nearest" });
    if (wantsFocus) card.focus({ preventScroll: true });
    wantsFocus = false;
  }

  // Beside the pin where the map is wide; else a sheet below it, for which the page makes the frame higher.
  function settle() {
    const isSheet = stage.clientWidth <= SHEET_UP_TO_PX && !stage.classList.contains("s2-full") && !card.hidden;
    stage.classList.toggle("s2-with-sheet", isSheet);
    stage.classList.toggle("s2-with-card", !card.hidden);
    card.style.left = card.style.top = card.style.height = "";
    if (page) {
      // A whole number of pixels, or the map would be a fraction of one higher or lower.
      const height = isSheet ? Math.ceil(card.getBoundingClientRect().height) + "px" : "";
      card.style.height = height;
      page.documentElement.style.setProperty("--s2-sheet", height);
    }
    if (isSheet || card.hidden || !pin) return;
    const { x, y } = shown.map.latLngToContainerPoint(pin.getLatLng());
    const { x: width, y: height } = shown.map.getSize();
    const [wide, high] = [card.offsetWidth, card.offsetHeight];
    const right = x + GAP_PX + wide + EDGE_PX <= width;
    const left = right ? x + GAP_PX : x - GAP_PX - wide;
    card.style.left = Math.max(EDGE_PX, Math.min(width - wide - EDGE_PX, left)) + "px";
    card.style.top = Math.max(EDGE_PX, Math.min(height - high - EDGE_PX, y - high / 2)) + "px";
  }

  // ---- keys and clicks ----------------------------------------------------------------------------------------

  // Before others who listen for it, as it closes what is on top.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !place || event.isComposing) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    close();
  }, true);
  card.addEventListener("keydown", (event) => { if (event.key !== "Escape") event.stopPropagation(); });
  if (page) window.addEventListener("pagehide", () => page.documentElement.style.removeProperty("--s2-sheet"));

  function onClick(event) {
    if (!told.asking || window.s2dash.isDrawing) return;
    if (!event.latlng || !shown.contains(event.latlng)) return void close();
    ask({ latitude: event.latlng.lat, longitude: event.latlng.lng }, false);
  }

  function onKey(event) {
    const isMeant = event.key === "Enter" && event.target === shown.container && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!isMeant || !told.asking || window.s2dash.isDrawing) return;
    event.preventDefault();
    const { lat, lng } = shown.map.getCenter();
    if (shown.contains(shown.map.getCenter())) ask({ latitude: lat, longitude: lng }, true);
  }

  // A map takes the place of another scene's: what was asked of that one is gone.
  function attach(next) {
    close();
    shown = next;
    add(next.container, "div", "s2-cross-hair", { "aria-hidden": "true" });
    next.map.on("click", onClick);
    next.map.on("dblclick", close);
    next.map.on("moveend zoomend resize", settle);
    next.container.addEventListener("keydown", onKey);
    // Leaflet gives the focus to its map by script, which would show the crosshair of the keyboard.
    next.container.addEventListener("pointerdown", ({ target }) => {
      if (!target.closest("a, button, input, .s2-grip")) next.container.focus({ preventScroll: true, focusVisible: false });
    }, true);
  }

  // state: {asking: {url, classes: [{id, name, colour}]} or null, alone}. Of another result the place that was
  // asked about is asked again, so that the card says nothing that is no longer so.
  function tell(state) {
    const before = told.asking;
    told = state;
    stage.classList.toggle("s2-askable", Boolean(state.asking));
    if (!place) return;
    if (!state.asking) close();
    else if (!before || before.url !== state.asking.url) ask(place, false);
    else if (point) draw();
  }

  return { attach, tell, close };
}
