/* Siting: places of the answers on the map, what gains with the chosen one, how far questions are. */
(() => {
  "use strict";
  const gm = window.gridmap, app = gm.app, h = gm.h, map = app.map;
  const panel = document.querySelector("[data-panel]");
  const plans = JSON.parse(document.getElementById("gp-plans").textContent);
  const states = document.currentScript.dataset.states;
  const pane = map.createPane("gp-changed");
  pane.style.zIndex = 412;
  const renderer = L.svg({ pane: "gp-changed", padding: 0.5 });
  const pins = L.layerGroup().addTo(map), areas = L.layerGroup().addTo(map);
  let turn = 0;

  async function show(code) {
    const mine = ++turn;
    pins.clearLayers();
    areas.clearLayers();
    plans.forEach((plan, i) => plan.sites.forEach((site) => {
      const own = plan.code === code, letter = "ABCD"[i];
      L.marker([site.lat, site.lon], {
        icon: L.divIcon({ className: `gp-pin gp-pin-plan gp-plan-${i + 1}${own ? "" : " gp-pin-other"}`, html: h("span", null, h("b", null, own ? site.rank : letter)), iconSize: [32, 32] }),
        title: `${letter} ${site.code}`, alt: `${letter} ${site.code}`, keyboard: false, zIndexOffset: own ? 500 : 0, interactive: false,
      }).addTo(pins);
    }));
    panel.querySelectorAll("[data-sites]").forEach((list) => { list.hidden = list.dataset.sites !== code; });
    const plan = plans.find((one) => one.code === code);
    if (!plan) return;
    const name = `coverage:${plan.kind}`;
    if (app.measures.some((measure) => measure.name === name) && (!app.measure || app.measure.name !== name)) app.setMeasure(name);
    const told = await gm.fetchJson(`/siting/${code}.json`);
    if (mine !== turn) return;
    L.geoJSON(JSON.parse(told.gained), { renderer, pane: "gp-changed", interactive: false,
      style: () => ({ color: plan.colour, weight: 1.5, fillColor: plan.colour, fillOpacity: 0.45 }) }).addTo(areas);
    panel.dataset.shown = code;
  }

  panel.addEventListener("change", (event) => { if (event.target.name === "which") show(event.target.value); });
  if (plans.length) app.ready.then(() => show(plans[0].code));

  /* The norm of the kind stands in the field where no other distance is typed. */
  const kind = panel.querySelector("#kind"), radius = panel.querySelector("#radius");
  const norm = () => { radius.placeholder = kind.selectedOptions[0].dataset.metres; };
  kind.addEventListener("change", norm);
  norm();
  const method = panel.querySelector("#method");
  const goal = () => { method.disabled = panel.querySelector("[name=goal]:checked").value === "all"; };
  panel.querySelectorAll("[name=goal]").forEach((one) => one.addEventListener("change", goal));
  goal();
  panel.querySelectorAll("[name=candidates_file]").forEach((one) => one.addEventListener("change", () => {
    if (one.files.length) panel.querySelector("[name=candidates][value=file]").checked = true;
  }));

  /* ---- how far questions are ---- */
  const busy = () => [...panel.querySelectorAll("[data-job]")].filter((one) => ["waiting", "working"].includes(one.dataset.state));
  async function watch() {
    if (!busy().length) return;
    const told = await gm.fetchJson(states).catch(() => null);
    if (told) {
      const by = new Map(told.map((one) => [one.code, one]));
      for (const one of busy()) {
        const now = by.get(one.dataset.job);
        if (!now || !["waiting", "working"].includes(now.state)) { location.reload(); return; }
        one.querySelector("[data-doing]").textContent = now.doing;
        one.querySelector("progress").value = now.share;
      }
    }
    setTimeout(watch, 1000);
  }
  watch();
})();
