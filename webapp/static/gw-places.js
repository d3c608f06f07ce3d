/* Addresses that nobody could find: choose one of the places that they may mean, on the list or on the map, or click. */
(() => {
  "use strict";
  const form = document.querySelector("[data-doubtful]");
  const box = document.querySelector("[data-preview] .folium-map");
  if (!form || !box || !window.L) { return; }
  const map = window[box.id];
  const shown = L.layerGroup().addTo(map);
  const number = (text, chosen) => {
    const mark = document.createElement("span");
    mark.className = `gw-number${chosen ? " gw-chosen-place" : ""}`;
    mark.textContent = text;
    return L.divIcon({ className: "", html: mark, iconSize: [28, 28], iconAnchor: [14, 14] });
  };
  let now = null; // the thing whose candidates are on the map

  const degrees = (radio) => (radio.value ? radio.value.split(",").map(Number) : null);
  const draw = (thing, move) => {
    if (now) { now.classList.remove("gw-now"); }
    now = thing;
    now.classList.add("gw-now");
    shown.clearLayers();
    const places = [];
    thing.querySelectorAll("input[type=radio]").forEach((radio, at) => {
      const place = degrees(radio);
      if (!place) { return; }
      const here = L.latLng(place[1], place[0]);
      places.push(here);
      const text = radio.hasAttribute("data-here") ? "●" : String(at + 1);
      L.marker(here, { icon: number(text, radio.checked), zIndexOffset: radio.checked ? 1000 : 0, keyboard: false })
        .on("click", () => { radio.checked = true; draw(thing, false); })
        .addTo(shown);
    });
    box.dataset.places = String(places.length);
    if (move && places.length) { map.fitBounds(L.latLngBounds(places), { padding: [40, 40], maxZoom: 17 }); }
  };

  form.querySelectorAll("fieldset").forEach((thing) => {
    thing.addEventListener("change", () => draw(thing, thing !== now));
    thing.addEventListener("click", () => { if (thing !== now) { draw(thing, true); } });
    thing.addEventListener("focusin", () => { if (thing !== now) { draw(thing, true); } });
  });
  map.on("click", (event) => {
    const radio = now && now.querySelector("[data-here]");
    if (!radio) { return; }
    const place = event.latlng.wrap();
    radio.value = `${place.lng.toFixed(7)},${place.lat.toFixed(7)}`;
    radio.checked = true;
    radio.closest("label").querySelector("[data-where]").textContent = `${place.lat.toFixed(5)}, ${place.lng.toFixed(5)}`;
    draw(now, false);
  });
  form.addEventListener("submit", (event) => {
    const open = Array.from(form.querySelectorAll("[data-here]:checked")).find((radio) => !radio.value);
    if (!open) { return; }
    event.preventDefault();
    open.closest("label").querySelector("[data-where]").textContent = form.dataset.click;
    open.focus();
  });
  const first = form.querySelector("fieldset");
  if (first) { draw(first, true); }
})();
