/* Where the parts meet: loads the data, keeps what is chosen, writes it into the address, opens cards. */
(function (gm) {
  "use strict";
  const h = gm.h;
  gm.FONT = '"PingFang SC", "Microsoft YaHei", "Noto Sans SC", "Noto Sans CJK SC", system-ui, sans-serif';
  const FLICK = 0.5; // pixels a millisecond from which on a hand that lets the sheet go throws it
  const POINTS = ["facilities", "organizations", "incidents"];

  /* `tiles`: a layer of vector tiles where the data come as such, else nothing: they come as GeoJSON. */
  gm.start = function (map, id, tiles) {
    const root = document.getElementById(id);
    const read = (name) => JSON.parse(document.getElementById(`${id}-${name}`).textContent);
    const own = gm.pageOf || ((kind) => kind); // a page of one's own builds on the map's
    const app = new (own(tiles ? gm.CityApp : App))(map, root, read("config"), read, tiles);
    gm.app = app;
    app.ready = app.load().catch((problem) => app.say(gm.t(app, "load_failed"), problem));
    return app;
  };

  class App {
    constructor(map, root, config, read, tiles) {
      config = { ...gm.facts, ...config }; // what is the same for every page may come as a script
      Object.assign(this, { map, root, config, read, layers: {}, measures: [], measure: null, selected: null, lang: config.lang });
      const state = this.wish();
      if (config.languageSwitch !== false && ["zh", "en"].includes(state.get("lang"))) this.lang = state.get("lang");
      root.closest("html").lang = this.lang === "zh" ? "zh-CN" : "en";
      this.layers.micro_grids = { features: [], stacks: [], shown: true };
      for (const pane of ["gm-hover", "gm-selected", "gm-labels"]) map.createPane(pane).style.pointerEvents = "none";
      this.tiles = tiles || new gm.TileLayer(this).addTo(map);
      this.points = tiles ? new gm.TilePoints(this, POINTS) : new gm.Points(this, POINTS).addTo(map);
      this.labels = new gm.Labels(this);
      L.control.scale({ imperial: false, position: "bottomright" }).addTo(map);
      this.panel = this.makePanel();
      this.card = h("aside", { class: "gm-card", hidden: true, "aria-live": "polite", tabindex: "-1" });
      this.note = h("p", { class: "gm-note", role: "status", hidden: true });
      this.tools = h("div", { class: "gm-tools" });
      root.append(this.card, this.tools, this.note);
      this.sheet = this.makeSheet();
      this.panel.build();
      this.buildTools();
      this.listen();
      if (!tiles) this.labels.addTo(map);
    }

    makePanel() {
      return new gm.Panel(this);
    }

    makeSheet() {
      return new gm.Sheet(this);
    }

    /* What the address asks for. */
    wish() {
      const state = new URLSearchParams(location.hash.slice(1));
      this.wanted = { measure: state.get("measure"), at: state.get("at"), view: state.get("view"), day: state.get("day") };
      return state;
    }

    get narrow() {
      return window.matchMedia("(max-width: 1023px)").matches;
    }

    /* How much of the map the panel hides: [left and top, right and bottom]. */
    get padding() {
      if (this.narrow) return [L.point(6, 12), L.point(6, Math.min(window.innerHeight * 0.5, this.sheet.height()) + 16)];
      return [L.point(this.root.classList.contains("gm-folded") ? 24 : 404, 24), L.point(this.card.hidden ? 24 : 404, 24)];
    }

    async load() {
      this.say(gm.t(this, "loading"));
      const ordered = [...this.config.layers].sort((a, b) => (a.name === "micro_grids" ? -1 : b.name === "micro_grids" ? 1 : 0));
      const loading = ordered.map((layer) => this.loadLayer(layer).catch((problem) => ({ problem, layer })));
      const first = await loading[0];
      this.panel.refresh();
      this.home(false);
      const all = [first, ...(await Promise.all(loading.slice(1)))];
      if (this.config.bounds === null && !this.wanted.view) this.home(false);
      this.redraw();
      this.fetchNear();
      this.panel.refresh();
      const failed = all.filter((result) => result && result.problem);
      if (failed.length) throw failed[0].problem;
      this.say("");
      const own = this.layers.micro_grids.features;
      if (this.wanted.at) this.select(this.wanted.at, !this.wanted.view);
      else if (own.length === 1) this.select(own[0].props.code, true); // a leader's own micro-grid opens by itself
      this.root.dataset.loaded = "yes";
    }

    async loadLayer(layer) {
      if (layer.near) {
        this.layers[layer.name] = { features: [], shown: layer.show, near: new gm.Near(this, layer) };
        return;
      }
      const data = layer.url ? await gm.fetchJson(layer.url) : this.read(`data-${layer.name}`);
      const state = { features: gm.features(data), shown: layer.show, rows: data.features.length };
      this.layers[layer.name] = state;
      if (layer.name !== "micro_grids") return;
      state.stacks = stacksOf(state.features);
      this.measures = data.measures || [];
      const wanted = [this.wanted.measure, this.config.measure, this.measures.length ? this.measures[0].name : null];
      const name = wanted.find((n) => n === "" || this.measures.some((m) => m.name === n));
      this.measure = this.measures.find((m) => m.name === name) || null;
      this.redraw();
    }

    home(fly) {
      const view = !fly && /^(\d+)\/(-?[\d.]+)\/(-?[\d.]+)$/.exec(this.wanted.view || "");
      const box = gm.boxOf(this.layers.micro_grids.features) || gm.boxOf((this.layers.communities || { features: [] }).features)
        || gm.boxOf((this.layers.roads || { features: [] }).features);
      if (view) this.map.setView([+view[2], +view[3]], +view[1], { animate: false });
      else if (box) this.fit(gm.boundsOf(box), fly, 18);
      // nobody gets lost in the empty world around; set after the view, or it would pan there slowly
      if (box) {
        const area = gm.boundsOf(box);
        this.map.setMaxBounds(area.pad(3).extend(area.getCenter().toBounds(4000)));
      }
    }

    fit(bounds, fly, maxZoom) {
      const [topLeft, bottomRight] = this.padding;
      const options = { paddingTopLeft: topLeft, paddingBottomRight: bottomRight, maxZoom };
      if (fly && !window.matchMedia("(prefers-reduced-motion: reduce)").matches) this.map.flyToBounds(bounds, { ...options, duration: 0.5 });
      else this.map.fitBounds(bounds, { ...options, animate: false });
    }

    redraw() {
      this.map.getContainer().style.background = gm.theme().outside;
      this.tiles.repaint();
      this.points.redraw();
      this.labels.redraw(); // after the points, which have the first right to their places
    }

    setMeasure(name) {
      this.measure = this.measures.find((measure) => measure.name === name) || null;
      this.redraw();
      this.panel.fillMeasures();
      this.panel.drawLegend();
      this.panel.drawTable();
      this.remember();
      this.fetchNear();
    }

    setLanguage(lang) {
      this.lang = lang;
      document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
      this.panel.build();
      this.buildTools();
      this.panel.refresh();
      if (this.openCard) this.openCard();
      this.redraw();
      this.remember();
    }

    showLayer(name, shown) {
      this.layers[name].shown = shown;
      this.redraw();
      this.fetchNear();
    }

    /* Large layers come piece by piece, where the map is near enough to show them. */
    async fetchNear() {
      const covered = this.measure && this.measure.kind === "coverage" ? this.layers.facilities : null; // its facilities show
      const near = Object.values(this.layers).filter((layer) => layer.near && (layer.shown || layer === covered));
      const changed = await Promise.all(near.map((layer) => layer.near.fetch(layer)));
      if (changed.some(Boolean)) this.redraw();
    }

    find(code) {
      return this.layers.micro_grids.features.find((feature) => feature.props.code === code);
    }

    async select(code, move) {
      const feature = this.find(code);
      if (!feature) return this.say(gm.t(this, "not_here", { code }));
      this.selected = code;
      this.outline(feature, "selected");
      this.panel.markSelected();
      this.remember();
      this.show(gm.microGridTitle(this, feature.props), h("p", { class: "gm-quiet" }, gm.t(this, "loading")));
      if (move) this.fit(gm.boundsOf(feature.box), true, 18);
      else {
        const [topLeft, bottomRight] = this.padding;
        this.map.panInside(gm.toLatLng(...gm.labelPoint(feature)), { paddingTopLeft: topLeft, paddingBottomRight: bottomRight });
      }
      try {
        const cards = this.config.cards;
        const card = cards.url ? await gm.fetchJson(cards.url + encodeURIComponent(code)) : (this.cards = this.cards || this.read("cards"))[code];
        if (this.selected !== code) return undefined; // another one was chosen meanwhile
        this.openCard = () => this.show(gm.microGridTitle(this, card.facts), gm.microGridCard(this, card));
        this.openCard();
      } catch (problem) {
        this.show(gm.microGridTitle(this, feature.props), h("p", { class: "gm-attention" }, gm.t(this, "load_failed")));
      }
      return undefined;
    }

    showThing(name, feature) {
      this.deselect();
      this.openCard = () => {
        const facts = gm.pointFacts(this, name, feature.props);
        this.show(name === "incidents" ? facts.kind : facts.name || facts.kind, gm.thingCard(this, name, feature.props));
      };
      this.openCard();
    }

    goTo(name, feature) {
      this.fit(gm.boundsOf(feature.box), true, 18);
      if (POINTS.includes(name)) this.showThing(name, feature);
      else if (feature.props.micro_grid) this.select(feature.props.micro_grid);
    }

    show(title, body) {
      const close = h("button", { type: "button", class: "gm-close", "aria-label": gm.t(this, "close"), onclick: () => this.close() }, "×");
      this.card.replaceChildren(h("header", { class: "gm-card-head" }, h("h2", null, title), close), h("div", { class: "gm-card-scroll" }, body));
      const opening = this.card.hidden;
      this.card.hidden = false;
      this.root.classList.add("gm-with-card");
      if (opening) this.sheet.cardOpened();
    }

    close() {
      this.deselect();
      this.card.hidden = true;
      this.root.classList.remove("gm-with-card");
      this.sheet.set("peek");
    }

    deselect() {
      this.selected = null;
      this.openCard = null;
      this.outline(null, "selected");
      this.panel.markSelected();
      this.remember();
    }

    /* The outline of one feature in its own pane: `selected` or `hover`. */
    outline(feature, kind) {
      const old = this[`_${kind}`];
      if (old) old.remove();
      this[`_${kind}`] = null;
      if (!feature) return;
      const t = gm.theme();
      const pane = `gm-${kind}`;
      const renderer = (this[`_${kind}Renderer`] = this[`_${kind}Renderer`] || L.svg({ pane, padding: 0.5 }));
      const shape = (style) => L.polygon(gm.latLngs(feature), { renderer, pane, interactive: false, ...style });
      const shapes = kind === "selected"
        ? [shape({ color: t.halo, weight: 7, opacity: 0.95, fill: false }), shape({ color: t.accent, weight: 3, fill: false })]
        : [shape({ color: t.accent, weight: 1.5, fillColor: "#ffffff", fillOpacity: 0.22 })];
      this[`_${kind}`] = L.layerGroup(shapes).addTo(this.map);
    }

    at(latlng) {
      const [x, y] = gm.toWorld(latlng.lng, latlng.lat);
      return this.layers.micro_grids.shown ? gm.hits(this.layers.micro_grids.features, x, y) : [];
    }

    listen() {
      const { map } = this;
      map.on("click", (event) => this.onPress(event.latlng));
      map.on("mousemove", (event) => this.onHover(event.latlng, event.containerPoint));
      map.on("mouseout", () => this.onLeave());
      map.on("moveend", () => {
        this.remember();
        this.fetchNear();
      });
      gm.onTheme(() => { this.redraw(); this.panel.drawLegend(); });
      document.addEventListener("keydown", (event) => {
        const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
        if (event.key === "Escape" && !typing) this.close();
        if (event.key === "/" && !typing) { event.preventDefault(); this.panel.searchInput.focus(); }
      });
      window.addEventListener("hashchange", () => {
        const state = this.wish();
        if (!this.root.dataset.loaded) return; // it is heeded when the data are there
        if (this.setDay && state.get("day") !== this.dayNow) this.setDay(state.get("day"));
        if (state.get("at") && state.get("at") !== (this.selectedAt || this.selected)) this.select(state.get("at"), true);
        if (state.has("measure") && state.get("measure") !== (this.measure ? this.measure.name : "")) this.setMeasure(state.get("measure"));
      });
    }

    onPress(latlng) {
      const hits = this.at(latlng);
      if (!hits.length) return this.close();
      // a press on a stack goes through its floors, lowest first
      const floors = hits.sort((a, b) => (a.props.floor_from || 0) - (b.props.floor_from || 0));
      const now = floors.findIndex((feature) => feature.props.code === this.selected);
      return this.select(floors[(now + 1) % floors.length].props.code);
    }

    onHover(latlng) {
      const [hit] = this.at(latlng);
      const code = hit ? hit.props.stack || hit.props.code : null;
      if (code === this._hovered) return;
      this._hovered = code;
      this.map.getContainer().style.cursor = hit ? "pointer" : "";
      this.outline(hit, "hover");
    }

    onLeave() {
      this._hovered = null;
      this.outline(null, "hover");
    }

    buildTools() {
      const tool = (key, mark, press) => h("button", { type: "button", class: `gm-tool gm-tool-${key}`, title: gm.t(this, key), "aria-label": gm.t(this, key), onclick: press }, mark);
      this.tools.replaceChildren(
        tool("fold", "☰", () => this.fold()),
        tool("zoom_in", "+", () => this.map.zoomIn()),
        tool("zoom_out", "−", () => this.map.zoomOut()),
        tool("home", "⌂", () => this.home(true)),
        tool("locate", "◎", () => this.locate()));
    }

    fold() {
      if (this.narrow) this.sheet.set(this.sheet.stop === "peek" ? "half" : "peek");
      else this.root.classList.toggle("gm-folded");
    }

    locate() {
      if (!window.isSecureContext || !navigator.geolocation) return this.say(gm.t(this, "locate_needs_https"));
      return navigator.geolocation.getCurrentPosition(
        ({ coords }) => this.map.flyTo([coords.latitude, coords.longitude], 18, { duration: 0.5 }),
        () => this.say(gm.t(this, "locate_failed")));
    }

    say(text, problem) {
      this.note.textContent = text || "";
      this.note.hidden = !text;
      this.note.classList.toggle("gm-problem", Boolean(problem));
      if (problem) console.warn(String(problem));
    }

    /* What is shown, in the address: a link shows the same to whoever may see it. */
    remember() {
      if (!this.layers.micro_grids.features.length) return;
      const centre = this.map.getCenter();
      const state = new URLSearchParams();
      state.set("measure", this.measure ? this.measure.name : "");
      if (this.selected) state.set("at", this.selected);
      if (this.lang !== this.config.lang) state.set("lang", this.lang);
      const view = `${this.map.getZoom()}/${centre.lat.toFixed(5)}/${centre.lng.toFixed(5)}`;
      history.replaceState(null, "", `#${state}&view=${view}`);
    }
  }

  gm.App = App;
  /* Micro-grids that share one footprint are painted once: [{feature, indices}], indices lowest floor first. */
  function stacksOf(features) {
    const stacks = new Map();
    for (const feature of features) {
      const key = feature.props.stack || `·${feature.index}`;
      if (!stacks.has(key)) stacks.set(key, []);
      stacks.get(key).push(feature);
    }
    return [...stacks.values()].map((members) => {
      members.sort((a, b) => (a.props.floor_from || 0) - (b.props.floor_from || 0));
      return { feature: members[0], indices: members.map((member) => member.index) };
    });
  }

  /* On a phone panel and card are one sheet at the bottom with three stops. */
  gm.Sheet = class {
    constructor(app) {
      this.app = app;
      this.stop = "peek";
      this.set("peek");
      let start = null;
      const move = (event) => {
        if (!start) return;
        const height = Math.max(96, Math.min(window.innerHeight - 40, start.height + start.y - event.clientY));
        app.root.style.setProperty("--gm-sheet", `${height}px`);
        start.moved = Math.abs(start.y - event.clientY) > 8 || start.moved;
        start.speed = (start.last - event.clientY) / Math.max(1, event.timeStamp - start.at); // pixels a millisecond, up
        Object.assign(start, { last: event.clientY, at: event.timeStamp });
      };
      const end = () => {
        if (!start) return;
        if (start.moved) {
          const height = this.height();
          const stops = Object.entries(this.stops()).sort((a, b) => Math.abs(a[1] - height) - Math.abs(b[1] - height));
          // a flick goes on to the next stop, a slow hand to the nearest
          const onward = Math.abs(start.speed) > FLICK ? stops.find(([, to]) => (to - height) * start.speed > 0) : null;
          this.set((onward || stops[0])[0]);
        }
        app.root.classList.remove("gm-dragging");
        start = null;
      };
      app.root.addEventListener("pointerdown", (event) => {
        if (!app.narrow || !event.target.closest(".gm-handle, .gm-head, .gm-card-head") || event.target.closest(".gm-close, .gm-language")) return;
        start = { y: event.clientY, height: this.height(), speed: 0, last: event.clientY, at: event.timeStamp };
        app.root.classList.add("gm-dragging");
      });
      window.addEventListener("pointermove", move);
      window.addEventListener("pointerup", end);
      window.addEventListener("pointercancel", end);
    }

    stops() {
      return { peek: 96, half: Math.round(window.innerHeight * 0.48), full: window.innerHeight - 40 };
    }

    height() {
      return parseFloat(getComputedStyle(this.app.root).getPropertyValue("--gm-sheet")) || 96;
    }

    set(stop) {
      this.stop = stop;
      this.app.root.dataset.sheet = stop;
      this.app.root.style.setProperty("--gm-sheet", `${this.stops()[stop]}px`);
    }

    next() {
      this.set({ peek: "half", half: "full", full: "peek" }[this.stop]);
    }

    cardOpened() {
      if (this.app.narrow && this.stop === "peek") this.set("half");
    }
  };
})(window.gridmap);
