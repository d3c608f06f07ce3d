/* Micro-grids where low coverage clusters, marked on the map while the box is ticked. */
(() => {
  "use strict";
  const app = window.gridmap.app, box = document.querySelector("[data-spots]"), kept = document.getElementById("gp-spots");
  if (!app || !box || !kept || !app.tiles || !app.namesOf) return; // a map of whole layers has no marks of this kind
  const wanted = new Set(JSON.parse(kept.textContent).codes);
  async function mark() {
    const { codes } = await app.namesOf("micro_grids"), ids = [];
    if (box.checked) codes.forEach((code, at) => { if (wanted.has(code)) ids.push(at + 1); });
    app.tiles.highlight("micro_grids", ids);
  }
  box.addEventListener("change", mark);
  app.ready.then(() => { box.closest("label").hidden = false; if (box.checked) mark(); });
})();
