"""A written page opens from a file, asks nobody, and shows hostile text as text: tried in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from folium.plugins import Fullscreen
from shapely.geometry import MultiPolygon, Point, Polygon, box

from gridmap.maps import draw, write_page
from gridmap.maps.change_map import draw_change
from gridmap.maps.geojson import to_geojson
from layers.errors import WrongCall

GRID = "990101001001001"
HOSTILE = (
    "<script>window.hacked=1</script>", "<img src=x onerror=window.hacked=1>", "${window.hacked=1}",
    "`${window.hacked=1}`", "\"'><svg onload=window.hacked=1>", "</script><script>window.hacked=1</script>",
    "{{ 7*7 }}", "<!-- \\u003c &lt;b&gt;",
    "javascript:window.hacked=1",
)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )
        yield found
        found.close()


class Opened:
    """A page in the browser with what it asked for and complained about."""

    def __init__(self, browser: Any, path: Path, width: int = 1440, height: int = 900) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height})
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.problems: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.problems.append(message.text))
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.goto(path.as_uri())
        self.page.set_default_timeout(10_000)
        self.page.wait_for_selector("[data-loaded=yes]", state="attached")

    def press(self, code: str) -> None:
        """Press a micro-grid on the map, near its western edge: glyphs stand in the middle."""
        at = self.page.evaluate(
            "code => { const [west, north, east, south] = gridmap.app.find(code).box;"
            " const place = gridmap.toLatLng(west + 0.12 * (east - west), (north + south) / 2);"
            " return gridmap.app.map.latLngToContainerPoint(place) }", code)
        box = self.page.locator(".gm-map").bounding_box()
        self.page.mouse.click(box["x"] + at["x"], box["y"] + at["y"])
        self.page.wait_for_selector(".gm-card .gm-figures")

    def outside(self) -> list[str]:
        return [url for url in self.asked if not url.startswith(("file:", "data:", "blob:"))]


@pytest.mark.browser
@pytest.mark.parametrize("self_contained", [False, True])
def test_a_page_opens_from_a_file_and_asks_nobody(
    browser: Any, tmp_path: Path, micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame], self_contained: bool
) -> None:
    drawn = draw(micro_grids, layers=layers, title="柳岸社区")
    path = write_page(drawn, tmp_path / "map.html", self_contained=self_contained)
    assert (tmp_path / "map_files").exists() is not self_contained
    opened = Opened(browser, path)
    opened.press(f"{GRID}002")
    walk = opened.page.locator(".gm-service-walk").first.inner_text().split()
    assert walk == ["900", "米", "约15分钟"]  # at 1 m/s
    assert opened.page.locator(".gm-card .gm-code").first.text_content() == f"{GRID}002"
    assert opened.outside() == []
    assert opened.problems == []
    painted = opened.page.evaluate(
        "() => [...document.querySelectorAll('canvas.leaflet-tile')].some(c => "
        "c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0))")
    assert painted
    opened.context.close()


@pytest.mark.browser
def test_text_from_the_data_never_runs(
    browser: Any, tmp_path: Path, micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]
) -> None:
    everything = " ".join(HOSTILE)

    def poison(frame: pd.DataFrame) -> pd.DataFrame:
        """The hostile text in every text column that is no code."""
        keep = {"code", "parent", "micro_grid", "stack", "nearest", "geometry", "status"}
        texts = [c for c in frame.columns if c not in keep and pd.api.types.is_string_dtype(frame[c])]
        return frame.assign(**dict.fromkeys(texts, everything))

    layers = {name: poison(frame) for name, frame in layers.items()}
    poisoned = poison(micro_grids)
    drawn = draw(poisoned, layers=layers, title=everything, attribution=everything)
    opened = Opened(browser, write_page(drawn, tmp_path / "map.html", self_contained=True))
    page = opened.page
    page.evaluate("() => Object.keys(gridmap.app.layers).forEach(name => gridmap.app.showLayer(name, true))")
    page.locator("summary").first.click()
    page.locator("summary").last.click()
    assert page.locator(".gm-title").text_content() == everything
    assert page.locator("tbody td").first.text_content().startswith(everything)
    opened.press(f"{GRID}001")
    card = page.locator(".gm-card").text_content()
    assert card.count(everything) >= 8  # title, leader, reason, incidents, buildings, facilities, organizations
    page.locator(".gm-search-input").fill("<script>")
    assert everything in page.locator(".gm-results").text_content()
    page.evaluate("() => gridmap.app.showThing('facilities', gridmap.app.layers.facilities.features[0])")
    assert everything in page.locator(".gm-card").text_content()
    assert page.evaluate("() => window.hacked") is None
    assert page.locator(".gm-app script, .gm-app img, .gm-app svg[onload]").count() == 0
    assert opened.outside() == [] and opened.problems == []
    opened.context.close()


@pytest.mark.browser
def test_a_press_is_inside_where_shapely_says_so(
    browser: Any, tmp_path: Path, micro_grids: gpd.GeoDataFrame
) -> None:
    rng = np.random.default_rng(7)
    angles, radii = np.linspace(0, 6.2, 23), rng.uniform(0.3, 1, 23)
    star = Polygon(np.column_stack((np.cos(angles) * radii, np.sin(angles) * radii)))
    star = star.buffer(0).difference(Point(0, 0).buffer(0.25))
    shape = MultiPolygon([*getattr(star, "geoms", [star]), box(1.2, -0.5, 1.6, 0.5)])
    shape = shapely.transform(shape, lambda xy: xy * 0.01 + (114.0, 30.5))  # degrees
    frame = gpd.GeoDataFrame(geometry=[shape], crs=4326)
    points = rng.uniform((113.985, 30.485), (114.02, 30.515), (400, 2))
    opened = Opened(browser, write_page(draw(micro_grids), tmp_path / "map.html"))
    found = opened.page.evaluate(
        "([text, points]) => { const [feature] = gridmap.features(JSON.parse(text));"
        " return points.map(([lon, lat]) => gridmap.inside(feature, ...gridmap.toWorld(lon, lat))) }",
        [to_geojson(frame), points.tolist()],
    )
    expected = shapely.contains_xy(shape, points[:, 0], points[:, 1])
    assert found == expected.tolist() and 30 < expected.sum() < 370
    at = opened.page.evaluate(
        "text => { const [feature] = gridmap.features(JSON.parse(text)), [x, y] = gridmap.labelPoint(feature);"
        " const place = gridmap.toLatLng(x, y); return [place.lng, place.lat] }", to_geojson(frame))
    assert shape.contains(Point(at))  # a label stands in its area, also where the middle is a hole
    opened.context.close()


@pytest.mark.browser
def test_a_stack_is_chosen_by_floors(browser: Any, tmp_path: Path, micro_grids: gpd.GeoDataFrame) -> None:
    opened = Opened(browser, write_page(draw(micro_grids), tmp_path / "map.html"))
    opened.press(f"{GRID}005")
    floors = opened.page.locator(".gm-stack button")
    assert [text.split("层")[0] for text in floors.all_text_contents()] == ["9-16", "1-8"]  # as the building stands
    assert opened.page.locator(".gm-code").first.text_content() == f"{GRID}005 · 1-8层"
    floors.first.click()
    opened.page.wait_for_function(f"() => document.querySelector('.gm-code').textContent.startsWith('{GRID}006')")
    opened.context.close()


@pytest.mark.browser
def test_what_is_shown_stands_in_the_address(
    browser: Any, tmp_path: Path, micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]
) -> None:
    path = write_page(draw(micro_grids, layers=layers), tmp_path / "map.html")
    opened = Opened(browser, path)
    opened.page.select_option("select", "coverage:kindergarten")
    legend = [row.split() for row in opened.page.locator(".gm-legend li").all_inner_texts()]
    assert legend == [
        ["缺口", "1"], ["0–25%", "0"], ["25–50%", "1"], ["50–75%", "0"], ["75–99%", "0"], ["100%", "3"],
        ["无数据", "1"],
    ]
    opened.press(f"{GRID}003")
    opened.page.click(".gm-language")
    address = opened.page.url
    opened.page.goto("about:blank")
    opened.page.goto(address)
    opened.page.wait_for_selector(".gm-card .gm-figures")
    assert opened.page.input_value("select") == "coverage:kindergarten"
    assert opened.page.locator(".gm-code").first.text_content() == f"{GRID}003"
    assert opened.page.locator(".gm-legend-title").text_content() == "Legendmicro-grids"
    opened.context.close()


def test_any_folium_map_without_tiles_can_be_written(tmp_path: Path) -> None:
    page = folium.Map(tiles=None)
    Fullscreen().add_to(page)
    path = write_page(page, tmp_path / "plain.html")
    text = path.read_text(encoding="utf-8")
    assert "https://cdn" not in text and "plain_files/" in text
    named = {part.split('"')[0] for part in text.split("plain_files/")[1:]}
    assert named and all((tmp_path / "plain_files" / name).is_file() for name in named)


def test_a_page_that_would_ask_another_host_is_refused(tmp_path: Path) -> None:
    page = folium.Map(tiles=None)
    page.get_root().html.add_child(folium.Element('<img src="https://example.org/logo.png">'))
    with pytest.raises(WrongCall, match=r"example\.org/logo\.png"):
        write_page(page, tmp_path / "map.html")


def test_a_page_needs_its_folder_and_its_data(tmp_path: Path, micro_grids: gpd.GeoDataFrame) -> None:
    with pytest.raises(WrongCall, match="no folder"):
        write_page(draw(micro_grids), tmp_path / "missing" / "map.html")
    with pytest.raises(WrongCall, match="inline"):
        write_page(draw(data="/data/"), tmp_path / "map.html")


def test_a_page_of_two_plans_tells_of_a_building_in_plain_text(browser: Any, tmp_path: Path) -> None:
    units = gpd.GeoDataFrame(
        {"code": ["g1", "g2"]}, geometry=[shapely.box(x, 3381000, x + 60, 3381060) for x in (512000, 512060)],
        crs="EPSG:4547",
    )  # fmt: skip
    homes = gpd.GeoDataFrame(
        {"code": ["b1"], "name": [HOSTILE[1]], "households": [9], "was": ["g1"], "micro_grid": ["g2"]},
        geometry=[shapely.box(512020, 3381010, 512080, 3381050)], crs="EPSG:4547",
    )  # fmt: skip
    names = ("micro_grids_new", "micro_grids_ended", "households_moved", "share_kept")
    figures = {"before": {"micro_grids": 2}, "after": {"micro_grids": 2}, **dict.fromkeys(names, 0)}
    path = write_page(draw_change(units, units.dissolve().assign(code="g1"), homes, figures), tmp_path / "two.html")
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector(".gm-change-table")
    page.mouse.move(805, 400)
    page.mouse.move(806, 401)
    page.wait_for_selector("text=g1 → g2", timeout=5000)
    assert HOSTILE[1] in page.inner_text(".gm-change-note") and not page.evaluate("window.hacked")
    page.click(".gm-language")
    assert "Old plan against new plan" in page.inner_text(".gm-change")
    assert problems == []
    page.close()
