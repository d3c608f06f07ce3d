/* Tools of Leaflet that Folium offers, off until somebody wants one: its script comes from our own server only then. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const HEAT = { 0.2: "#fde0b2", 0.5: "#f39b4a", 0.8: "#c4511c", 1: "#7f1d0b" }; // one hue: read without colours too

  /* name -> what it puts on the map: {on(), off()} */
  const TOOLS = {
    fullscreen: (app) => {
      const control = L.control.fullscreen({ position: "topright", title: gm.t(app, "tool.fullscreen"), titleCancel: gm.t(app, "close"), forceSeparateButton: true });
      return { on: () => control.addTo(app.map), off: () => control.remove() };
    },
    mouse_position: (app) => {
      const control = L.control.mousePosition({ position: "bottomright", separator: ", ", numDigits: 5, lngFirst: true, emptyString: "–" });
      return { on: () => control.addTo(app.map), off: () => control.remove() };
    },
    mini_map: (app) => {
      const { tiles } = app;
      const layers = tiles.options.layers.filter((layer) => ["districts", "streets", "communities", "water", "roads"].includes(layer.name));
      const small = new gm.VectorTiles({ ...tiles.options, layers, points: [], keyboard: false });
      const control = new L.Control.MiniMap(small, { position: "bottomright", width: 168, height: 128, zoomLevelOffset: -4, zoomAnimation: false, aimingRectOptions: { color: gm.theme().accent, weight: 1.5 } });
      return { on: () => control.addTo(app.map), off: () => control.remove() };
    },
    heat: (app) => {
      let layer = null;
      const draw = () => {
        const k = 2 ** app.map.getZoom();
        // far out a group is a sum that names no thing
        const own = ({ things, count }) => (things.length ? things.filter((thing) => thing.name === "incidents").length : count);
        const points = (app.points.groups || []).filter(own).map((group) => {
          const { lat, lng } = gm.toLatLng(group.px / k, group.py / k);
          return [lat, lng, own(group)];
        });
        const most = points.reduce((a, b) => Math.max(a, b[2]), 1);
        if (layer) layer.remove();
        layer = L.heatLayer(points, { radius: 32, blur: 24, max: most, minOpacity: 0.25, gradient: HEAT }).addTo(app.map);
      };
      return {
        on: () => {
          app.points.onPlaced = draw;
          app.map.getContainer().classList.add("gm-heat");
          if (app.layers.incidents.shown) app.points.redraw();
          else { app.showLayer("incidents", true); app.panel.drawLayers(); }
        },
        off: () => {
          app.points.onPlaced = null;
          app.map.getContainer().classList.remove("gm-heat");
          if (layer) layer.remove();
          layer = null;
        },
      };
    },
    draw: (app) => {
      const drawn = L.featureGroup();
      const control = new L.Control.Draw({ position: "topright", edit: { featureGroup: drawn }, draw: { circlemarker: false, circle: false } });
      const keep = ({ layer }) => drawn.addLayer(layer);
      return {
        on: () => { drawn.addTo(app.map); control.addTo(app.map); app.map.on("draw:created", keep); },
        off: () => { app.map.off("draw:created", keep); control.remove(); drawn.remove(); },
      };
    },
  };

  Object.assign(gm.CityPanel.prototype, {
    buildTools() {
      const { app } = this;
      const offered = (app.config.tools || []).filter((tool) => tool.name !== "heat" || app.tiles.info.has("incidents"));
      if (!offered.length) return;
      const rows = offered.map((tool) => {
        const box = h("input", { type: "checkbox", "data-tool": tool.name, onchange: () => turn(app, tool, box) });
        return h("label", { class: `gm-check gm-check-${tool.name}` }, box, h("span", null, gm.t(app, `tool.${tool.name}`)));
      });
      this.tableFold.after(h("details", { class: "gm-fold gm-fold-tools" }, h("summary", null, gm.t(app, "tools")), h("div", { class: "gm-layer-list" }, rows)));
    },
  });

  async function turn(app, tool, box) {
    app.used = app.used || new Map();
    try {
      if (!app.used.has(tool.name)) {
        await Promise.all([...tool.css.map(style), ...tool.js.map(script)]);
        if (!app.used.has(tool.name)) app.used.set(tool.name, TOOLS[tool.name](app));
      }
      const made = app.used.get(tool.name);
      if (box.checked !== Boolean(made.shown)) {
        if (box.checked) made.on();
        else made.off();
      }
      made.shown = box.checked;
    } catch (problem) {
      box.checked = false;
      app.say(gm.t(app, "load_failed"), problem);
    }
  }

  const once = new Map();
  const load = (address, make) => {
    if (!once.has(address)) once.set(address, new Promise((resolve, reject) => {
      const element = make();
      element.onload = resolve;
      element.onerror = () => { once.delete(address); reject(new Error(address)); };
      document.head.append(element);
    }));
    return once.get(address);
  };
  const script = (address) => load(address, () => {
    const own = document.querySelector("script[nonce]");
    return Object.assign(document.createElement("script"), { src: address, nonce: own ? own.nonce : "" });
  });
  const style = (address) => load(address, () => Object.assign(document.createElement("link"), { rel: "stylesheet", href: address }));
})(window.gridmap);
