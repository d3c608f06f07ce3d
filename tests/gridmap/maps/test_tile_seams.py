"""Tiles beside each other in a browser: no gap, and the same picture as if they were one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.gridmap.maps.test_vector_tiles import Opened, browser, site  # noqa: F401  # fixtures
from tests.gridmap.maps.tile_site import Site


@pytest.mark.browser
@pytest.mark.parametrize("zoom", [15, 19])
def test_tiles_meet_without_a_gap(browser: Any, site: Site, zoom: int) -> None:  # noqa: F811
    opened = Opened(browser, site, zoom=zoom)
    # within the city the lower sheet is opaque everywhere, also along the edges of its tiles
    holes = opened.page.evaluate(
        """([w, s, e, n]) => {
          const t = vector_tiles_t, z = t._tileZoom; let holes = 0, seen = 0;
          const [x0, y0] = gridmap.toWorld(w, n).map(v => v * 2 ** z + 4);
          const [x1, y1] = gridmap.toWorld(e, s).map(v => v * 2 ** z - 4);
          for (const { el, coords } of Object.values(t._tiles)) {
            const d = pixels(el.firstChild).getImageData(0, 0, 512, 512).data;
            for (let i = 0; i < 512; i++) for (const [x, y] of [[i, 0], [i, 511], [0, i], [511, i]]) {
              const px = coords.x * 512 + x, py = coords.y * 512 + y;
              if (px < x0 || px > x1 || py < y0 || py > y1) continue;
              seen++;
              // a border between two colours lets some light through, a gap all
              if (d[4 * (512 * y + x) + 3] < 200) holes++;
            }
          }
          return [holes, seen];
        }""",
        list(site.frames["micro_grids"].buffer(-12).to_crs(4326).total_bounds))
    assert holes[1] > 1500
    assert holes[0] == 0
    opened.leave()


#: Two tiles beside each other, or one under the other, as they are shown, and the same ground painted as one picture.
JOINT = """(across) => {
  const t = vector_tiles_t, z = t._tileZoom, zoomed = Object.values(t._tiles).filter(tile => tile.coords.z === z);
  const whole = new gridmap.Painter(() => {});
  [...t.painters.begin, ...t.painters.told.values()].forEach(message => whole.hear(message));
  const at = (x, y) => zoomed.find(({ coords }) => coords.x === x && coords.y === y);
  const [width, height] = across ? [1024, 512] : [512, 1024];
  const { x, y } = t._map.project(t._map.getCenter(), z).divideBy(512); // the seam nearest to the middle
  const pair = across ? [at(Math.round(x) - 1, Math.floor(y)), at(Math.round(x), Math.floor(y))]
    : [at(Math.floor(x), Math.round(y) - 1), at(Math.floor(x), Math.round(y))];
  const [shown, joint] = [gridmap.sheet(width, height), gridmap.sheet(width, height)].map(
    sheet => sheet.getContext('2d', { willReadFrequently: true }));
  const view = { zoom: z, level: t.levelAt(z), box: [0, 0, width, height] };
  const rules = t.rulesAt(z, 0).map(i => t.options.rules[i]);
  pair.forEach((tile, i) => {
    const [dx, dy] = across ? [512 * i, 0] : [0, 512 * i];
    shown.drawImage(tile.el.firstChild, dx, dy);
    const moved = (layer) => {
      const part = t.part(layer, tile.coords);
      return part && { layer: part.layer, at: { ...part.at, x: part.at.x + dx, y: part.at.y + dy } };
    };
    for (const rule of rules) for (const _ of gridmap.paintSheet(joint, [rule], view, moved, whole.state));
  });
  const line = (i) => (across ? [i, 0, 1, 512] : [0, i, 512, 1]);
  const pixels = (context, i) => [...context.getImageData(...line(i)).data];
  return [508, 509, 510, 511, 512, 513, 514, 515].map(i => [pixels(shown, i), pixels(joint, i)]);
}"""


@pytest.mark.browser
@pytest.mark.parametrize(("zoom", "across"), [(15, True), (15, False), (19, True), (19, False)])
def test_two_tiles_look_like_their_joint_picture(browser: Any, site: Site, zoom: int, across: bool) -> None:  # noqa: F811
    opened = Opened(browser, site, zoom=zoom)
    found = np.array(opened.page.evaluate(JOINT, across)).reshape(8, 2, 512, 4).astype(int)
    shown, joint = found[:, 0], found[:, 1]
    inside = joint[:, :, 3].min(axis=0) > 225  # rows whose ground is all within the city
    assert inside.sum() > 300
    # a border between two colours lets a little light through, a gap all
    assert (shown[:, inside, 3] > 225).all(), "ground is seen through a seam"
    differ = np.abs(shown - joint).max(axis=2)[:, inside] > 24
    assert (differ.mean(axis=1) < 0.01).all()
    opened.leave()
