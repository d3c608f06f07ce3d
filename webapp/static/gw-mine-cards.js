/* What the sheet says of the micro-grid: today, homes, services, helpers. All text goes in as text. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const LATELY_DAYS = 7, MOST_LATELY = 5, FIRST = 3;
  const AREAS = { 6: "district", 9: "street", 12: "community", 15: "grid" };
  const cards = {};
  gm.mineCards = cards;
  cards.TABS = ["today", "homes", "services", "helpers"];

  const part = (app, key, ...inside) => h("section", { class: "gm-section" }, h("h2", { class: "gwm-part" }, app.w(key)), ...inside);
  const nothing = (text) => h("p", { class: "gwm-none" }, text);

  /* The facts under the name: as many as fit into one line of a phone. */
  cards.line = function (app, doc) {
    const { facts, services } = doc.card;
    const gaps = services.filter((row) => row.status === "gap").length;
    return [
      facts.households === undefined ? "" : app.w("n_households", { n: gm.number(app, facts.households) }),
      app.w("n_open", { n: gm.number(app, doc.open_count) }),
      gaps ? app.w("n_gaps", { n: gaps }) : "",
    ].filter(Boolean).join(" · ");
  };

  /* ---- today ---- */
  /* What there is to do: [{id, group, title, about, open}]. The same things every time they are asked for. */
  cards.duties = function (app, doc) {
    const duties = doc.open.map((row) => ({
      id: `incident:${row.code}`, group: "open", title: app.category(row.category),
      about: [age(app, row.days), gm.word(app, "state", row.status), row.address].filter(Boolean).join(" · "), text: row.text, late: row.days > 7,
      open: () => app.showIncident(row),
    }));
    for (const row of doc.card.services.filter((service) => service.status === "gap" || service.status === "partial")) {
      const far = row.walk_m_mean === undefined ? "" : app.w("walk_of", { m: gm.metres(app, row.walk_m_mean) });
      duties.push({ id: `gap:${row.kind}`, group: "gaps", title: gm.kindTitle(app, row.kind), late: false,
                    about: [gm.word(app, "status", row.status), far, row.norm_m === undefined ? "" : gm.t(app, "norm", { m: gm.metres(app, row.norm_m) })].filter(Boolean).join(" · "),
                    open: () => app.setTab("services") });
    }
    for (const need of app.config.needs) {
      const count = doc.card.needs[need.name];
      if (count) duties.push({ id: `need:${need.name}`, group: "needs", title: gm.title(app, need), late: false, about: app.w("n_people", { n: gm.number(app, count) }) });
    }
    return duties;
  };

  function age(app, days) {
    if (days === undefined) return app.w("age_unknown");
    return days === 0 ? app.w("age_today") : app.w("age_days", { n: days });
  }

  cards.today = function (app, doc) {
    const duties = cards.duties(app, doc);
    const done = () => duties.filter((duty) => app.ticks.has(duty.id)).length;
    const count = h("p", { class: "gwm-done", role: "status" });
    const tell = () => { count.textContent = duties.length ? app.w("done_of", { n: done(), of: duties.length }) : ""; };
    const row = (duty) => {
      const box = h("input", { type: "checkbox", checked: app.ticks.has(duty.id), onchange: () => { app.tick(duty.id, box.checked); item.classList.toggle("gwm-ticked", box.checked); tell(); } });
      const item = h("li", { class: app.ticks.has(duty.id) ? "gwm-duty gwm-ticked" : "gwm-duty" },
        h("label", { class: "gwm-tick" }, box, h("span", null, h("b", null, duty.title), duty.text ? h("span", { class: "gm-text" }, duty.text) : null,
          h("small", { class: duty.late ? "gm-attention" : null }, duty.about))),
        duty.open ? h("button", { type: "button", class: "gwm-more", "aria-label": app.w("more_of", { what: duty.title }), onclick: duty.open }, "›") : null);
      return item;
    };
    const group = (name, empty) => {
      const own = duties.filter((duty) => duty.group === name);
      if (!own.length && !empty) return null;
      const more = name === "open" ? doc.open_count - doc.open.length : 0;
      // the first few are seen at once; gaps and needs are the same every day
      const first = name === "open" ? own : own.slice(0, FIRST), folded = own.slice(first.length);
      return part(app, `duty_${name}`, own.length ? h("ul", { class: "gm-list" }, first.map(row)) : nothing(empty),
        folded.length ? h("details", { class: "gm-covered" }, h("summary", null, app.w("n_more", { n: folded.length })), h("ul", { class: "gm-list" }, folded.map(row))) : null,
        more > 0 ? h("p", { class: "gm-quiet" }, gm.t(app, "and_more", { n: gm.number(app, more) })) : null);
    };
    tell();
    return [count, waitingReports(app), group("open", app.w("none_open")), group("gaps"), group("needs"), lately(app, doc),
      h("p", { class: "gm-quiet gwm-foot" }, app.w("ticks_about"))];
  };

  /* Own reports: what waits, what was refused and why, what was sent lately. */
  function waitingReports(app) {
    const shown = app.reports.filter((report) => report.state !== "sent");
    if (!shown.length) return null;
    const row = (report) => h("li", { class: `gwm-report gwm-report-${report.state}`, "data-key": report.key },
      h("span", null, h("b", null, app.category(report.category)), report.text ? h("span", { class: "gm-text" }, report.text) : null,
        h("small", null, [app.when(report.made_at), report.photo ? app.w("with_photo") : ""].filter(Boolean).join(" · ")),
        report.state === "refused" ? h("small", { class: "gwm-problem" }, report.problem) : null),
      h("span", { class: "gm-mark" }, app.w(report.state === "refused" ? "state_refused" : "state_waiting")),
      h("span", { class: "gwm-report-do" },
        report.state === "refused" ? h("button", { type: "button", class: "gm-button", onclick: () => app.report.again(report) }, app.w("mend")) : null,
        h("button", { type: "button", class: "gm-button", onclick: () => app.dropReport(report) }, app.w("drop"))));
    return part(app, "duty_waiting", h("p", { class: "gm-quiet" }, app.sendingText()), h("ul", { class: "gm-list" }, shown.map(row)),
      h("p", { class: "gm-actions" }, app.mustLogIn ? h("a", { class: "gm-button gwm-strong", href: app.facts.login }, app.w("log_in_to_send"))
        : h("button", { type: "button", class: "gm-button", onclick: () => app.send() }, app.w("send_now"))));
  }

  function lately(app, doc) {
    const own = app.reports.filter((report) => report.state === "sent").map((report) => ({
      key: report.code, title: app.category(report.category), about: [app.w("by_me"), report.code, app.when(report.sent_at)].filter(Boolean).join(" · "), text: report.text,
    }));
    const since = new Date(Date.now() - LATELY_DAYS * 86400000).toISOString().slice(0, 10);
    const others = (doc.card.lists.incidents || []).filter((row) => (row.reported_at || "") >= since && !own.some((mine) => mine.key === row.code))
      .map((row) => ({ key: row.code, title: app.category(row.category), about: [gm.word(app, "state", row.status), gm.date(app, row.reported_at)].filter(Boolean).join(" · "), text: row.text }));
    const rows = [...own.reverse(), ...others].slice(0, MOST_LATELY);
    return part(app, "duty_lately", rows.length ? h("ul", { class: "gm-list" }, rows.map((row) => h("li", { class: "gm-row" },
      h("span", null, h("b", null, row.title), row.text ? h("span", { class: "gm-text" }, row.text) : null, h("small", null, row.about))))) : nothing(app.w("none_lately")));
  }

  /* ---- homes, services, helpers ---- */
  cards.homes = function (app, doc) {
    const { facts } = doc.card, parts = gm.cardParts;
    return [
      facts.leader ? h("p", { class: "gm-leader" }, gm.t(app, "leader"), " ", h("b", null, facts.leader)) : null,
      h("dl", { class: "gm-figures" },
        h("div", { class: facts.within_band === false ? "gm-figure gm-attention" : "gm-figure" }, h("dd", null, gm.number(app, facts.households)), h("dt", null, gm.t(app, "households"))),
        h("div", { class: "gm-figure" }, h("dd", null, gm.number(app, facts.residents)), h("dt", null, gm.t(app, "residents")))),
      facts.households === undefined ? null : parts.band(app, facts.households),
      facts.reason ? h("p", { class: "gm-attention gm-reason" }, (app.lang === "zh" && facts.reason_zh) || facts.reason) : null,
      parts.stack(app, doc.card),
      parts.needs(app, doc.card),
      parts.buildings(app, doc.card) || nothing(app.w("none_buildings")),
      h("p", { class: "gm-quiet gwm-foot" }, `${facts.code}${app.facts.made ? ` · ${app.w("made", { date: app.facts.made })}` : ""}`),
    ];
  };

  cards.services = function (app, doc) {
    const list = doc.card.services;
    if (!list.length) return [nothing(app.w("none_services"))];
    const unverified = list.some((row) => row.verified === false);
    return [gm.cardParts.services(app, doc.card),
      h("p", { class: "gm-quiet gwm-foot" }, app.w("walk_about", { n: app.config.metresPerMinute }), unverified ? ` ${gm.t(app, "unverified_long")}` : "")];
  };

  const call = (app, phone, name) => (phone
    ? h("a", { class: "gm-button gwm-call", href: `tel:${String(phone).replace(/[^\d+]/g, "")}`, "aria-label": app.w("call", { name }) }, phone) : null);

  cards.helpers = function (app, doc) {
    const staff = doc.staff.map((row) => h("li", { class: "gm-row" },
      h("span", null, h("b", null, row.name), h("small", null, [app.role(row.role), AREAS[row.area.length] ? app.w(`of_${AREAS[row.area.length]}`) : ""].filter(Boolean).join(" · "))),
      call(app, row.phone, row.name)));
    const near = doc.near.map((row) => {
      const facts = gm.pointFacts(app, "organizations", row);
      return h("li", { class: "gm-row" }, gm.glyph("organizations", facts.group),
        h("span", null, h("b", null, facts.name || facts.kind), h("small", null, [facts.kind, row.services, row.address].filter(Boolean).join(" · ")),
          h("small", null, row.distance_m ? app.w("away", { m: gm.metres(app, row.distance_m) }) : app.w("in_here"))),
        call(app, row.phone, facts.name));
    });
    return [
      app.sees("staff") ? part(app, "staff", staff.length ? h("ul", { class: "gm-list" }, staff) : nothing(app.w("none_staff"))) : null,
      part(app, "near", near.length ? h("ul", { class: "gm-list" }, near) : nothing(app.w("none_near"))),
    ];
  };

  /* One incident, opened from the list or from the map. */
  cards.incident = function (app, row) {
    const fact = (label, value) => (value ? h("div", { class: "gm-fact" }, h("dt", null, label), h("dd", null, value)) : null);
    return h("div", null,
      row.text ? h("p", { class: "gwm-lead" }, row.text) : null,
      h("dl", { class: "gm-facts" }, fact(app.w("state"), gm.word(app, "state", row.status)), fact(app.w("age"), age(app, row.days)),
        fact(app.w("reported"), gm.date(app, row.reported_at)), fact(app.w("address"), row.address), fact(app.w("code"), row.code)),
      row.code && app.offline === null ? h("p", { class: "gm-actions" }, h("a", { class: "gm-button", href: `${app.facts.send}/${encodeURIComponent(row.code)}` }, app.w("to_incident"))) : null);
  };
})(window.gridmap);
