/* The grid leader's page: the map of every page, with the own micro-grid on it and a sheet that speaks of nothing else. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const FRESH_MS = 5 * 60000;                    // data older than this are asked for again when the page is looked at
  const AGAIN_MS = [15000, 30000, 60000, 300000]; // how long until waiting reports are tried again
  const ALONE = "gm-selected";
  const FAR_M = 3000;                            // from farther off the map stays where it is
  const SVG = "http://www.w3.org/2000/svg";
  const ICONS = {
    home: "M4 11.5 12 5l8 6.500V20h-5.500v-5h-5V20H4z", layers: "M12 4 3 9l9 5 9-5zM3.500 13.500 12 18.200l8.500-4.700M3.500 17.500 12 22.200l8.500-4.700",
    locate: "M12 6a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM12 2v4M12 18v4M2 12h4M18 12h4M12 11a1 1 0 1 1 0 2 1 1 0 0 1 0-2z", report: "M12 5v14M5 12h14",
  };

  function icon(name) {
    const svg = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
    Object.entries({ viewBox: "0 0 24 24", class: "gwm-icon", "aria-hidden": "true" }).forEach(([key, value]) => svg.setAttribute(key, value));
    path.setAttribute("d", ICONS[name]);
    svg.append(path);
    return svg;
  }

  gm.pageOf = (Base) => class extends Base {
    makePanel() {
      this.facts = JSON.parse(document.getElementById("mine-facts").textContent);
      Object.assign(this, { units: [], doc: null, docs: new Map(), reports: [], ticks: new Set(), tab: this.tab || "today", view: null, mustLogIn: false, offline: null, tries: 0 });
      this.config.reported = ""; // open incidents come with the micro-grid
      return new gm.MinePanel(this);
    }

    makeSheet() {
      return new gm.MineSheet(this);
    }

    w(key, values) {
      const text = this.facts.words[key] || key;
      return text.replace(/\{(\w+)\}/g, (_, name) => (values && values[name] !== undefined ? values[name] : ""));
    }

    role(name) {
      return this.facts.words[`role.${name}`] || name || "";
    }

    /* A category of incidents: its own word before that of a kind of facility of the same name. */
    category(name) {
      return this.config.words[`kind.${name}`] ? gm.word(this, "kind", name) : gm.kindTitle(this, name);
    }

    sees(what) {
      return what !== "staff" || this.facts.staff;
    }

    /* A time of day today, else the date: how people say when. */
    when(text) {
      const at = new Date(text);
      if (Number.isNaN(+at)) return "";
      const time = `${String(at.getHours()).padStart(2, "0")}:${String(at.getMinutes()).padStart(2, "0")}`;
      const day = (date) => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;
      return day(at) === day(new Date()) ? this.w("today_at", { time }) : gm.date(this, `${day(at)} ${time}`);
    }

    get today() {
      const now = new Date();
      return `${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}-${String(now.getDate()).padStart(2, "0")}`;
    }

    get padding() {
      const [start, end] = super.padding;
      return [start, L.point(this.narrow ? 68 : end.x, end.y)];
    }

    /* The middle of what the sheet leaves of the map, in the window. */
    freeMiddle() {
      const { innerWidth, innerHeight } = window;
      if (!this.narrow) return { x: Math.round((404 + innerWidth) / 2), y: Math.round((innerHeight + 48) / 2) };
      return { x: Math.round(innerWidth / 2), y: Math.round((innerHeight - Math.min(this.sheet.height(), innerHeight * 0.6)) / 2) };
    }

    listen() {
      this.report = new gm.MineReport(this);
      this.dot = new gm.PlaceDot(this.map);
      this.marks = L.layerGroup().addTo(this.map);
      super.listen();
      window.addEventListener("popstate", (event) => this.wentBack(event.state || {}));
      window.addEventListener("online", () => this.back());
      window.addEventListener("offline", () => this.sayNet());
      document.addEventListener("visibilitychange", () => {
        if (document.visibilityState !== "visible") return;
        this.send();
        if (this.fetched && Date.now() - this.fetched > FRESH_MS) this.refreshDoc();
      });
      window.addEventListener("resize", () => this.sheet.set(this.sheet.stop));
      if (navigator.serviceWorker) navigator.serviceWorker.addEventListener("message", ({ data }) => this.told(data));
    }

    /* ---- data ---- */
    async load() {
      const at = this.wanted.at;
      Object.assign(this.wanted, { at: null, measure: "" });
      const mine = this.loadMine(at);
      await super.load().catch((problem) => this.say(gm.t(this, "load_failed"), problem));
      await mine;
      if (!this.map._loaded) this.map.setView([30, 110], 4, { animate: false });
      if (this.doc && !this.wanted.view) this.home(true, false);
      this.drawMine();
      this.root.dataset.mine = "yes";
      this.keepSoon();
    }

    async loadMine(at) {
      await Promise.all([this.loadOwn(), this.fetchUnits()]);
      const known = (code) => code && this.units.some((unit) => unit.code === code);
      const last = this.last();
      const lived = this.units.find((unit) => unit.households) || this.units[0];
      const code = at || (known(last) ? last : lived && lived.code);
      if (!code) {
        this.panel.empty(this.w("none_units"));
        return;
      }
      if (!(await this.go(code, { push: false, move: false })) && lived && code !== lived.code) await this.go(lived.code, { push: false, move: false });
      this.send();
    }

    /* What this phone keeps for the account. */
    async loadOwn() {
      try {
        this.reports = await self.gwQueue.of(this.facts.account);
        this.ticks = await self.gwQueue.ticks(this.facts.account, this.today);
      } catch (problem) {
        console.info("this browser keeps nothing for the page");
      }
    }

    async fetchUnits() {
      try {
        this.units = (await gm.fetchJson(this.facts.units)).units;
      } catch (problem) {
        this.units = [];
      }
    }

    last(code) {
      const key = `gridmap-mine-${this.facts.account}`;
      try {
        if (code) localStorage.setItem(key, code);
        return localStorage.getItem(key);
      } catch (problem) {
        return null;
      }
    }

    async fetchDoc(code) {
      let answer;
      try {
        answer = await fetch(`${this.facts.unit}${encodeURIComponent(code)}.json`, { credentials: "same-origin", headers: { Accept: "application/json" } });
      } catch (problem) {
        this.offline = this.offline || "";
        this.askAgain();
        return this.docs.get(code) || null;
      }
      if (answer.status === 401) {
        location.assign(this.facts.login);
        return null;
      }
      if (!answer.ok) {
        this.refused = answer.status;
        return null;
      }
      const doc = await answer.json();
      const kept = answer.headers.get("X-Gridmap-Kept");
      doc.at = kept || answer.headers.get("X-Gridmap-At") || new Date().toISOString();
      this.offline = kept;
      if (!kept) this.fetched = Date.now();
      this.askAgain();
      this.docs.set(code, doc);
      return doc;
    }

    /* Another micro-grid, or the same one again. */
    async go(code, { push = true, move = true } = {}) {
      const turn = (this.unitTurn = (this.unitTurn || 0) + 1);
      this.refused = 0;
      this.going = true;
      const doc = await this.fetchDoc(code);
      if (turn !== this.unitTurn) return true;
      this.going = false;
      if (!doc) {
        this.say(this.refused ? this.w("not_yours", { code: gm.shortCode(code) }) : this.w("not_kept"));
        this.panel.markSelected();
        this.sayNet();
        return false;
      }
      const other = this.selected && this.selected !== code;
      this.say("");
      this.doc = doc;
      this.selected = code;
      this.last(code);
      this.remember(push && other); // before anything else writes into the address
      if (this.view) this.hideView();
      this.panel.render();
      this.sayNet();
      this.drawMine();
      if (this.map._loaded && move) this.home(true);
      if (other) this.keepSoon();
      return true;
    }

    /* The first answers after the network is back may still be those of the phone. */
    askAgain() {
      clearTimeout(this.askLater);
      this.asked = this.offline === null ? 0 : (this.asked || 0) + 1;
      if (this.asked) this.askLater = setTimeout(() => (navigator.onLine === false ? this.askAgain() : this.back()), Math.min(60000, 4000 * this.asked));
    }

    async refreshDoc() {
      if (this.selected) await this.go(this.selected, { push: false, move: false });
    }

    /* The network is back. */
    async back() {
      this.sayNet();
      if (this.tiles.store) {
        // what was empty for want of a network is asked for again
        for (const [key, tile] of this.tiles.store.tiles) if (tile.state === "none") this.tiles.store.tiles.delete(key);
        this.tiles.reload();
      }
      await this.refreshDoc();
      await this.send();
    }

    /* ---- the map ---- */
    drawMine() {
      if (!this.map._loaded || !this.doc) return;
      const t = gm.theme(), rings = this.doc.outline.map((ring) => ring.map(([lon, lat]) => [lat, lon]));
      this.mineRenderer = this.mineRenderer || L.svg({ pane: ALONE, padding: 1 });
      const style = { pane: ALONE, renderer: this.mineRenderer, interactive: false };
      if (this.mineShape) this.mineShape.remove();
      const around = [[[-85, -180], [-85, 180], [85, 180], [85, -180]], ...rings];
      this.mineShape = L.layerGroup([
        L.polygon(around, { ...style, stroke: false, fillColor: t.outside, fillOpacity: 0.4, fillRule: "evenodd" }),
        L.polygon(rings, { ...style, color: t.halo, weight: 7, opacity: 0.95, fill: false }),
        L.polygon(rings, { ...style, color: t.accent, weight: 3.5, fill: false }),
      ]).addTo(this.map);
      this.marks.clearLayers();
      if (this.hideIncidents) return;
      for (const row of this.doc.open.filter((one) => one.lon !== undefined)) {
        const title = this.category(row.category);
        const icon = L.divIcon({ html: gm.glyph("incidents", "incidents", "gm-open"), className: "gm-point gwm-incident", iconSize: [44, 44] });
        this.marks.addLayer(L.marker([row.lat, row.lon], { icon, keyboard: true, title, alt: title }).on("click", () => this.showIncident(row)));
      }
    }

    redraw() {
      super.redraw();
      if (this.doc) this.drawMine();
    }

    home(fly, animate = true) {
      if (!fly || !this.doc || !this.doc.bounds) {
        super.home(fly);
        return;
      }
      const [w, s, e, n] = this.doc.bounds;
      this.fit(L.latLngBounds([s, w], [n, e]).pad(0.15), animate, 18);
    }

    select(code) {
      return code === this.selected && this.doc ? undefined : this.go(code, { push: false });
    }

    async codesAt(latlng) {
      if (!this.tiles.hit) return this.at(latlng).map((feature) => feature.props.code);
      const ids = this.tiles.hit("micro_grids", latlng);
      if (!ids.length) return [];
      const { codes } = await this.namesOf("micro_grids");
      return ids.map((id) => codes[id - 1]).filter(Boolean);
    }

    /* A press on another micro-grid of one's own goes there; on a tower through its floors. */
    async onPress(latlng) {
      if (this.view === "report") return;
      const codes = (await this.codesAt(latlng).catch(() => [])).sort();
      const next = codes[(codes.indexOf(this.selected) + 1) % codes.length];
      if (next && next !== this.selected) this.go(next, { move: false });
    }

    onHover() {}

    async open(layer, id) {
      if (layer !== "micro_grids") {
        await super.open(layer, id);
        return;
      }
      const { codes } = await this.namesOf("micro_grids");
      if (codes[id - 1]) this.go(codes[id - 1]);
    }

    showThing(name, feature) {
      const facts = gm.pointFacts(this, name, feature.props);
      this.show(facts.name || facts.kind, gm.thingCard(this, name, feature.props));
    }

    async openFeature(layer, ...rest) {
      const unit = this.selected;
      await super.openFeature(layer, ...rest);
      this.selected = unit; // a thing was looked at; the micro-grid stays the same
      this.remember();
    }

    show(title, body) {
      this.openView("thing", title, body);
    }

    showIncident(row) {
      this.openView("thing", this.category(row.category), gm.mineCards.incident(this, row));
      if (row.lat !== undefined) this.map.panInside([row.lat, row.lon], { paddingTopLeft: this.padding[0], paddingBottomRight: this.padding[1] });
    }

    deselect() {}

    close() {
      if (this.view) this.closeView();
      else if (this.narrow) this.sheet.step(-1);
    }

    buildTools() {
      const tool = (key, press, text) => h("button", { type: "button", class: `gm-tool gwm-tool-${key}`, title: this.w(key), "aria-label": this.w(key), onclick: press },
        icon(key), text ? h("span", { class: "gwm-tool-text", "aria-hidden": "true" }, text) : null);
      this.tools.replaceChildren(
        tool("home", () => this.home(true)), tool("layers", () => this.openView("layers")), tool("locate", () => this.locate()),
        this.facts.report ? tool("report", () => this.openView("report"), this.w("report_short")) : "");
      this.found = this.found || h("div", { class: "gwm-found", role: "status", hidden: true });
      this.root.append(this.found);
    }

    /* ---- where am I ---- */
    async findMe() {
      this.sayPlace(this.w("locating"));
      try {
        this.me = await gm.whereAmI();
      } catch (problem) {
        this.sayPlace(this.w(`locate_${problem.reason || "none"}`), true);
        return null;
      }
      this.dot.show(this.me);
      this.sayPlace(this.placeText());
      return this.me;
    }

    async locate() {
      const me = await this.findMe();
      if (!me || !this.doc || !this.doc.bounds) return;
      if (gm.placeIn(this.doc.outline, me.lon, me.lat).metres > FAR_M) return; // the words say it; a map of nothing would not
      const [w, s, e, n] = this.doc.bounds;
      this.fit(L.latLngBounds([s, w], [n, e]).extend([me.lat, me.lon]), true, 18);
    }

    placeText() {
      const { lon, lat, accuracy } = this.me, name = this.title();
      const found = gm.placeIn(this.doc.outline, lon, lat, accuracy);
      const m = gm.metres(this, Math.round(found.metres));
      if (found.inside) return [this.w("inside", { name }), found.unsure ? this.w("unsure_inside", { m, a: accuracy }) : this.w("accuracy", { a: accuracy })].join(" ");
      return [this.w("outside", { name, m, way: this.w(`wind.${found.wind}`) }), found.unsure ? this.w("unsure_outside", { a: accuracy }) : this.w("accuracy", { a: accuracy })].join(" ");
    }

    sayPlace(text, problem) {
      this.found.hidden = !text;
      this.found.classList.toggle("gwm-problem", Boolean(problem));
      this.found.replaceChildren(h("p", null, text), h("button", { type: "button", class: "gm-close", "aria-label": gm.t(this, "close"), onclick: () => this.sayPlace("") }, "×"));
    }

    title() {
      return gm.microGridTitle(this, this.doc.card.facts);
    }

    /* ---- views of the sheet, and the way back ---- */
    viewOpen(name) {
      return this.view === name;
    }

    openView(name, title, body) {
      const state = { gwm: name, at: this.selected };
      if (this.view) history.replaceState(state, "", location.href);
      else history.pushState(state, "", location.href);
      this.showView(name, title, body);
    }

    showView(name, title, body) {
      this.view = this.root.dataset.view = name;
      const made = { report: () => [this.w("report"), this.report.form], layers: () => [this.w("layers"), this.panel.layerList()] }[name];
      const [heading, inside] = made ? made() : [title, body];
      this.panel.showView(heading, inside);
      if (this.narrow && this.sheet.stop === "peek") this.sheet.set("half");
      this.report.closed();
      if (name === "report") this.report.opened();
    }

    closeView() {
      const entered = history.state && history.state.gwm;
      this.hideView(); // at once: going back takes its time, and nobody may do it twice
      if (entered) history.back();
    }

    hideView() {
      this.view = null;
      delete this.root.dataset.view;
      this.report.closed();
      this.panel.hideView();
    }

    wentBack(state) {
      if (state.at && state.at !== this.selected) this.go(state.at, { push: false });
      if (this.view && state.gwm !== this.view) this.hideView();
      else if (!this.view && (state.gwm === "report" || state.gwm === "layers")) this.showView(state.gwm);
      if (this.sheet.stop === "full" && !state.full) this.sheet.set("half");
    }

    setTab(name) {
      this.tab = name;
      if (this.view) this.closeView();
      this.panel.render();
      if (this.narrow && this.sheet.stop === "peek") this.sheet.set("half");
    }

    wish() {
      const state = super.wish();
      if (gm.mineCards.TABS.includes(state.get("tab"))) this.tab = state.get("tab");
      return state;
    }

    remember(push) {
      if (this.going || !this.map._loaded || !this.selected || !this.doc) return; // on the way to another one the address is that one's
      const centre = this.map.getCenter(), state = new URLSearchParams({ at: this.selected, tab: this.tab });
      const address = `#${state}&view=${this.map.getZoom()}/${centre.lat.toFixed(5)}/${centre.lng.toFixed(5)}`;
      if (push) history.pushState({ at: this.selected }, "", address);
      else history.replaceState({ ...history.state, at: this.selected }, "", address);
    }

    /* ---- ticks and reports ---- */
    tick(what, done) {
      if (done) this.ticks.add(what);
      else this.ticks.delete(what);
      self.gwQueue.tick(this.facts.account, this.today, what, done).catch(() => {});
    }

    /* A report was just kept: back to the list, and off with it. */
    async reported() {
      await this.loadOwn();
      if (this.view) this.closeView();
      this.setTab("today");
      this.askSync();
      this.say(this.w("kept_report"));
      await this.send();
    }

    async dropReport(report) {
      await self.gwQueue.remove(report.key);
      await this.showReports();
    }

    async showReports() {
      await this.loadOwn();
      if (this.doc) this.panel.render();
    }

    sendingText() {
      if (this.mustLogIn) return this.w("wait_login");
      return navigator.onLine === false || this.offline ? this.w("wait_network") : this.w("wait_turn");
    }

    async send() {
      clearTimeout(this.sendLater);
      if (!this.reports.some((report) => report.state === "waiting")) return;
      const outcome = await self.gwQueue.send({ session: this.facts.session, send: this.facts.send }).catch(() => ({ state: "offline", sent: [], left: 1 }));
      await this.afterSend(outcome);
    }

    async afterSend(outcome) {
      this.mustLogIn = outcome.state === "login";
      await this.showReports();
      const waiting = this.reports.filter((report) => report.state === "waiting").length;
      if (outcome.sent.length) this.say(this.w("sent_report", { n: outcome.sent.length }));
      else if (this.mustLogIn) this.say(this.w("wait_login"));
      else if (waiting) this.say(this.w("kept_report"));
      if (this.reports.some((report) => report.state === "refused")) this.say(this.w("refused_report"));
      clearTimeout(this.sayLess);
      this.sayLess = setTimeout(() => this.say(""), 6000);
      if (outcome.sent.length) await this.refreshDoc();
      if (!waiting || this.mustLogIn) {
        this.tries = 0;
        return;
      }
      this.sendLater = setTimeout(() => this.send(), AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)]);
      this.tries += 1;
    }

    async askSync() {
      const registration = navigator.serviceWorker && (await navigator.serviceWorker.getRegistration());
      if (registration && registration.sync) registration.sync.register("gridmap-reports").catch(() => {});
    }

    /* ---- the phone keeps the page ---- */
    keepSoon() {
      clearTimeout(this.keepLater);
      this.keepLater = setTimeout(() => this.keep(), 1200);
    }

    async keep() {
      if (!navigator.serviceWorker || this.offline || !this.doc) {
        this.sayNet();
        return;
      }
      const registration = await navigator.serviceWorker.register(this.facts.worker, { scope: "/" }).then(() => navigator.serviceWorker.ready).catch(() => null);
      if (registration) registration.active.postMessage({ keep: { account: this.facts.account, ...gm.mineKeep(this) } });
    }

    told(data) {
      if (data.gone) location.replace(this.facts.login);
      if (data.kept !== undefined) {
        this.keptAt = data.kept && data.kept.at;
        this.root.dataset.kept = data.kept ? "yes" : "no";
        this.sayNet();
      }
      if (data.sent) this.afterSend(data.sent);
    }

    sayNet() {
      this.panel.sayNet();
    }
  };
})(window.gridmap);
