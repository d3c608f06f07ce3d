/* Facilities, organizations and incidents as small glyphs; many in one place are one round number. */
(function (gm) {
  "use strict";

  const APART = 52;      // pixels between two glyphs, at least; nearer things are one number
  const ALONE_FROM = 18; // from this zoom on every thing stands for itself
  const SVG = "http://www.w3.org/2000/svg";

  // one drawing a circle of life, in a box of 24 by 24, drawn in white on a colour
  const GLYPHS = {
    care: "M12 18.5s-6-3.6-6-8a3.3 3.3 0 0 1 6-1.9A3.3 3.3 0 0 1 18 10.5c0 4.4-6 8-6 8z",
    learning: "M12 6 4.5 9.5 12 13l7.500-3.500zM8 12.300V15.500c1 1.200 6.800 1.200 8 0V12.300L12 14.200z",
    health: "M10.300 6.500h3.400v3.800h3.800v3.400h-3.800v3.800h-3.400v-3.800H6.500v-3.400h3.800z",
    daily: "M7 9.500h10l-.8 8H7.800zM9.300 9V8a2.700 2.700 0 0 1 5.400 0v1h-1.300V8a1.400 1.400 0 0 0-2.800 0v1z",
    safety: "M12 5.500 6.500 7.500V12c0 3.300 2.400 5.600 5.500 6.700 3.100-1.100 5.500-3.400 5.500-6.700V7.500z",
    gathering: "M12 6 5.500 11.500H7.300V17.500h3.400V13.500h2.600v4h3.400v-6h1.800z",
    transport: "M7.500 6h9A1.500 1.500 0 0 1 18 7.500V15.500h-1v2h-2v-2H9v2H7v-2H6V7.500A1.500 1.500 0 0 1 7.500 6zM8 8v3.500h8V8z",
    organizations: "M9 7a2.200 2.200 0 1 1 0 4.400A2.200 2.200 0 0 1 9 7zm6 0a2.200 2.200 0 1 1 0 4.400A2.200 2.200 0 0 1 15 7zM5 17c0-2.600 1.800-4.400 4-4.400s4 1.800 4 4.400zm9 0c0-1.600-.5-3-1.300-4 .6-.3 1.400-.4 2.300-.4 2.200 0 4 1.800 4 4.400z",
    incidents: "M11 6.500h2l-.3 6.500h-1.400zM12 14.800a1.300 1.300 0 1 1 0 2.600 1.300 1.300 0 0 1 0-2.600z",
    other: "M12 8.500a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7z",
  };

  gm.glyph = function (layer, group, state) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("class", `gm-glyph gm-glyph-${layer} gm-group-${GLYPHS[group] ? group : "other"} ${state || ""}`);
    svg.setAttribute("aria-hidden", "true");
    const ground = document.createElementNS(SVG, layer === "organizations" ? "rect" : "circle");
    const facts = layer === "organizations" ? { x: 2, y: 2, width: 20, height: 20, rx: 5 } : { cx: 12, cy: 12, r: 10.5 };
    Object.entries(facts).forEach(([name, value]) => ground.setAttribute(name, value));
    ground.setAttribute("class", "gm-glyph-ground");
    const mark = document.createElementNS(SVG, "path");
    mark.setAttribute("d", GLYPHS[layer === "facilities" ? group : layer] || GLYPHS.other);
    mark.setAttribute("class", "gm-glyph-mark");
    svg.append(ground, mark);
    return svg;
  };

  gm.openIncident = (props) => !props.closed_at && !["closed", "archived", "rejected"].includes(props.status);

  gm.pointFacts = function (app, layer, props) {
    if (layer === "incidents") {
      return { name: gm.kindTitle(app, props.category), kind: gm.kindTitle(app, props.category), group: "incidents",
               state: gm.openIncident(props) ? "gm-open" : "gm-closed" };
    }
    const kind = (app.config.kinds || {})[props.kind] || {};
    return { name: props.name || "", kind: gm.kindTitle(app, props.kind), group: kind.group || "other", state: "" };
  };

  gm.Points = L.Layer.extend({
    initialize: function (app, names) {
      this._app = app;
      this._names = names;
      this.places = []; // [x, y, half its size in pixels] of every glyph on the map
      this._markers = L.layerGroup();
    },

    onAdd: function (map) {
      this._markers.addTo(map);
      map.on("moveend", this._moved, this);
      this.redraw();
    },

    onRemove: function (map) {
      map.off("moveend", this._moved, this);
      this._markers.remove();
    },

    _moved: function () {
      if (!this._app.wordsLater) this.redraw(); // a page of tiles does so when they are painted
    },

    redraw: function () {
      const map = this._map;
      if (!map) return;
      this._markers.clearLayers();
      this.places = [];
      const zoom = map.getZoom(), k = Math.pow(2, zoom);
      const bounds = map.getPixelBounds();
      const apart = zoom >= ALONE_FROM ? 0 : APART;
      const groups = [];
      const cells = new Map(); // which groups began in a cell as wide as they are apart
      for (const name of this._names) {
        for (const feature of this._shown(name)) {
          const [x, y] = gm.labelPoint(feature);
          const px = x * k, py = y * k;
          if (px < bounds.min.x - 40 || py < bounds.min.y - 40 || px > bounds.max.x + 40 || py > bounds.max.y + 40) continue;
          const column = Math.floor(px / APART), row = Math.floor(py / APART);
          let group = null;
          for (let i = column - 1; apart && !group && i <= column + 1; i++) {
            for (let j = row - 1; !group && j <= row + 1; j++) {
              group = (cells.get(`${i}_${j}`) || []).find((g) => Math.hypot(g.px - px, g.py - py) < apart);
            }
          }
          if (group) {
            group.things.push({ name, feature, x, y });
            continue;
          }
          group = { px, py, things: [{ name, feature, x, y }] };
          groups.push(group);
          const key = `${column}_${row}`;
          cells.set(key, [...(cells.get(key) || []), group]);
        }
      }
      for (const { things } of groups) this._markers.addLayer(things.length > 1 ? this._cluster(things) : this._one(things[0]));
    },

    /* What of a layer is shown: all where it is switched on; else, with a measure of coverage, the facilities of its kind. */
    _shown: function (name) {
      const layer = this._app.layers[name], measure = this._app.measure;
      if (!layer) return [];
      if (layer.shown) return layer.features;
      if (name !== "facilities" || !measure || measure.kind !== "coverage") return [];
      return layer.features.filter((feature) => `coverage:${feature.props.kind}` === measure.name);
    },

    _one: function ({ name, feature, x, y }) {
      this.places.push([x, y, 14]);
      const facts = gm.pointFacts(this._app, name, feature.props);
      const icon = L.divIcon({ html: gm.glyph(name, facts.group, facts.state), className: "gm-point", iconSize: [28, 28] });
      const marker = L.marker(gm.toLatLng(x, y), { icon, keyboard: true, title: facts.name || facts.kind, alt: facts.name || facts.kind });
      return marker.on("click", () => this._app.showThing(name, feature));
    },

    _cluster: function (things) {
      const size = things.length > 99 ? 40 : things.length > 9 ? 34 : 28;
      const bubble = gm.h("span", { class: "gm-cluster-number" }, String(things.length));
      const icon = L.divIcon({ html: bubble, className: "gm-cluster", iconSize: [size, size] });
      const title = gm.t(this._app, "cluster", { n: things.length });
      const { x, y } = things[0]; // where the first one stands, so that no two numbers touch
      this.places.push([x, y, size / 2]);
      const marker = L.marker(gm.toLatLng(x, y), { icon, keyboard: true, title, alt: title });
      return marker.on("click", () => {
        const map = this._app.map;
        const bounds = L.latLngBounds(things.map((p) => gm.toLatLng(p.x, p.y)));
        map.flyToBounds(bounds.pad(0.3), { maxZoom: ALONE_FROM, duration: 0.4 });
      });
    },
  });
})(window.gridmap);
