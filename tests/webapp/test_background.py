"""A background map comes through the service: off by default, the key never leaves, nothing else is fetched."""

from __future__ import annotations

import io
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from flask import Flask
from PIL import Image, ImageDraw
from werkzeug.serving import make_server

from gridmap.city_tiles import make_tiles
from gridmap.stores import open_store
from layers.datum import shift
from layers.errors import BadSettings
from tests.gridmap.maps.test_tile_page import DRAWN
from tests.webapp.small_city import log_in
from tests.webapp.test_browser import browser  # noqa: F401  # fixture
from tests.webapp.test_tile_map import TileVisit
from webapp import create_app

PICTURE = b"\x89PNG\r\n\x1a\nmade-up"


@pytest.fixture
def server() -> Iterator[Any]:
    """A server of pictures that writes down what it was asked."""

    class Pictures(BaseHTTPRequestHandler):
        asked: ClassVar[list[str]] = []

        def do_GET(self) -> None:
            self.asked.append(self.path)
            if self.path.startswith("/9/"):
                self.send_response(302)
                self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/8/1/1")
                self.end_headers()
                return
            self.send_response(500 if self.path.startswith("/7/") else 200)
            kind = "text/html" if self.path.startswith("/6/") else "image/png"
            content = b"x" * 2_000_001 if self.path.startswith("/5/") else PICTURE
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    running = HTTPServer(("127.0.0.1", 0), Pictures)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running, Pictures.asked
    running.shutdown()
    thread.join()
    running.server_close()


def test_there_is_none_by_default(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    make_tiles(app.config["CITY"])
    client = log_in(app, "admin")
    assert client.get("/base/8/1/1").status_code == 404
    assert client.get("/tiles/layers.json").json["background"] is None


def test_pictures_come_through_the_service_and_the_key_stays(fresh: Callable[..., Flask], server: Any) -> None:
    running, asked = server
    address = f"http://127.0.0.1:{running.server_port}/{{z}}/{{x}}/{{y}}?tk={{key}}"
    app = fresh(
        BACKGROUND=address, BACKGROUND_KEY="my-own-key", BACKGROUND_DATUM="gcj02", BACKGROUND_ATTRIBUTION="某图"
    )
    make_tiles(app.config["CITY"])
    client = log_in(app, "grid_leader")
    answer = client.get("/base/8/3/4")
    assert (answer.status_code, answer.data, answer.mimetype) == (200, PICTURE, "image/png")
    assert asked == ["/8/3/4?tk=my-own-key"]
    assert client.get("/base/8/3/4").data == PICTURE and len(asked) == 1  # kept
    told = client.get("/tiles/layers.json")
    assert "my-own-key" not in told.text and str(running.server_port) not in told.text
    assert told.json["background"]["datum"] == "gcj02" and told.json["background"]["shift"]["east_m"] > 100
    for bad in (5, 6, 7, 9):  # too large, no picture, an error, sent on to another address
        answer = client.get(f"/base/{bad}/1/1")
        assert answer.status_code == 502 and "my-own-key" not in answer.text and answer.is_json
    assert "/8/1/1" not in asked
    assert app.test_client().get("/base/8/3/4").status_code == 401
    for none in ("/base/8/256/1", "/base/25/1/1", "/base/1/0/0"):
        assert client.get(none).status_code == 404


def test_a_setting_that_cannot_be_used_stops_the_start(fresh: Callable[..., Flask]) -> None:
    with pytest.raises(BadSettings, match="key"):
        fresh(BACKGROUND="tianditu")


KEY = "a-key-of-ones-own"
RED = (220, 0, 40)


class _Drawn:
    """A server of pictures that paints a red spot where a place lies in the datum of the pictures."""

    def __init__(self, lon: float, lat: float) -> None:
        asked: list[str] = []
        self.asked = asked

        class Pictures(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                z, x, y = (int(part) for part in self.path.split("?")[0].split("/")[1:4])
                east, south = (lon + 180) / 360 * 2**z, (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**z
                picture = Image.new("RGB", (256, 256), (235, 240, 230))
                at = 256 * (east - x), 256 * (south - y)
                ImageDraw.Draw(picture).ellipse([at[0] - 4, at[1] - 4, at[0] + 4, at[1] + 4], fill=RED)
                content = io.BytesIO()
                picture.save(content, "PNG")
                self.send_response(200)
                self.send_header("Content-Type", "image/png")
                self.end_headers()
                self.wfile.write(content.getvalue())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Pictures)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.template = f"http://127.0.0.1:{self.server.server_port}/{{z}}/{{x}}/{{y}}?tk={{key}}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.mark.browser
@pytest.mark.parametrize("datum", ["wgs84", "gcj02"])
def test_a_background_in_the_browser_lies_where_the_city_is(
    browser: Any, city: str, tmp_path: Path, datum: str  # noqa: F811
) -> None:
    """The place is red in the pictures; where the map says that it lies, the screen is red: measured in pixels."""
    path = tmp_path / "city.gpkg"
    shutil.copy(city, path)
    make_tiles(path)
    with open_store(path) as store:
        place = store.read("micro_grids").to_crs(4326).geometry.iloc[5].centroid
    lon, lat = shift(np.array([place.x]), np.array([place.y]), source="wgs84", target=datum)
    drawn = _Drawn(float(lon[0]), float(lat[0]))
    app = create_app(
        str(path), INSTANCE=tmp_path / "instance", TESTING=True, BACKGROUND=drawn.template, BACKGROUND_KEY=KEY,
        BACKGROUND_DATUM=datum, BACKGROUND_ATTRIBUTION="某图",
    )
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        visit = TileVisit(browser, f"http://127.0.0.1:{server.server_port}", "planner")
        page = visit.page
        page.evaluate("() => gridmap.app.setMeasure('')")
        # the pictures alone
        page.evaluate("() => { document.querySelector('.leaflet-tile-pane').style.opacity = 0; }")
        page.evaluate("() => { document.querySelector('.leaflet-gm-labels-pane').style.opacity = 0; }")
        for zoom in (16, 18):
            page.evaluate(f"() => gridmap.app.map.setView([{place.y}, {place.x}], {zoom}, {{animate: false}})")
            page.wait_for_timeout(200)
            page.wait_for_function("() => !gridmap.app.background.layer.isLoading()")
            page.wait_for_timeout(500)
            at = page.evaluate(f"() => gridmap.app.map.latLngToContainerPoint([{place.y}, {place.x}])")
            box = page.locator(".gm-map").bounding_box()
            screen = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)
            spots = np.argwhere(np.abs(screen - RED).max(axis=2) < 60)
            assert len(spots) > 10
            middle = spots.mean(axis=0)
            off = np.hypot(middle[1] - box["x"] - at["x"], middle[0] - box["y"] - at["y"])
            assert off < 3, (zoom, off)
        assert drawn.asked and all(f"tk={KEY}" in asked for asked in drawn.asked)
        came: list[Any] = []
        page.on("response", lambda answer: came.append(answer))
        page.reload()
        visit.loaded()
        page.wait_for_timeout(300)
        assert len(came) > 10
        for answer in came:
            assert KEY not in answer.url and str(drawn.server.server_port) not in answer.url
            if answer.ok and "image" not in answer.headers.get("content-type", ""):
                assert KEY.encode() not in answer.body()
        assert KEY not in page.content()
        visit.leave()
    finally:
        server.shutdown()
        server.server_close()
        drawn.close()


@pytest.mark.browser
def test_without_its_server_the_city_has_its_own_map(browser: Any, city: str, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "city.gpkg"
    shutil.copy(city, path)
    make_tiles(path)
    drawn = _Drawn(114.0, 30.0)
    how = {"BACKGROUND": drawn.template, "BACKGROUND_KEY": KEY}
    app = create_app(str(path), INSTANCE=tmp_path / "instance", TESTING=True, **how)
    drawn.close()  # gone before anybody asks
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        visit = TileVisit(browser, f"http://127.0.0.1:{server.server_port}", "planner")
        page = visit.page
        page.wait_for_function("() => gridmap.app.background.away && !document.querySelector('.gm-note').hidden")
        assert "本市自己的底图" in str(page.locator(".gm-note").text_content())
        assert "roads" in page.evaluate(DRAWN)
        page.locator(".gm-fold-layers summary").click()
        assert not page.locator(".gm-check-base input").is_checked()
        assert "暂时读取不到" in str(page.locator(".gm-check-base").text_content())
        # of all the pictures of a view, the server that is away was tried once; the others are answered at once
        begun = time.monotonic()
        client = log_in(app, "planner")
        assert {client.get(f"/base/12/{x}/1").status_code for x in range(30)} == {502}
        assert time.monotonic() - begun < 3
        assert all("502" in text for text in visit.complaints) and visit.elsewhere == []
        visit.context.close()
    finally:
        server.shutdown()
        server.server_close()
