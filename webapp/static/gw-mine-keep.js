/* What a phone needs to open the micro-grid without network: the page and its files, the data, and the tiles around. */
(function (gm) {
  "use strict";
  const AROUND_M = 350;               // so far around the micro-grid the map is kept
  const ZOOMS = [14, 15, 16, 17, 18]; // of the map; nearer ones draw the tiles of the last larger
  const MOST_UNITS = 30, MOST_TILES = 80, MOST_PICTURES = 60;
  const NAMED = ["districts", "streets", "communities", "grids", "micro_grids", "roads", "water", "green", "estates", "facilities", "organizations"];
  const KINDS = [["roads", "class"], ["barriers", "kind"], ["gaps", "kind"], ["facilities", "kind"], ["organizations", "kind"]];

  gm.mineKeep = function (app) {
    const unit = (code) => `${app.facts.unit}${encodeURIComponent(code)}.json`;
    const files = [...document.querySelectorAll("link[rel=stylesheet], script[src]")].map((tag) => here(tag.href || tag.src));
    const must = [app.facts.page, ...files, app.facts.units, unit(app.selected)];
    const urls = [...document.querySelectorAll("link[rel~=icon], link[rel=apple-touch-icon]")].map((tag) => here(tag.href));
    const parent = app.selected.slice(0, 15);
    const near = app.units.filter((one) => one.code.startsWith(parent)).concat(app.units.filter((one) => !one.code.startsWith(parent)));
    urls.push(...near.slice(0, MOST_UNITS).map((one) => unit(one.code)));
    if (app.tiles.info) tiled(app, must, urls);
    else urls.push(...app.config.layers.filter((layer) => layer.url && !layer.near).map((layer) => layer.url));
    return { must, urls };
  };

  const here = (address) => {
    const url = new URL(address, location.href);
    return url.pathname + url.search;
  };

  function tiled(app, must, urls) {
    const { tiles, config } = app;
    must.push(...["worker", "painter"].filter((name) => tiles.options[name]).map((name) => here(tiles.options[name])));
    urls.push(...NAMED.filter((name) => tiles.info.has(name)).map((name) => `${config.values}${name}/names.json`));
    if (tiles.info.has("micro_grids")) urls.push(`${config.values}micro_grids/floors.json`);
    for (const [name, by] of KINDS) {
      const info = tiles.info.get(name);
      if (info && info.measures.some((measure) => measure.name === by)) urls.push(`${config.values}${name}/${by}.json`);
    }
    urls.push(...app.kept.keys()); // and whatever else the map has asked for by now
    urls.push(...tilesAround(app).slice(0, MOST_TILES));
    if (app.background) urls.push(...pictures(app).slice(0, MOST_PICTURES));
  }

  /* West, south, east and north of what is kept. */
  function box(app) {
    const [w, s, e, n] = app.doc.bounds || app.config.bounds;
    const up = AROUND_M / 111195, along = up / Math.cos((s * Math.PI) / 180);
    return [w - along, s - up, e + along, n + up];
  }

  function* squares(app, zoom, size) {
    const [w, s, e, n] = box(app), k = 2 ** zoom / size;
    const [left, top] = gm.toWorld(w, n), [right, bottom] = gm.toWorld(e, s);
    for (let x = Math.floor(left * k); x <= Math.floor(right * k); x++) {
      for (let y = Math.floor(top * k); y <= Math.floor(bottom * k); y++) yield { z: zoom, x, y };
    }
  }

  /* Each tile once with all its layers: any of them may be asked for later. */
  function tilesAround(app) {
    const { tiles } = app, wanted = new Map();
    for (const zoom of [...ZOOMS].reverse()) {
      for (const coords of squares(app, zoom, gm.TILE)) {
        for (const name of tiles.info.keys()) {
          const place = tiles.place(name, coords);
          if (!place) continue;
          const key = `${place.z}/${place.x}/${place.y}`;
          if (!wanted.has(key)) wanted.set(key, new Set());
          wanted.get(key).add(name);
        }
      }
    }
    return [...wanted].map(([key, names]) => `${tiles.options.address}${[...names].join()}/${key}.pbf`);
  }

  function pictures(app) {
    const { facts } = app.background, found = new Set();
    for (const zoom of ZOOMS) {
      const native = Math.min(zoom, facts.maxzoom);
      for (const { z, x, y } of squares(app, native, 256)) found.add(facts.url.replace("{z}", z).replace("{x}", x).replace("{y}", y));
    }
    return [...found];
  }
})(window.gridmap);
