/* A Leaflet layer of vector tiles on canvas: sharp at every zoom, painted in slices, coloured by values that come apart
   from the tiles. Two sheets a tile: under it what values colour, over it the lines of the map; a change of the measure
   paints the lower sheet only. Painters off this thread make the pictures; here they are asked for and laid. */
(function (gm) {
  "use strict";

  const SIZE = 512;
  gm.TILE = SIZE;
  const EXTENT = 4096;

  gm.VectorTiles = L.GridLayer.extend({
    options: { tileSize: SIZE, updateWhenZooming: false, updateInterval: 100, keepBuffer: 1, maxZoom: 22, pane: "tilePane" },

    /* options: address (ends in "/", holds the version), worker, painter, layers (as the server lists them), rules, levels,
       groups ({layer: {by, of: {key: group}, other}}). */
    initialize: function (options) {
      L.setOptions(this, options);
      this.store = gm.tileStore(options.address, options.worker);
      this.info = new Map(options.layers.map((layer) => [layer.name, layer]));
      this.shown = new Set(options.layers.filter((layer) => layer.show).map((layer) => layer.name));
      this.wanted = new Set();   // layers of points that something else on the page shows
      this.values = new Map();   // level -> {keys: Uint8Array by id - 1, classes}
      this.groups = new Map();   // layer -> Uint8Array by id - 1
      this.painters = new gm.Painters(options.painter, options.rules, options.groups);
      this.store.forgets.add((keys) => this.painters.forget(keys));
      this.overlay = new gm.VectorOverlay(this);
    },

    onAdd: function (map) {
      L.GridLayer.prototype.onAdd.call(this, map);
      map.on("movestart", () => { gm.busy = true; });
      map.on("moveend", () => { gm.busy = false; });
      this.overlay.addTo(map);
      if (this.options.keyboard !== false) gm.vectorKeys(this, map);
      gm.onTheme(() => this.repaint());
      Object.entries(this.options.values || {}).forEach(([level, address]) => this.colourBy(level, address));
    },

    onRemove: function (map) {
      this.overlay.remove();
      L.GridLayer.prototype.onRemove.call(this, map);
    },

    /* The unit that is coloured at a zoom: the finest that is still big enough to see. */
    levelAt: function (zoom) {
      let found = null;
      for (const level of this.options.levels) {
        const info = this.info.get(level.layer);
        if (!info || !info.count || info.minzoom > zoom - 1) continue;
        if (!found || zoom >= this.levelFrom(info)) found = level.layer;
      }
      return found;
    },

    levelFrom: function (info) {
      return Math.max(info.minzoom + 1, Math.ceil(Math.log2((this.options.unitPixels || 10) / this.unitSide(info))));
    },

    /* How wide a mean unit of a layer is, in pixels at zoom 0. */
    unitSide: function (info) {
      if (info.side === undefined) {
        const [w, s, e, n] = info.bounds || [0, 0, 1, 1];
        const box = gm.toWorld(e, s).map((value, i) => Math.abs(value - gm.toWorld(w, n)[i]));
        info.side = Math.sqrt((box[0] * box[1]) / (info.count || 1)) || 1e-9;
      }
      return info.side;
    },

    /* Rules that are drawn at a zoom, by their place in the options. */
    rulesAt: function (zoom, sheet) {
      const level = this.levelAt(zoom);
      const found = [];
      this.options.rules.forEach((rule, i) => { if (this._drawn(rule, zoom, sheet, level)) found.push(i); });
      return found;
    },

    _drawn: function (rule, zoom, sheet, level) {
      if ((rule.sheet || 0) !== sheet || zoom < (rule.zoom ? rule.zoom[0] : 0) || zoom >= (rule.zoom ? rule.zoom[1] : 99)) return false;
      if (this.options.background && (rule.colour === "land" || (this.info.get(rule.layer) || {}).group === "base")) return false;
      if (rule.layer === "@level") return level !== null && (rule.what !== "value" || this.values.has(level));
      if (!this.info.has(rule.layer)) return false;
      if (rule.levelAbove && !this.above(rule.layer, level)) return false;
      return this.shown.has(rule.layer) || Boolean(rule.always);
    },

    /* Lines of units finer than those coloured would cover them. */
    above: function (layer, level) {
      const order = this.options.levels.map((item) => item.layer);
      return order.indexOf(layer) <= order.indexOf(level);
    },

    _layerOf: function (i, zoom) {
      const { layer } = this.options.rules[i];
      return layer === "@level" ? this.levelAt(zoom) : layer;
    },

    /* Layers that a view tile needs, by the tile of data each is in: [{z, x, y, names}]. */
    needs: function (coords) {
      const names = new Set();
      for (const sheet of [0, 1]) {
        for (const i of this.rulesAt(coords.z, sheet)) names.add(this._layerOf(i, coords.z));
      }
      for (const name of this.options.points) if ((this.shown.has(name) || this.wanted.has(name)) && this.info.has(name)) names.add(name);
      const byPlace = new Map();
      for (const name of names) {
        const place = this.place(name, coords);
        if (!place) continue;
        const key = `${place.z}/${place.x}/${place.y}`;
        if (!byPlace.has(key)) byPlace.set(key, { ...place, names: [] });
        byPlace.get(key).names.push(name);
      }
      return [...byPlace.values()];
    },

    /* The tile of data that holds a layer for a view tile of 512 pixels, which is a tile of one zoom less. */
    place: function (name, coords) {
      const info = this.info.get(name);
      let z = coords.z - 1, { x, y } = coords;
      if (!info || z < info.minzoom || !info.bounds) return null;
      if (z > info.maxzoom) {
        const up = z - info.maxzoom;
        z = info.maxzoom;
        x = Math.floor(x / 2 ** up);
        y = Math.floor(y / 2 ** up);
      }
      const side = 256 / 2 ** z;
      const [w, s, e, n] = info.bounds;
      const [left, top] = gm.toWorld(w, n), [right, bottom] = gm.toWorld(e, s);
      return x * side > right || (x + 1) * side < left || y * side > bottom || (y + 1) * side < top ? null : { z, x, y };
    },

    /* A layer of a view tile as it is here, with how its units become pixels of the view tile: {layer, at} or null. */
    part: function (name, coords) {
      const place = this.place(name, coords);
      if (!place) return null;
      const tile = this.store.get(name, place.z, place.x, place.y);
      if (!tile || !tile.layer) return null;
      const zoomed = 2 ** (coords.z - 1 - place.z);
      return { key: `${name}/${place.z}/${place.x}/${place.y}`, layer: tile.layer, place,
               at: { scale: (SIZE * zoomed) / EXTENT, x: (place.x * zoomed - coords.x) * SIZE, y: (place.y * zoomed - coords.y) * SIZE } };
    },

    createTile: function (coords, done) {
      const tile = document.createElement("div");
      tile.className = "gm-tile";
      tile.setAttribute("aria-hidden", "true");
      tile.sheets = [0, 1].map(() => tile.appendChild(gm.sheet(SIZE, SIZE)));
      tile.patches = [null, null];
      tile.coords = coords;
      tile.jobs = [null, null];
      tile.rest = [false, false]; // of which only the part in view is painted
      tile.waiting = [];
      this._load(tile, coords, done);
      return tile;
    },

    _load: function (tile, coords, done) {
      const places = this.needs(coords);
      let left = places.length;
      const ready = () => {
        if (tile.gone) return;
        this._paint(tile, [0, 1], () => { if (done) done(null, tile); done = null; });
      };
      if (!left) {
        ready();
        return;
      }
      tile.cancels = places.map(({ z, x, y, names }) => this.store.want(names, z, x, y, () => { if (--left === 0) ready(); }));
    },

    /* Have sheets of a tile painted; what is being painted of them is called off. `done` is called when nothing is left
       to do. `urgent`: somebody has chosen other colours and looks on, so what of it is in view comes first. */
    _paint: function (tile, sheets, done, urgent) {
      if (done) tile.waiting.push(done);
      const order = this._distance(tile), patch = urgent && !this.options.background;
      for (const sheet of sheets) {
        if (tile.jobs[sheet]) this.painters.stop(tile.jobs[sheet]);
        const box = patch ? this._boxInView(tile) : [0, 0, SIZE, SIZE];
        tile.jobs[sheet] = this._ask(tile, sheet, box, urgent ? order - 1e6 : order, patch ? gm.theme().outside : null, (picture) => {
          tile.jobs[sheet] = null;
          if (patch && picture) {
            this._patch(tile, sheet, picture, box);
            tile.rest[sheet] = true;
          } else if (picture) this._lay(tile, sheet, picture);
          this._painted(tile);
        });
      }
    },

    _ask: function (tile, sheet, box, order, ground, done) {
      const zoom = tile.coords.z, rules = this.rulesAt(zoom, sheet), parts = new Map();
      for (const i of rules) {
        const name = this._layerOf(i, zoom), part = parts.has(name) || !name ? null : this.part(name, tile.coords);
        if (part) parts.set(name, part);
      }
      const view = { zoom, level: this.levelAt(zoom), box }, ratio = Math.min(window.devicePixelRatio || 1, 2);
      return this.painters.paint({ rules, view, ratio, order, ground }, parts, done);
    },

    /* How far a tile's middle is from that of the window: the nearest is painted first. */
    _distance: function (tile) {
      const { min, max } = this._map.getPixelBounds(), { x, y } = tile.coords;
      return Math.hypot((x + 0.5) * SIZE - (min.x + max.x) / 2, (y + 0.5) * SIZE - (min.y + max.y) / 2);
    },

    _boxInView: function (tile) {
      const { min, max } = this._map.getPixelBounds(), x = tile.coords.x * SIZE, y = tile.coords.y * SIZE;
      return [Math.max(0, min.x - x), Math.max(0, min.y - y), Math.min(SIZE, max.x - x), Math.min(SIZE, max.y - y)]
        .map((value, i) => (i < 2 ? Math.floor(value) : Math.ceil(value)));
    },

    /* A whole sheet takes the place of what was there. A painter on the page gives the canvas itself. */
    _lay: function (tile, sheet, picture) {
      if (picture instanceof HTMLCanvasElement) {
        tile.sheets[sheet].replaceWith(picture);
        tile.sheets[sheet] = picture;
      } else show(tile.sheets[sheet], picture);
      if (tile.patches[sheet]) tile.patches[sheet].remove();
      tile.patches[sheet] = null;
    },

    /* The part in view lies over its sheet until the whole one comes. */
    _patch: function (tile, sheet, picture, [x, y, right, bottom]) {
      const canvas = picture instanceof HTMLCanvasElement ? picture : show(gm.sheet(1, 1), picture);
      Object.assign(canvas.style, { left: `${x}px`, top: `${y}px`, width: `${right - x}px`, height: `${bottom - y}px` });
      if (tile.patches[sheet]) tile.patches[sheet].remove();
      tile.patches[sheet] = canvas;
      tile.sheets[sheet].after(canvas);
    },

    _painted: function (tile) {
      if (!tile.gone && tile.jobs.some(Boolean)) return;
      tile.waiting.splice(0).forEach((call) => call());
      if (tile.gone) return;
      const rest = [0, 1].filter((sheet) => tile.rest[sheet]);
      tile.rest = [false, false];
      if (rest.length) {
        this._paint(tile, rest);
        return;
      }
      if (!this._seen) performance.mark("gridmap:first"); // what a stopwatch waits for
      this._seen = true;
      this.fire("tilepainted");
    },

    _inView: function (tile) {
      const bounds = this._map && this._map.getPixelBounds();
      const { x, y } = tile.coords;
      return Boolean(bounds) && (x + 1) * SIZE > bounds.min.x && x * SIZE < bounds.max.x && (y + 1) * SIZE > bounds.min.y && y * SIZE < bounds.max.y;
    },

    _removeTile: function (key) {
      const tile = this._tiles[key];
      if (tile) {
        tile.el.gone = true;
        (tile.el.cancels || []).forEach((cancel) => cancel());
        tile.el.jobs.forEach((job) => { if (job) this.painters.stop(job); });
        this._painted(tile.el);
      }
      L.GridLayer.prototype._removeTile.call(this, key);
    },

    /* Paint what is there again; `sheets` [0] where only values have changed. Resolves when what is in view is painted. */
    repaint: function (sheets = [0, 1]) {
      const tiles = Object.values(this._tiles || {}).map((tile) => tile.el).sort((a, b) => this._inView(b) - this._inView(a));
      const painted = tiles.map((tile) => new Promise((resolve) => {
        this._paint(tile, sheets, resolve, this._inView(tile));
        if (!this._inView(tile)) resolve();
      }));
      this.overlay.redraw();
      return Promise.all(painted).then(() => { this.fire("painted"); });
    },

    show: function (name, shown) {
      if (shown) this.shown.add(name);
      else this.shown.delete(name);
      this.reload();
    },

    /* Points that are shown beside what is switched on; their tiles come the first time. */
    want: function (names) {
      const more = names.filter((name) => !this.wanted.has(name) && !this.shown.has(name));
      this.wanted = new Set(names);
      if (more.length) this.reload();
    },

    reload: function () {
      Object.values(this._tiles || {}).forEach((tile) => this._load(tile.el, tile.coords, null));
      this.overlay.redraw();
    },

    /* Colour a level by values: keys[id - 1] is a class, 255 paints nothing. */
    setValues: function (level, keys, classes) {
      this.values.set(level, { keys, classes });
      this.painters.tell("values", level, { level, keys, classes });
    },

    setGroups: function (layer, keys) {
      this.groups.set(layer, keys);
      this.painters.tell("groups", layer, { layer, keys });
    },

    /* Group of each feature of a layer, by its id. */
    groupOf: function (layer) {
      const keys = this.groups.get(layer), other = (this.options.groups[layer] || {}).other || 0;
      return (id) => (keys ? keys[id - 1] : other);
    },
  });

  /* Lay a picture onto a sheet: handed over, not copied. */
  function show(canvas, picture) {
    [canvas.width, canvas.height] = [picture.width, picture.height];
    canvas.getContext("bitmaprenderer").transferFromImageBitmap(picture);
    return canvas;
  }

  /* The layer whose options stand in the page. */
  gm.vectorTiles = (name) => new gm.VectorTiles(JSON.parse(document.getElementById(`${name}-options`).textContent));
})(window.gridmap);
