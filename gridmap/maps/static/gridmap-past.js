/* Boundaries as they were on a day: another address for the tiles, values and cards of the units; all else stays. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const MOST = 12; // plans offered as buttons; any day may be typed
  const DAY = /^\d{4}-\d{2}-\d{2}$/;

  const levelsOf = (app) => app.tiles.options.levels.map((item) => item.layer);

  Object.assign(gm.CityApp.prototype, {
    /* Show the units of a day, or of today (null): no page load, and what lies below them is not fetched again. */
    async setDay(day) {
      const turn = (this.dayTurn = (this.dayTurn || 0) + 1);
      if (day === this.dayNow) return;
      let found = null;
      try {
        found = day ? await this.get(`${this.config.past}${day}.json`) : null;
      } catch (problem) {
        this.say(gm.t(this, "past.failed"), problem);
        this.panel.drawPast();
        return;
      }
      if (turn !== this.dayTurn) return; // another day was chosen meanwhile
      const wanted = this.selected ? this.selectedAt : null;
      this.close();
      if (this.chooser.on) this.chooser.stop();
      this.enterDay(found);
      await this.colour(this.wantedName).catch((problem) => this.say(gm.t(this, "load_failed"), problem));
      this.panel.refresh();
      this.labels.redraw();
      this.remember();
      if (wanted && (await this.hasCode(wanted))) await this.select(wanted, false);
    },

    /* Whether what was chosen was there on the day that is shown now. */
    async hasCode(asked) {
      const { layer, code } = this.meant(asked), info = this.tiles.info.get(layer);
      return Boolean(info && info.count) && (await this.namesOf(layer)).codes.includes(code);
    },

    /* Put the units of a day in place of those there are; `found` null brings back today's. */
    enterDay(found) {
      const { tiles } = this, levels = levelsOf(this);
      if (!this.presentUnits) this.presentUnits = new Map(levels.map((name) => [name, tiles.info.get(name)]));
      const units = new Map(found ? found.layers.map((layer) => [layer.name, layer]) : []);
      for (const name of levels) {
        const info = found ? units.get(name) : this.presentUnits.get(name);
        if (info) tiles.info.set(name, info);
        else tiles.info.delete(name);
        this.named.delete(name);
        tiles.values.delete(name);
        if (this.layers[name]) this.layers[name].rows = info ? info.count : 0;
      }
      this.past = found;
      this.dayNow = found ? found.day : null;
      this.shownValues = this.shownLevel = null;
      tiles.store.move(found ? `${found.base}tiles/` : tiles.options.address, levels);
      tiles.overlay.past = [];
      this.measures = this.measuresOf();
      this.root.classList.toggle("gm-in-past", Boolean(found));
      if (tiles._map) tiles.reload();
    },

    /* Where values and cards of a layer are: those of units go with the day. */
    valuesAt(layer) {
      return this.past && levelsOf(this).includes(layer) ? `${this.past.base}values/` : this.config.values;
    },

    featuresAt(layer) {
      return this.past && levelsOf(this).includes(layer) ? `${this.past.base}feature/` : this.config.features;
    },
  });

  Object.assign(gm.CityPanel.prototype, {
    /* The fold with the day, and a line under the title that says which day it is when it is not today. */
    buildPast() {
      const { app } = this;
      this.pastNote = h("div", { class: "gm-past-note", role: "status", hidden: true });
      this.root.querySelector(".gm-scroll").before(this.pastNote);
      if (!app.config.past) return;
      this.pastNow = h("span", { class: "gm-count" });
      this.pastBox = h("div", { class: "gm-past" });
      this.pastFold = h("details", { class: "gm-fold gm-fold-past" }, h("summary", null, gm.t(app, "past.title"), this.pastNow), this.pastBox);
      this.pastFold.addEventListener("toggle", () => { if (this.pastFold.open) this.fillPast(); });
      this.tableFold.before(this.pastFold);
    },

    async fillPast() {
      const { app } = this;
      if (this.pastInput) return;
      const days = await app.get(`${app.config.past}days.json`).catch((problem) => app.say(gm.t(app, "load_failed"), problem));
      if (!days || this.pastInput) return;
      const id = `${app.root.id}-day`;
      this.pastInput = h("input", { type: "date", id, max: days.today });
      this.pastInput.addEventListener("change", () => {
        const { value } = this.pastInput;
        if (DAY.test(value)) app.setDay(value === days.today ? null : value);
      });
      const plans = [...(days.first ? [days.first] : []), ...days.changes].slice(-MOST).reverse();
      this.pastPlans = plans.map((day) => h("button", { type: "button", class: "gm-button", "data-day": day, onclick: () => app.setDay(day) },
        gm.date(app, day), h("small", null, gm.t(app, day === days.first ? "past.first" : "past.change"))));
      this.pastBox.replaceChildren(h("div", { class: "gm-field" }, h("label", { for: id }, gm.t(app, "past.day")), this.pastInput),
        plans.length ? h("p", { class: "gm-quiet" }, gm.t(app, "past.plans")) : "", h("div", { class: "gm-plans" }, this.pastPlans),
        h("p", { class: "gm-quiet" }, gm.t(app, "past.about")));
      this.today = days.today;
      this.drawPast();
    },

    drawPast() {
      const { app } = this, { past } = app;
      if (this.pastNow) this.pastNow.textContent = past ? gm.date(app, past.day) : gm.t(app, "past.today");
      if (this.pastInput) this.pastInput.value = past ? past.day : this.today;
      const shown = past ? past.since : null;
      (this.pastPlans || []).forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.day === shown)));
      this.pastNote.hidden = !past;
      if (!past) return;
      this.pastNote.replaceChildren(h("p", null, h("b", null, gm.t(app, "past.as_of", { date: gm.date(app, past.day) })), h("small", null, this.pastText(past))),
        h("button", { type: "button", class: "gm-button", onclick: () => app.setDay(null) }, gm.t(app, "past.back")));
    },

    pastText(past) {
      const { app } = this, date = (day) => gm.date(app, day);
      if (past.state === "before") return gm.t(app, "past.before", { date: date(past.first) });
      if (!past.bounds) return gm.t(app, "past.none");
      const words = [past.state === "oldest" ? gm.t(app, "past.oldest") : gm.t(app, "past.since", { date: date(past.since) })];
      words.push(past.until ? gm.t(app, "past.until", { date: date(past.until) }) : gm.t(app, "past.still"));
      return words.join(gm.t(app, "past.joint"));
    },
  });

  /* On the card of an earlier day: what became of the unit, and that attached things are kept as of today only. */
  gm.pastRows = function (app, card) {
    if (!app.past) return null;
    const rows = (card.later || []).map((row) => h("li", { class: "gm-row" }, h("span", null, gm.shortCode(row.new_code), h("small", null, row.new_code)),
      h("span", { class: "gm-amount" }, gm.t(app, "households_n", { n: gm.number(app, row.households) }))));
    return h("section", { class: "gm-section gm-past-card" }, h("h3", null, gm.t(app, "past.as_of", { date: gm.date(app, app.past.day) })),
      rows.length ? h("p", { class: "gm-quiet" }, gm.t(app, "past.became", { date: gm.date(app, card.later[0].date) })) : null,
      rows.length ? h("ul", { class: "gm-list" }, rows) : null, h("p", { class: "gm-quiet" }, gm.t(app, "past.card")));
  };
})(window.gridmap);
