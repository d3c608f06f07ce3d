/* What if: facilities put, moved and closed on the map; the answer comes from the server, the changes stand in the address. */
(() => {
  "use strict";
  const gm = window.gridmap, app = gm.app, h = gm.h;
  const facts = JSON.parse(document.getElementById("gp-facts").textContent);
  const panel = document.querySelector("[data-panel]");
  const part = (name) => panel.querySelector(`[data-${name}]`);
  const say = (key, values = {}) => (facts.words[key] || key).replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
  const number = (value) => Number(value).toLocaleString(facts.lang === "zh" ? "zh-CN" : "en-GB");
  const percent = (value) => (value === null ? "–" : `${(100 * value).toFixed(1)}%`);
  const metres = (value) => (value === null ? "–" : value < 1000 ? say("m", { n: Math.round(value) }) : say("km", { n: (value / 1000).toFixed(1) }));
  const same = (a, b) => a.length === b.length && a.every((one, i) => one === b[i]);
  const text = (what, name, latlng) => `${what}:${name}@${latlng.lng.toFixed(6)},${latlng.lat.toFixed(6)}`;

  const state = { kind: facts.kind, steps: [], past: [], future: [], turn: 0, moving: null, told: null };
  const map = app.map;
  const pane = map.createPane("gp-changed");
  pane.style.zIndex = 412;
  const renderer = L.svg({ pane: "gp-changed", padding: 0.5 });
  const areas = L.layerGroup().addTo(map), there = L.layerGroup().addTo(map), pins = L.layerGroup().addTo(map);

  /* ---- the changes ---- */
  const fromAddress = () => new URLSearchParams(location.search).getAll("do");
  const prefixes = (steps) => steps.map((_, i) => steps.slice(0, i));

  function address() {
    const query = new URLSearchParams();
    query.set("kind", state.kind);
    state.steps.forEach((step) => query.append("do", step));
    return `${location.pathname}?${query}${location.hash}`;
  }

  function change(steps) {
    state.past.push(state.steps);
    state.future = [];
    set(steps);
    history.pushState(null, "", address());
  }

  function set(steps) {
    state.steps = steps;
    state.moving = null;
    hint();
    buttons();
    draw();
    ask();
  }

  function back(from, to) {
    if (!from.length) return;
    to.push(state.steps);
    set(from.pop());
    history.pushState(null, "", address());
  }

  window.addEventListener("popstate", () => {
    const steps = fromAddress();
    if (same(steps, state.steps)) return;
    if (state.past.length && same(steps, state.past[state.past.length - 1])) state.future.push(state.steps), state.past.pop();
    else if (state.future.length && same(steps, state.future[state.future.length - 1])) state.past.push(state.steps), state.future.pop();
    else state.past = prefixes(steps), state.future = [];
    set(steps);
  });

  function buttons() {
    part("undo").disabled = !state.past.length;
    part("redo").disabled = !state.future.length;
    const form = part("keep");
    form.querySelector("button").disabled = !state.steps.length;
    form.querySelectorAll("[name=do]").forEach((old) => old.remove());
    state.steps.forEach((step) => form.append(h("input", { type: "hidden", name: "do", value: step })));
    panel.querySelectorAll("[data-scenarios] form, [data-keep]").forEach((one) => { one.querySelector("[name=kind]").value = state.kind; });
  }

  /* ---- the map ---- */
  function press(latlng) {
    if (state.moving) return change([...without(state.moving.code), text("move", state.moving.code, latlng)]);
    return change([...state.steps, text("add", state.kind, latlng)]);
  }

  const codeOf = (step) => /^(?:move:(.*)@[^@]*|close:(.*))$/.exec(step);
  const without = (code) => state.steps.filter((step) => {
    const found = codeOf(step);
    return !found || (found[1] === undefined ? found[2] : found[1]) !== code;
  });

  app.onPress = press;
  app.onHover = () => { map.getContainer().style.cursor = "crosshair"; };

  const pin = (kind, mark) => L.divIcon({ className: `gp-pin gp-pin-${kind}`, html: h("span", null, h("b", null, mark)), iconSize: [32, 32] });

  /* The changes as they are typed, at once: what the server knows of them comes with its answer. */
  function draw() {
    pins.clearLayers();
    const known = new Map((state.told ? state.told.places : []).map((place) => [place.do, place]));
    state.steps.forEach((step, i) => {
      const spot = /@(-?[\d.]+),(-?[\d.]+)$/.exec(step), place = known.get(step);
      const from = place && place.from ? L.latLng(place.from[1], place.from[0]) : null;
      const title = place ? sayStep(place) : "";
      if (step.startsWith("close:") && from) L.marker(from, { icon: pin("close", "×"), title, alt: title, keyboard: false }).addTo(pins);
      if (!spot) return;
      const at = L.latLng(+spot[2], +spot[1]);
      if (from) L.polyline([from, at], { renderer, pane: "gp-changed", color: gm.theme().accent, weight: 2, dashArray: "5 5", interactive: false }).addTo(pins);
      const marker = L.marker(at, { icon: pin(step.slice(0, step.indexOf(":")), i + 1), draggable: true, zIndexOffset: 1200, title, alt: title, keyboard: false }).addTo(pins);
      marker.on("dragend", () => {
        const head = step.slice(0, step.lastIndexOf("@"));
        const to = marker.getLatLng();
        change(state.steps.map((one, j) => (j === i ? `${head}@${to.lng.toFixed(6)},${to.lat.toFixed(6)}` : one)));
      });
    });
  }

  /* Facilities that may be moved or closed. */
  async function facilities() {
    there.clearLayers();
    const { kind } = state;
    const told = await fetchTold(`/what-if/facilities.json?kind=${encodeURIComponent(kind)}`).catch(() => null);
    if (!told || !told.ready || kind !== state.kind) return;
    there.clearLayers();
    told.facilities.features.forEach((feature) => {
      const [lon, lat] = feature.geometry.coordinates, { code, name } = feature.properties;
      const title = name || code;
      L.marker([lat, lon], { icon: L.divIcon({ className: "gp-there", html: h("span"), iconSize: [36, 36] }), title, alt: title, zIndexOffset: 1000 })
        .on("click", () => choose(L.latLng(lat, lon), code, title)).addTo(there);
    });
  }

  function choose(at, code, title) {
    const act = (key, work) => h("button", { type: "button", class: "gp-act", onclick: () => { map.closePopup(); work(); } }, say(key));
    const body = h("div", { class: "gp-popup" }, h("b", null, title), h("p", null,
      act("move", () => { state.moving = { code, title }; hint(); }), act("close", () => change([...without(code), `close:${code}`]))));
    L.popup({ closeButton: true, minWidth: 180 }).setLatLng(at).setContent(body).openOn(map);
  }

  function hint() {
    const kind = part("kind").selectedOptions[0].textContent;
    part("hint").textContent = state.moving ? say("moving", { name: state.moving.title }) : say("hint", { kind });
  }

  /* ---- the answer ---- */
  async function fetchTold(url) {
    const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    const told = await answer.json().catch(() => ({}));
    if (!answer.ok) throw Object.assign(new Error(told.message || told.error || String(answer.status)), { status: answer.status });
    return told;
  }

  function waiting(told) {
    const box = part("ready");
    box.hidden = told.ready || told.stage === "failed";
    if (told.stage === "failed") return problem(told.message || say("failed"));
    if (box.hidden) return undefined;
    part("ready-said").textContent = say(`stage.${told.stage}`, { n: Math.round(told.seconds) });
    const bar = part("ready-bar");
    if (told.usual) bar.value = Math.min(0.97, told.seconds / told.usual);
    else bar.removeAttribute("value");
    return undefined;
  }

  function problem(message) {
    part("problem").textContent = message;
    part("problem").hidden = !message;
  }

  async function whenReady() {
    for (;;) {
      const told = await fetchTold("/what-if/ready");
      waiting(told);
      if (told.ready || told.stage === "failed") return told.ready;
      await new Promise((done) => setTimeout(done, 700));
    }
  }

  async function ask() {
    const turn = ++state.turn;
    problem("");
    if (!state.steps.length) return show(null);
    part("result").setAttribute("aria-busy", "true");
    list(null);
    const query = new URLSearchParams(state.steps.map((step) => ["do", step]));
    try {
      for (;;) {
        const told = await fetchTold(`/what-if/answer?${query}`);
        if (turn !== state.turn) return undefined;
        if (told.refused) return refuse(told.why === "outside" ? say("outside") : told.why === "far" ? say("far") : told.refused);
        if (told.ready) return show(told);
        waiting(told);
        if (told.stage === "failed") return undefined;
        if (!(await whenReady()) || turn !== state.turn) return undefined;
      }
    } catch (error) {
      if (turn !== state.turn) return undefined;
      refuse(error.message);
    } finally {
      if (turn === state.turn) part("result").removeAttribute("aria-busy");
    }
    return undefined;
  }

  /* A change that cannot be is taken back, and why is said. */
  function refuse(why) {
    const steps = state.past.pop() || [];
    set(steps);
    history.replaceState(null, "", address());
    problem(why);
  }

  function show(told) {
    state.told = told;
    waiting({ ready: true });
    draw();
    list(told);
    areas.clearLayers();
    const box = part("result");
    panel.dataset.answered = String(state.steps.length);
    if (!told) return box.replaceChildren();
    const t = gm.theme();
    L.geoJSON(told.changed, {
      renderer, pane: "gp-changed",
      style: ({ properties: p }) => {
        const better = p.gain > 0 || (p.gain === 0 && p.nearer > 0), flips = p.gain !== 0;
        return { color: better ? t.accent : t.gapInk, weight: flips ? 2 : 1.2, dashArray: better ? null : "5 4",
          fillColor: better ? t.accent : t.gap, fillOpacity: flips ? 0.55 : 0.12 };
      },
      onEachFeature: ({ properties: p }, layer) => layer.bindTooltip(h("span", null, sayArea(p)), { sticky: true }),
    }).on("click", (event) => { L.DomEvent.stopPropagation(event); press(event.latlng); }).addTo(areas);
    box.replaceChildren(...told.kinds.map(kindBox), areasBox(told), unitsBox(told), h("p", { class: "gw-quiet" }, say("answered", { s: told.seconds.toFixed(2) })));
    return undefined;
  }

  const sayArea = (p) => `${p.code.slice(12, 15)}-${p.code.slice(15)} · ${p.gain ? say(p.gain > 0 ? "area_gain" : "area_loss", { n: Math.abs(p.gain) }) : say(p.nearer > 0 ? "area_nearer" : "area_farther", { n: Math.abs(p.nearer) })}`;
  const sayStep = (place) => say(`step.${place.what}`, { kind: place.title, name: place.name });

  function list(told) {
    const known = new Map((told ? told.places : []).map((place) => [place.do, place]));
    part("steps").replaceChildren(...state.steps.map((step, i) => {
      const place = known.get(step);
      const words = place ? sayStep(place) : say(`step.${step.slice(0, step.indexOf(":"))}`, { kind: "…", name: "…" });
      const at = place && (place.place || place.from);
      return h("li", null, h("button", { type: "button", class: "gp-link", onclick: () => at && map.setView([at[1], at[0]], Math.max(map.getZoom(), 16)) }, words),
        h("button", { type: "button", class: "gp-act gp-off", "aria-label": say("remove", { n: i + 1 }), onclick: () => change(state.steps.filter((_, j) => j !== i)) }, "×"));
    }));
  }

  const pair = (before, after) => h("span", { class: "gp-pair" }, `${before} → `, h("b", null, after));
  const signed = (n) => (n > 0 ? `+${number(n)}` : n < 0 ? `−${number(-n)}` : "0");

  function kindBox(kind) {
    const title = facts.lang === "zh" ? kind.zh : kind.en;
    const { before, after } = kind, delta = after.covered - before.covered;
    const rows = Object.keys(before.needs).map((need) => {
      const more = after.needs[need] - before.needs[need];
      return h("tr", { "data-need": need }, h("th", { scope: "row" }, facts.needs[need]), h("td", null, number(before.needs[need])), h("td", null, number(after.needs[need])),
        h("td", { class: more < 0 ? "gp-worse" : more > 0 ? "gp-better" : "" }, signed(more)));
    });
    return h("div", { class: "gp-kind", "data-kind-result": kind.kind },
      h("h2", null, title, h("span", { class: "gp-count" }, metres(kind.norm_m), kind.verified ? "" : ` · ${say("unverified")}`)),
      h("dl", { class: "gp-figures" },
        h("div", { class: "gp-main-figure" }, h("dt", null, say("covered")), h("dd", null, h("b", { class: delta < 0 ? "gp-worse" : "gp-better", "data-figure": "delta" }, signed(delta)),
          h("small", null, h("span", { "data-figure": "before" }, number(before.covered)), " → ", h("span", { "data-figure": "after" }, number(after.covered)), ` / ${number(kind.households - kind.unknown)} ${say("households")}`))),
        h("div", null, h("dt", null, say("share")), h("dd", null, h("b", null, percent(after.coverage)), h("small", null, `← ${percent(before.coverage)}`))),
        h("div", null, h("dt", null, say("walk")), h("dd", null, h("b", null, metres(after.walk_m_mean)), h("small", null, `← ${metres(before.walk_m_mean)}`)))),
      kind.unknown ? h("p", { class: "gp-note" }, say("unknown", { n: number(kind.unknown) })) : null,
      kind.gained && kind.lost ? h("p", null, say("both", { gained: number(kind.gained), lost: number(kind.lost) })) : null,
      rows.length ? h("table", { class: "gp-table" }, h("thead", null, h("tr", null, ["needs", "before", "after", "more"].map((key) => h("th", { scope: "col" }, say(key))))), h("tbody", null, rows)) : null);
  }

  function areasBox(told) {
    const count = (test) => told.changed.features.filter(({ properties: p }) => test(p)).length;
    const row = (key, kind, n) => (n ? h("li", null, h("span", { class: `gp-swatch gp-swatch-${kind}` }), say(key, { n: number(n) })) : null);
    const rows = [row("gained", "gain", count((p) => p.gain > 0)), row("nearer", "nearer", count((p) => p.gain === 0 && p.nearer > 0)),
      row("lost", "loss", count((p) => p.gain < 0)), row("farther", "farther", count((p) => p.gain === 0 && p.nearer <= 0))].filter(Boolean);
    return rows.length ? h("div", null, h("h2", null, say("micro_grids")), h("ul", { class: "gp-key" }, rows)) : h("p", null, say("nothing"));
  }

  function unitsBox(told) {
    if (!told.units.length) return null;
    const rows = told.units.map((unit) => h("tr", null, h("th", { scope: "row" }, unit.name), h("td", null, pair(number(unit.before), number(unit.after))), h("td", null, signed(unit.after - unit.before))));
    return h("div", null, h("h2", null, say("communities")), h("table", { class: "gp-table" }, h("tbody", null, rows)));
  }

  /* ---- hands ---- */
  /* the page in the other language has the changes as they are now */
  document.querySelectorAll("[data-keep-hash]").forEach((link) => link.addEventListener("click", () => {
    const lang = new URL(link.href).searchParams.get("lang");
    link.href = `${address().split("#")[0]}&lang=${lang}${location.hash}`;
  }));
  part("undo").addEventListener("click", () => back(state.past, state.future));
  part("redo").addEventListener("click", () => back(state.future, state.past));
  part("centre").addEventListener("click", () => {
    // without a pointer: the place in the middle of what is seen of the map
    const [topLeft, bottomRight] = app.padding, size = map.getSize();
    press(map.containerPointToLatLng(L.point((topLeft.x + size.x - bottomRight.x) / 2, (topLeft.y + size.y - bottomRight.y) / 2)));
  });
  part("kind").addEventListener("change", (event) => {
    state.kind = event.target.value;
    state.moving = null;
    hint();
    buttons();
    history.replaceState(null, "", address());
    const name = `coverage:${state.kind}`;
    if (app.measures.some((measure) => measure.name === name)) app.setMeasure(name);
    facilities();
  });
  document.addEventListener("keydown", (event) => {
    if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || !(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    if (event.shiftKey) back(state.future, state.past);
    else back(state.past, state.future);
  });

  state.steps = fromAddress();
  state.past = prefixes(state.steps);
  hint();
  buttons();
  draw();
  list(null);
  app.ready.then(whenReady).then((ready) => { if (ready) { facilities(); panel.dataset.ready = "yes"; } }).catch((error) => problem(error.message));
  if (state.steps.length) ask();
})();
