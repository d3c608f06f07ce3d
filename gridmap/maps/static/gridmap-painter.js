/* The painter of vector tiles: takes jobs, paints a sheet aside in slices, gives it back as a picture. It runs as a worker,
   so that a hand on the map never waits for it; where a browser cannot draw in a worker, the same painter works on the page.

   In:  {what: "rules", rules, groups} first; {what: "theme", theme}; {what: "values", level, keys, classes};
        {what: "groups", layer, keys}; {what: "tiles", tiles: [[key, layer]]}; {what: "forget", keys}; {what: "stop", id};
        {what: "paint", id, rules: [indices], parts: {name: {key, at}}, view: {zoom, level, box}, ratio, order, ground}.
        What has the lowest `order` is painted first, below 0 at once; both sheets of a tile have the same. `box` is the part of the tile that is wanted, in pixels; `ground`
        is laid under it where the picture is to cover what was there.
   Out: {id, picture, took}: an ImageBitmap, or a canvas on the page; milliseconds. */
(function (gm) {
  "use strict";

  const SLICE = 12, SLICE_BUSY = 4; // milliseconds before others get their turn: on the page, a hand on the map

  gm.Painter = class {
    constructor(tell) {
      this.tell = tell;
      this.layers = new Map();
      this.values = new Map();
      this.groups = new Map();
      this.queue = [];
      this.last = null; // the job that was worked on
      this.awake = false;
      this.channel = new MessageChannel();
      this.channel.port1.onmessage = () => this.work();
      this.state = {
        groupOf: (name) => {
          const keys = this.groups.get(name), other = (this.drawnBy[name] || {}).other || 0;
          return (id) => (keys ? keys[id - 1] : other);
        },
        valueOf: (level) => {
          const { keys, classes } = this.values.get(level);
          return { classes, key: (id) => (keys[id - 1] === gm.keys.NOTHING ? -1 : keys[id - 1]) };
        },
      };
    }

    hear(message) {
      const { what } = message;
      if (what === "rules") [this.rules, this.drawnBy] = [message.rules, message.groups];
      else if (what === "theme") gm.theme = () => message.theme;
      else if (what === "values") this.values.set(message.level, message);
      else if (what === "groups") this.groups.set(message.layer, message.keys);
      else if (what === "tiles") message.tiles.forEach(([key, layer]) => this.layers.set(key, layer));
      else if (what === "forget") message.keys.forEach((key) => this.layers.delete(key));
      else if (what === "stop") this.queue = this.queue.filter((job) => job.id !== message.id);
      else if (what === "paint") this.add(message);
    }

    add(message) {
      const parts = new Map(Object.entries(message.parts).map(([name, { key, at }]) => [name, { layer: this.layers.get(key), at }]));
      this.queue.push({ ...message, took: 0, steps: this.steps(message, parts) });
      if (this.awake) return;
      this.awake = true;
      this.next();
    }

    /* What is painted next: what somebody waits for at once, what is begun, the other sheet of its tile, the nearest. */
    pick() {
      const { last, queue } = this;
      const rank = (job) => (job.order < 0 ? job.order : job === last ? -0.2 : last && job.order === last.order ? -0.1 : job.order);
      this.last = queue.reduce((best, job) => (rank(job) < rank(best) ? job : best));
      return this.last;
    }

    next() {
      if (gm.busy) requestAnimationFrame(() => this.work()); // between two frames of a moving map
      else this.channel.port2.postMessage(0);
    }

    work() {
      const end = performance.now() + (gm.busy ? SLICE_BUSY : SLICE);
      for (let now = performance.now(); this.queue.length && now < end;) {
        const job = this.pick();
        let step;
        try {
          step = job.steps.next();
        } catch (problem) {
          step = { done: true, value: null }; // one tile that cannot be painted does not hold up the others
          console.error(problem);
        }
        job.took -= now;
        now = performance.now();
        job.took += now;
        if (!step.done) continue;
        this.queue.splice(this.queue.indexOf(job), 1);
        const picture = step.value && step.value.transferToImageBitmap ? step.value.transferToImageBitmap() : step.value;
        this.tell({ id: job.id, picture, took: job.took });
      }
      if (this.queue.length) this.next();
      else this.awake = false;
    }

    * steps({ rules, view, ratio, ground }, parts) {
      const [x, y, right, bottom] = view.box;
      const sheet = gm.sheet((right - x) * ratio, (bottom - y) * ratio);
      const context = sheet.getContext("2d");
      if (ground) {
        context.fillStyle = ground;
        context.fillRect(0, 0, sheet.width, sheet.height);
      }
      context.setTransform(ratio, 0, 0, ratio, -x * ratio, -y * ratio);
      yield* gm.paintSheet(context, rules.map((i) => this.rules[i]), view, (name) => parts.get(name), this.state);
      return sheet;
    }
  };

  if (typeof document !== "undefined") return;
  const painter = new gm.Painter((answer) => self.postMessage(answer, answer.picture ? [answer.picture] : []));
  self.onmessage = ({ data }) => painter.hear(data);
})(window.gridmap);
