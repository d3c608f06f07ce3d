/* The card of a micro-grid, or of a thing on the map. Every text from the data goes in as text, never as markup. */
(function (gm) {
  "use strict";

  /* An element; children are elements or text. The one way in which anything gets onto the page. */
  gm.h = function (tag, facts, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(facts || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (name === "class") element.className = value;
      else element.setAttribute(name, value === true ? "" : value);
    }
    for (const child of children.flat()) {
      if (child === null || child === undefined || child === false) continue;
      element.append(child.nodeType ? child : document.createTextNode(String(child)));
    }
    return element;
  };
  const h = gm.h;

  gm.t = function (app, key, values) {
    const text = (app.config.words[key] || {})[app.lang] || key;
    return text.replace(/\{(\w+)\}/g, (_, name) => (values && values[name] !== undefined ? values[name] : ""));
  };
  gm.title = (app, thing) => (thing ? thing[app.lang] || thing.zh || thing.name || "" : "");
  gm.kindTitle = (app, kind) => {
    const known = (app.config.kinds || {})[kind];
    return known ? gm.title(app, known) : gm.word(app, "kind", kind);
  };
  /* A coded value in words where there are some, else as it is. */
  gm.word = (app, prefix, value) => {
    const known = app.config.words[`${prefix}.${value}`];
    return known ? known[app.lang] : value === undefined || value === null ? "" : String(value);
  };
  const formats = {}; // making one costs more than a thousand numbers
  gm.number = function (app, value, digits = 0) {
    if (value === null || value === undefined) return "–";
    const key = `${app.lang} ${digits}`;
    formats[key] = formats[key] || new Intl.NumberFormat(app.lang === "zh" ? "zh-CN" : "en-GB", { maximumFractionDigits: digits });
    return formats[key].format(Number(value));
  };
  gm.metres = (app, value) => {
    if (value === null || value === undefined) return "–";
    return value < 1000 ? `${gm.number(app, value)} ${gm.t(app, "m")}` : `${gm.number(app, value / 1000, 1)} ${gm.t(app, "km")}`;
  };
  gm.date = (app, text) => {
    const [, year, month, day, time] = /^(\d{4})-(\d\d)-(\d\d)(?: (\d\d:\d\d))?/.exec(text || "") || [];
    if (!year) return text || "";
    const date = app.lang === "zh" ? `${year}年${+month}月${+day}日`
      : `${+day} ${"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ")[month - 1]} ${year}`;
    return time ? `${date} ${time}` : date;
  };
  gm.shortCode = (code) => (code && code.length >= 18 ? code.slice(-3) : code && code.length === 15 ? code.slice(-3) : code || "");
  gm.floors = (props) => (props.floor_from === undefined ? "" : `${props.floor_from}-${props.floor_to}`);
  gm.microGridTitle = (app, facts) => facts.name || gm.t(app, "micro_grid_n", { n: gm.shortCode(facts.code) });

  const fact = (label, value, more) => h("div", { class: "gm-fact" }, h("dt", null, label), h("dd", null, value, more));

  function band(app, households) {
    const [low, , high] = app.config.band;
    const most = Math.max(high * 1.5, households || 0);
    const share = (value) => `${Math.min(100, (100 * value) / most).toFixed(1)}%`;
    const bar = h("div", { class: "gm-band", role: "img", "aria-label": gm.t(app, "band_of", { low, high }) },
      h("span", { class: "gm-band-good" }), h("span", { class: "gm-band-mark" }));
    bar.style.setProperty("--from", share(low));
    bar.style.setProperty("--to", share(high));
    bar.style.setProperty("--at", share(households || 0));
    return h("div", { class: "gm-band-row" }, bar, h("small", null, gm.t(app, "band_of", { low, high })));
  }

  function section(app, key, count, ...children) {
    return h("section", { class: "gm-section" },
      h("h3", null, gm.t(app, key), count === null ? null : h("span", { class: "gm-count" }, gm.number(app, count))), ...children);
  }

  function services(app, card) {
    const list = card.services;
    if (!list.length) return null;
    const rows = list.map((row) => {
      const status = row.status || "no_data";
      const walk = row.walk_m_mean;
      const minutes = walk === undefined ? "" : gm.t(app, "minutes", { n: Math.max(1, Math.round(walk / app.config.metresPerMinute)) });
      const norm = row.norm_m === undefined ? "" : gm.t(app, "norm", { m: gm.metres(app, row.norm_m) });
      const share = row.coverage === undefined ? "" : gm.t(app, "covered_share", { p: gm.number(app, row.coverage * 100) });
      const group = ((app.config.kinds || {})[row.kind] || {}).group || "other";
      return h("li", { class: `gm-service gm-status-${status}` },
        gm.glyph("facilities", group),
        h("span", { class: "gm-service-name" }, gm.kindTitle(app, row.kind),
          row.verified === false ? h("abbr", { class: "gm-unverified", title: gm.t(app, "unverified_long") }, gm.t(app, "unverified")) : null,
          h("small", null, [row.nearest_name, norm, status === "partial" ? share : ""].filter(Boolean).join(" · "))),
        h("span", { class: "gm-service-walk" }, walk === undefined ? "" : gm.metres(app, walk), h("small", null, minutes)),
        h("span", { class: "gm-mark", title: gm.word(app, "status", status) }, gm.word(app, "status", status)));
    });
    // what is missing first; what is there is folded away
    const lacking = list.filter((row) => row.status !== "covered").length;
    const covered = rows.slice(lacking);
    return section(app, "services", null,
      lacking ? h("ul", { class: "gm-list" }, rows.slice(0, lacking)) : null,
      covered.length ? h("details", { class: "gm-covered", open: !lacking },
        h("summary", null, gm.t(app, "covered_kinds", { n: covered.length })), h("ul", { class: "gm-list" }, covered)) : null);
  }

  function buildings(app, card) {
    const list = card.lists.buildings;
    if (!list || !list.length) return null;
    const rows = list.map((row) => {
      const floors = gm.floors(row);
      const about = [
        row.levels === undefined ? "" : gm.t(app, "levels", { n: row.levels }),
        row.units === undefined ? "" : gm.t(app, "units", { n: row.units }),
        row.part || (floors ? gm.t(app, "floors", { f: floors }) : ""),
        row.address,
      ];
      const title = row.name || gm.shortCode(row.code);
      const link = app.config.ways && row.code ? h("a", { href: app.config.ways + encodeURIComponent(row.code), title: gm.t(app, "walks") }, title) : title;
      return h("li", { class: "gm-row" }, h("span", null, link, h("small", null, about.filter(Boolean).join(" · "))),
        h("span", { class: "gm-amount" }, row.households === undefined ? "" : gm.t(app, "households_n", { n: gm.number(app, row.households) })));
    });
    return section(app, "buildings", card.counts.buildings, h("ul", { class: "gm-list" }, rows), more(app, card, "buildings"));
  }

  function more(app, card, layer) {
    const hidden = card.counts[layer] - card.lists[layer].length;
    return hidden > 0 ? h("p", { class: "gm-quiet" }, gm.t(app, "and_more", { n: gm.number(app, hidden) })) : null;
  }

  function things(app, card, layer) {
    const list = card.lists[layer];
    if (!list || !list.length) return null;
    const rows = list.map((row) => {
      const facts = gm.pointFacts(app, layer, row);
      const about = layer === "incidents"
        ? [gm.word(app, "state", row.status), gm.date(app, row.reported_at), row.address]
        : [facts.kind, row.services || row.functions, row.hours, row.phone, row.address];
      const name = layer === "incidents" ? facts.kind : facts.name;
      const title = layer === "incidents" ? gm.incidentLink(app, row.code, name) : name;
      return h("li", { class: "gm-row" }, gm.glyph(layer, facts.group, facts.state),
        h("span", null, title, row.text ? h("span", { class: "gm-text" }, row.text) : null, h("small", null, about.filter(Boolean).join(" · "))));
    });
    return section(app, layer, card.counts[layer], h("ul", { class: "gm-list" }, rows), more(app, card, layer));
  }

  function stack(app, card) {
    if (card.stack.length < 2) return null;
    // highest floor on top, as the building stands
    const rows = [...card.stack].reverse().map((row) => h("li", null,
      h("button", { type: "button", class: "gm-floor", "aria-pressed": String(row.code === card.facts.code), onclick: () => app.select(row.code) },
        h("span", null, gm.floors(row) ? gm.t(app, "floors", { f: gm.floors(row) }) : gm.shortCode(row.code)),
        h("small", null, `${gm.shortCode(row.code)} · ${gm.t(app, "households_n", { n: gm.number(app, row.households) })}`))));
    return h("section", { class: "gm-section" }, h("h3", null, gm.t(app, "stack")), h("ul", { class: "gm-list gm-stack" }, rows));
  }

  function needs(app, card) {
    const known = app.config.needs.filter((need) => card.needs[need.name] !== undefined);
    if (!known.length) return null;
    return section(app, "needs", null, h("dl", { class: "gm-needs" },
      known.map((need) => h("div", { class: "gm-need" }, h("dd", null, gm.number(app, card.needs[need.name])), h("dt", null, gm.title(app, need))))));
  }

  /* The parts of the card, for pages that put them elsewhere. */
  gm.cardParts = { band, buildings, needs, section, services, stack, things };

  gm.microGridCard = function (app, card) {
    const facts = card.facts;
    const out = facts.within_band === false;
    return h("div", { class: "gm-card-body" },
      h("p", { class: "gm-code" }, facts.code, facts.stack && gm.floors(facts) ? ` · ${gm.t(app, "floors", { f: gm.floors(facts) })}` : ""),
      facts.leader ? h("p", { class: "gm-leader" }, gm.t(app, "leader"), " ", h("b", null, facts.leader)) : null,
      stack(app, card),
      h("dl", { class: "gm-figures" },
        h("div", { class: out ? "gm-figure gm-attention" : "gm-figure" }, h("dd", null, gm.number(app, facts.households)), h("dt", null, gm.t(app, "households"))),
        h("div", { class: "gm-figure" }, h("dd", null, gm.number(app, facts.residents)), h("dt", null, gm.t(app, "residents")))),
      facts.households === undefined ? null : band(app, facts.households),
      facts.reason ? h("p", { class: "gm-attention gm-reason" }, (app.lang === "zh" && facts.reason_zh) || facts.reason) : null,
      gm.pastRows ? gm.pastRows(app, card) : null, needs(app, card), services(app, card), things(app, card, "incidents"), buildings(app, card),
      things(app, card, "facilities"), things(app, card, "organizations"),
      section(app, "boundary", null, h("dl", { class: "gm-facts" },
        facts.area_m2 === undefined ? null : fact(gm.t(app, "area"), `${gm.number(app, facts.area_m2)} m²`),
        facts.compactness === undefined ? null : fact(gm.t(app, "compactness"), gm.number(app, facts.compactness, 2)),
        facts.parent === undefined ? null : fact(gm.t(app, "grid"), facts.parent),
        facts.valid_from === undefined ? null : fact(gm.t(app, "valid_from"), gm.date(app, facts.valid_from)))),
      h("p", { class: "gm-actions" }, h("button", { type: "button", class: "gm-button", onclick: () => window.print() }, gm.t(app, "print")),
        app.config.notices ? h("a", { class: "gm-button", href: app.config.notices + encodeURIComponent(card.facts.code) }, gm.t(app, "notice")) : null));
  };

  gm.thingCard = function (app, layer, props) {
    const facts = gm.pointFacts(app, layer, props);
    const shown = app.config.columns[layer].filter((column) => props[column.name] !== undefined && !["name", "grid", "community", "code"].includes(column.name));
    const text = (column) => {
      const value = props[column.name];
      if (column.type === "datetime" || column.type === "date") return gm.date(app, value);
      if (column.name === "kind" || column.name === "category") return gm.kindTitle(app, value);
      if (column.name === "status") return gm.word(app, "state", value);
      if (column.name === "attached_by") return gm.word(app, "attached", value);
      if (column.unit === "m") return gm.metres(app, value);
      return typeof value === "number" ? gm.number(app, value, 1) : String(value);
    };
    const microGrid = props.micro_grid
      ? h("p", { class: "gm-actions" }, h("button", { type: "button", class: "gm-button", onclick: () => app.select(props.micro_grid, true) },
          gm.t(app, "to_micro_grid", { n: gm.shortCode(props.micro_grid) })))
      : null;
    const page = layer === "incidents" && app.config.incidents && props.code
      ? h("p", { class: "gm-actions" }, h("a", { class: "gm-button", href: app.config.incidents + encodeURIComponent(props.code) }, gm.t(app, "to_incident"))) : null;
    return h("div", { class: "gm-card-body" },
      h("p", { class: "gm-code" }, gm.glyph(layer, facts.group, facts.state), " ", gm.layerTitle(app, layer), props.code ? ` · ${props.code}` : ""),
      h("dl", { class: "gm-facts" }, shown.filter((column) => column.name !== "micro_grid").map((column) => fact(gm.title(app, column), text(column)))),
      page, microGrid);
  };
  /* The name of an incident, as a link to its page where there is one. */
  gm.incidentLink = (app, code, name) => (app.config.incidents && code ? h("a", { href: app.config.incidents + encodeURIComponent(code) }, name) : name);
  gm.layerTitle = (app, name) => gm.title(app, app.config.layers.find((layer) => layer.name === name));
})(window.gridmap);
