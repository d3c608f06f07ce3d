/* A Leaflet layer of vector tiles on canvas: sharp at every zoom, painted in slices, coloured by values that come apart
   from the tiles. Two sheets a tile: under it what values colour, over it the lines of the map; a change of the measure
   paints the lower sheet only. */
(function (gm) {
  "use strict";

  const SIZE = 512;
  gm.TILE = SIZE;
  const EXTENT = 4096;

  gm.VectorTiles = L.GridLayer.extend({
    options: { tileSize: SIZE, updateWhenZooming: false, updateInterval: 100, keepBuffer: 1, maxZoom: 22, pane: "tilePane" },

    /* options: address (ends in "/", holds the version), worker, layers (as the server lists them), rules, levels,
       groups ({layer: {by, of: {key: group}, other}}). */
    initialize: function (options) {
      L.setOptions(this, options);
      this.store = gm.tileStore(options.address, options.worker);
      this.info = new Map(options.layers.map((layer) => [layer.name, layer]));
      this.shown = new Set(options.layers.filter((layer) => layer.show).map((layer) => layer.name));
      this.wanted = new Set();   // layers of points that something else on the page shows
      this.values = new Map();   // level -> {keys: Uint8Array by id - 1, paint}
      this.groups = new Map();   // layer -> Uint8Array by id - 1
      this.state = gm.vectorState(this);
      this.overlay = new gm.VectorOverlay(this);
      this._spare = [];
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

    rulesAt: function (zoom, sheet) {
      const level = this.levelAt(zoom);
      return this.options.rules.filter((rule) => {
        if ((rule.sheet || 0) !== sheet || zoom < (rule.zoom ? rule.zoom[0] : 0) || zoom >= (rule.zoom ? rule.zoom[1] : 99)) return false;
        if (this.options.background && (rule.colour === "land" || (this.info.get(rule.layer) || {}).group === "base")) return false;
        if (rule.layer === "@level") return level !== null && (rule.what !== "value" || this.values.has(level));
        if (!this.info.has(rule.layer)) return false;
        if (rule.levelAbove && !this.above(rule.layer, level)) return false;
        return this.shown.has(rule.layer) || Boolean(rule.always);
      });
    },

    /* Lines of units finer than those coloured would cover them. */
    above: function (layer, level) {
      const order = this.options.levels.map((item) => item.layer);
      return order.indexOf(layer) <= order.indexOf(level);
    },

    /* Layers that a view tile needs, by the tile of data each is in: [{z, x, y, names}]. */
    needs: function (coords) {
      const names = new Set();
      for (const sheet of [0, 1]) {
        for (const rule of this.rulesAt(coords.z, sheet)) names.add(rule.layer === "@level" ? this.levelAt(coords.z) : rule.layer);
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
      return { layer: tile.layer, place,
               at: { scale: (SIZE * zoomed) / EXTENT, x: (place.x * zoomed - coords.x) * SIZE, y: (place.y * zoomed - coords.y) * SIZE } };
    },

    createTile: function (coords, done) {
      const tile = document.createElement("div");
      tile.className = "gm-tile";
      tile.setAttribute("aria-hidden", "true");
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      tile.sheets = [0, 1].map(() => {
        const canvas = document.createElement("canvas");
        canvas.width = canvas.height = SIZE * ratio;
        tile.append(canvas);
        return canvas;
      });
      tile.coords = coords;
      tile.jobs = [null, null];
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

    /* Paint sheets of a tile; what is being painted on them is called off. `done` is called when nothing is left to do.
       `urgent`: what of it is in view at once, the rest of it after that. */
    _paint: function (tile, sheets, done, urgent) {
      const view = { zoom: tile.coords.z, level: this.levelAt(tile.coords.z), box: [0, 0, SIZE, SIZE] };
      if (done) tile.waiting.push(done);
      if (urgent) {
        const { min, max } = this._map.getPixelBounds(), x0 = tile.coords.x * SIZE, y0 = tile.coords.y * SIZE;
        view.box = [Math.max(0, min.x - x0), Math.max(0, min.y - y0), Math.min(SIZE, max.x - x0), Math.min(SIZE, max.y - y0)].map(Math.round);
        tile.rest = sheets;
      }
      for (const sheet of sheets) {
        if (tile.jobs[sheet]) tile.jobs[sheet].stopped = true;
        tile.jobs[sheet] = gm.paintLater(this._steps(tile, sheet, view), this._inView(tile), urgent);
      }
    },

    _painted: function (tile) {
      if (!tile.gone && tile.jobs.some(Boolean)) return;
      tile.waiting.splice(0).forEach((call) => call());
      if (tile.gone) return;
      if (tile.rest) {
        const { rest } = tile;
        tile.rest = null;
        this._paint(tile, rest);
        return;
      }
      if (!this._seen) performance.mark("gridmap:first"); // what a stopwatch waits for
      this._seen = true;
      this.fire("tilepainted");
    },

    /* Painted aside and laid onto the tile when whole: nothing flickers. */
    _steps: function* (tile, sheet, view) {
      const target = tile.sheets[sheet];
      const aside = this._spare.pop() || document.createElement("canvas");
      if (aside.width !== target.width) aside.width = aside.height = target.width;
      const context = aside.getContext("2d");
      const ratio = target.width / SIZE;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, SIZE, SIZE);
      yield* gm.paintSheet(context, this.rulesAt(view.zoom, sheet), view, (name) => this.part(name, tile.coords), this.state);
      const onto = target.getContext("2d");
      const [x, y, right, bottom] = view.box.map((value) => value * ratio);
      onto.clearRect(x, y, right - x, bottom - y);
      onto.drawImage(aside, x, y, right - x, bottom - y, x, y, right - x, bottom - y);
      this._spare.push(aside);
      tile.jobs[sheet] = null;
      this._painted(tile);
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
        tile.el.jobs.forEach((job) => { if (job) job.stopped = true; });
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

    /* Colour a level by values: keys[id - 1] is a class, 255 paints nothing; paint(context, key) gives the fill. */
    setValues: function (level, keys, paint) {
      this.values.set(level, { keys, paint });
    },

    setGroups: function (layer, keys) {
      this.groups.set(layer, keys);
    },
  });

  /* The layer whose options stand in the page. */
  gm.vectorTiles = (name) => new gm.VectorTiles(JSON.parse(document.getElementById(`${name}-options`).textContent));

  gm.vectorState = (layer) => ({
    groupOf(name) {
      const keys = layer.groups.get(name), other = (layer.options.groups[name] || {}).other || 0;
      return (id) => (keys ? keys[id - 1] : other);
    },
    valueOf(level) {
      const { keys, paint } = layer.values.get(level);
      return { key: (id) => (keys[id - 1] === 255 ? -1 : keys[id - 1]), paint };
    },
  });
})(window.gridmap);
