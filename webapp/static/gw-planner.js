/* What all pages of a planner do with the map: its panel is ours, its legend stands in ours, rows lead to places. */
(() => {
  "use strict";
  const gm = window.gridmap, app = gm.app, panel = document.querySelector("[data-panel]");
  if (!app || !panel) return;

  /* The map's own panel is hidden: what hides the map is ours. */
  Object.defineProperty(app, "padding", {
    get: () => (app.narrow ? [L.point(12, 12), L.point(12, 12)]
      : [L.point(panel.getBoundingClientRect().right + 24, 24), L.point(app.card.hidden ? 24 : 404, 24)]),
  });
  /* An outline can be many times as large as what is built: the map begins where people live. */
  function home() {
    if (!panel.dataset.lived) return app.home(false);
    const [w, s, e, n] = panel.dataset.lived.split(",").map(Number);
    return app.fit(L.latLngBounds([s, w], [n, e]), false, 18);
  }
  app.map.invalidateSize({ animate: false, pan: false });
  app.ready.then(() => {
    if (!app.wanted.view) home();
    const gaps = panel.querySelector("[data-gaps-shown]");
    if (gaps) {
      gaps.closest("label").hidden = !app.layers.gaps;
      gaps.addEventListener("change", () => app.showLayer("gaps", gaps.checked));
      if (gaps.checked && app.layers.gaps) app.showLayer("gaps", true);
    }
  });
  const legend = panel.querySelector("[data-legend]");
  if (legend && app.panel.legend) legend.append(app.panel.legend);

  /* A unit of any level; a map of whole layers has cards for micro-grids alone, and shows where the others lie. */
  const LEVELS = { 6: "districts", 9: "streets", 12: "communities", 15: "grids" };
  function select(code) {
    const layer = app.layers[LEVELS[code.length]];
    const found = !app.open && layer ? layer.features.find((feature) => feature.props.code === code) : null;
    if (found) app.fit(gm.boundsOf(found.box), true, 18);
    else app.select(code, true);
  }

  let here = null; // the ring around the place that was asked for
  panel.addEventListener("click", (event) => {
    const go = event.target.closest("[data-go]"), unit = event.target.closest("[data-unit-code]");
    if (go) {
      const [lat, lon] = go.dataset.go.split(",").map(Number);
      if (here) here.remove();
      here = L.marker([lat, lon], { icon: L.divIcon({ className: "gp-here", html: gm.h("span"), iconSize: [44, 44] }), interactive: false, keyboard: false }).addTo(app.map);
      app.fit(L.latLng(lat, lon).toBounds(600), false, 17);
    }
    if (unit) select(unit.dataset.unitCode);
  });
  panel.addEventListener("change", (event) => { if (event.target.matches("[data-submit]")) event.target.form.submit(); });
})();
