/* Old plan against new plan: borders given up, new ones, the buildings that change sides, and the figures. */
(function () {
  "use strict";

  const INK = { old: "#c2410c", new: "#0b6e69", same: "#8d958f", house: "#cfcabd", edge: "#a39d8e", water: "#bcd7e6", green: "#d5e5c8", road: "#ffffff" };
  const WIDE = { motorway: 7, trunk: 7, primary: 6, secondary: 5.5, tertiary: 5, residential: 3.5, unclassified: 3.5, service: 2 };

  function make(tag, attributes, ...inside) {
    const element = document.createElement(tag);
    Object.entries(attributes || {}).forEach(([name, value]) => element.setAttribute(name, value));
    inside.filter((child) => child !== null && child !== undefined).forEach((child) => element.append(child)); // text never becomes markup
    return element;
  }

  window.gridmapChange = function (map, id) {
    const data = JSON.parse(document.getElementById(id + "-data").textContent);
    const facts = data.facts;
    let lang = facts.lang;
    const say = (key) => (facts.words[key] || {})[lang] || key;

    const note = make("p", { class: "gm-quiet gm-change-note", "aria-live": "polite" });
    const tell = (p) => note.replaceChildren([p.name || p.code, p.part].filter(Boolean).join(" ") + " · " + say("households_n").replace("{n}", p.households),
      make("br"), p.was + " → " + p.micro_grid);
    map.getContainer().style.background = "#f1efe8";
    const draw = (name, style, more) => data[name] && L.geoJSON(data[name], { style: style, interactive: false, ...more }).addTo(map);
    const at = (number) => { const pane = map.createPane("gm-change-" + number); pane.style.zIndex = 400 + number; if (number !== 6) pane.style.pointerEvents = "none"; return "gm-change-" + number; };
    draw("green", { stroke: false, fillColor: INK.green, fillOpacity: 1, pane: at(1) });
    draw("water", { stroke: false, fillColor: INK.water, fillOpacity: 1, pane: at(2) });
    const roads = at(3);
    draw("roads", (feature) => ({ color: INK.road, weight: WIDE[feature.properties.class] || 2.5, opacity: 1, pane: roads }), { pane: roads });
    draw("buildings", { color: INK.edge, weight: 0.5, fillColor: INK.house, fillOpacity: 1, pane: at(4) });
    const homes = at(6);
    const moved = draw("moved", (feature) => ({ color: "#1f2a2e", weight: 1, fillColor: feature.properties.colour, fillOpacity: 0.95, pane: homes }), {
      interactive: true, pane: homes,
      pointToLayer: (feature, place) => L.circleMarker(place, { radius: 6, pane: homes }),
      onEachFeature: (feature, layer) => layer.on("mouseover click", () => tell(feature.properties)),
    });
    draw("same_border", { color: INK.same, weight: 1.4, pane: at(7) });
    const old = draw("old_border", { color: INK.old, weight: 3, dashArray: "7 6", pane: at(8) });
    const fresh = draw("new_border", { color: INK.new, weight: 3.2, pane: at(9) });
    const extent = data.after.features.length ? L.geoJSON(data.after).getBounds() : moved.getBounds();
    if (extent.isValid()) map.fitBounds(extent, { padding: [30, 30], paddingTopLeft: [window.innerWidth > 800 ? 410 : 20, 20] });
    L.control.scale({ imperial: false, position: "bottomright" }).addTo(map);
    L.control.zoom({ position: "topright" }).addTo(map);

    const swatch = (style) => { const mark = make("span", { class: "gm-swatch" }); mark.style.cssText = style; return mark; };
    const shown = (layer, key, mark) => {
      const box = make("input", { type: "checkbox" });
      box.checked = true;
      box.addEventListener("change", () => (box.checked ? layer.addTo(map) : layer.remove()));
      return make("li", {}, make("label", { class: "gm-change-row" }, box, mark, make("span", {}, say(key))));
    };

    function panel() {
      const place = document.getElementById(id);
      place.replaceChildren();
      document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
      const rows = facts.figures.map((row) => make("tr", {}, make("th", { scope: "row" }, row[lang]), make("td", {}, row.before === null ? "" : row.before), make("td", {}, row.after)));
      const days = [say("before") + (facts.days[0] ? " " + facts.days[0] : ""), say("after") + (facts.days[1] ? " " + facts.days[1] : "")];
      const table = make("table", { class: "gm-change-table" },
        make("thead", {}, make("tr", {}, make("th"), ...days.map((day) => make("th", { scope: "col" }, day)))), make("tbody", {}, ...rows));
      let button = null;
      if (facts.switch) {
        button = make("button", { class: "gm-language", type: "button" }, lang === "zh" ? "EN" : "中文");
        button.addEventListener("click", () => { lang = lang === "zh" ? "en" : "zh"; panel(); });
      }
      place.append(make("section", { class: "gm-panel gm-change", "aria-label": say("title") },
        make("div", { class: "gm-change-head" }, make("h1", {}, say("title")), button),
        facts.title ? make("p", { class: "gm-quiet" }, facts.title) : null, table,
        make("ul", { class: "gm-change-key" },
          old ? shown(old, "old_border", swatch("border:0;border-top:3px dashed " + INK.old + ";height:0")) : null,
          fresh ? shown(fresh, "new_border", swatch("border:0;border-top:3px solid " + INK.new + ";height:0")) : null,
          moved ? shown(moved, "moved", swatch("background:linear-gradient(90deg,#e69f00 33%,#56b4e9 33% 66%,#009e73 66%)")) : null), note));
    }
    panel();
  };
})();
