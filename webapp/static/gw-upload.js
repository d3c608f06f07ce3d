/* The upload pages: drop files, see them go, wait for the reading, see the rows on the map, filter the findings. */
(() => {
  "use strict";

  /* ---- send ---- */
  document.querySelectorAll("form[data-upload]").forEach((form) => {
    const input = form.querySelector("input[type=file]");
    const drop = form.querySelector("[data-drop]");
    const chosen = form.querySelector("[data-chosen]");
    const problem = form.querySelector("[data-problem]");
    const bar = form.querySelector("[data-progress]");
    const size = (files) => Array.from(files).reduce((sum, file) => sum + file.size, 0);
    const tell = (text) => { problem.textContent = text; problem.hidden = !text; };
    const show = () => {
      if (chosen) { chosen.textContent = Array.from(input.files).map((file) => file.name).join("、"); }
      const most = Number(form.dataset.most || 0) * 1024 * 1024;
      tell(most && size(input.files) > most ? problem.dataset.large : "");
    };
    input.addEventListener("change", show);
    if (drop) {
      ["dragenter", "dragover"].forEach((name) => drop.addEventListener(name, (event) => {
        event.preventDefault();
        drop.classList.add("gw-over");
      }));
      ["dragleave", "drop"].forEach((name) => drop.addEventListener(name, () => drop.classList.remove("gw-over")));
      drop.addEventListener("drop", (event) => {
        event.preventDefault();
        if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; show(); }
      });
    }
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (!problem.hidden || !input.files.length) { input.focus(); return; }
      const sender = new XMLHttpRequest();
      const button = form.querySelector("button[type=submit]");
      button.disabled = true;
      bar.hidden = false;
      sender.upload.addEventListener("progress", (step) => { if (step.lengthComputable) { bar.value = step.loaded / step.total; } });
      sender.addEventListener("load", () => {
        if (sender.status < 400) { location.assign(sender.responseURL); return; }
        button.disabled = false;
        bar.hidden = true;
        tell(sender.status === 413 ? problem.dataset.large || problem.dataset.lost : problem.dataset.lost);
      });
      sender.addEventListener("error", () => { button.disabled = false; bar.hidden = true; tell(problem.dataset.lost); });
      sender.open("POST", form.action);
      sender.send(new FormData(form));
    });
  });

  /* ---- wait ---- */
  const busy = ["waiting", "reading", "importing"];
  const waiting = Array.from(document.querySelectorAll("[data-job]")).filter((one) => busy.includes(one.dataset.state));
  if (waiting.length) {
    const ask = async () => {
      for (const one of waiting) {
        try {
          const answer = await fetch(one.dataset.job, { headers: { Accept: "application/json" } });
          const told = await answer.json();
          if (!answer.ok || told.state !== one.dataset.state) { location.reload(); return; }
        } catch (error) { /* the line is down: ask again */ }
      }
      setTimeout(ask, 700);
    };
    setTimeout(ask, 400);
  }

  /* ---- the map ---- */
  const place = document.getElementById("gw-places");
  const box = document.querySelector("[data-preview] .folium-map");
  if (place && box && window.L) {
    const map = window[box.id];
    const told = JSON.parse(place.textContent);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    let around = null;
    if (told.roads) {
      const streets = L.geoJSON(told.roads, { interactive: false, renderer: L.canvas(), style: { color: colour("--gw-street"), weight: 3, opacity: 1 } }).addTo(map);
      const names = L.layerGroup().addTo(map);
      const label = () => { // each name once, where its street runs through the view
        names.clearLayers();
        if (map.getZoom() < 15) { return; }
        const view = map.getBounds();
        const said = new Set();
        streets.eachLayer((street) => {
          const name = street.feature.properties.name;
          if (!name || said.has(name) || said.size > 40) { return; }
          const points = street.getLatLngs().flat(Infinity).filter((point) => view.contains(point));
          if (!points.length) { return; }
          said.add(name);
          const words = document.createElement("span");
          words.textContent = name;
          L.tooltip({ permanent: true, direction: "center", className: "gw-street-name", interactive: false })
            .setLatLng(points[Math.floor(points.length / 2)]).setContent(words).addTo(names);
        });
      };
      map.on("moveend", label);
    }
    if (told.grids) {
      const grids = L.geoJSON(told.grids, { interactive: false, style: { color: colour("--gw-quiet"), weight: 1.5, fillOpacity: 0.04 } });
      around = grids.addTo(map).getBounds();
    }
    const rows = L.geoJSON(told.rows, {
      style: { color: colour("--gw-accent"), weight: 2, fillOpacity: 0.25 },
      pointToLayer: (_, where) => L.circleMarker(where, { radius: 5, weight: 1.5, color: colour("--gw-card"), fillColor: colour("--gw-accent"), fillOpacity: 0.9 }),
      onEachFeature: (feature, layer) => {
        const words = document.createElement("div"); // text of the file is text, whatever it looks like
        const told = feature.properties || {};
        words.textContent = ["source_row", "code", "name", "category", "kind", "address"].map((name) => told[name]).filter(Boolean).join(" · ");
        layer.bindTooltip(words);
      },
    }).addTo(map);
    const bounds = rows.getBounds().isValid() ? rows.getBounds() : around;
    map.invalidateSize();
    if (bounds && bounds.isValid()) { map.fitBounds(bounds, { padding: [24, 24], maxZoom: 18 }); }
    L.control.zoom({ position: "topright" }).addTo(map);
    box.dataset.drawn = String(rows.getLayers().length);
  }

  /* ---- findings ---- */
  const table = document.querySelector("[data-findings]");
  if (table) {
    const filters = Array.from(document.querySelectorAll("[data-filter]"));
    const sieve = () => {
      const wanted = Object.fromEntries(filters.map((one) => [one.dataset.filter, one.value.trim().toLowerCase()]));
      table.querySelectorAll("tbody tr").forEach((row) => {
        row.hidden = Boolean((wanted.level && row.dataset.level !== wanted.level) || (wanted.rule && row.dataset.rule !== wanted.rule)
          || (wanted.text && !row.textContent.toLowerCase().includes(wanted.text)));
      });
    };
    filters.forEach((one) => one.addEventListener("input", sieve));
  }
})();
