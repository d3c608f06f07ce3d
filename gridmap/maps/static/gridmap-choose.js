/* Choosing many things for a plan: a press or a ring drawn around them; nothing is dragged, everything can be taken back.

   Whoever changes the plan listens to `gridmap:selection` on the page ({layer, ids, codes}) and answers with
   `gridmap.app.tiles.preview(layer, {id: colour})`: the zones that the chosen would join. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const LISTED = 60;

  gm.Chooser = class {
    constructor(app) {
      this.app = app;
      this.end = null;
      app.tiles.on("selection", () => { if (this.end) this.told(); });
    }

    get on() {
      return Boolean(this.end);
    }

    /* What is chosen at this zoom: buildings where they are drawn, else the units that are coloured. */
    get layer() {
      const { app } = this;
      return app.map.getZoom() >= 16 && app.tiles.info.has("buildings") && app.tiles.shown.has("buildings") ? "buildings" : app.level;
    }

    toggle() {
      if (this.end) this.stop();
      else this.start();
    }

    start() {
      const { app } = this;
      app.close();
      app.tip.hidden = true;
      app.tiles.hover(null, []);
      this.chosen = this.layer;
      this.end = app.tiles.lasso(this.chosen);
      this.again = () => { if (this.layer !== this.chosen) { this.end(); this.chosen = this.layer; this.end = app.tiles.lasso(this.chosen); this.told(); } };
      app.map.on("zoomend", this.again);
      this.told();
    }

    stop() {
      const { app } = this;
      app.map.off("zoomend", this.again);
      const end = this.end;
      this.end = null; // first, so that what closes now finds nothing to stop
      end();
      app.tools.querySelector(".gm-tool-choose").setAttribute("aria-pressed", "false");
      app.tiles.preview(null, null);
      app.close();
    }

    /* The card says what is chosen, and the page is told. */
    async told() {
      const { app } = this;
      const turn = (this.turn = (this.turn || 0) + 1);
      const layer = this.chosen, selection = app.tiles.selection();
      const ids = selection.layer === layer ? selection.ids : [];
      const named = ids.length ? await app.namesOf(layer) : { codes: [], names: [] };
      if (turn !== this.turn || !this.end) return;
      const codes = ids.map((id) => named.codes[id - 1]);
      const rows = ids.slice(0, LISTED).map((id) => h("li", { class: "gm-row" },
        h("span", null, app.nameOf(layer, id), h("small", null, named.codes[id - 1] || "")),
        h("button", { type: "button", class: "gm-button", "aria-label": gm.t(app, "leave_out"), onclick: () => app.tiles.select(layer, [id], "toggle") }, "×")));
      const button = (key, press, off) => h("button", { type: "button", class: "gm-button", disabled: off, onclick: press }, gm.t(app, key));
      app.show(gm.t(app, "chosen", { n: gm.number(app, ids.length), layer: gm.layerTitle(app, layer) }), h("div", { class: "gm-card-body" },
        h("p", { class: "gm-quiet" }, gm.t(app, "how_to_choose")),
        h("p", { class: "gm-actions" }, button("undo", () => app.tiles.undo(), !app.tiles.overlay.past.length), " ",
          button("clear", () => app.tiles.select(layer, []), !ids.length), " ", button("done", () => this.stop())),
        h("ul", { class: "gm-list" }, rows), ids.length > LISTED ? h("p", { class: "gm-quiet" }, gm.t(app, "and_more", { n: gm.number(app, ids.length - LISTED) })) : null));
      app.root.dispatchEvent(new CustomEvent("gridmap:selection", { bubbles: true, detail: { layer, ids, codes } }));
    }
  };
})(window.gridmap);
