/* Vector tiles in the browser: asked for once, unpacked by workers, kept while there is room, shared by all who draw. */
(function (gm) {
  "use strict";

  const ROOM = 10e6; // bytes of unpacked geometry that are kept beyond what is on the screen

  /* One store an address and worker: several layers on one map share it. */
  const stores = new Map();
  gm.tileStore = function (address, worker) {
    const key = `${address} ${worker}`;
    if (!stores.has(key)) stores.set(key, new TileStore(address, worker));
    return stores.get(key);
  };

  class TileStore {
    constructor(address, worker) {
      this.address = address;        // ends in "/", holds the version
      this.tiles = new Map();        // "layer/z/x/y" -> {state: "asked"|"here"|"none"|"failed", layer, used}
      this.waiting = new Map();      // request key -> {keys, done: [functions]}
      this.clock = 0;
      this.size = 0;
      this.count = { requests: 0, failed: 0, gone: 0 };
      this.onGone = null;            // called when the version is no longer current
      this.forgets = new Set();      // called with the keys of tiles that are no longer kept
      const many = Math.max(1, Math.min(2, (navigator.hardwareConcurrency || 2) - 1));
      this.workers = Array.from({ length: many }, () => {
        const made = new Worker(worker);
        made.onmessage = ({ data }) => this.arrived(data);
        made.onerror = (problem) => { problem.preventDefault(); this.broken(problem); };
        return made;
      });
    }

    get(layer, z, x, y) {
      const found = this.tiles.get(`${layer}/${z}/${x}/${y}`);
      if (found) found.used = ++this.clock;
      return found;
    }

    /* Ask for layers of one tile; `done` is called when all of them are there (or cannot be had). Gives a function
       that takes the wish back: what nobody waits for any more is not fetched to its end. */
    want(layers, z, x, y, done) {
      const place = `${z}/${x}/${y}`;
      const missing = layers.filter((layer) => !this.tiles.has(`${layer}/${place}`));
      if (missing.length) this.ask(missing, place);
      const open = new Set(layers.map((layer) => this.tiles.get(`${layer}/${place}`).request).filter(Boolean));
      let left = open.size;
      if (!left) {
        done();
        return () => {};
      }
      const one = () => { if (--left === 0) done(); };
      open.forEach((request) => this.waiting.get(request).done.add(one));
      return () => open.forEach((key) => {
        const request = this.waiting.get(key);
        if (!request || !request.done.delete(one) || request.done.size) return;
        request.worker.postMessage({ drop: key });
      });
    }

    ask(layers, place) {
      const request = `${layers.join()}/${place}`;
      layers.forEach((layer) => this.tiles.set(`${layer}/${place}`, { state: "asked", request, used: ++this.clock }));
      this.count.requests += 1;
      const worker = this.workers[this.count.requests % this.workers.length];
      const before = this.waiting.get(request);
      this.waiting.set(request, { layers, place, worker, done: before ? before.done : new Set() });
      worker.postMessage({ key: request, url: new URL(`${this.address}${request}.pbf`, location.href).href });
    }

    /* From now on at another address, where tiles of the layers named are others; those of all else are kept. */
    move(address, names) {
      if (address === this.address) return;
      this.address = address;
      const gone = [...this.tiles].filter(([key, tile]) => !tile.request && names.includes(key.slice(0, key.indexOf("/"))));
      for (const [key, tile] of gone) {
        this.size -= tile.bytes;
        this.tiles.delete(key);
      }
      this.forgets.forEach((call) => call(gone.map(([key]) => key)));
      this.waiting.forEach((request, key) => { request.old = true; request.worker.postMessage({ drop: key }); });
    }

    arrived({ key, status, layers }) {
      const request = this.waiting.get(key);
      if (!request) return;
      if (request.old) status = -1; // of the address before
      if (status === -1 && request.done.size) return this.ask(request.layers, request.place); // wanted again meanwhile
      this.waiting.delete(key);
      const came = new Map(layers.map((layer) => [layer.name, layer]));
      for (const name of request.layers) {
        const place = `${name}/${request.place}`;
        if (status === 200 || status === 204) {
          const layer = came.get(name) || null;
          const bytes = layer ? layer.xy.byteLength + layer.rings.byteLength + layer.ids.byteLength * 5 : 0;
          this.tiles.set(place, { state: layer ? "here" : "none", layer, bytes, used: ++this.clock });
          this.size += bytes;
        } else if (status === 403) {
          this.tiles.set(place, { state: "none", layer: null, bytes: 0, used: ++this.clock });
        } else {
          this.tiles.delete(place); // asked for again when the map comes back to it
        }
      }
      if (status === 404) {
        this.count.gone += 1;
        if (this.onGone) this.onGone();
      } else if (status === 0 || status === -2 || status >= 500) this.count.failed += 1;
      request.done.forEach((call) => call());
      if (this.size > ROOM) this.tidy();
      return undefined;
    }

    tidy() {
      const here = [...this.tiles].filter(([, tile]) => !tile.request).sort((a, b) => a[1].used - b[1].used);
      const gone = [];
      for (const [key, tile] of here) {
        if (this.size < ROOM * 0.75 || tile.used > this.clock - 64) break;
        this.size -= tile.bytes;
        this.tiles.delete(key);
        gone.push(key);
      }
      this.forgets.forEach((call) => call(gone));
    }

    broken(problem) {
      this.count.failed += 1;
      console.warn(`the worker that unpacks tiles stopped: ${problem.message || "it could not be loaded"}`);
      [...this.waiting.keys()].forEach((key) => this.arrived({ key, status: 0, layers: [] }));
    }
  }
})(window.gridmap);
