/* The city's own map and the micro-grids on it, painted into canvas tiles: moving the map moves pictures, no more. */
(function (gm) {
  "use strict";

  const SIZE = 512;

  gm.TileLayer = L.GridLayer.extend({
    options: { tileSize: SIZE, updateWhenZooming: false, keepBuffer: 1, maxZoom: 21, pane: "tilePane" },

    initialize: function (app, options) {
      this._app = app;
      L.setOptions(this, options);
    },

    createTile: function (coords) {
      const canvas = document.createElement("canvas");
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      canvas.width = canvas.height = SIZE * ratio;
      canvas.setAttribute("aria-hidden", "true");
      this._paint(canvas, coords);
      return canvas;
    },

    repaint: function () {
      Object.values(this._tiles || {}).forEach((tile) => this._paint(tile.el, tile.coords));
    },

    _paint: function (canvas, coords) {
      const context = canvas.getContext("2d");
      const ratio = canvas.width / SIZE;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, SIZE, SIZE);
      const k = Math.pow(2, coords.z);
      const view = { k, x: coords.x * SIZE, y: coords.y * SIZE, zoom: coords.z };
      const pad = 14 / k; // half the widest line
      view.box = [view.x / k - pad, view.y / k - pad, (view.x + SIZE) / k + pad, (view.y + SIZE) / k + pad];
      paintAll(context, view, this._app);
    },
  });

  const meets = (a, b) => a[0] <= b[2] && a[2] >= b[0] && a[1] <= b[3] && a[3] >= b[1];

  function seen(app, name, view) {
    const layer = app.layers[name];
    return layer && layer.shown ? layer.features.filter((feature) => meets(feature.box, view.box)) : [];
  }

  /* One ring as a path; corners less than half a pixel apart are one. */
  function trace(context, ring, view, close) {
    let px = ring[0] * view.k - view.x, py = ring[1] * view.k - view.y;
    context.moveTo(px, py);
    const last = ring.length - 2;
    for (let i = 2; i <= last; i += 2) {
      const x = ring[i] * view.k - view.x, y = ring[i + 1] * view.k - view.y;
      if (i !== last && Math.abs(x - px) + Math.abs(y - py) < 0.5) continue;
      context.lineTo(x, y);
      px = x;
      py = y;
    }
    if (close) context.closePath();
  }

  function path(context, features, view) {
    context.beginPath();
    for (const feature of features) {
      for (const ring of feature.rings) trace(context, ring, view, feature.kind === 2);
    }
  }

  function paintAll(context, view, app) {
    const t = gm.theme();
    context.lineJoin = context.lineCap = "round";
    paintLand(context, view, app, t);
    paintMicroGrids(context, view, app, t);
    paintNature(context, view, app, t);
    paintRoads(context, view, app, t);
    paintBuildings(context, view, app, t);
    paintGaps(context, view, app, t);
    paintLines(context, view, app, t);
  }

  // a path of thousands of rings takes the painter seconds, the same rings a few at a time milliseconds
  const AT_ONCE = 24;

  function* portions(features) {
    for (let i = 0; i < features.length; i += AT_ONCE) yield features.slice(i, i + AT_ONCE);
  }

  function areas(context, features, view, colour) {
    context.fillStyle = colour;
    for (const some of portions(features.filter((feature) => feature.kind === 2))) {
      path(context, some, view);
      context.fill("nonzero"); // outer rings run one way and holes the other, so areas that overlap stay filled
    }
  }

  function lines(context, features, view, colour, width, dash) {
    context.setLineDash(dash || []);
    context.strokeStyle = colour;
    context.lineWidth = width;
    for (const some of portions(features)) {
      path(context, some, view);
      context.stroke();
    }
    context.setLineDash([]);
  }

  function paintLand(context, view, app, t) {
    const land = (app.layers.micro_grids || { stacks: [] }).stacks.map((stack) => stack.feature);
    const near = land.filter((feature) => meets(feature.box, view.box));
    areas(context, near, view, t.land);
    lines(context, near, view, t.land, 1); // no hairlines between neighbours
  }

  /* Over the colours: nobody lives in water or in a park, and the map stays a map. */
  function paintNature(context, view, app, t) {
    const green = seen(app, "green", view);
    areas(context, green, view, t.green);
    lines(context, green.filter((feature) => feature.kind === 1), view, t.green, 3);
    const water = seen(app, "water", view);
    areas(context, water, view, t.water);
    lines(context, water.filter((feature) => feature.kind === 1), view, t.water, Math.max(1, gm.roadWidth(5, view.zoom)));
  }

  function paintMicroGrids(context, view, app, t) {
    const layer = app.layers.micro_grids;
    if (!layer || !layer.shown || !app.measure) return;
    const groups = new Map(); // one fill a colour, not one a feature
    for (const stack of layer.stacks) {
      if (!meets(stack.feature.box, view.box)) continue;
      const fill = gm.fillOf(app.measure, stack.indices);
      const key = fill.kind + (fill.index === undefined ? "" : fill.index);
      if (!groups.has(key)) groups.set(key, { fill, features: [] });
      groups.get(key).features.push(stack.feature);
    }
    for (const { fill, features } of groups.values()) {
      context.globalAlpha = fill.kind === "class" || fill.kind === "yes" ? t.fill : 1;
      areas(context, features, view, gm.paint(context, fill, app.measure));
      context.globalAlpha = 1;
    }
  }

  function paintRoads(context, view, app, t) {
    const roads = seen(app, "roads", view);
    const byRank = [[], [], [], [], [], [], []];
    for (const road of roads) {
      road.style = road.style || gm.road(road.props.class);
      if (gm.roadShown(road.style.rank, view.zoom)) byRank[road.style.rank].push(road);
    }
    lines(context, byRank[0], view, t.path, Math.max(1, gm.roadWidth(1.4, view.zoom)), [4, 4]);
    const widths = byRank.map((list) => (list.length ? gm.roadWidth(list[0].style.width, view.zoom) : 0));
    if (view.zoom >= 14) {
      for (let rank = 1; rank < 7; rank++) lines(context, byRank[rank], view, t.roadEdge, widths[rank] + 1.6);
    }
    for (let rank = 1; rank < 7; rank++) lines(context, byRank[rank], view, t.road, widths[rank]);
    const barriers = seen(app, "barriers", view);
    const rail = barriers.filter((feature) => /rail|subway|tram/.test(feature.props.kind || ""));
    lines(context, rail, view, t.rail, 2.4);
    lines(context, rail, view, t.road, 1.2, [5, 5]);
    if (view.zoom >= 16) {
      lines(context, barriers.filter((feature) => !rail.includes(feature)), view, t.wall, 1.2, [1, 3]);
    }
  }

  function paintBuildings(context, view, app, t) {
    if (view.zoom < 14) return;
    const minimum = 1 / view.k; // smaller than a pixel
    const buildings = seen(app, "buildings", view).filter((feature) => feature.box[2] - feature.box[0] > minimum);
    context.globalAlpha = 0.3; // a shade: the colours are read through it in dense old quarters too
    areas(context, buildings, view, t.buildingOver);
    context.globalAlpha = 1;
    if (view.zoom >= 16) lines(context, buildings, view, t.buildingEdge, 0.7);
  }

  function paintGaps(context, view, app, t) {
    const gaps = seen(app, "gaps", view);
    const kind = app.measure && app.measure.name.startsWith("coverage:") ? app.measure.name.slice(9) : null;
    const shown = gaps.filter((gap) => !kind || gap.props.kind === kind);
    if (!shown.length) return;
    areas(context, shown, view, gm.pattern(context, "hatch", t.gap, "rgba(240,150,80,0.18)"));
    lines(context, shown, view, t.gapInk, 2, [8, 4]);
  }

  function paintLines(context, view, app, t) {
    const layer = app.layers.micro_grids;
    const thin = view.zoom < 13 ? 0.5 : view.zoom < 15 ? 0.75 : 1; // far out, lines must not cover the colours
    if (layer && layer.shown && view.zoom >= 13) {
      const near = layer.stacks.map((stack) => stack.feature).filter((feature) => meets(feature.box, view.box));
      context.globalAlpha = 0.6;
      lines(context, near, view, t.line, view.zoom < 14 ? 0.6 : 1.2 * thin);
      context.globalAlpha = 1;
    }
    lines(context, seen(app, "estates", view), view, t.gapInk, 1.2, [2, 4]);
    context.globalAlpha = 0.85;
    lines(context, seen(app, "grids", view), view, t.line, 2 * thin);
    for (const name of ["communities", "streets", "districts"]) {
      lines(context, seen(app, name, view), view, t.line, 3 * thin, [10, 6]);
    }
    context.globalAlpha = 1;
  }
})(window.gridmap);
