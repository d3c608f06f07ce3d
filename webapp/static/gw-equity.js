/* Micro-grids where low coverage clusters, marked on the map while the box is ticked. */
(() => {
  "use strict";
  const app = window.gridmap.app, box = document.querySelector("[data-spots]");
  if (!app || !box || !app.tiles || !app.namesOf) return; // a map of whole layers has no marks of this kind
  let wanted = null;
  async function mark() {
    if (box.checked && !wanted) wanted = new Set(await (await fetch(box.dataset.spots, { headers: { Accept: "application/json" } })).json());
    const { codes } = await app.namesOf("micro_grids"), ids = [];
    if (box.checked) codes.forEach((code, at) => { if (wanted.has(code)) ids.push(at + 1); });
    app.tiles.highlight("micro_grids", ids);
  }
  box.addEventListener("change", mark);
  app.ready.then(() => { box.closest("label").hidden = false; if (box.checked) mark(); });
})();
