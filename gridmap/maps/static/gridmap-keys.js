/* A map for hands without a mouse: arrows move it, Enter goes among the units in view, Tab from one to the next. */
(function (gm) {
  "use strict";
  const MOST = 400; // nobody tabs through more; nearer in there are fewer

  gm.vectorKeys = function (tiles, map) {
    let order = null, now = -1;
    const box = map.getContainer();

    /* In reading order: rows of 64 pixels from the top, in a row from the left. */
    function inView(level) {
      const bounds = map.getPixelBounds();
      const places = [...tiles.middles(level)].filter(([, [x, y]]) => x > bounds.min.x && x < bounds.max.x && y > bounds.min.y && y < bounds.max.y);
      const row = (y) => Math.floor((y - bounds.min.y) / 64);
      return places.sort((a, b) => row(a[1][1]) - row(b[1][1]) || a[1][0] - b[1][0]).slice(0, MOST).map(([id]) => id);
    }

    function go(to) {
      now = to;
      tiles.fire("featurefocus", { id: order[now], at: now + 1, of: order.length });
    }

    function leave() {
      order = null;
      now = -1;
      tiles.hover(null, []);
    }

    box.addEventListener("keydown", (event) => {
      if (event.target !== box || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "Enter") {
        event.preventDefault();
        if (order) {
          tiles.fire("featurepick", { id: order[now] });
          return;
        }
        order = inView(tiles.levelAt(map.getZoom()));
        if (order.length) go(0);
        else order = null;
      } else if (event.key === "Tab" && order) {
        const to = now + (event.shiftKey ? -1 : 1);
        if (to < 0 || to >= order.length) {
          leave(); // past the last one the focus goes on, as anywhere
          return;
        }
        event.preventDefault();
        go(to);
      } else if (event.key === "Escape" && order) {
        event.stopPropagation();
        leave();
      }
    });
    box.addEventListener("blur", leave);
    map.on("zoomstart", leave);
  };
})(window.gridmap);
