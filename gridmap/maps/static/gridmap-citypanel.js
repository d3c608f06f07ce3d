/* The panel of a city in tiles: legend and table speak of the unit that is coloured; names come when someone looks. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const SEARCHED = ["micro_grids", "grids", "communities", "streets", "facilities", "organizations", "estates", "buildings", "roads"];
  const MOST = 12;

  gm.CityPanel = class extends gm.Panel {
    build() {
      super.build();
      const { app } = this;
      const t = (key) => gm.t(app, key);
      this.breaks = h("select", { id: `${app.root.id}-breaks`, onchange: () => app.setBreaks(this.breaks.value) },
        ["quantile", "equal", "natural"].map((how) => h("option", { value: how }, t(`breaks.${how}`))));
      this.breaksField = h("div", { class: "gm-field gm-breaks" }, h("label", { for: this.breaks.id }, t("breaks")), this.breaks);
      this.legend.after(this.breaksField);
      if (app.config.stale) this.legend.before(h("p", { class: "gm-attention gm-stale" }, t("stale")));
      this.tableTitle = this.tableFold.querySelector("summary");
      if (gm.buildTime) gm.buildTime(this);
      this.buildPast();
      this.buildTools();
      this.buildPicture();
    }

    refresh() {
      const { app } = this;
      const count = (layer) => (app.tiles.info.get(layer) || {}).count || 0;
      const summary = count("micro_grids")
        ? gm.t(app, count("communities") === 1 ? "summary_city_one" : "summary_city", { n: gm.number(app, count("micro_grids")), c: gm.number(app, count("communities")) }) : gm.t(app, "no_micro_grids");
      this.subtitle.textContent = app.past ? `${gm.date(app, app.past.day)} · ${summary}` : summary;
      this.drawPast();
      if (this.pictureLater) this.pictureLater();
      this.fillMeasures();
      this.drawLegend();
      this.drawLayers();
      this.drawTable();
    }

    drawLayers() {
      super.drawLayers();
      const { background } = this.app;
      if (!background) return;
      const box = h("input", { type: "checkbox", checked: background.on, onchange: () => background.show(box.checked) });
      this.layers.prepend(h("label", { class: "gm-check gm-check-base" }, box, h("span", null, gm.t(this.app, "background")),
        h("span", { class: background.away ? "gm-count gm-attention" : "gm-count" }, background.away ? gm.t(this.app, "background_gone") : background.facts.attribution || "")));
    }

    drawLegend() {
      const { app } = this;
      const document = app.shownValues;
      this.breaks.value = app.breaks;
      this.breaksField.hidden = !document || document.kind === "class" || Boolean(document.status);
      if (!document) {
        const measure = app.measure;
        const lacking = measure ? gm.t(app, "not_at_level", { level: gm.layerTitle(app, app.level) }) : app.past && app.past.bounds && app.wantedName ? gm.t(app, "past.not_kept") : "";
        this.legend.replaceChildren(lacking ? h("p", { class: "gm-quiet" }, lacking) : "");
        return;
      }
      const rows = gm.valueRows(app, document).map((row) => h("li", { class: row.count ? "" : "gm-none" }, swatch(document, row.key),
        h("span", null, row.label), h("span", { class: "gm-count" }, gm.number(app, row.count))));
      const note = [
        document.status ? gm.t(app, "about_coverage", { m: document.norm_m ? gm.metres(app, document.norm_m) : "–" }) : "",
        document.verified === false ? gm.t(app, "unverified_long") : "",
      ].filter(Boolean).join(" ");
      const unit = gm.unit(app, document.unit);
      this.legend.replaceChildren(
        h("p", { class: "gm-legend-title" }, gm.title(app, document), unit ? ` (${unit})` : "", h("span", { class: "gm-count" }, gm.layerTitle(app, app.shownLevel))),
        h("ul", { class: "gm-list" }, rows), note ? h("p", { class: "gm-quiet" }, note) : "");
    }

    /* The figures behind the map: the units that are coloured now, as numbers. */
    async drawTable() {
      const { app } = this;
      this.tableTitle.textContent = gm.t(app, "table_of", { level: gm.layerTitle(app, app.level) });
      if (!this.tableFold.open) return;
      const level = app.level, document = app.shownLevel === level ? app.shownValues : null;
      const named = await app.namesOf(level);
      if (level !== app.level) return;
      const rows = named.codes.map((code, i) => ({ code, id: i + 1, value: document ? document.values[i] : null, gap: document && document.keys[i] === 250 }))
        .filter((row) => row.code !== null);
      const sign = this.sort.down ? -1 : 1;
      const rank = (row) => (row.gap ? -1 : row.value === null ? -Infinity : row.value);
      const byCode = (a, b) => (a.code < b.code ? -1 : 1);
      rows.sort((a, b) => (this.sort.by === "code" ? sign * byCode(a, b) : sign * (rank(a) - rank(b)) || byCode(a, b)));
      const head = (by, label) => h("th", { scope: "col", "aria-sort": this.sort.by === by ? (this.sort.down ? "descending" : "ascending") : "none" },
        h("button", { type: "button", onclick: () => this.sortBy(by) }, label));
      const body = rows.slice(0, this.rows).map((row) => h("tr", {
        tabindex: "0", "data-code": row.code, "aria-selected": String(app.selected === row.code),
        onclick: () => app.open(level, row.id, true), onkeydown: (event) => this.keys(event, { props: { code: row.code } }),
      }, h("td", null, app.nameOf(level, row.id), h("small", null, row.code)),
        h("td", { class: "gm-amount" }, document ? gm.shownValue(app, document, row.id) : "")));
      this.table.replaceChildren(
        h("table", { class: "gm-table" }, h("thead", null, h("tr", null, head("code", gm.layerTitle(app, level)),
          document ? head("value", gm.title(app, document)) : "")), h("tbody", null, body)),
        rows.length > this.rows ? h("button", { type: "button", class: "gm-button", onclick: () => { this.rows += 200; this.drawTable(); } },
          gm.t(app, "more_rows", { n: gm.number(app, rows.length - this.rows) })) : "");
    }

    async find(input, list) {
      const { app } = this;
      const text = input.value.trim().toLowerCase();
      list.hidden = !text;
      if (!text) return;
      if (app.config.search && !app.past) { // it knows the units of today
        await this.ask(input, list);
        return;
      }
      const layers = SEARCHED.filter((name) => app.tiles.info.has(name) && app.tiles.info.get(name).count);
      const named = await Promise.all(layers.map((name) => app.namesOf(name).catch(() => ({ codes: [], names: [] }))));
      if (text !== input.value.trim().toLowerCase()) return; // typed on meanwhile
      const hits = [];
      layers.forEach((layer, n) => {
        const { codes, names } = named[n];
        const seen = new Set();
        for (let i = 0; i < codes.length && hits.length < MOST; i++) {
          const code = codes[i] || "", name = names[i] || "";
          if (!(name.toLowerCase().includes(text) || (layer !== "roads" && code.toLowerCase().includes(text)))) continue;
          if (layer === "roads" && seen.has(name)) continue; // a street of many pieces is one answer
          seen.add(name);
          hits.push(h("li", null, h("button", { type: "button", onclick: () => {
            list.hidden = true;
            input.value = name || code;
            app.goTo(layer, i + 1);
          } }, h("span", null, name || app.titleOf(layer, code)), h("small", null, [gm.layerTitle(app, layer), layer === "roads" ? "" : code].filter(Boolean).join(" · ")))));
        }
      });
      list.replaceChildren(...(hits.length ? hits : [h("li", { class: "gm-quiet" }, gm.t(app, "nothing_found"))]));
    }

    /* The server knows everything that has a name, and its pinyin; asked when the typing rests. */
    async ask(input, list) {
      const { app } = this;
      const turn = (this.asked = (this.asked || 0) + 1);
      await new Promise((resolve) => { setTimeout(resolve, 120); });
      if (turn !== this.asked) return;
      let hits;
      try {
        hits = await gm.fetchJson(`${app.config.search}?q=${encodeURIComponent(input.value.trim())}`);
      } catch (problem) {
        if (turn === this.asked) list.replaceChildren(h("li", { class: "gm-quiet" }, gm.t(app, "load_failed")));
        return;
      }
      if (turn !== this.asked) return;
      const rows = hits.map((hit) => h("li", null, h("button", { type: "button", onclick: () => {
        list.hidden = true;
        input.value = hit.name || hit.address || hit.code;
        if (hit.at) app.select(hit.at, true);
        else if (hit.place) app.map.setView([hit.place[1], hit.place[0]], 17);
      } }, h("span", null, hit.name || hit.address || app.titleOf(hit.layer, hit.code)),
      h("small", null, [gm.layerTitle(app, hit.layer), hit.name ? hit.address : "", hit.layer === "roads" ? "" : hit.code].filter(Boolean).join(" · ")))));
      list.replaceChildren(...(rows.length ? rows : [h("li", { class: "gm-quiet" }, gm.t(app, "nothing_found"))]));
    }
  };

  function swatch(document, key) {
    const canvas = h("canvas", { class: "gm-swatch", width: 56, height: 36, "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    context.scale(2, 2);
    context.fillStyle = gm.fillStyle(context, gm.fillOfKey(document.classes, key));
    context.fillRect(0, 0, 28, 18);
    return canvas;
  }
})(window.gridmap);
