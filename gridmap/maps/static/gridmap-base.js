/* A background map below a city's own layers, where the city sets one: pictures from our own server, moved to where the
   city lies when they are drawn in another datum. Without it the city's streets, water and buildings are the map. */
(function (gm) {
  "use strict";

  const EQUATOR_M = 40075016.686; // around the earth in Web Mercator, metres

  gm.Background = class {
    /* facts: {url, minzoom, maxzoom, attribution, shift: {east_m, north_m}}: how far the overlay would have to move. */
    constructor(app, facts) {
      this.app = app;
      this.facts = facts;
      this.pane = app.map.createPane("gm-base");
      this.layer = L.tileLayer(facts.url, {
        pane: "gm-base", minZoom: facts.minzoom, maxNativeZoom: facts.maxzoom, maxZoom: 22,
      });
      app.map.on("zoomend viewreset", () => this.place());
      this.show(true);
    }

    /* Places stay where they are; the pictures go the other way. */
    place() {
      const { shift } = this.facts, { map } = this.app;
      if (!shift) return;
      const metres = (EQUATOR_M * Math.cos((map.getCenter().lat * Math.PI) / 180)) / (256 * 2 ** map.getZoom()); // a pixel
      this.pane.style.transform = `translate(${(-shift.east_m / metres).toFixed(1)}px, ${(shift.north_m / metres).toFixed(1)}px)`;
    }

    show(on) {
      const { app } = this;
      this.on = on;
      if (on) this.layer.addTo(app.map);
      else this.layer.remove();
      this.place();
      app.tiles.overBackground(on);
    }
  };

  gm.VectorTiles.include({
    /* Over a background the city's own base map is left out and the colours let it through. */
    overBackground: function (on) {
      this.options.background = on;
      if (!this._map) return;
      this._map.getContainer().classList.toggle("gm-over-base", on);
      this.reload();
    },
  });
})(window.gridmap);
