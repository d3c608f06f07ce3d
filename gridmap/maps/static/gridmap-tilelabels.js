/* Words and glyphs over vector tiles: names of what is in view, points gathered into clusters where they crowd. */
(function (gm) {
  "use strict";
  const APART = 52, ALONE_FROM = 18;
  const NAMED = [["estates", 15, 99, "gapInk", 12], ["water", 14, 99, "ink", 11], ["green", 15, 99, "ink", 11]];

  /* Features of a layer in view as the labels want them: rings in pixels of the world at this zoom; of an area that is
     in several tiles, its largest piece. `wide` leaves out what is narrower, in pixels; `keep` says which ids are wanted,
     and then every piece comes. */
  gm.VectorTiles.include({
    labelFeatures: function (name, wide, keep) {
      const best = new Map(), all = [];
      for (const { coords, part } of this.parts(name)) {
        const { layer, at } = part, x0 = coords.x * gm.TILE + at.x, y0 = coords.y * gm.TILE + at.y;
        for (let i = 0; i < layer.count; i++) {
          const b = 4 * i, id = layer.ids[i];
          if (keep && !keep(id)) continue;
          const box = [layer.boxes[b] * at.scale + x0, layer.boxes[b + 1] * at.scale + y0, layer.boxes[b + 2] * at.scale + x0, layer.boxes[b + 3] * at.scale + y0];
          if (box[2] - box[0] < wide) continue;
          const size = (box[2] - box[0]) * (box[3] - box[1]), was = best.get(id);
          const make = () => ({ id, kind: layer.kinds[i] === 3 ? 2 : 1, box, size, rings: rings(layer, i, at.scale, x0, y0), same: 1 });
          if (keep) all.push(make());
          else if (!was || size > was.size) best.set(id, make());
        }
      }
      return keep ? all : [...best.values()];
    },
  });

  function rings(layer, i, scale, x0, y0) {
    const found = [];
    for (let r = layer.first[i]; r < layer.first[i + 1]; r++) {
      const from = 2 * layer.rings[r], to = 2 * layer.rings[r + 1];
      const ring = new Float64Array(to - from + (layer.kinds[i] === 3 ? 2 : 0));
      for (let c = from; c < to; c += 2) {
        ring[c - from] = layer.xy[c] * scale + x0;
        ring[c - from + 1] = layer.xy[c + 1] * scale + y0;
      }
      if (layer.kinds[i] === 3) { // closed, as labels expect areas to be
        ring[ring.length - 2] = ring[0];
        ring[ring.length - 1] = ring[1];
      }
      found.push(ring);
    }
    return found;
  }

  gm.CityApp.prototype.drawLabels = function (context, view, app) {
    if (!app.tiles._map || app.tiles._tileZoom === undefined || !app.tiles._map.hasLayer(app.tiles)) return;
    const { areaNames, streetNames, put, onScreen } = gm.labelling;
    const t = gm.theme(), zoom = view.zoom, tiles = app.tiles;
    const flat = { ...view, k: 1 };
    const named = (layer) => {
      const known = app.named.get(layer);
      if (!known) app.namesOf(layer).then(() => app.labels.redraw(), () => {});
      return known;
    };
    const features = (layer, wide, keep) => {
      if (!tiles.info.has(layer) || !named(layer)) return [];
      const known = app.named.get(layer);
      return tiles.labelFeatures(layer, wide, keep && ((id) => known.names[id - 1] && keep(id))).map((feature) => ({ ...feature, props: { name: known.names[feature.id - 1], code: known.codes[feature.id - 1] } }));
    };
    const plain = { size: 12, ink: t.ink, halo: t.halo };
    // one level of units has its names, the finest whose names have room: they say where one is
    const wide = (layer) => tiles.info.has(layer) && tiles.unitSide(tiles.info.get(layer)) * 2 ** zoom > 120;
    const levels = tiles.options.levels.map((item) => item.layer).filter((layer) => layer !== "micro_grids" && tiles.shown.has(layer));
    const chosen = [...levels].reverse().find(wide) || levels[0];
    if (chosen && zoom < 18) areaNames(context, flat, features(chosen, 60), { ...plain, size: 14, weight: 600, ink: t.line });
    if (zoom >= 16 && app.level === "micro_grids") microGrids(context, flat, features("micro_grids", zoom >= 17 ? 34 : 58), app, t, put, onScreen);
    for (const [layer, from, to, ink, size] of NAMED) {
      if (zoom >= from && zoom < to && tiles.shown.has(layer)) areaNames(context, flat, features(layer, 30), { ...plain, ink: t[ink], size });
    }
    if (zoom >= 15 && tiles.shown.has("roads")) {
      const group = tiles.groupOf("roads");
      const least = zoom >= 17 ? 1 : zoom >= 16 ? 2 : 3;
      const roads = features("roads", 0, (id) => group(id) >= least);
      roads.forEach((road) => { road.style = { rank: group(road.id) }; });
      streetNames(context, flat, roads, plain);
    }
  };

  /* Floors of one tower lie over one another: a plate says which they are, lowest first. */
  function floorsOf(app, members) {
    const known = app.past ? {} : app.floors;
    if (!known) {
      app.floors = {};
      app.get(`${app.config.values}micro_grids/floors.json`).then((found) => { app.floors = found; app.labels.redraw(); }, () => {});
    }
    const floors = members.map(({ id }) => (known || {})[id]).filter(Boolean).sort((a, b) => parseInt(a, 10) - parseInt(b, 10));
    if (floors.length < members.length) return `×${members.length}`; // not known, or not yet
    return floors.length > 3 ? `${floors[0]} … ${floors[floors.length - 1]}` : floors.join(" | ");
  }

  function microGrids(context, view, features, app, t, put, onScreen) {
    const stacks = new Map();
    features.forEach((feature) => {
      const key = feature.box.map(Math.round).join();
      if (!stacks.has(key)) stacks.set(key, []);
      stacks.get(key).push(feature);
    });
    for (const members of stacks.values()) {
      const feature = members[0];
      if (!onScreen(feature, view) || !feature.props.code) continue;
      const [x, y] = gm.labelPoint(feature).map((value, i) => value - (i ? view.y : view.x));
      const text = members.length > 1 ? floorsOf(app, members) : gm.shortCode(feature.props.code);
      put(context, view, text, x, y, members.length > 1 ? { size: 11, weight: 600, ink: t.halo, plate: t.line } : { size: 12, weight: 600, ink: t.line, halo: t.halo });
    }
  }

  /* Points of the tiles in view: what crowds is one number, what stands alone a glyph. */
  gm.TilePoints = gm.Points.extend({
    redraw: function () {
      const map = this._map, app = this._app, tiles = app.tiles;
      if (!map || !map._loaded || tiles._tileZoom === undefined || !tiles._map) return;
      const zoom = map.getZoom(), bounds = map.getPixelBounds();
      const apart = zoom >= ALONE_FROM ? 4 : APART;
      const groups = [], cells = new Map();
      for (const name of this._names) {
        if (!tiles.info.has(name) || !this._on(name)) continue;
        if (zoom - 1 < tiles.info.get(name).minzoom) {
          for (const [x, y, count, id] of this._sums(name, Math.round(zoom))) {
            const scale = 2 ** (zoom - Math.round(zoom)), px = x * scale, py = y * scale;
            if (inView(px, py)) put(name, id || 0, px, py, count);
          }
          continue;
        }
        const keep = this._keeps(name);
        for (const { coords, part } of tiles.parts(name)) {
          const { layer, at } = part;
          for (let i = 0; i < layer.count; i++) {
            const c = 2 * layer.rings[layer.first[i]];
            const tx = layer.xy[c] * at.scale + at.x, ty = layer.xy[c + 1] * at.scale + at.y;
            if (tx < 0 || ty < 0 || tx >= gm.TILE || ty >= gm.TILE) continue; // it stands in the tile beside
            const px = coords.x * gm.TILE + tx, py = coords.y * gm.TILE + ty;
            const id = layer.ids[i];
            if (inView(px, py) && (!keep || keep(id))) put(name, id, px, py, 1);
          }
        }
      }
      // reports that came after the tiles were made
      const fresh = this._on("incidents") && !app.weekOf && app.reported ? app.reported : [];
      fresh.forEach((feature, i) => {
        const [px, py] = feature.world.map((value) => value * 2 ** zoom);
        if (inView(px, py)) put("incidents", -1 - i, px, py, 1);
      });
      this._place(groups, 2 ** zoom);

      function inView(px, py) {
        return px >= bounds.min.x - 40 && py >= bounds.min.y - 40 && px <= bounds.max.x + 40 && py <= bounds.max.y + 40;
      }

      function put(name, id, px, py, count) {
        const column = Math.floor(px / apart), row = Math.floor(py / apart);
        let group = null;
        for (let dx = -1; !group && dx <= 1; dx++) {
          for (let dy = -1; !group && dy <= 1; dy++) {
            const near = cells.get((column + dx) * 16777216 + row + dy) || []; // in the corners of a cell stand several
            group = near.find((one) => Math.hypot(one.px - px, one.py - py) < apart) || null;
          }
        }
        if (!group) {
          group = { px, py, count: 0, things: [], box: [px, py, px, py] };
          groups.push(group);
          const key = column * 16777216 + row;
          cells.set(key, [...(cells.get(key) || []), group]);
        }
        group.count += count;
        if (count === 1) group.things.push({ name, id });
        group.box = [Math.min(group.box[0], px), Math.min(group.box[1], py), Math.max(group.box[2], px), Math.max(group.box[3], py)];
      }
    },

    _on: function (name) {
      const app = this._app, measure = app.measure;
      if (!app.layers[name]) return false;
      return app.layers[name].shown || (name === "facilities" && measure && measure.name.startsWith("coverage:"));
    },

    /* Which points of a layer: those of the chosen week; without the layer, the facilities of the coverage shown. */
    _keeps: function (name) {
      const app = this._app;
      if (name === "incidents" && app.weekOf) return (id) => app.weekOf(id);
      if (app.layers[name].shown || name !== "facilities") return null;
      const kinds = this._kinds("facilities"), wanted = app.measure.name.slice(9);
      return kinds ? (id) => kinds(id) === wanted : () => false;
    },

    /* Kind (or state) of a point by id, when known; asked for when not. */
    _kinds: function (name, by = name === "incidents" ? "category" : "kind") {
      const app = this._app, what = `${name} ${by}`;
      this._documents = this._documents || {};
      const document = this._documents[what];
      if (document) return (id) => { const value = document.values[id - 1]; return value === null ? "" : document.classes[value].key; };
      const info = app.tiles.info.get(name);
      if (!(what in this._documents) && info.measures.some((measure) => measure.name === by)) {
        this._documents[what] = null;
        app.get(`${app.config.values}${name}/${by}.json`).then((found) => { this._documents[what] = found; this.redraw(); }, () => {});
      }
      return null;
    },

    /* Counts of a layer by cells of the screen, [[x, y, count, id]] in pixels of the world: for zooms at which its tiles
       hold no points. Asked for once; nothing until they are there. */
    _sums: function (name, zoom) {
      const app = this._app, measure = app.measure;
      let only = "";
      if (name === "incidents" && app.weekOf) only = `?by=week&is=${app.week}`;
      else if (!app.layers[name].shown) only = `?by=kind&is=${encodeURIComponent(measure.name.slice(9))}`;
      const address = `${app.config.values}${name}/sums/${zoom}.json${only}`;
      this._counted = this._counted || new Map();
      if (!this._counted.has(address)) {
        this._counted.set(address, []);
        app.get(address).then((found) => { this._counted.set(address, found.sums); this.redraw(); },
          (problem) => { this._counted.delete(address); app.say(gm.t(app, "load_failed"), problem); });
      }
      return this._counted.get(address);
    },

    _place: function (groups, k) {
      this.groups = groups;
      if (this.onPlaced) this.onPlaced();
      this._markers.clearLayers();
      this.places = [];
      for (const { things, px, py, count, box } of groups) {
        if (count === 1) this._markers.addLayer(this._one(things[0], px / k, py / k));
        else this._markers.addLayer(this._bubble(count, px / k, py / k, box.map((value) => value / k), things));
      }
    },

    _facts: function ({ name, id }) {
      const app = this._app;
      if (id < 0) return gm.pointFacts(app, name, app.reported[-1 - id].properties);
      const kinds = this._kinds(name), kind = kinds ? kinds(id) : "";
      const states = name === "incidents" ? this._kinds(name, "state") : null;
      const known = app.named.get(name);
      return gm.pointFacts(app, name, { kind, category: kind, status: states ? states(id) : undefined, name: known ? known.names[id - 1] : "" });
    },

    _title: function (thing) {
      const facts = this._facts(thing);
      return facts.name || facts.kind || gm.layerTitle(this._app, thing.name);
    },

    _open: function (thing) {
      const app = this._app, { name, id } = thing;
      if (id < 0) app.show(this._title(thing), gm.thingCard(app, name, app.reported[-1 - id].properties));
      else app.open(name, id);
    },

    _one: function (thing, x, y) {
      const facts = this._facts(thing), title = this._title(thing);
      this.places.push([x, y, 14]);
      const icon = L.divIcon({ html: gm.glyph(thing.name, facts.group, facts.state), className: "gm-point", iconSize: [28, 28] });
      return L.marker(gm.toLatLng(x, y), { icon, keyboard: true, title, alt: title }).on("click", () => this._open(thing));
    },

    /* A number; a press goes nearer, and where one is as near as it helps, through the things that stand in one place. */
    _bubble: function (count, x, y, box, things) {
      const size = count > 999 ? 44 : count > 99 ? 40 : count > 9 ? 34 : 28;
      const bubble = gm.h("span", { class: "gm-cluster-number" }, gm.number(this._app, count));
      const icon = L.divIcon({ html: bubble, className: "gm-cluster", iconSize: [size, size] });
      const title = gm.t(this._app, "cluster", { n: gm.number(this._app, count) });
      this.places.push([x, y, size / 2]);
      const marker = L.marker(gm.toLatLng(x, y), { icon, keyboard: true, title, alt: title });
      let turn = 0;
      return marker.on("click", () => {
        const { map } = this._app;
        if (map.getZoom() >= ALONE_FROM && things.length === count) this._open(things[turn++ % count]);
        else map.flyToBounds(gm.boundsOf(box).pad(0.3), { maxZoom: Math.min(ALONE_FROM, map.getZoom() + 3), duration: 0.4 });
      });
    },
  });
})(window.gridmap);
