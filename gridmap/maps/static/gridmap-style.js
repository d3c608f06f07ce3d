/* Colours, widths and patterns. One table for light and one for dark; the page's own colours stand in gridmap.css. */
(function (gm) {
  "use strict";

  const LIGHT = {
    land: "#f4f2ec", outside: "#e9e7e0", green: "#d5e5c8", water: "#bcd7e6", building: "#dcd8cf", buildingOver: "#8d8470", buildingEdge: "#b9b2a4",
    road: "#ffffff", roadEdge: "#d3cec3", path: "#c9c2b2", rail: "#9b968c", wall: "#a58f78",
    ink: "#1f2a2e", halo: "#ffffff", line: "#0b4f4b", accent: "#0b6e69", gap: "#e8772e", gapInk: "#9c3f06",
    noData: "#8d958f", yes: "#78b9b2", no: "#c9a6d8", noInk: "#6b3d80", fill: 0.72,
  };
  const DARK = {
    land: "#1d2426", outside: "#15191b", green: "#24352b", water: "#1b3647", building: "#343c3f", buildingOver: "#98a4a6", buildingEdge: "#5a6669",
    road: "#4a5356", roadEdge: "#22292b", path: "#5d676a", rail: "#7d8587", wall: "#8a7a68",
    ink: "#e8eeec", halo: "#15191b", line: "#9fd8d2", accent: "#4fc3bb", gap: "#e8772e", gapInk: "#ffc79f",
    dark: true, noData: "#6f7a7b", yes: "#3b8f8e", no: "#7d5a91", noInk: "#d9bdec", fill: 0.62,
  };
  const media = window.matchMedia ? window.matchMedia("(prefers-color-scheme: dark)") : { matches: false }; // a worker is told
  gm.theme = () => (media.matches ? DARK : LIGHT);
  gm.onTheme = (call) => media.addEventListener("change", call);

  /* A sheet to draw on, in a page or in a worker. */
  gm.sheet = function (width, height) {
    if (typeof document === "undefined") return new OffscreenCanvas(width, height);
    return Object.assign(document.createElement("canvas"), { width, height });
  };

  // class of an OSM highway value -> [rank, width in pixels at zoom 16]; 0 is drawn first
  const ROADS = {
    motorway: [6, 11], trunk: [6, 11], primary: [5, 10], secondary: [4, 9], tertiary: [3, 7.5],
    unclassified: [2, 5.5], residential: [2, 5.5], living_street: [2, 5], road: [2, 5], pedestrian: [2, 5],
    service: [1, 3.2], track: [1, 2.4], cycleway: [0, 1.4], footway: [0, 1.3], path: [0, 1.3], steps: [0, 1.3],
  };
  gm.road = function (kind) {
    const [rank, width] = ROADS[String(kind || "road").replace(/_link$/, "")] || ROADS.road;
    return { rank, width };
  };
  gm.roadWidth = (width, zoom) => Math.max(0.6, width * Math.pow(2, (zoom - 16) * (zoom > 16 ? 0.55 : 0.75)));
  gm.roadShown = (rank, zoom) => rank >= (zoom >= 16 ? 0 : zoom >= 15 ? 1 : zoom >= 13 ? 2 : zoom >= 12 ? 3 : 5);

  const made = new Map();
  /* A pattern that runs on over tile borders: its cell divides the tile's size. `kind`: hatch, cross, dots. */
  gm.pattern = function (context, kind, ink, ground) {
    const key = [kind, ink, ground].join();
    if (!made.has(key)) {
      const cell = gm.sheet(16, 16); // drawn at twice its size, for sharp screens
      const c = cell.getContext("2d");
      c.scale(2, 2);
      if (ground) {
        c.fillStyle = ground;
        c.fillRect(0, 0, 8, 8);
      }
      c.strokeStyle = c.fillStyle = ink;
      c.lineWidth = kind === "hatch" ? 1.4 : 0.9;
      c.beginPath();
      const lines = kind === "back" ? [[0, 0, 8, 8], [-4, 4, 4, 12], [4, -4, 12, 4]] : [[0, 8, 8, 0], [-4, 4, 4, -4], [4, 12, 12, 4]];
      lines.forEach(([x, y, u, v]) => { c.moveTo(x, y); c.lineTo(u, v); });
      c.stroke();
      made.set(key, cell);
    }
    const pattern = context.createPattern(made.get(key), "repeat");
    pattern.setTransform(new DOMMatrix().scale(0.5));
    return pattern;
  };

  function rgb(colour) {
    const hex = /^#([0-9a-f]{6})$/i.exec(colour || "");
    return hex ? [0, 2, 4].map((i) => parseInt(hex[1].slice(i, i + 2), 16)) : [128, 128, 128];
  }

  /* A colour laid over another with some strength, as one colour without transparency: neighbours leave no seam. */
  gm.blend = function (over, under, strength) {
    const a = rgb(over), b = rgb(under);
    return `rgb(${a.map((value, i) => Math.round(value * strength + b[i] * (1 - strength))).join()})`;
  };

  /* Keys of values beside the classes 0, 1, ... */
  gm.keys = { GAP: 250, MISSING: 251, NOTHING: 255 };

  /* What a key of values is filled with: a colour, or {kind, ink, ground} of a pattern. */
  gm.fillOfKey = function (classes, key) {
    const t = gm.theme();
    // on a dark ground more is lighter, as on a light one it is darker; kinds keep their colours
    const ordered = classes.length > 1 && classes[0].key === undefined;
    const item = t.dark && ordered && key < classes.length ? classes[classes.length - 1 - key] : classes[key];
    if (key === gm.keys.GAP) return { kind: "hatch", ink: t.gap, ground: gm.blend(t.gap, t.land, 0.2) };
    if (key === gm.keys.MISSING) return { kind: "back", ink: t.noData, ground: gm.blend(t.noData, t.land, 0.08) };
    if (!item) return t.land;
    return item.hatch ? { kind: "hatch", ink: item.colour, ground: gm.blend(item.colour, t.land, 0.3) } : gm.blend(item.colour, t.land, t.fill);
  };

  gm.fillStyle = (context, fill) => (typeof fill === "string" ? fill : gm.pattern(context, fill.kind, fill.ink, fill.ground));

  /* Which class a value is in: the last whose lower edge it reaches, so the upper edge falls into the last class. */
  gm.classOf = function (measure, value) {
    if (value === null || value === undefined) return -1;
    for (let i = measure.colours.length - 1; i > 0; i--) if (value >= measure.breaks[i]) return i;
    return measure.colours.length ? 0 : -1;
  };

  /* What a set of micro-grids (one, or those of one stack) is filled with: {kind: none|gap|class|yes|no, index}. */
  gm.fillOf = function (measure, indices) {
    if (!measure) return { kind: "plain" };
    const known = indices.map((i) => measure.values[i]).filter((v) => v !== null && v !== undefined);
    if (measure.kind === "yes_no") {
      if (!known.length) return { kind: "none" };
      return { kind: known.every(Boolean) ? "yes" : "no" };
    }
    if (measure.status) {
      if (indices.some((i) => measure.status[i] === "g")) return { kind: "gap" };
      if (indices.every((i) => measure.status[i] === "n")) return { kind: "none" };
    }
    if (!known.length) return { kind: "none" };
    const mean = known.reduce((a, b) => a + b, 0) / known.length;
    return { kind: "class", index: gm.classOf(measure, mean) };
  };

  gm.paint = function (context, fill, measure) {
    const t = gm.theme();
    switch (fill.kind) {
      case "gap": return gm.pattern(context, "hatch", t.gap, "rgba(240,150,80,0.30)");
      case "none": return gm.pattern(context, "back", t.noData, "rgba(150,160,155,0.08)");
      case "yes": return t.yes;
      case "no": return gm.pattern(context, "hatch", t.no, "rgba(160,120,190,0.25)");
      case "class": return measure.colours[fill.index];
      default: return "rgba(11,110,105,0.10)";
    }
  };
})(window.gridmap);
