/* The map page of a whole city: vector tiles for the drawing, one small array a measure for the colours. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const LEVEL_OF_LENGTH = { 6: "districts", 9: "streets", 12: "communities", 15: "grids", 18: "micro_grids" };

  gm.CityApp = class extends gm.App {
    makePanel() {
      return new gm.CityPanel(this);
    }

    /* Called last by the constructor: the parts are there, the data are not. */
    listen() {
      this.kept = new Map();      // address -> promise of JSON
      this.named = new Map();     // layer -> {codes, names, byCode}
      this.counted = new Map();   // "level measure breaks" -> values document
      this.breaks = "quantile";
      this.tiles.info.forEach((info, name) => {
        this.layers[name] = { features: [], stacks: [], shown: this.tiles.shown.has(name), rows: info.count };
      });
      this.points.addTo(this.map);
      this.labels.addTo(this.map);
      this.chooser = new gm.Chooser(this);
      this.tip = h("div", { class: "gm-tip", hidden: true, "aria-hidden": "true" });
      this.spoken = h("p", { class: "gm-spoken", role: "status", "aria-live": "polite" });
      this.root.append(this.tip, this.spoken);
      super.listen();
      this.listenTiles();
    }

    listenTiles() {
      const { map, tiles } = this;
      tiles.on("tilepainted", () => this.wordsLater());
      map.on("zoomend", () => this.followLevel());
      tiles.store.onGone = () => this.say(gm.t(this, "data_changed"), "the tiles of this version are gone");
      tiles.on("featurefocus", ({ id, at, of }) => {
        tiles.hover(this.level, [id]);
        this.namesOf(this.level).then(() => { this.spoken.textContent = `${this.sayFeature(id)} (${at}/${of})`; });
      });
      tiles.on("featurepick", ({ id }) => this.open(this.level, id));
      map.getContainer().setAttribute("role", "application");
      map.getContainer().setAttribute("aria-label", gm.t(this, "map_keys"));
    }

    /* Words and glyphs once the tiles are painted and no hand is on the map: not with every tile. */
    wordsLater() {
      clearTimeout(this._words);
      this._words = setTimeout(() => {
        if (gm.busy || gm.painting()) return this.wordsLater();
        this._words = 0;
        this.points.redraw();
        return this.labels.redraw();
      }, 60);
    }

    get level() {
      return this.tiles.levelAt(this.map.getZoom()) || "micro_grids";
    }

    get(address) {
      if (!this.kept.has(address)) {
        const asked = gm.fetchJson(address).catch((problem) => { this.kept.delete(address); throw problem; });
        this.kept.set(address, asked);
      }
      return this.kept.get(address);
    }

    /* Codes and names of a layer, by id - 1; asked for when something needs them. */
    async namesOf(layer) {
      if (this.named.has(layer)) return this.named.get(layer);
      const from = this.valuesAt(layer);
      const { codes, names } = await this.get(`${from}${layer}/names.json`);
      if (from !== this.valuesAt(layer)) return this.namesOf(layer); // another day was chosen meanwhile
      const found = { codes, names };
      this.named.set(layer, found);
      return found;
    }

    nameOf(layer, id) {
      const known = this.named.get(layer);
      if (!known) return "";
      const code = known.codes[id - 1];
      return known.names[id - 1] || (code ? this.titleOf(layer, code) : "");
    }

    titleOf(layer, code) {
      return layer === "micro_grids" ? gm.t(this, "micro_grid_n", { n: gm.shortCode(code) }) : code;
    }

    async load() {
      const { map, tiles } = this;
      this.say(gm.t(this, "loading"));
      if (this.config.past && this.wanted.day) await this.firstDay(this.wanted.day);
      this.measures = this.measuresOf();
      const wanted = [this.wanted.measure, this.config.measure, (this.measures[0] || {}).name];
      const name = wanted.find((n) => n === "" || this.measures.some((m) => m.name === n));
      this.wantedName = name || "";
      map.getContainer().style.background = gm.theme().outside;
      this.home(false);
      tiles.addTo(map);
      if (this.config.background) this.background = new gm.Background(this, this.config.background);
      const drawnBy = Object.entries(tiles.options.groups).filter(([layer]) => tiles.info.has(layer));
      await Promise.all([this.colour(this.wantedName), ...drawnBy.map(([layer]) => this.groupsOf(layer))]);
      this.panel.refresh();
      this.say(this.background && this.background.away ? gm.t(this, "background_away") : "");
      if (this.config.reported && !this.past) this.fetchReported();
      this.openFirst();
      this.labels.redraw();
      this.root.dataset.loaded = "yes";
    }

    /* Incidents that came after the tiles were made: the map shows them without other tiles. */
    async fetchReported() {
      const found = await gm.fetchJson(this.config.reported).catch(() => null);
      if (!found || !found.features.length) return;
      this.reported = found.features.map((feature) => ({ ...feature, world: gm.toWorld(...feature.geometry.coordinates) }));
      this.points.redraw();
    }

    /* The day of the address, before anything is drawn. */
    async firstDay(day) {
      try {
        this.enterDay(await this.get(`${this.config.past}${encodeURIComponent(day)}.json`));
      } catch (problem) {
        this.say(gm.t(this, "past.failed"), problem);
      }
    }

    /* What the address names is opened; else the one micro-grid of somebody who has no more than one. */
    async openFirst() {
      const own = this.tiles.info.get("micro_grids");
      if (this.wanted.at) await this.select(this.wanted.at, !this.wanted.view);
      else if (own && own.count === 1) {
        const { codes } = await this.namesOf("micro_grids");
        const code = codes.find((found) => found !== null);
        if (code && !this.selected) await this.select(code, !this.wanted.view);
      }
    }

    /* What can be shown: the measures of the units, those of the finest first, each with the levels that have it. */
    measuresOf() {
      const found = new Map();
      for (const { layer } of [...this.tiles.options.levels].reverse()) {
        for (const measure of (this.tiles.info.get(layer) || { measures: [] }).measures) {
          if (!found.has(measure.name)) found.set(measure.name, { ...measure, levels: [] });
          found.get(measure.name).levels.push(layer);
        }
      }
      return [...found.values()];
    }

    /* Groups by which a layer of the base map is drawn: class of a street, kind of a barrier. */
    async groupsOf(layer) {
      const { by, of, other } = this.tiles.options.groups[layer];
      const info = this.tiles.info.get(layer);
      if (!info.measures.some((measure) => measure.name === by)) return;
      const document = await this.get(`${this.config.values}${layer}/${by}.json`);
      const wanted = this.measure && this.measure.kind === "coverage" ? this.measure.name.slice(9) : null;
      const groups = document.classes.map((item) => {
        const key = item.key === undefined ? item.en : item.key;
        if (layer === "gaps") return !wanted || key === wanted ? 1 : 0;
        return of[key] === undefined ? other : of[key];
      });
      this.tiles.setGroups(layer, Uint8Array.from(document.values, (value) => (value === null ? other : groups[value])));
      this.tiles.repaint([1]);
    }

    /* The document of the measure for a level, or null where the level does not have it. */
    async valuesOf(level, name) {
      const measure = this.measures.find((item) => item.name === name);
      if (!measure || !measure.levels.includes(level)) return null;
      const how = this.breaks === "quantile" ? "" : `?breaks=${this.breaks}`;
      return this.get(`${this.valuesAt(level)}${level}/${encodeURIComponent(name)}.json${how}`);
    }

    /* Colour the present level by a measure: one array, no tile. */
    async colour(name) {
      const level = this.level;
      const document = name ? await this.valuesOf(level, name) : null;
      if (name !== this.wantedName || level !== this.level) return; // another one was chosen meanwhile
      this.measure = this.measures.find((item) => item.name === name) || null;
      this.shownValues = document;
      this.shownLevel = level;
      if (document) {
        document.keys = document.keys || gm.classKeys(document);
        this.tiles.setValues(level, document.keys, document.classes);
      } else this.tiles.values.delete(level);
      await this.tiles.repaint([0]);
      this.tiles.want(name.startsWith("coverage:") ? ["facilities"] : []); // a coverage shows what covers
    }

    async setMeasure(name) {
      this.wantedName = name;
      const begun = performance.now();
      try {
        await this.colour(name);
      } catch (problem) {
        this.say(gm.t(this, "load_failed"), problem);
        return;
      }
      this.switched = performance.now() - begun;
      if (this.tiles.info.has("gaps") && this.tiles.shown.has("gaps")) this.groupsOf("gaps");
      this.panel.fillMeasures();
      this.panel.drawLegend();
      this.panel.drawTable();
      if (this.panel.pictureLater) this.panel.pictureLater();
      this.points.redraw();
      this.remember();
    }

    async setBreaks(how) {
      this.breaks = how;
      await this.setMeasure(this.wantedName);
    }

    /* The zoom has changed the unit that is coloured: its values, legend and table follow. */
    async followLevel() {
      if (this.level === this.shownLevel || !this.kept) return;
      await this.colour(this.wantedName).catch((problem) => this.say(gm.t(this, "load_failed"), problem));
      this.panel.refresh();
    }

    home(fly) {
      const view = !fly && /^(\d+)\/(-?[\d.]+)\/(-?[\d.]+)$/.exec(this.wanted.view || "");
      const [w, s, e, n] = this.config.bounds;
      const area = L.latLngBounds([s, w], [n, e]);
      if (view) this.map.setView([+view[2], +view[3]], +view[1], { animate: false });
      else {
        const [hw, hs, he, hn] = this.config.home || this.config.bounds;
        this.fit(L.latLngBounds([hs, hw], [hn, he]), fly, 18);
      }
      this.map.setMaxBounds(area.pad(3).extend(area.getCenter().toBounds(4000)));
    }

    redraw() {
      this.map.getContainer().style.background = gm.theme().outside;
      if (!this.kept) return;
      this.tiles.repaint();
      this.points.redraw();
      this.labels.redraw();
    }

    showLayer(name, shown) {
      this.layers[name].shown = shown;
      this.tiles.show(name, shown);
      if (name === "gaps" && shown) this.groupsOf("gaps");
      this.points.redraw();
      this.labels.redraw();
    }

    fetchNear() {}

    find() {
      return null;
    }

    /* Nothing lies in memory as areas: hits come from the tiles. */
    at(latlng) {
      return this.tiles.hit(this.level, latlng).map((id) => ({ id, props: { code: `${this.level} ${id}` } }));
    }

    outline() {}

    /* A code from the address, the table or the search, of whatever level; `layer:code` for what is no unit. */
    async select(asked, move) {
      const { layer, code } = this.meant(asked);
      await this.openFeature(layer, `${this.featuresAt(layer)}${layer}/code/${encodeURIComponent(code)}.json`, move, code);
    }

    /* Layer and code of what an address names. */
    meant(asked) {
      const [, named, code] = /^(?:([a-z_]+):)?(.*)$/s.exec(String(asked));
      return { layer: this.tiles.info.has(named) ? named : LEVEL_OF_LENGTH[code.length] || "micro_grids", code };
    }

    async open(layer, id, move) {
      await this.openFeature(layer, `${this.featuresAt(layer)}${layer}/${id}.json`, move, this.nameOf(layer, id));
    }

    async openFeature(layer, address, move, shownName) {
      const turn = (this.turn = (this.turn || 0) + 1);
      let feature;
      try {
        feature = await this.get(address);
      } catch (problem) {
        this.say(gm.t(this, "not_here", { code: shownName }));
        return;
      }
      if (turn !== this.turn) return; // another one was chosen meanwhile
      this.say("");
      this.selected = feature.code;
      this.selectedAt = LEVEL_OF_LENGTH[String(feature.code).length] === layer ? feature.code : feature.code && `${layer}:${feature.code}`;
      this.tiles.select(layer, [feature.id]);
      this.panel.markSelected();
      this.remember();
      const [w, s, e, n] = feature.bounds;
      const area = L.latLngBounds([s, w], [n, e]);
      if (move) this.fit(area, true, 18);
      else {
        const [topLeft, bottomRight] = this.padding;
        this.map.panInside(area.getCenter(), { paddingTopLeft: topLeft, paddingBottomRight: bottomRight });
      }
      const title = () => (feature.card ? gm.microGridTitle(this, feature.card.facts) : feature.name || this.titleOf(layer, feature.code));
      this.openCard = () => this.show(title(), feature.card ? gm.microGridCard(this, feature.card) : this.plainCard(layer, feature));
      this.openCard();
      this.root.dispatchEvent(new CustomEvent("gridmap:feature", { bubbles: true, detail: { layer, id: feature.id, code: feature.code } }));
    }

    /* The card of anything else: points as the page has always shown them, units by their columns. */
    plainCard(layer, feature) {
      if (this.config.columns[layer]) return gm.thingCard(this, layer, { ...feature.facts, code: feature.code, name: feature.name });
      const rows = feature.columns.filter((column) => feature.facts[column.name] !== undefined && feature.facts[column.name] !== null && column.name !== "name")
        .map((column) => h("div", { class: "gm-fact" }, h("dt", null, gm.title(this, column)), h("dd", null, this.factText(column, feature.facts[column.name]))));
      return h("div", { class: "gm-card-body" }, h("p", { class: "gm-code" }, gm.layerTitle(this, layer), feature.code ? ` · ${feature.code}` : ""),
        h("dl", { class: "gm-facts" }, rows));
    }

    factText(column, value) {
      if (typeof value === "boolean") return gm.t(this, value ? "yes" : "no");
      if (typeof value !== "number") return String(value);
      return `${gm.number(this, value, Number.isInteger(value) ? 0 : 2)}${column.unit && column.unit !== "code" ? ` ${gm.unit(this, column.unit)}` : ""}`;
    }

    onLeave() {
      this._hovered = this._pointer = null;
      this.tip.hidden = true;
      this.tiles.hover(null, []);
    }

    deselect() {
      this.selected = null;
      this.openCard = null;
      this.turn = (this.turn || 0) + 1;
      if (this.tiles._map) this.tiles.select(null, []);
      this.panel.markSelected();
      this.remember();
    }

    goTo(layer, id) {
      this.open(layer, id, true);
    }

    /* The tools of every page, and the one for choosing many things. */
    buildTools() {
      super.buildTools();
      const press = h("button", { type: "button", class: "gm-tool gm-tool-choose", title: gm.t(this, "choose"), "aria-label": gm.t(this, "choose"), "aria-pressed": "false", onclick: () => {
        this.chooser.toggle();
        press.setAttribute("aria-pressed", String(this.chooser.on));
      } }, "⬚");
      this.tools.append(press);
    }

    close() {
      if (this.chooser && this.chooser.on) return this.chooser.stop();
      return super.close();
    }

    onPress(latlng) {
      if (this.chooser.on) return undefined;
      const ids = this.tiles.hit(this.level, latlng);
      if (!ids.length) return this.close();
      // floors of one tower lie over one another: a press goes through them
      const chosen = this.tiles.selection();
      const now = chosen.layer === this.level ? ids.indexOf(chosen.ids[0]) : -1;
      return this.open(this.level, ids[(now + 1) % ids.length]);
    }

    /* Once a frame, and not while a hand moves the map. */
    onHover(latlng, point) {
      if (this.chooser.on) return;
      if (gm.busy) {
        if (this._hovered) this.onLeave();
        return;
      }
      const before = this._pointer;
      this._pointer = { latlng, point };
      if (!before) requestAnimationFrame(() => this.hoverNow());
    }

    hoverNow() {
      if (!this._pointer) return; // it has left meanwhile
      const { latlng, point } = this._pointer;
      this._pointer = null;
      if (gm.busy) return;
      const ids = this.tiles.hit(this.level, latlng).slice(0, 1);
      const key = ids.length ? `${this.level} ${ids[0]}` : null;
      if (key) this.showTip(ids[0], point, key !== this._hovered);
      if (key === this._hovered) return;
      this.tip.hidden = !key;
      this.map.getContainer().style.cursor = key ? "pointer" : "";
      this._hovered = key;
      this.tiles.hover(this.level, ids);
    }

    sayFeature(id) {
      const name = this.nameOf(this.level, id) || gm.layerTitle(this, this.level);
      return [name, this.valueText(id)].filter(Boolean).join(" · ");
    }

    showTip(id, point, another) {
      const level = this.level, { tip } = this;
      if (another) {
        const key = `${level} ${id}`;
        if (!this.named.has(level)) this.namesOf(level).then(() => this._hovered === key && this.showTip(id, point, true));
        tip.textContent = this.sayFeature(id);
        tip.hidden = false;
        this._tipBox = { map: this.map.getContainer().getBoundingClientRect(), width: tip.offsetWidth };
      }
      const { map, width } = this._tipBox;
      const left = Math.min(map.left + point.x + 14, window.innerWidth - width - 8);
      tip.style.transform = `translate(${left}px, ${map.top + point.y + 16}px)`;
    }

    valueText(id) {
      const document = this.shownValues;
      return document && this.shownLevel === this.level ? `${gm.title(this, document)} ${gm.shownValue(this, document, id)}` : "";
    }

    remember() {
      if (!this.map._loaded || !this.kept) return;
      const centre = this.map.getCenter();
      const state = new URLSearchParams();
      state.set("measure", this.wantedName || "");
      if (this.breaks !== "quantile") state.set("breaks", this.breaks);
      if (this.selected) state.set("at", this.selectedAt);
      if (this.dayNow) state.set("day", this.dayNow);
      if (this.lang !== this.config.lang) state.set("lang", this.lang);
      history.replaceState(null, "", `#${state}&view=${this.map.getZoom()}/${centre.lat.toFixed(5)}/${centre.lng.toFixed(5)}`);
    }
  };
})(window.gridmap);
