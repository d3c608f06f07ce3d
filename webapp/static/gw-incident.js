/* The pages of incidents: the small map, the place by a tap or by where one is, and forms that are sent once. */
(() => {
  "use strict";
  const theme = () => { const style = getComputedStyle(document.documentElement); return (name) => style.getPropertyValue(name).trim(); };

  /* ---- the small map ---- */
  function makeMap(box) {
    const folium = box.querySelector(".folium-map");
    if (!folium || !window.L) { return null; }
    const map = window[folium.id], told = JSON.parse(box.dataset.map);
    map.invalidateSize();
    L.control.zoom({ position: "topright" }).addTo(map);
    const tiles = told.tiles && window[told.tiles];
    if (tiles && told.classes) {
      // streets are drawn by their class, which comes apart from the tiles
      fetch(told.classes).then((answer) => answer.json()).then((document) => {
        const { of, other } = tiles.options.groups.roads;
        const groups = document.classes.map((item) => { const key = item.key === undefined ? item.en : item.key; return of[key] === undefined ? other : of[key]; });
        tiles.setGroups("roads", Uint8Array.from(document.values, (value) => (value === null ? other : groups[value])));
        tiles.repaint([1]);
      }).catch(() => { /* all streets of one width do as well */ });
    }
    if (!told.tiles) {
      fetch("/data/grids.geojson").then((answer) => answer.json()).then((grids) => {
        const lines = L.geoJSON(grids, { interactive: false, style: { color: theme()("--gw-quiet"), weight: 1.5, fillOpacity: 0.04 } }).addTo(map);
        if (!box.dataset.at && lines.getBounds().isValid()) { map.fitBounds(lines.getBounds()); }
      }).catch(() => {});
    }
    return { map, bounds: told.bounds };
  }

  const mark = (map, where) => {
    const icon = L.divIcon({ className: "gw-mark", iconSize: [28, 36], iconAnchor: [14, 34] });
    return L.marker(where, { icon, interactive: false, keyboard: false }).addTo(map);
  };

  document.querySelectorAll("[data-map][data-at]").forEach((box) => {
    const found = makeMap(box);
    if (!found) { return; }
    const [lon, lat] = box.dataset.at.split(",").map(Number);
    found.map.setView([lat, lon], 17, { animate: false });
    mark(found.map, [lat, lon]);
    box.dataset.drawn = "yes";
  });

  /* ---- the form of a report ---- */
  const form = document.querySelector("[data-report]");
  if (form) {
    const box = form.querySelector("[data-pick]"), say = form.querySelector("[data-place]");
    const field = (name) => form.elements.namedItem(name);
    const found = makeMap(box);
    let shown = null, ring = null;
    const put = (lat, lon, metres) => {
      field("lon").value = lon.toFixed(7);
      field("lat").value = lat.toFixed(7);
      field("accuracy_m").value = metres ? metres.toFixed(0) : "";
      field("made_at").value = new Date().toISOString();
      say.textContent = metres ? say.dataset.within.replace("{m}", Math.round(metres)) : say.dataset.chosen;
      say.classList.remove("gw-error");
      if (!found) { return; }
      if (shown) { shown.remove(); }
      if (ring) { ring.remove(); ring = null; }
      shown = mark(found.map, [lat, lon]);
      if (metres) { ring = L.circle([lat, lon], { radius: metres, interactive: false, weight: 1, color: theme()("--gw-accent"), fillOpacity: 0.12 }).addTo(found.map); }
    };
    if (found) {
      const given = [field("lat").value, field("lon").value].map(parseFloat);
      if (found.bounds) {
        const [w, s, e, n] = found.bounds;
        found.map.fitBounds([[s, w], [n, e]], { animate: false });
      }
      if (given.every(Number.isFinite)) { found.map.setView(given, 17, { animate: false }); put(given[0], given[1], 0); }
      found.map.on("click", (event) => put(event.latlng.lat, event.latlng.lng, 0));
      box.dataset.drawn = "yes";
    }
    form.querySelector("[data-locate]").addEventListener("click", () => {
      const denied = () => { say.textContent = say.dataset.denied; say.classList.add("gw-error"); };
      if (!navigator.geolocation) { denied(); return; }
      navigator.geolocation.getCurrentPosition(({ coords }) => {
        put(coords.latitude, coords.longitude, coords.accuracy);
        if (found) { found.map.setView([coords.latitude, coords.longitude], 18); }
      }, denied, { enableHighAccuracy: true, timeout: 15000 });
    });
    ["lon", "lat"].forEach((name) => field(name).addEventListener("change", () => {
      const [lat, lon] = ["lat", "lon"].map((one) => parseFloat(field(one).value));
      if (Number.isFinite(lat) && Number.isFinite(lon)) { put(lat, lon, 0); if (found) { found.map.setView([lat, lon], 17); } }
    }));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const problem = form.querySelector("[data-problem]"), button = form.querySelector("button[type=submit]");
      const tell = (text) => { problem.textContent = text; problem.hidden = !text; };
      if (!field("lon").value) { tell(say.dataset.needed); box.scrollIntoView({ block: "center" }); return; }
      tell("");
      button.disabled = true;
      try {
        const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
        const told = await answer.json();
        if (answer.ok) { location.assign(answer.headers.get("Location")); return; }
        tell(told.message || told.error);
      } catch (lost) {
        tell(say.dataset.lost);
      }
      button.disabled = false; // what was typed is still there; sent again under its key it is the same report
    });
  }

  /* ---- sent once ---- */
  document.querySelectorAll("form[data-once]:not([data-report])").forEach((once) => once.addEventListener("submit", (event) => {
    if (once.dataset.sent) { event.preventDefault(); return; }
    once.dataset.sent = "yes";
  }));
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((once) => { delete once.dataset.sent; }));
})();
