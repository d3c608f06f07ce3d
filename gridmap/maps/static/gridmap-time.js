/* Incidents by week: a bar a week, a slider over them, the number beside it; the map shows the week that is chosen. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const DAY = 86400000;

  /* Put the fold into the panel where the city has weeks; what it chooses is kept in app.week (null: all weeks). */
  gm.buildTime = function (panel) {
    const { app } = panel;
    const info = app.tiles.info.get("incidents");
    if (!info || !info.measures.some((measure) => measure.name === "week")) return;
    const box = h("div", { class: "gm-time" });
    const fold = h("details", { class: "gm-fold gm-fold-time", open: app.week !== undefined && app.week !== null }, h("summary", null, gm.t(app, "time")), box);
    panel.tableFold.before(fold);
    fold.addEventListener("toggle", () => { if (fold.open) fill(app, box); });
    if (fold.open) fill(app, box);
  };

  async function fill(app, box) {
    const document = await app.get(`${app.config.values}incidents/week.json`);
    const weeks = document.values.filter((value) => value !== null);
    if (!weeks.length) {
      box.replaceChildren(h("p", { class: "gm-quiet" }, gm.t(app, "no_dates")));
      return;
    }
    const first = weeks.reduce((a, b) => Math.min(a, b)), last = weeks.reduce((a, b) => Math.max(a, b));
    const counts = new Array(last - first + 1).fill(0);
    weeks.forEach((week) => { counts[week - first] += 1; });
    const most = Math.max(...counts);
    const bars = h("div", { class: "gm-bars", "aria-hidden": "true" }, counts.map((count) => {
      const bar = h("span");
      bar.style.setProperty("--share", `${(100 * count) / most}%`);
      return bar;
    }));
    const slider = h("input", { type: "range", min: "0", max: String(counts.length - 1), value: String((app.week ?? last) - first), "aria-label": gm.t(app, "week") });
    const text = h("p", { class: "gm-week", "aria-live": "polite" });
    const all = h("button", { type: "button", class: "gm-button", "aria-pressed": "false", onclick: () => choose(null) }, gm.t(app, "all_weeks"));
    const undated = document.values.length - weeks.length;

    function choose(week) {
      app.week = week;
      app.weekOf = week === null ? null : (id) => document.values[id - 1] === week;
      all.setAttribute("aria-pressed", String(week === null));
      [...bars.children].forEach((bar, i) => bar.classList.toggle("gm-now", week !== null && i === week - first));
      const number = week === null ? document.values.length : counts[week - first];
      const span = week === null ? [first, last + 1] : [week, week + 1];
      const date = (weeks_) => gm.date(app, new Date(Date.parse(`${document.origin}T00:00:00Z`) + weeks_ * 7 * DAY).toISOString().slice(0, 10));
      const end = (weeks_) => gm.date(app, new Date(Date.parse(`${document.origin}T00:00:00Z`) + weeks_ * 7 * DAY - DAY).toISOString().slice(0, 10));
      text.replaceChildren(h("b", null, gm.t(app, "incidents_n", { n: gm.number(app, number) })), h("small", null, `${date(span[0])} – ${end(span[1])}`));
      slider.setAttribute("aria-valuetext", text.textContent);
      if (!app.layers.incidents.shown) {
        app.showLayer("incidents", true);
        app.panel.drawLayers();
      } else app.points.redraw();
    }

    slider.addEventListener("input", () => choose(first + Number(slider.value)));
    box.replaceChildren(bars, slider, text, all, undated ? h("p", { class: "gm-quiet" }, gm.t(app, "undated", { n: gm.number(app, undated) })) : "");
    choose(app.week === undefined ? null : app.week);
  }
})(window.gridmap);
