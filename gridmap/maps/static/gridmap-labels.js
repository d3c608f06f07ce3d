/* Words on the map: names of streets and estates, numbers of micro-grids, floors of stacks. One canvas, no collisions. */
(function (gm) {
  "use strict";

  const PAD = 200; // drawn beyond the window, so that a dragged map has its words

  gm.Labels = L.Layer.extend({
    initialize: function (app) {
      this._app = app;
    },

    onAdd: function (map) {
      this._canvas = L.DomUtil.create("canvas", "gm-labels");
      this._canvas.setAttribute("aria-hidden", "true");
      map.getPane("gm-labels").appendChild(this._canvas);
      map.on("moveend resize", this._moved, this);
      map.on("zoomstart", this._hide, this);
      this.redraw();
    },

    onRemove: function (map) {
      map.off("moveend resize", this._moved, this);
      map.off("zoomstart", this._hide, this);
      this._canvas.remove();
    },

    _hide: function () {
      this._canvas.style.visibility = "hidden";
    },

    /* A page of tiles draws its words when the tiles are painted. */
    _moved: function () {
      if (this._app.wordsLater) this._app.wordsLater();
      else this.redraw();
    },

    redraw: function () {
      const map = this._map;
      if (!map) return;
      const size = map.getSize();
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      const width = size.x + 2 * PAD, height = size.y + 2 * PAD;
      const canvas = this._canvas;
      canvas.width = width * ratio;
      canvas.height = height * ratio;
      canvas.style.width = width + "px";
      canvas.style.height = height + "px";
      canvas.style.visibility = "";
      L.DomUtil.setPosition(canvas, map.containerPointToLayerPoint([-PAD, -PAD]));
      const context = canvas.getContext("2d");
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.lineJoin = "round";
      const zoom = map.getZoom();
      const origin = map.getPixelBounds().min;
      const view = { k: Math.pow(2, zoom), x: origin.x - PAD, y: origin.y - PAD, width, height, zoom };
      // where a glyph stands no word does
      view.taken = this._app.points.places.map(([x, y, half]) => {
        const px = x * view.k - view.x, py = y * view.k - view.y;
        return [px - half, py - half, px + half, py + half];
      });
      (this._app.drawLabels || drawAll)(context, view, this._app);
    },
  });

  function onScreen(feature, view) {
    const b = feature.box;
    return b[2] * view.k > view.x && b[0] * view.k < view.x + view.width &&
           b[3] * view.k > view.y && b[1] * view.k < view.y + view.height;
  }

  /* Text with a halo where nothing else stands; says whether it was drawn. */
  function put(context, view, text, x, y, style) {
    context.font = `${style.weight || 400} ${style.size}px ${gm.FONT}`;
    const half = (context.measureText(text).width + 8) / 2;
    const tall = style.size * 0.75;
    const angle = style.angle || 0;
    // the upright box around the turned text
    const w = Math.abs(Math.cos(angle)) * half + Math.abs(Math.sin(angle)) * tall;
    const h = Math.abs(Math.sin(angle)) * half + Math.abs(Math.cos(angle)) * tall;
    const box = [x - w, y - h, x + w, y + h];
    if (view.taken.some((b) => b[0] < box[2] && b[2] > box[0] && b[1] < box[3] && b[3] > box[1])) return false;
    view.taken.push(box);
    context.save();
    context.translate(x, y);
    context.rotate(angle);
    if (style.plate) {
      context.fillStyle = style.plate;
      context.beginPath();
      context.roundRect(-half, -tall, 2 * half, 2 * tall, 4);
      context.fill();
    } else {
      context.strokeStyle = style.halo;
      context.lineWidth = 3.5;
      context.strokeText(text, 0, 0);
    }
    context.fillStyle = style.ink;
    context.fillText(text, 0, 0);
    context.restore();
    return true;
  }

  gm.labelling = { put, areaNames, streetNames, onScreen };

  function drawAll(context, view, app) {
    const t = gm.theme();
    const shown = (name) => (app.layers[name] && app.layers[name].shown ? app.layers[name].features : []);
    const plain = { size: 12, ink: t.ink, halo: t.halo };
    if (view.zoom < 15) {
      for (const name of view.zoom < 12 ? ["districts", "streets"] : ["communities", "streets"]) {
        areaNames(context, view, shown(name), { ...plain, size: 14, weight: 600 });
      }
    }
    if (view.zoom >= 14 && view.zoom < 16) gridNames(context, view, shown("grids"), { ...plain, weight: 600, ink: t.line });
    if (view.zoom >= 16) microGridNumbers(context, view, app, t);
    if (view.zoom >= 15) areaNames(context, view, shown("estates"), { ...plain, ink: t.gapInk });
    if (view.zoom >= 15) streetNames(context, view, shown("roads"), plain);
    if (view.zoom >= 15) areaNames(context, view, [...shown("water"), ...shown("green")], { ...plain, size: 11 });
  }

  function place(feature, view) {
    const [x, y] = gm.labelPoint(feature);
    return [x * view.k - view.x, y * view.k - view.y];
  }

  function areaNames(context, view, features, style) {
    for (const feature of features) {
      const name = feature.props.name;
      const wide = (feature.box[2] - feature.box[0]) * view.k;
      if (!name || feature.kind !== 2 || !onScreen(feature, view)) continue;
      context.font = `${style.weight || 400} ${style.size}px ${gm.FONT}`;
      if (context.measureText(name).width > wide * 1.3) continue;
      put(context, view, name, ...place(feature, view), style);
    }
  }

  function gridNames(context, view, features, style) {
    for (const feature of features) {
      if (!onScreen(feature, view)) continue;
      put(context, view, feature.props.name || gm.shortCode(feature.props.code), ...place(feature, view), style);
    }
  }

  /* '3-01微网格' is '3-01' on the map; a long name gives way to the number in the code. */
  function shortName(props) {
    const name = (props.name || "").replace(/\s*(微网格|micro-grid)\s*/i, "");
    return name && name.length <= 6 ? name : gm.shortCode(props.code);
  }

  function microGridNumbers(context, view, app, t) {
    const layer = app.layers.micro_grids;
    if (!layer || !layer.shown) return;
    for (const stack of layer.stacks) {
      if (!onScreen(stack.feature, view)) continue;
      const wide = (stack.feature.box[2] - stack.feature.box[0]) * view.k;
      const [x, y] = place(stack.feature, view);
      if (stack.indices.length > 1) {
        const floors = stack.indices.map((i) => gm.floors(layer.features[i].props)).filter(Boolean);
        const text = floors.length > 3 ? `${floors[0]} … ${floors[floors.length - 1]}` : floors.join(" | ");
        put(context, view, text || `×${stack.indices.length}`, x, y,
            { size: 11, weight: 600, ink: t.halo, plate: t.line });
      } else if (wide > 34) {
        put(context, view, shortName(stack.feature.props), x, y,
            { size: 12, weight: 600, ink: t.line, halo: t.halo });
      }
    }
  }

  /* A street's name along its longest straight piece, never upside down; each name once in a while. */
  function streetNames(context, view, roads, style) {
    const last = new Map();
    const ranked = roads.filter((road) => road.props.name && onScreen(road, view));
    ranked.forEach((road) => { road.style = road.style || gm.road(road.props.class); });
    ranked.sort((a, b) => b.style.rank - a.style.rank);
    for (const road of ranked) {
      if (road.style.rank < (view.zoom >= 17 ? 1 : view.zoom >= 16 ? 2 : 3)) continue;
      let best = null;
      for (const ring of road.rings) {
        for (let i = 0; i + 3 < ring.length; i += 2) {
          const x = ((ring[i] + ring[i + 2]) / 2) * view.k - view.x, y = ((ring[i + 1] + ring[i + 3]) / 2) * view.k - view.y;
          if (x < 0 || y < 0 || x > view.width || y > view.height) continue;
          const dx = (ring[i + 2] - ring[i]) * view.k, dy = (ring[i + 3] - ring[i + 1]) * view.k;
          const length = Math.hypot(dx, dy);
          if (!best || length > best.length) best = { length, x, y, dx, dy };
        }
      }
      const name = road.props.name;
      if (!best || best.length < name.length * style.size * 0.55) continue;
      const before = last.get(name) || [];
      if (before.some(([x, y]) => Math.hypot(x - best.x, y - best.y) < 420)) continue;
      let angle = Math.atan2(best.dy, best.dx);
      if (angle > Math.PI / 2) angle -= Math.PI;
      if (angle < -Math.PI / 2) angle += Math.PI;
      if (put(context, view, name, best.x, best.y, { ...style, angle })) last.set(name, [...before, [best.x, best.y]]);
    }
  }
})(window.gridmap);
