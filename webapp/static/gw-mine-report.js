/* Report what one sees: kind, words, place, photo. It is kept on the phone first and sent from there, with network or
   without, so there is one way and no second one for bad days. */
(function (gm) {
  "use strict";
  const h = gm.h;
  const SIDE = 1600, QUALITY = 0.82, MOST_BYTES = 1500000;

  /* A photo made small on the phone: upright, at most SIDE pixels, as JPEG without what the camera wrote beside it. */
  async function small(file) {
    const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
    for (let side = SIDE, quality = QUALITY; ; side = Math.round(side * 0.75), quality -= 0.06) {
      const scale = Math.min(1, side / Math.max(picture.width, picture.height));
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(picture.width * scale));
      canvas.height = Math.max(1, Math.round(picture.height * scale));
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", quality); });
      if (blob.size <= MOST_BYTES || side < 500) return { canvas, photo: { bytes: await blob.arrayBuffer(), type: "image/jpeg" } };
    }
  }

  gm.MineReport = class {
    constructor(app) {
      this.app = app;
      this.place = null;    // {lon, lat, accuracy}: the phone's place; null: where the cross on the map stands
      this.photo = null;
      this.cross = h("div", { class: "gwm-cross", hidden: true, "aria-hidden": "true" });
      document.body.append(this.cross);
      this.build();
    }

    build() {
      const { app } = this, w = (key, values) => app.w(key, values);
      const choices = app.facts.categories.map((category) => h("label", { class: "gwm-choice" },
        h("input", { type: "radio", name: "category", value: category }), h("span", null, app.category(category))));
      this.text = h("textarea", { id: "gwm-text", rows: 3, maxlength: 2000 });
      this.file = h("input", { type: "file", id: "gwm-photo", accept: "image/*", capture: "environment", class: "gm-spoken", onchange: () => this.take() });
      this.shot = h("div", { class: "gwm-shot", hidden: true });
      this.where = h("p", { class: "gwm-where", role: "status" });
      this.problem = h("p", { class: "gwm-problem", role: "alert", hidden: true });
      this.here = h("button", { type: "button", class: "gm-button", onclick: () => this.useHere() }, w("use_here"));
      this.onMap = h("button", { type: "button", class: "gm-button", onclick: () => this.useCross() }, w("use_cross"));
      this.form = h("form", { class: "gwm-form", novalidate: true, onsubmit: (event) => { event.preventDefault(); this.submit(); } },
        h("fieldset", { class: "gwm-choices" }, h("legend", null, w("what")), choices),
        h("label", { class: "gwm-label", for: "gwm-text" }, w("words")), this.text,
        this.file, h("label", { class: "gm-button gwm-photo", for: "gwm-photo" }, w("photo")), this.shot,
        h("p", { class: "gwm-label" }, w("place")), h("div", { class: "gwm-two" }, this.here, this.onMap), this.where,
        this.problem, h("button", { type: "submit", class: "gm-button gwm-strong gwm-wide" }, w("submit")),
        h("p", { class: "gm-quiet" }, w("submit_about")));
      app.map.on("moveend", () => this.sayWhere());
    }

    opened() {
      if (!this.place) this.useCross();
      this.sayWhere();
    }

    closed() {
      this.cross.hidden = true;
    }

    async take() {
      const [file] = this.file.files;
      if (!file) return;
      this.fail("");
      try {
        const { canvas, photo } = await small(file);
        this.photo = photo;
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", this.app.w("photo_taken"));
        this.shot.replaceChildren(canvas, h("button", { type: "button", class: "gm-button", onclick: () => this.dropPhoto() }, this.app.w("photo_drop")));
        this.shot.hidden = false;
      } catch (problem) {
        this.fail(this.app.w("photo_failed"));
      }
    }

    dropPhoto() {
      this.photo = null;
      this.file.value = "";
      this.shot.hidden = true;
      this.shot.replaceChildren();
    }

    async useHere() {
      const found = await this.app.findMe();
      if (!found) return;
      this.place = found;
      this.cross.hidden = true;
      this.sayWhere();
    }

    useCross() {
      this.place = null;
      this.cross.hidden = !this.app.viewOpen("report");
      this.sayWhere();
    }

    /* Where the report will be: the phone's place, or the middle of what of the map is free. */
    at() {
      const { app } = this;
      if (this.place) return this.place;
      const spot = app.freeMiddle();
      this.cross.style.left = `${spot.x}px`;
      this.cross.style.top = `${spot.y}px`;
      const { lat, lng } = app.map.containerPointToLatLng(app.map.mouseEventToContainerPoint({ clientX: spot.x, clientY: spot.y }));
      return { lon: +lng.toFixed(6), lat: +lat.toFixed(6), accuracy: null };
    }

    sayWhere() {
      const { app } = this;
      if (!app.viewOpen("report") || !app.doc) return;
      const { lon, lat, accuracy } = this.at();
      this.here.setAttribute("aria-pressed", String(Boolean(this.place)));
      this.onMap.setAttribute("aria-pressed", String(!this.place));
      const found = gm.placeIn(app.doc.outline, lon, lat, accuracy);
      const about = this.place ? app.w("place_here", { m: accuracy }) : app.w("place_cross");
      this.where.textContent = `${about} ${found.inside ? app.w("place_inside") : app.w("place_outside", { m: gm.metres(app, Math.round(found.metres)) })}`;
      this.where.classList.toggle("gm-attention", !found.inside);
    }

    fail(text) {
      this.problem.textContent = text;
      this.problem.hidden = !text;
    }

    async submit() {
      const { app } = this, chosen = this.form.querySelector("[name=category]:checked"), text = this.text.value.trim();
      if (!chosen) {
        this.fail(app.w("need_what"));
        this.form.querySelector("[name=category]").focus();
        return;
      }
      if (!text && !this.photo) {
        this.fail(app.w("need_words"));
        this.text.focus();
        return;
      }
      const { lon, lat, accuracy } = this.at();
      const report = { key: this.key || self.gwQueue.newKey(), account: app.facts.account, category: chosen.value, text, lon, lat,
                       accuracy_m: accuracy, made_at: new Date().toISOString(), photo: this.photo, state: "waiting" };
      try {
        await self.gwQueue.put(report);
      } catch (problem) {
        this.fail(app.w("keep_failed"));
        return;
      }
      this.clear();
      await app.reported();
    }

    clear() {
      this.form.reset();
      this.dropPhoto();
      this.fail("");
      this.place = null;
      this.key = null;
    }

    /* A report that the desk refused, back in the form: under its key, for it was never taken. */
    again(report) {
      this.clear();
      this.key = report.key;
      const choice = this.form.querySelector(`[value="${report.category}"]`);
      if (choice) choice.checked = true;
      this.text.value = report.text;
      this.photo = report.photo;
      if (report.photo) this.shot.replaceChildren(h("span", null, this.app.w("photo_taken")), h("button", { type: "button", class: "gm-button", onclick: () => this.dropPhoto() }, this.app.w("photo_drop")));
      this.shot.hidden = !report.photo;
      this.app.openView("report");
      this.fail(report.problem || "");
    }
  };
})(window.gridmap);
