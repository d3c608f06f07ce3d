"""The page of old plan against new plan: for who plans, of what one sees, in both languages."""

from __future__ import annotations

from collections.abc import Callable

import geopandas as gpd
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient

from gridmap.maps.assets import outside_links
from gridmap.stores import open_store
from tests.webapp.small_city import CODES, log_in


@pytest.fixture
def changed(fresh: Callable[..., Flask]) -> Flask:
    """On the first of May the first two micro-grids of the last grid changed their common border."""
    app = fresh()
    with open_store(app.config["CITY"]) as store:
        units = store.read("micro_grids")
        two = units["code"].isin(CODES[-4:-2])
        before = units[two].assign(valid_from=None, valid_to="2026-04-30")
        moved = before.geometry.iloc[1].intersection(before.geometry.iloc[1].buffer(-1).envelope.buffer(0.5))
        rest = before.geometry.iloc[1].difference(moved)
        shapes = units.geometry.copy()
        places = units.index[two]
        shapes.loc[places[0]] = before.geometry.iloc[0].union(moved).buffer(0.6).buffer(-0.6)
        shapes.loc[places[1]] = rest
        now = units.set_geometry(gpd.GeoSeries(shapes, crs=units.crs))
        now.loc[two, "valid_from"] = "2026-05-01"
        store.write("micro_grids", now)
        store.write("micro_grids_history", before)
        homes = store.read("buildings")
        homes.loc[homes["micro_grid"] == CODES[-3], "micro_grid"] = CODES[-4]
        store.write("buildings", homes)
        store.write("lineage", pd.DataFrame(
            {"old_code": [CODES[-3]], "new_code": [CODES[-4]], "households": [20], "date": ["2026-05-01"],
             "kind": ["moved"], "community": [CODES[-4][:12]]}
        ))  # fmt: skip
    return app


def test_planners_see_figures_moves_and_the_map(changed: Flask) -> None:
    client = log_in(changed, "planner")
    told = client.get("/plans.json").get_json()
    assert told["households_moved"] == 20 and told["from"] == "2026-04-30"
    assert [row["to_micro_grid"] for row in told["moves"]] == [CODES[-4]]
    page = client.get("/plans?lang=zh").text
    assert "划分前后对照" in page or "前后对照" in page
    assert CODES[-4] in page and "2026-05-01" in page and "微网格长留任" in page
    assert "Leaders kept" in client.get("/plans?lang=en").text
    drawn = client.get("/plans/map?lang=zh")
    assert drawn.status_code == 200 and "gridmapChange(" in drawn.text and outside_links(drawn.text) == []
    assert client.get("/plans/map?from=2026-05-01").status_code == 404  # the same plan: nothing to draw
    assert client.get("/plans.json?from=yesterday").status_code == 422


def test_who_sees_another_street_sees_no_change(changed: Flask) -> None:
    client = log_in(changed, "street_office")
    assert client.get("/plans/map").status_code == 404
    page = client.get("/plans").text
    assert not any(code in page for code in CODES[8:])


def test_leaders_have_no_such_page(clients: dict[str, FlaskClient]) -> None:
    for role in ("grid_leader", "grid_member"):
        assert [clients[role].get(path).status_code for path in ("/plans", "/plans/map", "/plans.json")] == [403] * 3
        assert '"/plans"' not in clients[role].get("/").text
    assert '"/plans"' in clients["planner"].get("/").text
