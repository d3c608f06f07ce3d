/* What is chosen on vector tiles: hits under the pointer, hover, selection, lasso, previews, and taking back. */
(function (gm) {
  "use strict";

  const PAD = 160; // drawn beyond the window, so that a dragged map keeps its marks
  const TAKEN_BACK = 60; // changes that can be undone

  /* ---- the sheet on which marks are drawn ---- */
  gm.VectorOverlay = L.Layer.extend({
    initialize: function (tiles) {
      this.tiles = tiles;
      this.marks = { hover: null, highlight: null, selected: null, preview: null };
      this.past = [];
      this._lasso = null;
    },

    onAdd: function (map) {
      if (!map.getPane("gm-marks")) map.createPane("gm-marks").style.pointerEvents = "none";
      this._canvas = L.DomUtil.create("canvas", "gm-marks");
      this._canvas.setAttribute("aria-hidden", "true");
      map.getPane("gm-marks").appendChild(this._canvas);
      map.on("moveend resize", this.redraw, this);
      map.on("zoomstart", this._hide, this);
      this.tiles.on("tilepainted", this._soon, this);
      this.redraw();
    },

    onRemove: function (map) {
      map.off("moveend resize", this.redraw, this);
      map.off("zoomstart", this._hide, this);
      this.tiles.off("tilepainted", this._soon, this);
      this._canvas.remove();
    },

    _hide: function () {
      this._canvas.style.visibility = "hidden";
    },

    _soon: function () {
      if (this._asked) return;
      this._asked = requestAnimationFrame(() => { this._asked = 0; this.redraw(); });
    },

    redraw: function () {
      const map = this._map;
      if (!map || !this._canvas.isConnected) return;
      const size = map.getSize(), ratio = Math.min(window.devicePixelRatio || 1, 2);
      const width = size.x + 2 * PAD, height = size.y + 2 * PAD, canvas = this._canvas;
      const marked = Object.values(this.marks).some(Boolean) || this._lasso;
      canvas.style.visibility = marked ? "" : "hidden";
      if (!marked) return;
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
        canvas.style.width = `${width}px`;
        canvas.style.height = `${height}px`;
      }
      L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint([-PAD, -PAD]));
      const context = canvas.getContext("2d");
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      const origin = map.getPixelBounds().min;
      this._origin = [origin.x - PAD, origin.y - PAD];
      this._draw(context);
    },

    _draw: function (context) {
      const t = gm.theme(), { hover, highlight, selected, preview } = this.marks;
      if (preview) {
        const byColour = new Map();
        preview.colours.forEach((colour, id) => {
          if (!byColour.has(colour)) byColour.set(colour, new Set());
          byColour.get(colour).add(id);
        });
        byColour.forEach((ids, colour) => this._each(context, preview.layer, ids, () => {
          context.globalAlpha = 0.62;
          context.fillStyle = colour;
          context.fill("nonzero");
          context.globalAlpha = 1;
          context.strokeStyle = colour;
          context.lineWidth = 1;
          context.stroke();
        }));
      }
      if (highlight) this._each(context, highlight.layer, highlight.ids, () => {
        context.fillStyle = gm.pattern(context, "hatch", t.accent, "rgba(79,195,187,0.25)");
        context.fill("nonzero");
        context.strokeStyle = t.accent;
        context.lineWidth = 1.5;
        context.stroke();
      });
      if (hover) this._each(context, hover.layer, hover.ids, () => {
        context.fillStyle = "rgba(255,255,255,0.28)";
        context.fill("nonzero");
        context.strokeStyle = t.accent;
        context.lineWidth = 1.5;
        context.stroke();
      });
      if (selected) for (const [colour, width] of [[t.halo, 7], [t.accent, 3]]) {
        this._each(context, selected.layer, selected.ids, () => {
          context.strokeStyle = colour;
          context.lineWidth = width;
          context.lineJoin = "round";
          context.stroke();
        });
      }
      if (this._lasso && this._lasso.length > 1) this._drawLasso(context, t);
    },

    /* The features of these ids on every tile in view, each tile within its own edges: a cut border is no border. */
    _each: function (context, name, ids, paint) {
      const [x0, y0] = this._origin;
      for (const { coords, part } of this.tiles.parts(name)) {
        const { layer, at } = part, left = coords.x * gm.TILE - x0, top = coords.y * gm.TILE - y0;
        const members = [];
        for (let i = 0; i < layer.count; i++) if (ids.has(layer.ids[i])) members.push(i);
        if (!members.length) continue;
        context.save();
        context.beginPath();
        context.rect(left, top, gm.TILE, gm.TILE);
        context.clip();
        context.beginPath();
        const moved = { scale: at.scale, x: at.x + left, y: at.y + top };
        members.forEach((i) => { if (layer.kinds[i] !== 1) gm.traceFeature(context, layer, i, moved); });
        paint();
        context.restore();
      }
    },

    _drawLasso: function (context, t) {
      const map = this._map;
      context.beginPath();
      this._lasso.forEach((latlng, i) => {
        const point = map.latLngToContainerPoint(latlng);
        if (i) context.lineTo(point.x + PAD, point.y + PAD);
        else context.moveTo(point.x + PAD, point.y + PAD);
      });
      context.closePath();
      context.fillStyle = "rgba(11,110,105,0.14)";
      context.fill();
      context.setLineDash([6, 4]);
      context.strokeStyle = t.accent;
      context.lineWidth = 2;
      context.stroke();
      context.setLineDash([]);
    },
  });

  /* ---- reading tiles, and the calls by which a page chooses ---- */
  gm.VectorTiles.include({
    /* Tiles of the present zoom that hold a layer: [{coords, part}]. */
    parts: function (name) {
      const found = [];
      for (const key of Object.keys(this._tiles || {})) {
        const { coords, current } = this._tiles[key];
        const part = current !== false && coords.z === this._tileZoom ? this.part(name, coords) : null;
        if (part) found.push({ coords, part });
      }
      return found;
    },

    /* Ids of the areas of a layer at a place; of lines and points, those within some pixels, nearest first. */
    hit: function (name, latlng, pixels = 6) {
      const zoom = this._tileZoom;
      if (zoom === undefined) return [];
      const [wx, wy] = gm.toWorld(latlng.lng, latlng.lat);
      const px = wx * 2 ** zoom, py = wy * 2 ** zoom;
      const coords = { x: Math.floor(px / gm.TILE), y: Math.floor(py / gm.TILE), z: zoom };
      const part = this.part(name, coords);
      if (!part) return [];
      const { layer, at } = part;
      const x = (px - coords.x * gm.TILE - at.x) / at.scale, y = (py - coords.y * gm.TILE - at.y) / at.scale;
      const near = pixels / at.scale, found = [];
      for (let i = 0; i < layer.count; i++) {
        const b = 4 * i, slack = layer.kinds[i] === 3 ? 0 : near;
        if (x < layer.boxes[b] - slack || x > layer.boxes[b + 2] + slack || y < layer.boxes[b + 1] - slack || y > layer.boxes[b + 3] + slack) continue;
        const off = layer.kinds[i] === 3 ? (inside(layer, i, x, y) ? 0 : Infinity) : distance(layer, i, x, y);
        if (off <= slack) found.push({ id: layer.ids[i], off });
      }
      return found.sort((a, b) => a.off - b.off).map((one) => one.id);
    },

    /* Middle of every feature of a layer in view: Map(id -> [x, y] in pixels of the world at this zoom, width). */
    middles: function (name) {
      const boxes = new Map();
      for (const { coords, part } of this.parts(name)) {
        const { layer, at } = part, x0 = coords.x * gm.TILE + at.x, y0 = coords.y * gm.TILE + at.y;
        for (let i = 0; i < layer.count; i++) {
          const b = 4 * i, id = layer.ids[i], was = boxes.get(id);
          const box = [layer.boxes[b] * at.scale + x0, layer.boxes[b + 1] * at.scale + y0, layer.boxes[b + 2] * at.scale + x0, layer.boxes[b + 3] * at.scale + y0];
          if (!was) boxes.set(id, box);
          else boxes.set(id, [Math.min(was[0], box[0]), Math.min(was[1], box[1]), Math.max(was[2], box[2]), Math.max(was[3], box[3])]);
        }
      }
      return new Map([...boxes].map(([id, [l, t, r, b]]) => [id, [(l + r) / 2, (t + b) / 2, r - l, b - t]]));
    },

    /* Ids of a layer whose middle lies within a ring of places, such as a lasso. */
    within: function (name, ring) {
      const k = 2 ** this._tileZoom;
      const flat = ring.flatMap((latlng) => gm.toWorld(latlng.lng, latlng.lat).map((value) => value * k));
      const found = [];
      this.middles(name).forEach(([x, y], id) => { if (oddCrossings(flat, 0, flat.length / 2, x, y)) found.push(id); });
      return found.sort((a, b) => a - b);
    },

    hover: function (name, ids) {
      this._mark("hover", name, ids);
    },

    highlight: function (name, ids) {
      this._mark("highlight", name, ids);
    },

    selection: function () {
      const { selected } = this.overlay.marks;
      return selected ? { layer: selected.layer, ids: [...selected.ids].sort((a, b) => a - b) } : { layer: null, ids: [] };
    },

    /* Choose features; `how`: set, add, or toggle. What was chosen before comes back with undo(). */
    select: function (name, ids, how = "set") {
      const before = this.overlay.marks.selected;
      const kept = how !== "set" && before && before.layer === name ? new Set(before.ids) : new Set();
      for (const id of ids) {
        if (how === "toggle" && kept.has(id)) kept.delete(id);
        else kept.add(id);
      }
      this._remember();
      this._mark("selected", name, kept);
      this.fire("selection", this.selection());
    },

    /* Show what would be: colours by id, {id: colour}; null ends it. */
    preview: function (name, colours) {
      this._remember();
      const map = colours ? new Map(Object.entries(colours).map(([id, colour]) => [Number(id), colour])) : null;
      this.overlay.marks.preview = map && map.size ? { layer: name, colours: map } : null;
      this.overlay.redraw();
    },

    /* Back to what was chosen and shown before the last select() or preview(); says whether there was anything. */
    undo: function () {
      const before = this.overlay.past.pop();
      if (!before) return false;
      Object.assign(this.overlay.marks, before);
      this.overlay.redraw();
      this.fire("selection", this.selection());
      return true;
    },

    _remember: function () {
      const { selected, preview } = this.overlay.marks;
      this.overlay.past.push({ selected, preview });
      if (this.overlay.past.length > TAKEN_BACK) this.overlay.past.shift();
    },

    _mark: function (kind, name, ids) {
      const set = new Set(ids || []);
      this.overlay.marks[kind] = name && set.size ? { layer: name, ids: set } : null;
      this.overlay.redraw();
    },

    /* Choose by drawing around: one finger or the mouse draws, the map stays. Gives a function that ends it. */
    lasso: function (name, done) {
      const map = this._map, box = map.getContainer();
      map.dragging.disable();
      box.classList.add("gm-lasso");
      let ring = null;
      const place = (event) => map.mouseEventToLatLng(event);
      const down = (event) => {
        if (event.button || event.target.closest(".leaflet-control")) return;
        event.stopPropagation();
        box.setPointerCapture(event.pointerId);
        ring = this.overlay._lasso = [place(event)];
      };
      const move = (event) => {
        if (!ring) return;
        ring.push(place(event));
        this.overlay._soon();
      };
      const up = () => {
        if (!ring) return;
        const ids = ring.length > 3 ? this.within(name, ring) : this.hit(name, ring[0]).slice(0, 1);
        const how = ring.length > 3 ? "add" : "toggle";
        ring = this.overlay._lasso = null;
        this.select(name, ids, how);
        if (done) done(this.selection());
      };
      // a ring may begin on a glyph: it is not opened by that
      const click = (event) => { if (!event.target.closest(".leaflet-control")) event.stopPropagation(); };
      const events = { pointerdown: down, pointermove: move, pointerup: up, pointercancel: up, click };
      Object.entries(events).forEach(([event, call]) => box.addEventListener(event, call, true));
      return () => {
        Object.entries(events).forEach(([event, call]) => box.removeEventListener(event, call, true));
        this.overlay._lasso = null;
        map.dragging.enable();
        box.classList.remove("gm-lasso");
      };
    },
  });

  function oddCrossings(xy, from, to, x, y) {
    let odd = false;
    for (let i = from, j = to - 1; i < to; j = i++) {
      const xi = xy[2 * i], yi = xy[2 * i + 1], xj = xy[2 * j], yj = xy[2 * j + 1];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) odd = !odd;
    }
    return odd;
  }

  function inside(layer, i, x, y) {
    let odd = false;
    for (let r = layer.first[i]; r < layer.first[i + 1]; r++) {
      if (oddCrossings(layer.xy, layer.rings[r], layer.rings[r + 1], x, y)) odd = !odd;
    }
    return odd;
  }
  gm.insideTile = inside;

  function distance(layer, i, x, y) {
    const { xy, rings, first, kinds } = layer;
    let best = Infinity;
    for (let r = first[i]; r < first[i + 1]; r++) {
      for (let c = rings[r]; c < rings[r + 1]; c++) {
        let dx = xy[2 * c] - x, dy = xy[2 * c + 1] - y;
        if (kinds[i] === 2 && c + 1 < rings[r + 1]) {
          const ex = xy[2 * c + 2] - xy[2 * c], ey = xy[2 * c + 3] - xy[2 * c + 1];
          const share = Math.max(0, Math.min(1, -(dx * ex + dy * ey) / (ex * ex + ey * ey || 1)));
          dx += share * ex;
          dy += share * ey;
        }
        best = Math.min(best, Math.hypot(dx, dy));
      }
    }
    return best;
  }
})(window.gridmap);
