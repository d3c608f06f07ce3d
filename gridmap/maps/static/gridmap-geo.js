/* Geometry in the browser: GeoJSON to flat arrays in Mercator world pixels, boxes, hits, places for labels. */
window.gridmap = window.gridmap || {};
(function (gm) {
  "use strict";

  // the world at zoom 0 is 256 pixels wide, as in Leaflet's EPSG:3857; a place at zoom z is world * 2^z
  const WORLD = 256;

  gm.fetchJson = async function (url) {
    const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    return answer.json();
  };

  gm.toWorld = function (lon, lat) {
    const sin = Math.sin((lat * Math.PI) / 180);
    return [((lon + 180) / 360) * WORLD, (0.5 - Math.log((1 + sin) / (1 - sin)) / (4 * Math.PI)) * WORLD];
  };

  gm.toLatLng = function (x, y) {
    const n = Math.PI - (2 * Math.PI * y) / WORLD;
    return L.latLng((180 / Math.PI) * Math.atan(Math.sinh(n)), (x / WORLD) * 360 - 180);
  };

  function flat(line, box) {
    const out = new Float64Array(line.length * 2);
    for (let i = 0; i < line.length; i++) {
      const [x, y] = gm.toWorld(line[i][0], line[i][1]);
      out[2 * i] = x;
      out[2 * i + 1] = y;
      if (x < box[0]) box[0] = x;
      if (y < box[1]) box[1] = y;
      if (x > box[2]) box[2] = x;
      if (y > box[3]) box[3] = y;
    }
    return out;
  }

  /* Rings of a geometry whatever its kind; the kind is of its first part (0 point, 1 line, 2 area). */
  function collect(geometry, rings, box) {
    const c = geometry.coordinates;
    switch (geometry.type) {
      case "Point": rings.push(flat([c], box)); return 0;
      case "MultiPoint": rings.push(flat(c, box)); return 0;
      case "LineString": rings.push(flat(c, box)); return 1;
      case "MultiLineString": c.forEach((line) => rings.push(flat(line, box))); return 1;
      case "Polygon": c.forEach((ring) => rings.push(flat(ring, box))); return 2;
      case "MultiPolygon": c.forEach((part) => part.forEach((ring) => rings.push(flat(ring, box)))); return 2;
      case "GeometryCollection": {
        const kinds = geometry.geometries.map((part) => collect(part, rings, box));
        return kinds.length ? kinds[0] : 0;
      }
      default: return 0;
    }
  }

  /* GeoJSON FeatureCollection -> [{index, kind, rings, box, props}] */
  gm.features = function (collection) {
    return collection.features.map((feature, index) => {
      const box = [Infinity, Infinity, -Infinity, -Infinity];
      const rings = [];
      const kind = collect(feature.geometry, rings, box);
      return { index, kind, rings, box, props: feature.properties };
    });
  };

  gm.boxOf = function (features) {
    const box = [Infinity, Infinity, -Infinity, -Infinity];
    for (const { box: b } of features) {
      box[0] = Math.min(box[0], b[0]);
      box[1] = Math.min(box[1], b[1]);
      box[2] = Math.max(box[2], b[2]);
      box[3] = Math.max(box[3], b[3]);
    }
    return box[0] <= box[2] ? box : null;
  };

  gm.boundsOf = function (box) {
    return L.latLngBounds(gm.toLatLng(box[0], box[3]), gm.toLatLng(box[2], box[1]));
  };

  /* Even-odd over all rings: right for holes and for areas of several parts. */
  gm.inside = function (feature, x, y) {
    const b = feature.box;
    if (feature.kind !== 2 || x < b[0] || x > b[2] || y < b[1] || y > b[3]) return false;
    let odd = false;
    for (const ring of feature.rings) {
      for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
        if (ring[i + 1] > y !== ring[j + 1] > y &&
            x < ((ring[j] - ring[i]) * (y - ring[i + 1])) / (ring[j + 1] - ring[i + 1]) + ring[i]) odd = !odd;
      }
    }
    return odd;
  };

  gm.hits = function (features, x, y) {
    return features.filter((feature) => gm.inside(feature, x, y));
  };

  function ringCentre(ring) {
    let area = 0, cx = 0, cy = 0;
    const x0 = ring[0], y0 = ring[1]; // sums stay small when counted from the first corner
    for (let i = 0; i + 3 < ring.length; i += 2) {
      const ax = ring[i] - x0, ay = ring[i + 1] - y0, bx = ring[i + 2] - x0, by = ring[i + 3] - y0;
      const cross = ax * by - bx * ay;
      area += cross;
      cx += (ax + bx) * cross;
      cy += (ay + by) * cross;
    }
    return area ? { area: Math.abs(area) / 2, x: x0 + cx / (3 * area), y: y0 + cy / (3 * area) } : { area: 0, x: x0, y: y0 };
  }

  /* A place within the feature for its label: the centre of its largest ring, or, where that lies outside, the middle
     of the longest stretch of the feature on the height of that centre. */
  gm.labelPoint = function (feature) {
    if (feature.at) return feature.at;
    if (feature.kind !== 2) {
      const ring = feature.rings[0];
      const middle = 2 * Math.floor(ring.length / 4);
      return (feature.at = [ring[middle], ring[middle + 1]]);
    }
    let best = { area: -1 };
    for (const ring of feature.rings) {
      const centre = ringCentre(ring);
      if (centre.area > best.area) best = centre;
    }
    if (gm.inside(feature, best.x, best.y)) return (feature.at = [best.x, best.y]);
    const cuts = [];
    for (const ring of feature.rings) {
      for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
        if (ring[i + 1] > best.y !== ring[j + 1] > best.y) {
          cuts.push(((ring[j] - ring[i]) * (best.y - ring[i + 1])) / (ring[j + 1] - ring[i + 1]) + ring[i]);
        }
      }
    }
    cuts.sort((a, b) => a - b);
    let from = 0;
    for (let i = 0; i + 1 < cuts.length; i += 2) {
      if (cuts[i + 1] - cuts[i] > cuts[from + 1] - cuts[from]) from = i;
    }
    return (feature.at = cuts.length > 1 ? [(cuts[from] + cuts[from + 1]) / 2, best.y] : [best.x, best.y]);
  };

  /* Latitude-longitude rings for Leaflet's own shapes (few features: the selected one, the one under the pointer). */
  gm.latLngs = function (feature) {
    return feature.rings.map((ring) => {
      const out = [];
      for (let i = 0; i < ring.length; i += 2) out.push(gm.toLatLng(ring[i], ring[i + 1]));
      return out;
    });
  };
})(window.gridmap);
