/* The map as a picture of the server: the unit in view and its measure, as PNG for a card, as SVG for print. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const FILLS = 0.7; // a unit that takes so much of what is there to see in the view is what is looked at
  // what only the units above have, by what the micro-grids of a picture have
  const OF_MICRO_GRIDS = { within_band_share: "within_band", incidents_open: "incidents" };

  Object.assign(gm.CityPanel.prototype, {
    buildPicture() {
      const { app } = this;
      if (!app.config.picture) return;
      const box = h("div", { class: "gm-picture" });
      const fold = h("details", { class: "gm-fold gm-fold-picture" }, h("summary", null, gm.t(app, "picture.title")), box);
      this.tableFold.after(fold);
      const fill = () => { if (fold.open) fillPicture(app, box); };
      fold.addEventListener("toggle", fill);
      let soon = 0;
      this.pictureLater = () => { clearTimeout(soon); soon = setTimeout(fill, 150); };
      if (!app.pictureHeard) app.map.on("moveend", () => app.panel.pictureLater());
      app.pictureHeard = true;
    },
  });

  async function fillPicture(app, box) {
    const turn = (app.pictureTurn = (app.pictureTurn || 0) + 1);
    const { code, name, chosen } = await looked(app);
    if (turn !== app.pictureTurn) return;
    const state = new URLSearchParams();
    const measure = OF_MICRO_GRIDS[app.wantedName] || app.wantedName;
    if (code) state.set("within", code);
    if (measure && app.measure) state.set("measure", measure);
    if (chosen) state.set("chosen", chosen);
    if (app.dayNow) state.set("day", app.dayNow);
    const link = (form) => h("a", { class: "gm-button", href: `${app.config.picture}${form}?${state}`, download: `${name || "map"}.${form}` }, form.toUpperCase());
    box.replaceChildren(h("p", { class: "gm-quiet" }, [name || gm.t(app, "picture.all"), app.measure ? gm.title(app, app.measure) : gm.t(app, "no_measure")].join(" · ")),
      h("p", { class: "gm-picture-links" }, link("png"), " ", link("svg")));
  }

  /* The unit that the view shows: that of what is chosen, else the finest under the middle that fills the view. */
  async function looked(app) {
    const { map, tiles } = app;
    const chosen = app.selected && app.selectedAt === app.selected ? app.selected : "";
    if (chosen.length === 18) return { ...(await named(app, "grids", chosen.slice(0, 15))), chosen };
    if (chosen) return named(app, app.meant(chosen).layer, chosen);
    const view = map.getPixelBounds(), [w, s, e, n] = app.config.bounds;
    const there = L.bounds(map.project([n, w]), map.project([s, e]));
    const most = common(view, there.min.x, there.min.y, there.max.x, there.max.y);
    const levels = tiles.options.levels.map((item) => item.layer).filter((layer) => layer !== "micro_grids");
    for (const level of levels.reverse()) {
      if (!tiles.info.has(level) || !tiles.info.get(level).count) continue;
      const [id] = tiles.hit(level, map.getCenter());
      const [x, y, width, height] = (id && tiles.middles(level).get(id)) || [0, 0, 0, 0];
      if (!id || common(view, x - width / 2, y - height / 2, x + width / 2, y + height / 2) < FILLS * most) continue;
      const { codes } = await app.namesOf(level);
      return named(app, level, codes[id - 1]);
    }
    return { code: "", name: "" };
  }

  /* Ground that a box has in common with the view, square pixels. */
  function common({ min, max }, left, top, right, bottom) {
    return Math.max(0, Math.min(max.x, right) - Math.max(min.x, left)) * Math.max(0, Math.min(max.y, bottom) - Math.max(min.y, top));
  }

  async function named(app, level, code) {
    const { codes, names } = app.tiles.info.has(level) ? await app.namesOf(level) : { codes: [], names: [] };
    return { code, name: names[codes.indexOf(code)] || code };
  }
})(window.gridmap);
