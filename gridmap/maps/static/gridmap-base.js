/* A background map below a city's own layers, where the city sets one: pictures from our own server, moved to where the
   city lies when they are drawn in another datum. Without it the city's streets, water and buildings are the map. */
(function (gm) {
  "use strict";

  const EQUATOR_M = 40075016.686; // around the earth in Web Mercator, metres

  /* Pictures whose pane is moved: what comes into view is what lies as far off the other way. */
  const MovedTiles = L.TileLayer.extend({
    _getTiledPixelBounds: function (center) {
      const { min, max } = L.TileLayer.prototype._getTiledPixelBounds.call(this, center);
      const move = this.options.moved();
      return L.bounds(min.subtract(move), max.subtract(move));
    },
  });

  gm.Background = class {
    /* facts: {url, minzoom, maxzoom, attribution, shift: {east_m, north_m}}: how far the overlay would have to move. */
    constructor(app, facts) {
      this.app = app;
      this.facts = facts;
      this.pane = app.map.createPane("gm-base");
      this.layer = new MovedTiles(facts.url, {
        moved: () => this.move(), pane: "gm-base", minZoom: facts.minzoom, maxNativeZoom: facts.maxzoom, maxZoom: 22,
      });
      this.layer.on("tileload", () => { this.came = true; });
      this.layer.on("tileerror", () => this.lost());
      app.map.on("zoomend viewreset", () => this.place());
      this.show(true);
    }

    /* How far the pictures go, in pixels: places stay where they are. The shift is in metres of the projection. */
    move() {
      const { shift } = this.facts;
      if (!shift) return L.point(0, 0);
      const metres = EQUATOR_M / (256 * 2 ** this.app.map.getZoom()); // a pixel
      return L.point(-shift.east_m / metres, shift.north_m / metres);
    }

    place() {
      const { x, y } = this.move();
      this.pane.style.transform = this.facts.shift ? `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)` : "";
    }

    /* No picture came: the city's own map is drawn again, and one sentence says why. A press on the box tries again. */
    lost() {
      const { app } = this;
      if (!this.on || this.came || this.away) return;
      this.away = true;
      this.show(false);
      if (app.root.dataset.loaded) app.panel.drawLayers();
      app.say(gm.t(app, "background_away"));
    }

    show(on) {
      const { app } = this;
      this.on = on;
      if (on) this.away = this.came = false;
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
