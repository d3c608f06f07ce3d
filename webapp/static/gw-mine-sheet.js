/* The sheet: a head that is seen at every stop, four tabs, and a view over them for one thing or a report. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const STOPS = ["peek", "half", "full"];

  gm.MineSheet = class extends gm.Sheet {
    /* At its highest it leaves the button of the menu free. */
    stops() {
      return { ...super.stops(), full: window.innerHeight - 68 };
    }

    set(stop) {
      const before = this.stop;
      super.set(stop);
      const { panel } = this.app;
      if (panel && panel.chevron) panel.drawStop(stop);
      if (!this.app.narrow || before === stop) return;
      const state = history.state || {};
      // the way back from the full sheet is the half one
      if (stop === "full" && !state.full) history.pushState({ ...state, full: true }, "", location.href);
      else if (before === "full" && state.full) history.back();
    }

    step(by) {
      this.set(STOPS[Math.max(0, Math.min(STOPS.length - 1, STOPS.indexOf(this.stop) + by))]);
    }
  };

  gm.MinePanel = class {
    constructor(app) {
      this.app = app;
      this.root = h("section", { class: "gm-panel gwm-sheet" });
      app.root.append(this.root);
    }

    build() {
      const { app } = this, w = (key, values) => app.w(key, values);
      this.root.setAttribute("aria-label", w("title"));
      this.titles = h("div", { class: "gwm-titles" }, h("h1", { class: "gwm-name" }, w("title")));
      this.line = h("p", { class: "gwm-line" });
      this.chevron = h("button", { type: "button", class: "gm-close gwm-chevron", onclick: () => app.sheet.step(app.sheet.stop === "full" ? -1 : 1), onkeydown: (event) => this.keys(event) });
      this.net = h("p", { class: "gwm-net", role: "status", hidden: true });
      this.tabs = h("div", { class: "gwm-tabs", role: "tablist", "aria-label": w("title"), onkeydown: (event) => this.tabKeys(event) },
        gm.mineCards.TABS.map((name) => h("button", { type: "button", role: "tab", id: `gwm-tab-${name}`, "aria-controls": "gwm-body", onclick: () => app.setTab(name) }, w(`tab_${name}`))));
      this.body = h("div", { class: "gm-scroll gwm-body", id: "gwm-body", role: "tabpanel", tabindex: "0" }, h("p", { class: "gm-quiet" }, gm.t(app, "loading")));
      this.view = h("div", { class: "gwm-view", hidden: true });
      this.searchInput = this.body;
      this.root.replaceChildren(
        h("header", { class: "gm-head gwm-head" }, h("span", { class: "gwm-grip", "aria-hidden": "true" }), h("div", { class: "gwm-headline" }, this.titles, this.line), this.chevron),
        this.net, this.tabs, this.body, this.view);
      this.drawStop(app.sheet.stop);
      app.sheet.set("half");
    }

    keys(event) {
      const by = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      this.app.sheet.step(by);
    }

    tabKeys(event) {
      const all = gm.mineCards.TABS, now = all.indexOf(this.app.tab);
      const to = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: all.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      this.app.setTab(all[(to + all.length) % all.length]);
      this.tabs.querySelector("[aria-selected=true]").focus();
    }

    drawStop(stop) {
      const { app } = this;
      this.chevron.replaceChildren(h("span", { class: "gwm-arrow", "aria-hidden": "true" }));
      this.chevron.classList.toggle("gwm-down", stop === "full");
      this.chevron.setAttribute("aria-expanded", String(stop !== "peek"));
      this.chevron.setAttribute("aria-label", `${app.w(stop === "full" ? "sheet_less" : "sheet_more")} (${app.w(`sheet_${stop}`)})`);
    }

    render() {
      const { app } = this, { doc } = app;
      if (!doc) return;
      this.drawTitle();
      this.line.textContent = gm.mineCards.line(app, doc);
      for (const tab of this.tabs.children) {
        const on = tab.id === `gwm-tab-${app.tab}`;
        tab.setAttribute("aria-selected", String(on));
        tab.tabIndex = on ? 0 : -1;
      }
      this.body.setAttribute("aria-labelledby", `gwm-tab-${app.tab}`);
      const other = this.shown !== `${doc.code} ${app.tab}`;
      const at = this.body.scrollTop;
      this.shown = `${doc.code} ${app.tab}`;
      app.config.ways = app.offline === null ? this.ways || (this.ways = app.config.ways) : "";
      this.body.replaceChildren(...gm.mineCards[app.tab](app, doc).filter(Boolean), h("p", { class: "gm-quiet gwm-foot gwm-kept" }));
      this.body.scrollTop = other ? 0 : at;
      this.sayKept();
      app.remember();
    }

    /* One micro-grid is a heading; of several one is chosen. */
    drawTitle() {
      const { app } = this;
      document.title = `${app.title()} · gridmap`;
      if (app.units.length < 2) {
        this.titles.replaceChildren(h("h1", { class: "gwm-name" }, app.title()));
        return;
      }
      if (!this.select) {
        this.select = h("select", { id: "gwm-unit", class: "gwm-unit", onchange: () => app.go(this.select.value) });
        const groups = new Map();
        for (const unit of app.units) {
          if (!groups.has(unit.parent)) groups.set(unit.parent, []);
          groups.get(unit.parent).push(h("option", { value: unit.code }, this.unitName(unit)));
        }
        const lists = [...groups].map(([parent, options]) => (groups.size > 1 ? h("optgroup", { label: app.w("grid_n", { n: gm.shortCode(parent) }) }, options) : options));
        this.select.append(...lists.flat());
      }
      if (!app.units.some((unit) => unit.code === app.selected) && !this.select.querySelector(`[value="${app.selected}"]`)) {
        this.select.prepend(h("option", { value: app.selected }, app.title()));
      }
      if (!this.select.isConnected) {
        this.titles.replaceChildren(h("h1", { class: "gm-spoken gwm-said" }), h("label", { class: "gm-spoken", for: "gwm-unit" }, app.w("choose_unit")), this.select);
      }
      this.titles.querySelector("h1").textContent = app.title();
      this.select.value = app.selected;
    }

    unitName(unit) {
      const floors = gm.floors(unit);
      return [gm.microGridTitle(this.app, unit), unit.stack && floors ? gm.t(this.app, "floors", { f: floors }) : ""].filter(Boolean).join(" · ");
    }

    /* Whether there is a network, and of when what is shown is. */
    sayNet() {
      const { app } = this;
      const off = navigator.onLine === false || app.offline !== null;
      this.net.hidden = !off;
      this.net.textContent = off ? (app.doc ? app.w("offline_at", { time: app.when(app.doc.at) }) : app.w("offline")) : "";
      this.root.classList.toggle("gwm-off", off);
      this.sayKept();
    }

    sayKept() {
      const { app } = this, place = this.body.querySelector(".gwm-kept");
      if (!place) return;
      const secure = window.isSecureContext && navigator.serviceWorker;
      const waits = !secure ? app.w("kept_insecure") : app.keptAt ? app.w("kept_at", { time: app.when(app.keptAt) }) : "";
      place.textContent = [app.doc ? app.w("data_at", { time: app.when(app.doc.at) }) : "", waits].filter(Boolean).join(" ");
    }

    showView(title, body) {
      const { app } = this;
      const heading = h("h2", { tabindex: "-1" }, title);
      this.view.replaceChildren(
        h("header", { class: "gwm-view-head" }, h("button", { type: "button", class: "gwm-back", "aria-label": app.w("back"), onclick: () => app.closeView() }, h("span", { "aria-hidden": "true" }, "‹")), heading),
        h("div", { class: "gm-scroll" }, body));
      this.view.hidden = false;
      this.tabs.hidden = this.body.hidden = true;
      heading.focus({ preventScroll: true });
    }

    hideView() {
      const inside = this.view.contains(document.activeElement);
      this.view.hidden = true;
      this.view.replaceChildren();
      this.tabs.hidden = this.body.hidden = false;
      if (inside) this.body.focus({ preventScroll: true });
    }

    layerList() {
      const { app } = this;
      const box = (title, on, change) => {
        const input = h("input", { type: "checkbox", checked: on, onchange: () => change(input.checked) });
        return h("label", { class: "gm-check" }, input, h("span", null, title));
      };
      const rows = app.config.layers.filter((layer) => layer.name !== "incidents" && ["facilities", "organizations", "gaps", "estates"].includes(layer.name) && app.layers[layer.name])
        .map((layer) => box(gm.title(app, layer), app.layers[layer.name].shown, (on) => app.showLayer(layer.name, on)));
      const back = app.background ? box(gm.t(app, "background"), app.background.on, (on) => app.background.show(on)) : null;
      return h("div", { class: "gwm-layers" }, back, box(app.w("open_incidents"), !app.hideIncidents, (on) => { app.hideIncidents = !on; app.drawMine(); }), rows,
        app.config.attribution ? h("p", { class: "gm-quiet" }, app.config.attribution) : null);
    }

    empty(text) {
      this.line.textContent = "";
      this.tabs.hidden = true;
      this.body.replaceChildren(h("p", { class: "gwm-none" }, text));
    }

    refresh() {}

    fillMeasures() {}

    drawLegend() {}

    drawTable() {}

    markSelected() {
      if (this.select && this.app.selected) this.select.value = this.app.selected;
    }
  };
})(window.gridmap);
