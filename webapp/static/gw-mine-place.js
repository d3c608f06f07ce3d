/* Where am I: inside the micro-grid, or how far from it and in which direction. Degrees are WGS 84, as phones give them
   and as the map is drawn in; the city's own coordinates have been moved there by the server. */
(function (gm) {
  "use strict";
  const AXIS_M = 6378137, FLAT = 0.00669438; // the ellipsoid of WGS 84: half axis, first eccentricity squared
  const WINDS = ["n", "ne", "e", "se", "s", "sw", "w", "nw"];

  /* In an odd number of rings: holes are outside. */
  function inside(rings, lon, lat) {
    let odd = false;
    for (const ring of rings) {
      for (let i = 0, j = ring.length - 1; i < ring.length; j = i++) {
        const [x, y] = ring[i], [u, v] = ring[j];
        if ((y > lat) !== (v > lat) && lon < ((u - x) * (lat - y)) / (v - y) + x) odd = !odd;
      }
    }
    return odd;
  }

  /* The nearest point of the outline: metres, and the direction to it from the place. */
  function toOutline(rings, lon, lat) {
    const turned = (lat * Math.PI) / 180, flat = 1 - FLAT * Math.sin(turned) ** 2;
    const kx = (Math.PI / 180) * (AXIS_M / Math.sqrt(flat)) * Math.cos(turned); // metres a degree, east and north
    const k = (Math.PI / 180) * ((AXIS_M * (1 - FLAT)) / flat ** 1.5);
    let best = { metres: Infinity, x: 0, y: 0 };
    for (const ring of rings) {
      for (let i = 0; i + 1 < ring.length; i++) {
        const ax = (ring[i][0] - lon) * kx, ay = (ring[i][1] - lat) * k;
        const dx = (ring[i + 1][0] - ring[i][0]) * kx, dy = (ring[i + 1][1] - ring[i][1]) * k;
        const length = dx * dx + dy * dy;
        const t = length ? Math.max(0, Math.min(1, -(ax * dx + ay * dy) / length)) : 0;
        const x = ax + t * dx, y = ay + t * dy, metres = Math.hypot(x, y);
        if (metres < best.metres) best = { metres, x, y };
      }
    }
    const turn = (Math.round(Math.atan2(best.x, best.y) / (Math.PI / 4)) + 8) % 8;
    return { metres: best.metres, wind: WINDS[turn] };
  }

  /* {inside, metres (to the border), wind, unsure: nearer to the border than the phone knows its place}. */
  gm.placeIn = function (rings, lon, lat, accuracy) {
    const { metres, wind } = toOutline(rings, lon, lat);
    return { inside: inside(rings, lon, lat), metres, wind, unsure: accuracy !== null && accuracy !== undefined && metres < accuracy };
  };

  /* The phone's place: {lon, lat, accuracy, at}, or an error whose `reason` is insecure, denied, none or late. */
  gm.whereAmI = function () {
    const refuse = (reason) => Promise.reject(Object.assign(new Error(reason), { reason }));
    if (!window.isSecureContext || !navigator.geolocation) return refuse("insecure");
    return new Promise((resolve, reject) => {
      navigator.geolocation.getCurrentPosition(
        ({ coords }) => resolve({ lon: coords.longitude, lat: coords.latitude, accuracy: Math.round(coords.accuracy), at: Date.now() }),
        ({ code }) => reject(Object.assign(new Error("place"), { reason: { 1: "denied", 3: "late" }[code] || "none" })),
        { enableHighAccuracy: true, timeout: 15000, maximumAge: 10000 });
    });
  };

  /* The dot on the map, with the circle in which the phone thinks it is. */
  gm.PlaceDot = class {
    constructor(map) {
      this.map = map;
      this.layer = L.layerGroup().addTo(map);
    }

    show({ lon, lat, accuracy }) {
      const pane = "gm-selected";
      this.renderer = this.renderer || L.svg({ pane, padding: 0.5 });
      const style = { pane, renderer: this.renderer, interactive: false };
      this.layer.clearLayers();
      this.layer.addLayer(L.circle([lat, lon], { ...style, radius: Math.min(accuracy || 0, 2000), color: "#1769d2", weight: 1, fillColor: "#1769d2", fillOpacity: 0.12 }));
      this.layer.addLayer(L.circleMarker([lat, lon], { ...style, radius: 8, color: "#ffffff", weight: 3, fillColor: "#1769d2", fillOpacity: 1 }));
    }
  };
})(window.gridmap);
