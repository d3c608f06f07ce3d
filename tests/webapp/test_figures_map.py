"""Legend, colours and table of the map say the same as the store, in every way of making classes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridmap.stores import open_store
from tests.webapp.test_browser import browser  # noqa: F401  # fixture
from tests.webapp.test_tile_map import TileVisit, address, tiled  # noqa: F401  # fixtures

pytestmark = pytest.mark.browser

#: The colour of the map under the middle of a unit, without lines, labels and buildings, and of every class.
COLOURS = """
async () => {
    const app = gridmap.app, {codes} = await app.namesOf('micro_grids'), found = {};
    app.tiles.middles('micro_grids').forEach((_, id) => { found[codes[id - 1]] = app.shownValues.keys[id - 1]; });
    return found;
}
"""


@pytest.mark.parametrize("how", ["quantile", "equal", "natural"])
def test_legend_table_and_map_have_the_same_figures(
    browser: Any, address: str, tiled: Path, how: str  # noqa: F811
) -> None:
    with open_store(tiled) as store:
        rows = store.read("micro_grids").set_index("code")["households"].astype(int)
    visit = TileVisit(browser, address, "admin")
    page = visit.page
    page.evaluate("() => gridmap.app.map.setZoom(18, {animate: false})")
    page.wait_for_function("() => gridmap.app.shownLevel === 'micro_grids'")
    page.select_option(".gm-breaks select", how)
    page.wait_for_function("how => gridmap.app.shownValues.breaks_by === how", arg=how)
    # the table: every unit with its own figure
    page.locator(".gm-fold-table summary").click()
    page.wait_for_selector("tbody tr")
    shown = dict(page.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [row.dataset.code, Number(row.querySelector('.gm-amount').textContent)])"))
    assert shown == rows.to_dict()
    # the legend: each row counts what lies between its two numbers, and all of them together are all units
    legend = page.locator(".gm-legend li").evaluate_all(
        "rows => rows.map(row => [row.children[1].textContent, Number(row.querySelector('.gm-count').textContent)])")
    assert sum(count for _, count in legend) == len(rows)
    classes = [(text.split(" – "), count) for text, count in legend[:-1]]
    for edges, count in classes:
        low, high = int(edges[0]), int(edges[-1])
        assert int(rows.between(low, high).sum()) == count, (edges, count)
    # the map: a unit has the colour of the class that its figure is in
    keys = page.evaluate(COLOURS)
    assert len(keys) > 4
    lows = np.array([int(edges[0]) for edges, _ in classes])
    for code, key in keys.items():
        assert key == np.searchsorted(lows, rows[code], side="right") - 1, code
    assert not (Counter(keys.values()) - Counter({i: count for i, (_, count) in enumerate(classes)}))
    visit.leave()
