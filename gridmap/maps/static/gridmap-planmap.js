/* The map of a plan that is edited: ground, cells coloured by their micro-grid, what is chosen, what a move would make. */
(function (gm) {
  "use strict";
  const TINTS = ["#f6e3c5", "#d8e8d3", "#d5e3f0", "#f1d6d6", "#e6dbee", "#f3efc4", "#d3ece9"];
  const TINTS_DARK = ["#4a3f2a", "#2f4433", "#2b3d4f", "#4b3535", "#41364d", "#47432a", "#2b4643"];
  const dark = () => window.matchMedia("(prefers-color-scheme: dark)").matches;

  gm.PlanMap = class {
    constructor(map) {
      this.map = map;
      this.cells = new Map();     // code -> feature, with .shape (Leaflet) and .zone
      this.buildings = [];
      this.areas = [];            // micro-grids as they are
      this.chosen = new Set();
      this.back = L.canvas({ padding: 0.3 });
      const pane = (name, z) => { map.createPane(name).style.zIndex = z; map.getPane(name).style.pointerEvents = "none"; };
      [["gm-ground", 390], ["gm-cells", 392], ["gm-built", 394], ["gm-lines", 396], ["gm-chosen", 420], ["gm-preview", 425], ["gm-numbers", 430]]
        .forEach(([name, z]) => pane(name, z));
      this.numbers = L.layerGroup().addTo(map);
      this.outlines = L.layerGroup().addTo(map);
      this.previewed = L.layerGroup().addTo(map);
      this.hands = new Map();     // renderer of each pane
    }

    renderer(pane) {
      if (!this.hands.has(pane)) this.hands.set(pane, L.canvas({ pane, padding: 0.3 }));
      return this.hands.get(pane);
    }

    shape(feature, pane, style) {
      const made = feature.kind === 2 ? L.polygon : L.polyline;
      return made(gm.latLngs(feature), { pane, renderer: this.renderer(pane), interactive: false, ...style });
    }

    load(told, padding) {
      const t = gm.theme();
      this.map.getContainer().style.background = t.outside;
      const ground = (name, style) => told[name] && gm.features(told[name]).forEach((f) => {
        if (f.kind !== 0) this.shape(f, "gm-ground", style(f)).addTo(this.map);
      });
      const cells = gm.features(told.cells);
      cells.forEach((feature) => {
        feature.shape = this.shape(feature, "gm-cells", { stroke: true, color: t.line, weight: 0.4, opacity: 0.35, fillOpacity: 0.85 }).addTo(this.map);
        this.cells.set(feature.props.code, feature);
      });
      ground("green", () => ({ stroke: false, fillColor: t.green, fillOpacity: 1 }));
      ground("water", (f) => (f.kind === 2 ? { stroke: false, fillColor: t.water, fillOpacity: 1 } : { color: t.water, weight: 3 }));
      if (told.roads) {
        const roads = gm.features(told.roads).filter((f) => f.kind === 1);
        roads.forEach((f) => this.shape(f, "gm-built", { color: t.road, weight: 2, opacity: 0.9 }).addTo(this.map));
      }
      if (told.barriers) gm.features(told.barriers).filter((f) => f.kind === 1)
        .forEach((f) => this.shape(f, "gm-lines", { color: t.wall, weight: 1.6, dashArray: "2 4" }).addTo(this.map));
      this.buildings = gm.features(told.buildings).filter((f) => f.kind === 2);
      this.buildings.forEach((f) => this.shape(f, "gm-built", {
        color: t.buildingEdge, weight: 0.7, fillColor: f.props.households > 0 ? t.building : t.outside, fillOpacity: 0.95,
      }).addTo(this.map));
      this.map.fitBounds(gm.boundsOf(gm.boxOf(cells)), { animate: false, ...padding });
      this.map.on("zoomend moveend", () => this.number());
      this.show(told.state);
    }

    /* The plan as the server says that it is. */
    show(state) {
      const tints = dark() ? TINTS_DARK : TINTS;
      for (const [code, feature] of this.cells) {
        const zone = state.zones[code] || "";
        if (feature.zone === zone) continue;
        feature.zone = zone;
        feature.shape.setStyle({ fillColor: tints[(Number(zone.slice(-3)) * 5 + Number(zone.slice(12, 15)) * 2) % tints.length] || tints[0] });
      }
      const t = gm.theme();
      this.outlines.clearLayers();
      this.areas = gm.features(state.areas);
      const changed = new Set(state.changed);
      this.areas.forEach((f) => {
        const out = !f.props.within_band && f.props.households > 0;
        this.shape(f, "gm-lines", {
          fill: false, color: out ? t.gap : t.line, weight: changed.has(f.props.code) || f.props.locked ? 3 : out ? 2.2 : 1.4, opacity: 0.9,
          dashArray: f.props.locked ? "6 4" : null,
        }).addTo(this.outlines);
      });
      this.number();
    }

    /* Number and households of the micro-grids in view, where there is room. */
    number() {
      this.numbers.clearLayers();
      const view = this.map.getBounds();
      const scale = 2 ** this.map.getZoom();
      for (const feature of this.areas) {
        const [x, y] = gm.labelPoint(feature);
        const at = gm.toLatLng(x, y);
        const wide = (feature.box[2] - feature.box[0]) * scale;
        if (wide < 46 || !view.contains(at)) continue;
        const label = document.createElement("span");
        const code = document.createElement("b");
        code.textContent = feature.props.code.slice(-3);
        label.append(code, ` ${feature.props.households}`);
        L.marker(at, { pane: "gm-numbers", interactive: false, keyboard: false, icon: L.divIcon({ className: "gm-plan-number", html: label, iconSize: [64, 18] }) }).addTo(this.numbers);
      }
    }

    at(latlng) {
      const [x, y] = gm.toWorld(latlng.lng, latlng.lat);
      return gm.hits([...this.cells.values()], x, y)[0] || null;
    }

    buildingAt(latlng) {
      const [x, y] = gm.toWorld(latlng.lng, latlng.lat);
      return gm.hits(this.buildings, x, y)[0] || null;
    }

    cellsWhere(test) {
      return [...this.cells.values()].filter(test).map((f) => f.props.code);
    }

    /* Cells whose middle lies within a ring drawn by hand. */
    within(latlngs) {
      const ring = new Float64Array(latlngs.length * 2 + 2);
      [...latlngs, latlngs[0]].forEach((p, i) => {
        [ring[2 * i], ring[2 * i + 1]] = gm.toWorld(p.lng, p.lat);
      });
      const drawn = { kind: 2, rings: [ring], box: [-Infinity, -Infinity, Infinity, Infinity] };
      return this.cellsWhere((f) => gm.inside(drawn, ...gm.labelPoint(f)));
    }

    choose(codes) {
      this.chosen = new Set(codes);
      const t = gm.theme();
      for (const [code, feature] of this.cells) {
        const on = this.chosen.has(code);
        if (on === Boolean(feature.mark)) continue;
        if (on) feature.mark = this.shape(feature, "gm-chosen", { color: t.accent, weight: 2.5, fillColor: t.accent, fillOpacity: 0.35 }).addTo(this.map);
        else { feature.mark.remove(); feature.mark = null; }
      }
    }

    preview(areas) {
      this.previewed.clearLayers();
      if (!areas) return;
      const t = gm.theme();
      gm.features(areas).forEach((f) => {
        this.shape(f, "gm-preview", { fill: false, color: t.halo, weight: 7, opacity: 0.9 }).addTo(this.previewed);
        this.shape(f, "gm-preview", { fill: false, color: t.accent, weight: 3.5, dashArray: "8 5" }).addTo(this.previewed);
      });
    }

    /* Draw a ring with the pointer; calls `done` with its places. */
    lasso(done) {
      const { map } = this, box = map.getContainer();
      map.dragging.disable();
      box.classList.add("gm-lasso");
      let ring = null, line = null;
      const end = () => {
        map.dragging.enable();
        box.classList.remove("gm-lasso");
        ["pointerdown", "pointermove", "pointerup", "pointercancel"].forEach((name, i) => box.removeEventListener(name, hands[i], true));
        if (line) line.remove();
      };
      const place = (event) => map.mouseEventToLatLng(event);
      const hands = [
        (event) => { if (event.target.closest(".gm-app")) return; ring = [place(event)]; line = L.polyline(ring, { pane: "gm-preview", color: gm.theme().accent, weight: 2, interactive: false }).addTo(map); event.preventDefault(); },
        (event) => { if (ring) { ring.push(place(event)); line.setLatLngs(ring); } },
        () => { if (!ring) return; const drawn = ring; end(); done(drawn.length > 2 ? drawn : []); },
        () => { end(); done([]); },
      ];
      ["pointerdown", "pointermove", "pointerup", "pointercancel"].forEach((name, i) => box.addEventListener(name, hands[i], true));
      return end;
    }
  };
})(window.gridmap);
