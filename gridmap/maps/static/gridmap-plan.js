/* The editor of a plan: what is chosen, where it could go, moves, taking back, putting in force. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const MODES = ["building", "cell", "block", "micro_grid", "lasso"];

  gm.startPlan = function (map, id) {
    const root = document.getElementById(id);
    const config = JSON.parse(document.getElementById(`${id}-config`).textContent);
    gm.plan = new Plan(map, root, config);
    gm.plan.ready = gm.plan.load();
    return gm.plan;
  };

  class Plan {
    constructor(map, root, config) {
      Object.assign(this, { map, root, config, mode: "building", busy: Promise.resolve(), state: null, asked: 0 });
      this.view = new gm.PlanMap(map);
      L.control.scale({ imperial: false, position: "bottomright" }).addTo(map);
      L.control.zoom({ position: "topright", zoomInTitle: "+", zoomOutTitle: "-" }).addTo(map);
      this.build();
      map.on("click", (event) => this.click(event.latlng));
      document.addEventListener("keydown", (event) => this.key(event));
      map.getContainer().setAttribute("aria-label", this.t("keys"));
    }

    t(key, values = {}) {
      const text = (this.config.words[key] || {})[this.config.lang] || key;
      return text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
    }

    build() {
      const t = (key) => this.t(key);
      this.summary = h("p", { class: "gm-subtitle", role: "status" });
      this.note = h("p", { class: "gm-note", role: "status", hidden: true });
      this.modes = h("div", { class: "gm-plan-modes", role: "radiogroup", "aria-label": t("pick") }, ...MODES.map((mode) => h("button", {
        type: "button", role: "radio", "data-mode": mode, "aria-checked": String(mode === this.mode), onclick: () => this.setMode(mode),
      }, t(`mode.${mode}`))));
      this.undo = h("button", { type: "button", class: "gm-button", disabled: true, onclick: () => this.back("undo") }, t("undo"));
      this.redo = h("button", { type: "button", class: "gm-button", disabled: true, onclick: () => this.back("redo") }, t("redo"));
      this.chosen = h("section", { class: "gm-plan-chosen", "aria-live": "polite" });
      this.history = h("ol", { class: "gm-plan-history" });
      this.day = h("input", { type: "date", id: `${this.root.id}-day`, value: new Date().toISOString().slice(0, 10) });
      this.note_ = h("input", { type: "text", maxlength: "400", placeholder: t("note"), "aria-label": t("note") });
      this.adopt = h("button", { type: "button", class: "gm-button gm-plan-adopt", disabled: true, onclick: () => this.putInForce() }, t("adopt_now"));
      this.propose = h("button", { type: "button", class: "gm-button gm-plan-propose", disabled: true, onclick: () => this.putForward() }, t("propose"));
      this.takeBack = h("button", { type: "button", class: "gm-button gm-plan-take-back", onclick: () => this.run(async () => this.show((await this.ask("take-back", {})).state)) }, t("take_back"));
      this.banner = h("section", { class: "gm-plan-proposed", hidden: true });
      this.locks = h("p", { class: "gm-quiet", hidden: true });
      this.who = h("details", { class: "gm-fold gm-plan-who", ontoggle: () => this.whoMoves() }, h("summary", null, t("who_moves")), h("div"));
      this.end = h("section", { class: "gm-plan-end" }, h("label", { for: this.day.id }, t("adopt")), this.day, this.note_, this.propose);
      if (this.config.mayAdopt) this.end.append(this.adopt);
      this.end.append(h("p", { class: "gm-quiet" }, t("kept")), h("a", { href: this.config.done }, t("back")));
      const attribution = this.config.attribution ? h("p", { class: "gm-quiet" }, this.config.attribution) : null;
      this.root.append(
        h("section", { class: "gm-panel gm-plan-panel", "aria-label": t("plan") },
          h("div", { class: "gm-head" }, h("div", null, h("h1", { class: "gm-title" }, this.config.title || t("plan")), this.summary)),
          h("div", { class: "gm-scroll" }, this.banner, this.modes, h("div", { class: "gm-plan-back" }, this.undo, this.redo), this.chosen,
            h("h2", null, t("moves")), this.history, this.locks, this.who, this.end, attribution)),
        this.note,
      );
      this.say(t("loading"));
    }

    say(text, problem) {
      this.note.textContent = text || "";
      this.note.hidden = !text;
      this.note.classList.toggle("gm-problem", Boolean(problem));
    }

    async ask(path, body) {
      const token = document.querySelector("meta[name=csrf-token]");
      const answer = await fetch(this.config.address + path, {
        method: body === undefined ? "GET" : "POST", credentials: "same-origin",
        headers: { Accept: "application/json", ...(body === undefined ? {} : { "Content-Type": "application/json", "X-CSRFToken": token ? token.content : "" }) },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const told = await answer.json().catch(() => ({}));
      if (!answer.ok) throw new Error(told.message || told.error || String(answer.status));
      return told;
    }

    /* One thing after the other: a second click waits for the first answer. */
    run(work) {
      const done = this.busy.then(async () => {
        this.root.setAttribute("aria-busy", "true");
        try { await work(); this.say(""); }
        catch (problem) { this.say(this.t("failed", { why: problem.message }), true); }
        finally { this.root.removeAttribute("aria-busy"); }
      });
      this.busy = done;
      return done;
    }

    load() {
      return this.run(async () => {
        const told = await this.ask("ground.json");
        const narrow = window.matchMedia("(max-width: 1023px)").matches;
        this.view.load(told, narrow ? { paddingTopLeft: [8, 8], paddingBottomRight: [8, window.innerHeight * 0.46 + 8] } : { paddingTopLeft: [404, 16], paddingBottomRight: [56, 16] });
        this.show(told.state);
        this.root.dataset.loaded = "yes";
      });
    }

    show(state) {
      this.state = state;
      this.view.show(state);
      const peopled = state.areas.features.filter((f) => f.properties.households > 0);
      const inside = peopled.filter((f) => f.properties.within_band).length;
      this.summary.textContent = this.t("summary", { n: state.areas.features.length, inside, low: state.band[0], high: state.band[2] });
      const held = Boolean(state.proposed.by), changed = state.done.length || Object.keys(state.locks).length;
      this.root.classList.toggle("gm-plan-held", held);
      this.undo.disabled = held || !state.done.length;
      this.redo.disabled = held || !state.undone.length;
      this.adopt.disabled = !changed || (this.config.fourEyes && (!held || state.mine));
      this.propose.disabled = !changed;
      this.propose.hidden = this.note_.hidden = held;
      if (held && state.proposed.day) this.day.value = state.proposed.day;
      this.banner.hidden = !held;
      this.banner.replaceChildren(...(held ? [
        h("p", null, h("b", null, this.t("proposed", { by: state.proposed.by, at: state.proposed.at.slice(0, 10), day: state.proposed.day ? this.t("proposed_day", { day: state.proposed.day }) : "" }))),
        state.proposed.note ? h("p", null, state.proposed.note) : "", h("p", { class: "gm-quiet" }, this.t("proposed_about")), this.takeBack] : []));
      const names = (on) => Object.entries(state.locks).filter(([, locked]) => locked === on).map(([code]) => this.short(code)).join(", ");
      this.locks.textContent = [[true, "locks"], [false, "unlocks"]].map(([on, key]) => (names(on) ? this.t(key, { names: names(on) }) : "")).filter(Boolean).join(" · ");
      this.locks.hidden = !this.locks.textContent;
      this.whoMoves();
      const said = (m) => this.t(`said.${m.what}`, { cells: m.cells, to: m.to.map((code) => (code.startsWith("new") ? this.t("a_new_one") : this.short(code))).join(", ") });
      this.history.replaceChildren(...(state.done.length ? state.done.map((m) => h("li", null, said(m))) : [h("li", { class: "gm-quiet" }, this.t("no_moves"))]));
      this.choose([]);
    }

    short(code) { return /^\d{18}/.test(code) ? `${code.slice(12, 15)}-${code.slice(15)}` : code; }

    setMode(mode) {
      if (this.stopLasso) { this.stopLasso(); this.stopLasso = null; }
      this.mode = mode;
      this.modes.querySelectorAll("button").forEach((b) => b.setAttribute("aria-checked", String(b.dataset.mode === mode)));
      if (mode !== "lasso") return this.say("");
      this.say(this.t("lasso_hint"));
      this.stopLasso = this.view.lasso((ring) => {
        this.stopLasso = null;
        this.say("");
        if (ring.length) this.choose([...new Set([...this.view.chosen, ...this.view.within(ring)])]);
        this.setMode("building");
      });
    }

    click(latlng) {
      if (this.mode === "lasso" || (this.state && this.state.proposed.by)) return;
      const cell = this.view.at(latlng);
      if (!cell) return;
      const building = this.mode === "building" && this.view.buildingAt(latlng);
      const of = (test) => this.view.cellsWhere(test);
      let codes = [building ? building.props.cell : cell.props.code];
      if (this.mode === "block") codes = of((f) => f.props.block === cell.props.block && f.zone === cell.zone);
      if (this.mode === "micro_grid") codes = of((f) => f.zone === cell.zone);
      const all = codes.every((code) => this.view.chosen.has(code));
      const kept = new Set(this.view.chosen);
      codes.forEach((code) => (all ? kept.delete(code) : kept.add(code)));
      this.choose([...kept]);
    }

    key(event) {
      if (event.target.closest("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "Escape") this.choose([]);
      if (event.key === "u" && !this.undo.disabled) this.back("undo");
      if (event.key === "r" && !this.redo.disabled) this.back("redo");
    }

    choose(codes) {
      this.view.choose(codes);
      this.view.preview(null);
      const asked = ++this.asked;
      if (!codes.length) {
        this.chosen.replaceChildren(h("p", { class: "gm-quiet" }, this.t("nothing_chosen")));
        return;
      }
      const households = codes.reduce((n, code) => n + (this.view.cells.get(code).props.households || 0), 0);
      const zones = new Set(codes.map((code) => this.view.cells.get(code).zone));
      const whole = zones.size === 1 && this.view.cellsWhere((f) => zones.has(f.zone)).length === codes.length;
      const list = h("ul", { class: "gm-plan-targets" });
      this.chosen.replaceChildren(
        h("p", { class: "gm-plan-count" }, h("b", null, this.t("chosen", { n: codes.length, h: households })), " ",
          h("button", { type: "button", class: "gm-plan-clear", onclick: () => this.choose([]) }, this.t("clear"))),
        ...(whole ? this.wholeButtons([...zones][0]) : []),
        list,
      );
      this.run(async () => {
        if (asked !== this.asked) return; // something else was chosen meanwhile
        const told = await this.ask("targets", { cells: codes });
        if (asked !== this.asked) return;
        list.replaceChildren(...told.targets.map((target) => this.target(target, codes)));
        if (told.left_out) list.append(h("li", { class: "gm-quiet" }, this.t("left_out", { n: told.left_out })));
      });
    }

    /* What is done with one whole micro-grid: divided, or locked as it is. */
    wholeButtons(code) {
      const area = this.view.areas.find((f) => f.props.code === code), locked = Boolean(area && area.props.locked);
      const hold = () => this.run(async () => this.show((await this.ask(locked ? "unlock" : "lock", { code })).state));
      return [
        locked ? null : h("button", { type: "button", class: "gm-button", onclick: () => this.make({ what: "divide", code }) }, this.t("divide")),
        h("button", { type: "button", class: "gm-button gm-plan-lock", onclick: hold, title: this.t("lock_about") }, this.t(locked ? "unlock" : "lock")),
      ].filter(Boolean);
    }

    /* The buildings that would change sides, asked for when somebody looks. */
    async whoMoves() {
      const box = this.who.lastElementChild;
      if (!this.who.open || !this.state) return;
      const told = await this.ask("list.json").catch((problem) => { this.say(this.t("failed", { why: problem.message }), true); });
      if (!told) return;
      box.replaceChildren(...(told.moves.length ? [
        h("p", null, this.t("who_total", { n: told.moves.length, h: told.households })),
        h("ul", { class: "gm-plan-moves" }, told.moves.slice(0, 200).map((m) => h("li", null, this.t("who_row", {
          name: [m.name || m.address || m.building, m.part].filter(Boolean).join(" "), h: m.households,
          from: [this.short(m.from_micro_grid), m.from_leader].filter(Boolean).join(" "),
          to: [m.new ? this.t("a_new_one") : this.short(m.to_micro_grid), m.to_leader].filter(Boolean).join(" "),
        })))),
        h("a", { href: `${this.config.address}list.xlsx`, download: "" }, this.t("who_file")),
      ] : [h("p", { class: "gm-quiet" }, this.t("who_none"))]));
    }

    target(target, codes) {
      const kind = !target.allowed ? "refused" : target.breaches.length ? "warned" : "good";
      const name = target.to === "new" ? this.t("to_new") : this.t("to", { n: this.short(target.to) });
      const sides = target.sides.map((side) => {
        const [before, after] = [side.before, side.after];
        const n = this.short(side.code);
        if (!after) return this.t("side_ends", { n });
        if (!before) return this.t("side_new", { n, after: after.households });
        return `${this.t("side", { n, before: before.households, after: after.households })} · ${this.t("compact", { before: before.compactness.toFixed(2), after: after.compactness.toFixed(2) })}`;
      });
      const show = () => this.view.preview(target.areas);
      const button = h("button", { type: "button", class: "gm-button", disabled: !target.allowed, onclick: () => this.make({ what: "move", cells: codes, to: target.to }), onfocus: show }, this.t("make_it"));
      return h("li", { class: `gm-plan-target gm-plan-${kind}`, "data-to": target.to, onpointerenter: show, onpointerleave: () => this.view.preview(null) },
        h("h3", null, name, h("span", { class: "gm-plan-kind" }, this.t(kind))),
        ...sides.map((text) => h("p", null, text)),
        ...target.words.map((text) => h("p", { class: "gm-plan-word" }, text)), button);
    }

    make(move) {
      return this.run(async () => {
        const told = await this.ask("moves", move);
        if (!told.answer.allowed) throw new Error(told.answer.words[0]);
        this.show(told.state);
      });
    }

    back(what) {
      return this.run(async () => this.show((await this.ask(what, {})).state));
    }

    putForward() {
      return this.run(async () => this.show((await this.ask("propose", { day: this.day.value, note: this.note_.value })).state));
    }

    putInForce() {
      return this.run(async () => {
        const { figures } = await this.ask("adopt", { day: this.day.value });
        this.end.replaceChildren(h("p", { class: "gm-plan-done" }, this.t("adopted", {
          kept: `${(100 * figures.share_kept).toFixed(1)}%`, moved: figures.households_moved, leaders: figures.leaders_affected.length,
        })), h("a", { href: this.config.done }, this.t("back")));
        [this.undo, this.redo].forEach((b) => { b.disabled = true; });
        this.choose([]);
        this.map.off("click");
      });
    }
  }
})(window.gridmap);
