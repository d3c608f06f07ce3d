/* Large layers in pieces: squares of the map are fetched when it comes to them, and the oldest are let go. */
(function (gm) {
  "use strict";

  const ZOOM = 15;   // a square is a tile of this zoom, about 1 km; farther out the layer is not drawn
  const KEPT = 60;   // squares that are remembered

  gm.Near = class {
    constructor(app, layer) {
      this.app = app;
      this.url = layer.url;
      this.squares = new Map(); // "x_y" -> features, or the promise of them
    }

    /* Fetch the squares in view that are missing; says whether the layer has changed. */
    async fetch(layer) {
      const { map } = this.app;
      if (map.getZoom() < ZOOM) return false;
      const missing = this.inView().filter((key) => !this.squares.has(key));
      if (!missing.length) return false;
      await Promise.all(missing.map((key) => this.one(key)));
      for (const key of this.squares.keys()) {
        if (this.squares.size <= KEPT) break;
        if (!this.inView().includes(key)) this.squares.delete(key);
      }
      // a thing on the edge of two squares comes with both: the first one counts
      const seen = new Set();
      layer.features = [...this.squares.values()].filter(Array.isArray).flat().filter((feature) => {
        const key = feature.props.code;
        if (key === undefined) return true;
        if (seen.has(key)) return false;
        return seen.add(key);
      });
      layer.features.forEach((feature, index) => { feature.index = index; });
      return true;
    }

    inView() {
      const size = Math.pow(2, ZOOM);
      const bounds = this.app.map.getBounds();
      const [left, top] = gm.toWorld(bounds.getWest(), bounds.getNorth());
      const [right, bottom] = gm.toWorld(bounds.getEast(), bounds.getSouth());
      const cell = (value) => Math.floor((value / 256) * size);
      const keys = [];
      for (let x = cell(left); x <= cell(right); x++) {
        for (let y = cell(top); y <= cell(bottom); y++) keys.push(`${x}_${y}`);
      }
      return keys;
    }

    async one(key) {
      const [x, y] = key.split("_").map(Number);
      const side = 256 / Math.pow(2, ZOOM);
      const north = gm.toLatLng(x * side, y * side), south = gm.toLatLng((x + 1) * side, (y + 1) * side);
      const box = [north.lng, south.lat, south.lng, north.lat].map((value) => value.toFixed(6)).join();
      this.squares.set(key, null);
      try {
        const data = await gm.fetchJson(`${this.url}?bbox=${box}`);
        this.squares.set(key, gm.features(data));
      } catch (problem) {
        this.squares.delete(key); // asked for again when the map moves
        this.app.say(gm.t(this.app, "load_failed"), problem);
      }
    }
  };
})(window.gridmap);
