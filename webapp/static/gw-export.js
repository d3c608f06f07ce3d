/* The export page: show fields and first rows before anything is made, wait for a job, come back to it. */
(() => {
  "use strict";

  /* ---- the form ---- */
  const form = document.querySelector("form[data-export]");
  if (form) {
    const scope = form.querySelector("[data-scope]");
    const code = form.querySelector("#code");
    const shown = document.querySelector("[data-shown]");
    if (scope && code) { scope.addEventListener("change", () => { code.value = scope.value; }); }
    const look = form.querySelector("[data-look]");
    if (look) {
      look.addEventListener("click", async () => {
        if (!form.reportValidity()) { return; }
        look.disabled = true;
        try {
          const answer = await fetch(form.dataset.preview, { method: "POST", body: new FormData(form) });
          const page = new DOMParser().parseFromString(await answer.text(), "text/html");
          // a refusal is a whole page: its box is shown in place of the tables
          const parts = answer.ok ? page.body.childNodes : [page.querySelector("main") || page.body];
          shown.replaceChildren(...Array.from(parts));
        } catch (error) { shown.replaceChildren(); }
        look.disabled = false;
      });
    }
  }

  /* ---- wait ---- */
  const waiting = Array.from(document.querySelectorAll("[data-job]"));
  if (waiting.length) {
    const ask = async () => {
      for (const one of waiting) {
        try {
          const answer = await fetch(one.dataset.job, { headers: { Accept: "application/json" } });
          const told = await answer.json();
          if (!answer.ok || !["waiting", "running"].includes(told.state)) { location.reload(); return; }
          const bar = one.querySelector("[data-progress]");
          const said = one.querySelector("[data-said]");
          if (bar) { bar.max = told.of; bar.value = told.done; }
          if (said && told.layer) { said.textContent = said.dataset.words.replace("{layer}", told.layer); }
        } catch (error) { /* the line is down: ask again */ }
      }
      setTimeout(ask, 700);
    };
    setTimeout(ask, 400);
  }
})();
