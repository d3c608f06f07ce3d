/* The panel: search, what is shown, legend, layers, and the table that stands behind the map. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const ROWS = 200; // as many as anyone reads; more on a press

  gm.Panel = class {
    constructor(app) {
      this.app = app;
      this.rows = ROWS;
      this.sort = { by: "value", down: true };
      this.root = h("section", { class: "gm-panel" });
      app.root.append(this.root);
    }

    /* Build everything anew: at the start and when the language changes. */
    build() {
      const { app } = this;
      const t = (key, values) => gm.t(app, key, values);
      this.handle = h("button", { type: "button", class: "gm-handle", "aria-label": t("sheet"), onclick: () => app.sheet.next() });
      this.title = h("h1", { class: "gm-title", title: app.config.title || null }, app.config.title || t("map"));
      this.subtitle = h("p", { class: "gm-subtitle" });
      this.search = this.searchBox(t);
      this.select = h("select", { id: `${app.root.id}-measure`, onchange: () => app.setMeasure(this.select.value) });
      this.legend = h("div", { class: "gm-legend" });
      this.layers = h("div", { class: "gm-layer-list" });
      this.table = h("div", { class: "gm-table-box" });
      const fold = (key, open, ...inside) => h("details", { class: `gm-fold gm-fold-${key}`, open }, h("summary", null, t(key)), ...inside);
      this.tableFold = fold("table", false, this.table);
      this.tableFold.addEventListener("toggle", () => this.drawTable());
      this.root.setAttribute("aria-label", t("panel"));
      this.root.replaceChildren(this.handle,
        h("header", { class: "gm-head" }, h("div", null, this.title, this.subtitle), this.languages(t)),
        h("div", { class: "gm-scroll" }, this.search,
          h("div", { class: "gm-field" }, h("label", { for: this.select.id }, t("measure")), this.select),
          this.legend, fold("layers", false, this.layers), this.tableFold,
          app.config.attribution ? h("p", { class: "gm-quiet" }, app.config.attribution) : null));
    }

    languages(t) {
      const { app } = this;
      if (app.config.languageSwitch === false) return null;
      const other = app.lang === "zh" ? "en" : "zh";
      return h("button", { type: "button", class: "gm-language", lang: other, onclick: () => app.setLanguage(other) }, other === "en" ? "EN" : "中文");
    }

    /* Fill what depends on the data: after loading, and after every switch of measure. */
    refresh() {
      const { app } = this;
      const grids = app.layers.micro_grids.features;
      const households = grids.reduce((sum, feature) => sum + (feature.props.households || 0), 0);
      this.subtitle.textContent = grids.length
        ? gm.t(app, "summary", { n: gm.number(app, grids.length), h: gm.number(app, households) }) : gm.t(app, "no_micro_grids");
      this.fillMeasures();
      this.drawLegend();
      this.drawLayers();
      this.drawTable();
    }

    fillMeasures() {
      const { app } = this;
      const groups = new Map();
      for (const measure of app.measures) {
        if (!groups.has(measure.group)) groups.set(measure.group, []);
        groups.get(measure.group).push(h("option", { value: measure.name }, gm.title(app, measure)));
      }
      this.select.replaceChildren(h("option", { value: "" }, gm.t(app, "no_measure")),
        ...[...groups].map(([group, options]) => h("optgroup", { label: gm.t(app, `group.${group}`) }, options)));
      this.select.value = app.measure ? app.measure.name : "";
    }

    drawLegend() {
      const { app } = this;
      const measure = app.measure;
      if (!measure) {
        this.legend.replaceChildren();
        return;
      }
      const rows = gm.legendRows(app, measure).map((row) => h("li", { class: row.count ? "" : "gm-none" }, swatch(row.fill, measure),
        h("span", null, row.label), h("span", { class: "gm-count" }, gm.number(app, row.count))));
      const note = [
        measure.kind === "coverage" ? gm.t(app, "about_coverage", { m: measure.norm_m ? gm.metres(app, measure.norm_m) : "–" }) : "",
        measure.verified === false ? gm.t(app, "unverified_long") : "",
      ].filter(Boolean).join(" ");
      this.legend.replaceChildren(
        h("p", { class: "gm-legend-title" }, gm.t(app, "legend"), h("span", { class: "gm-count" }, gm.t(app, "micro_grids"))),
        h("ul", { class: "gm-list" }, rows), note ? h("p", { class: "gm-quiet" }, note) : "");
    }

    drawLayers() {
      const { app } = this;
      const boxes = app.config.layers.filter((layer) => app.layers[layer.name]).map((layer) => {
        const state = app.layers[layer.name];
        const box = h("input", { type: "checkbox", checked: state.shown, "data-layer": layer.name, onchange: () => app.showLayer(layer.name, box.checked) });
        return h("label", { class: "gm-check" }, box, h("span", null, gm.title(app, layer)),
          h("span", { class: "gm-count" }, state.rows === undefined ? "" : gm.number(app, state.rows)));
      });
      this.layers.replaceChildren(...boxes);
    }

    drawTable() {
      const { app } = this;
      if (!this.tableFold.open) return;
      const measure = app.measure;
      const value = (feature) => (measure ? measure.values[feature.index] : feature.props.households);
      const rows = [...app.layers.micro_grids.features];
      const sign = this.sort.down ? -1 : 1;
      const rank = (v) => (v === null || v === undefined ? -Infinity : Number(v));
      rows.sort((a, b) => this.sort.by === "code" ? sign * (a.props.code < b.props.code ? -1 : 1) : sign * (rank(value(a)) - rank(value(b))) || 0);
      const head = (by, label) => h("th", { scope: "col", "aria-sort": this.sort.by === by ? (this.sort.down ? "descending" : "ascending") : "none" },
        h("button", { type: "button", onclick: () => this.sortBy(by) }, label));
      const body = rows.slice(0, this.rows).map((feature) => h("tr", {
        tabindex: "0", "data-code": feature.props.code, "aria-selected": String(app.selected === feature.props.code),
        onclick: () => app.select(feature.props.code, true), onkeydown: (event) => this.keys(event, feature),
      }, h("td", null, feature.props.name || gm.shortCode(feature.props.code), h("small", null, feature.props.code)),
        h("td", { class: "gm-amount" }, gm.valueText(app, measure, feature))));
      this.table.replaceChildren(
        h("table", { class: "gm-table" }, h("thead", null, h("tr", null, head("code", gm.t(app, "micro_grid")),
          head("value", measure ? gm.title(app, measure) : gm.t(app, "households")))), h("tbody", null, body)),
        rows.length > this.rows ? h("button", { type: "button", class: "gm-button", onclick: () => { this.rows += ROWS; this.drawTable(); } },
          gm.t(app, "more_rows", { n: gm.number(app, rows.length - this.rows) })) : "");
    }

    sortBy(by) {
      this.sort = { by, down: this.sort.by === by ? !this.sort.down : by === "value" };
      this.drawTable();
    }

    keys(event, feature) {
      const row = event.currentTarget;
      const next = { ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling }[event.key];
      if (event.key === "Enter") this.app.select(feature.props.code, true);
      if (!next) return;
      event.preventDefault();
      next.focus();
      this.app.select(next.dataset.code, true);
    }

    markSelected() {
      this.root.querySelectorAll("tr[data-code]").forEach((row) => row.setAttribute("aria-selected", String(row.dataset.code === this.app.selected)));
    }

    searchBox(t) {
      const list = h("ul", { class: "gm-results", role: "listbox", hidden: true });
      const input = h("input", { type: "search", class: "gm-search-input", placeholder: t("search"), "aria-label": t("search"), autocomplete: "off" });
      input.addEventListener("input", () => this.find(input, list));
      input.addEventListener("keydown", (event) => {
        if (event.key === "ArrowDown" && list.firstChild) { event.preventDefault(); list.firstChild.firstChild.focus(); }
        if (event.key === "Enter" && list.firstChild) list.firstChild.firstChild.click();
        if (event.key === "Escape") { input.value = ""; this.find(input, list); }
      });
      this.searchInput = input;
      return h("div", { class: "gm-search", role: "search" }, input, list);
    }

    find(input, list) {
      const { app } = this;
      const found = input.value.trim() ? gm.search(app, input.value.trim()) : [];
      list.hidden = !input.value.trim();
      const rows = found.map((hit) => h("li", null, h("button", { type: "button", onclick: () => {
        list.hidden = true;
        input.value = hit.title;
        hit.open();
      } }, h("span", null, hit.title), h("small", null, hit.about))));
      list.replaceChildren(...(rows.length ? rows : [h("li", { class: "gm-quiet" }, gm.t(app, "nothing_found"))]));
    }
  };

  function swatch(fill, measure) {
    const canvas = h("canvas", { class: "gm-swatch", width: 56, height: 36, "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    context.scale(2, 2);
    const t = gm.theme();
    context.fillStyle = t.land;
    context.fillRect(0, 0, 28, 18);
    context.globalAlpha = fill.kind === "class" || fill.kind === "yes" ? t.fill : 1;
    context.fillStyle = gm.paint(context, fill, measure);
    context.fillRect(0, 0, 28, 18);
    return canvas;
  }

  /* The rows of a legend with how many micro-grids each stands for: [{fill, label, count}]. */
  gm.legendRows = function (app, measure) {
    const counts = new Map();
    const key = (fill) => fill.kind + (fill.index === undefined ? "" : fill.index);
    measure.values.forEach((_, i) => {
      const k = key(gm.fillOf(measure, [i]));
      counts.set(k, (counts.get(k) || 0) + 1);
    });
    const row = (fill, label) => ({ fill, label, count: counts.get(key(fill)) || 0 });
    if (measure.kind === "yes_no") {
      return [row({ kind: "yes" }, gm.t(app, "yes")), row({ kind: "no" }, gm.t(app, "no")), row({ kind: "none" }, gm.t(app, "no_data"))];
    }
    const last = measure.colours.length - 1;
    const whole = measure.values.every((v) => v === null || Number.isInteger(v));
    const classes = measure.colours.map((_, i) => row({ kind: "class", index: i }, rangeText(app, measure, i, last, whole)));
    const rows = measure.kind === "coverage" ? [row({ kind: "gap" }, gm.t(app, "status.gap")), ...classes] : classes;
    return [...rows, row({ kind: "none" }, gm.t(app, "no_data"))];
  };

  function rangeText(app, measure, i, last, whole) {
    let [low, high] = [measure.breaks[i], measure.breaks[i + 1]];
    if (measure.kind === "coverage") {
      if (i === last) return "100%";
      return `${Math.round(low * 100)}–${i === last - 1 ? "99" : Math.round(high * 100)}%`;
    }
    if (whole && i !== last) high -= 1;
    const digits = whole ? 0 : high < 10 ? 2 : 0;
    const text = (value) => gm.number(app, value, digits);
    return text(low) === text(high) ? text(low) : `${text(low)} – ${text(high)}`;
  }

  gm.valueText = function (app, measure, feature) {
    if (!measure) return gm.number(app, feature.props.households);
    const value = measure.values[feature.index];
    if (measure.status && measure.status[feature.index] === "g") return gm.t(app, "status.gap");
    if (value === null || value === undefined) return "–";
    if (measure.kind === "yes_no") return gm.t(app, value ? "yes" : "no");
    if (measure.kind === "coverage") return `${gm.number(app, value * 100)}%`;
    return gm.number(app, value, Number.isInteger(value) ? 0 : 2);
  };

  /* Micro-grids by code and name first, then everything with a name or an address: at most 12. */
  gm.search = function (app, text) {
    const wanted = text.toLowerCase();
    const has = (value) => value && String(value).toLowerCase().includes(wanted);
    const hits = [];
    const full = () => hits.length >= 12;
    for (const { props } of app.layers.micro_grids.features) {
      if (full()) return hits;
      if (has(props.code) || has(props.name)) {
        hits.push({ title: gm.microGridTitle(app, props), about: props.code, open: () => app.select(props.code, true) });
      }
    }
    for (const name of ["facilities", "organizations", "estates", "buildings", "roads", "incidents"]) {
      for (const feature of (app.layers[name] || { features: [] }).features) {
        if (full()) return hits;
        const { props } = feature;
        if (!(has(props.name) || has(props.address) || has(props.code))) continue;
        const title = props.name || (name === "incidents" ? gm.kindTitle(app, props.category) : props.code);
        hits.push({ title: title || gm.layerTitle(app, name), about: [gm.layerTitle(app, name), props.address].filter(Boolean).join(" · "),
          open: () => app.goTo(name, feature) });
      }
    }
    return hits;
  };
})(window.gridmap);
