/* Painting of unpacked vector tiles by rules, a few shapes at a time. Runs in the painter (`gridmap-painter.js`) and on
   the page, which draws its marks with the same paths. */
(function (gm) {
  "use strict";

  const AT_ONCE = 24; // a path of thousands of rings takes the painter seconds, the same rings a few at a time milliseconds

  /* ---- paths ---- */
  /* One feature as a path; corners less than half a pixel apart are one. `at`: {scale, x, y} from tile units to pixels. */
  function trace(context, layer, i, at) {
    const { xy, rings, first, kinds } = layer;
    const area = kinds[i] === 3;
    for (let r = first[i]; r < first[i + 1]; r++) {
      const from = rings[r], to = rings[r + 1];
      let px = xy[2 * from] * at.scale + at.x, py = xy[2 * from + 1] * at.scale + at.y;
      context.moveTo(px, py);
      for (let c = from + 1; c < to; c++) {
        const x = xy[2 * c] * at.scale + at.x, y = xy[2 * c + 1] * at.scale + at.y;
        if (c !== to - 1 && Math.abs(x - px) + Math.abs(y - py) < 0.5) continue;
        context.lineTo(x, y);
        px = x;
        py = y;
      }
      if (area) context.closePath();
    }
  }
  gm.traceFeature = trace;

  /* Width at a zoom: a number, [[zoom, pixels], ...] with straight lines between the stops, or {at16} for streets. */
  gm.stops = function (stops, zoom) {
    if (typeof stops === "number") return stops;
    if (stops.at16) return gm.roadWidth(stops.at16, zoom);
    let [za, a] = stops[0];
    if (zoom <= za) return a;
    for (const [zb, b] of stops) {
      if (zoom <= zb) return a + ((b - a) * (zoom - za)) / (zb - za || 1);
      [za, a] = [zb, b];
    }
    return a;
  };

  /* Features of a layer in view that a rule draws, grouped by how they are filled: Map(key -> {fill, members}). */
  function groups(rule, layer, at, view, state) {
    const { boxes, ids, count } = layer;
    const pad = 12, [x0, y0, x1, y1] = view.box;
    const left = (x0 - pad - at.x) / at.scale, top = (y0 - pad - at.y) / at.scale;
    const right = (x1 + pad - at.x) / at.scale, bottom = (y1 + pad - at.y) / at.scale;
    const group = rule.group === undefined ? null : state.groupOf(rule.layer);
    const wanted = group && new Set([rule.group].flat());
    const smallest = rule.smallest ? rule.smallest / at.scale : 0;
    const fills = rule.what === "value" ? state.valueOf(view.level) : null;
    const found = new Map();
    for (let i = 0; i < count; i++) {
      const b = 4 * i;
      if (boxes[b] > right || boxes[b + 2] < left || boxes[b + 1] > bottom || boxes[b + 3] < top) continue;
      if (smallest && boxes[b + 2] - boxes[b] < smallest && boxes[b + 3] - boxes[b + 1] < smallest) continue;
      if (wanted && !wanted.has(group(ids[i]))) continue;
      const key = fills ? fills.key(ids[i]) : 0;
      if (key < 0) continue;
      const members = found.get(key);
      if (members) members.push(i);
      else found.set(key, [i]);
    }
    // a gap has the highest key: where floors of one tower differ, it is seen
    return { found: fills ? new Map([...found].sort((a, b) => a[0] - b[0])) : found, fills };
  }

  /* Paint one rule into a canvas; yields after every portion. */
  function* paintRule(context, rule, layer, at, view, state) {
    const theme = gm.theme();
    const { found, fills } = groups(rule, layer, at, view, state);
    for (const [key, members] of found) {
      context.save();
      context.globalAlpha = rule.alpha === undefined ? 1 : rule.alpha;
      const area = rule.what === "fill" || rule.what === "value" || rule.what === "pattern";
      if (rule.what === "value") context.fillStyle = gm.fillStyle(context, gm.fillOfKey(fills.classes, key));
      else if (rule.what === "pattern") context.fillStyle = gm.pattern(context, "hatch", theme[rule.colour], theme[`${rule.colour}Ground`] || "");
      else if (area) context.fillStyle = theme[rule.colour];
      if (!area) {
        context.strokeStyle = theme[rule.colour];
        context.lineWidth = gm.stops(rule.width, view.zoom) + (rule.more || 0);
        context.lineJoin = context.lineCap = rule.dash ? "butt" : "round";
        context.lineJoin = "round";
        if (rule.dash) context.setLineDash(rule.dash);
      }
      for (let i = 0; i < members.length; i += AT_ONCE) {
        context.beginPath();
        for (let j = i; j < members.length && j < i + AT_ONCE; j++) {
          const kind = layer.kinds[members[j]];
          if (kind === 1 || (area && kind !== 3)) continue;
          trace(context, layer, members[j], at);
        }
        if (area) context.fill("nonzero");
        else context.stroke();
        yield;
      }
      context.restore();
    }
  }

  /* Everything that belongs on one sheet of a tile. `parts(name)` gives {layer, at} or null. */
  gm.paintSheet = function* (context, rules, view, parts, state) {
    for (const rule of rules) {
      const name = rule.layer === "@level" ? view.level : rule.layer;
      const part = name ? parts(name) : null;
      if (part) yield* paintRule(context, rule, part.layer, part.at, view, state);
    }
  };
})(window.gridmap);
