/* The painters of a layer of vector tiles: gives each a share of the jobs and the geometry it does not have yet. */
(function (gm) {
  "use strict";

  const able = () => typeof OffscreenCanvas === "function" && typeof ImageBitmapRenderingContext === "function";

  let open = 0;
  gm.busy = false; // a hand is on the map
  gm.painting = () => open; // sheets that somebody waits for

  gm.Painters = class {
    /* `source`: address of the painter's script; rules and groups as the layer has them. */
    constructor(source, rules, groups) {
      this.begin = [{ what: "rules", rules, groups }];
      this.told = new Map(); // what all painters know: kind and name -> message
      this.jobs = new Map(); // id -> {make, done, painter}
      this.came = []; // pictures that are not laid yet
      this.paced = false; // one has been laid in this frame
      this.last = 0;
      this.spent = 0; // milliseconds that painters have worked
      const many = able() ? Math.max(1, Math.min(2, (navigator.hardwareConcurrency || 2) - 1)) : 0;
      this.all = Array.from({ length: many }, () => this.worker(source));
      if (!many) this.here();
    }

    worker(source) {
      const made = new Worker(source);
      const painter = { hear: (message) => made.postMessage(message), has: new Set(), waiting: 0, end: () => made.terminate() };
      made.onmessage = ({ data }) => this.heard(data);
      made.onerror = (problem) => {
        problem.preventDefault();
        console.warn(`the painter of tiles stopped: ${problem.message || "it could not be loaded"}`);
        this.here();
      };
      this.begin.forEach(painter.hear);
      return painter;
    }

    /* Paint on the page: slower under a hand, and the same picture. */
    here() {
      (this.all || []).forEach((painter) => painter.end());
      const made = new gm.Painter((answer) => this.heard(answer));
      const painter = { hear: (message) => made.hear(message), has: new Set(), waiting: 0, end: () => {} };
      this.all = [painter];
      [...this.begin, ...this.told.values()].forEach(painter.hear);
      this.jobs.forEach((job, id) => this.give(id, job, painter));
    }

    tell(kind, name, message) {
      this.told.set(`${kind} ${name}`, { what: kind, ...message });
      this.all.forEach((painter) => painter.hear({ what: kind, ...message }));
    }

    /* Ask for a picture. `parts`: Map(name -> {key, layer, at}); `done(picture)` is called when it is there. */
    paint(message, parts, done) {
      const theme = gm.theme();
      if (theme !== this.theme) this.tell("theme", "", { theme: (this.theme = theme) });
      const id = ++this.last, job = { message, parts, done };
      open += 1;
      this.jobs.set(id, job);
      this.give(id, job, this.all.reduce((a, b) => (a.waiting <= b.waiting ? a : b)));
      return id;
    }

    give(id, job, painter) {
      const tiles = [], parts = {};
      job.parts.forEach(({ key, layer, at }, name) => {
        parts[name] = { key, at };
        if (!painter.has.has(key)) tiles.push([key, layer]);
        painter.has.add(key);
      });
      job.painter = painter;
      painter.waiting += 1;
      if (tiles.length) painter.hear({ what: "tiles", tiles });
      painter.hear({ ...job.message, what: "paint", id, parts });
    }

    /* While a hand moves the map, one picture a frame: a browser takes a while to take one over. */
    heard(answer) {
      this.came.push(answer);
      if (!this.paced) this.serve();
    }

    serve() {
      this.paced = false;
      while (this.came.length && !this.paced) {
        this.one(this.came.shift());
        this.paced = gm.busy;
      }
      if (this.paced) requestAnimationFrame(() => this.serve());
    }

    one({ id, picture, took }) {
      const job = this.jobs.get(id);
      this.spent += took || 0;
      if (job) this.close(id, job);
      if (job) job.done(picture);
      else if (picture && picture.close) picture.close(); // called off meanwhile
    }

    stop(id) {
      const job = this.jobs.get(id);
      if (!job) return;
      this.close(id, job);
      job.painter.hear({ what: "stop", id });
    }

    close(id, job) {
      this.jobs.delete(id);
      job.painter.waiting -= 1;
      open -= 1;
    }

    forget(keys) {
      this.all.forEach((painter) => {
        const had = keys.filter((key) => painter.has.delete(key));
        if (had.length) painter.hear({ what: "forget", keys: had });
      });
    }
  };
})(window.gridmap);
