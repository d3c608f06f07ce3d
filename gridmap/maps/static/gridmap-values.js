/* Values that came apart from the tiles: their classes, fills, texts, and the rows of their legend. */
(function (gm) {
  "use strict";

  const { GAP, MISSING } = gm.keys; // beside the classes 0, 1, ...; a gap is painted last

  /* The class of every value, by id - 1. */
  gm.classKeys = function (document) {
    const { values, breaks, status } = document;
    const keys = new Uint8Array(values.length);
    const last = document.classes.length - 1;
    for (let i = 0; i < values.length; i++) {
      const value = values[i], letter = status ? status[i] : "";
      if (letter === "g") keys[i] = GAP;
      else if (value === null || letter === "n") keys[i] = MISSING;
      else if (document.kind === "class") keys[i] = value;
      else {
        let at = last;
        while (at > 0 && value < breaks[at]) at--;
        keys[i] = Math.max(at, 0);
      }
    }
    return keys;
  };

  const number = (app, document, value) => {
    const real = value / (document.scale || 1);
    if (document.status) return `${gm.number(app, real * 100)}%`;
    return gm.number(app, real, Number.isInteger(real) ? 0 : Math.abs(real) < 10 ? 2 : 0);
  };

  gm.unit = (app, unit) => (unit ? gm.word(app, "unit", unit) : "");

  gm.VectorTiles.include({
    /* Colour a unit by the document of values at an address; null takes the colours off. No tile is asked for. */
    colourBy: async function (level, address) {
      const document = address ? await gm.fetchJson(address) : null;
      if (document) {
        document.keys = gm.classKeys(document);
        this.setValues(level, document.keys, document.classes);
      } else this.values.delete(level);
      await this.repaint([0]);
      return document;
    },
  });

  /* One value in words, without its unit. */
  gm.shownValue = function (app, document, id) {
    const value = document.values[id - 1];
    if (document.status && document.status[id - 1] === "g") return gm.t(app, "status.gap");
    if (value === null || value === undefined) return gm.t(app, "no_data");
    if (document.kind === "class") return gm.title(app, document.classes[value]);
    return number(app, document, value);
  };

  /* The legend: [{key, label, count}], every class of the document, then what has no value. */
  gm.valueRows = function (app, document) {
    const counts = new Map();
    document.keys.forEach((key) => counts.set(key, (counts.get(key) || 0) + 1));
    const row = (key, label) => ({ key, label, count: counts.get(key) || 0 });
    const whole = (document.scale || 1) === 1 && !document.status;
    const last = document.classes.length - 1;
    const range = (i) => {
      let high = document.breaks[i + 1];
      // of a coverage: everybody is 100 %, and what lacks somebody at most 99 %
      const all = document.status ? 0.9999 * document.scale : Infinity;
      if (document.breaks[i] >= all) return "100%";
      if (high >= all && high < document.scale) high = 0.99 * document.scale;
      if (whole && i !== last && high - 1 >= document.breaks[i]) high -= 1;
      const [a, b] = [document.breaks[i], high].map((value) => number(app, document, value));
      return a === b ? a : `${a} – ${b}`;
    };
    const rows = document.classes.map((item, i) => row(i, document.kind === "class" ? gm.title(app, item) : range(i)));
    if (document.status) rows.unshift(row(GAP, gm.t(app, "status.gap")));
    rows.push(row(MISSING, gm.t(app, "no_data")));
    return rows;
  };
})(window.gridmap);
