"""A grid leader's phone for tests: the small city served on an address of its own, and a hand that reports."""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
from shapely.geometry import Point
from werkzeug.serving import make_server

from gridmap.city_tiles import make_tiles
from gridmap.stores import open_store
from tests.webapp.small_city import CRS, PASSWORD, X, Y
from webapp import create_app

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
DESK = {"viewport": {"width": 1440, "height": 900}}
#: How many reports the phone knows to have been sent.
SENT_AT = "() => window.gridmap?.app?.reports.filter(report => report.state === 'sent').length"


def degrees(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a place in the city's metres."""
    point = gpd.GeoSeries([Point(X + x, Y + y)], crs=CRS).to_crs(4326).iloc[0]
    return point.x, point.y


def photo(width: int = 2400, height: int = 1800) -> bytes:
    """A photo larger than what is sent."""
    from PIL import Image

    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(file, "JPEG", quality=90)
    return file.getvalue()


class Served:
    """A copy of the small city that reports may be written to, behind an address of its own."""

    def __init__(self, city: str, folder: Path, *, tiles: bool = True) -> None:
        self.path = folder / "city.gpkg"
        shutil.copy(city, self.path)
        if tiles:
            make_tiles(self.path)
        self.app = create_app(str(self.path), INSTANCE=folder / "instance", TILE_JOBS=False)
        self.server = make_server("127.0.0.1", 0, self.app, threaded=True)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def texts(self) -> list[str]:
        """What the reports of the city say, those that were there before left out."""
        with open_store(self.path) as store:
            told = store.read("incidents")["text"].dropna()
        return sorted(text for text in told if not text.startswith("路灯不亮"))

    def photos(self, text: str) -> list[int]:
        """Longer sides of the photos of a report."""
        client = self.app.test_client()
        from tests.webapp.small_city import token_of

        token = token_of(client.get("/login").text)
        client.post("/login", data={"name": "admin", "password": PASSWORD, "csrf_token": token})
        with open_store(self.path) as store:
            told = store.read("incidents")
        code = told.loc[told["text"] == text, "code"].iloc[0]
        from PIL import Image

        sides = []
        for number in (1, 2):
            answer = client.get(f"/incidents/{code}/photo/{number}")
            if answer.status_code == 200:
                sides.append(max(Image.open(io.BytesIO(answer.data)).size))
        return sides

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def served(city: str, tmp_path: Path) -> Iterator[Served]:
    made = Served(city, tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def quiet(city: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A served city for tests that write nothing."""
    made = Served(city, tmp_path_factory.mktemp("quiet"))
    yield made
    made.close()


class Phone:
    """A grid leader with a phone; what the page asks for elsewhere and complains about is written down."""

    def __init__(self, browser: Any, address: str, name: str = "grid_leader", **screen: Any) -> None:
        self.address = address
        self.context = browser.new_context(**{"locale": "zh-CN", **PHONE, **screen})
        self.complaints: list[str] = []
        self.elsewhere: list[str] = []
        self.context.on("request", self._asked)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.log_in(name)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.text} {(message.location or {}).get('url', '')}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.elsewhere.append(request.url)

    def log_in(self, name: str, path: str = "/login") -> None:
        self.page.goto(self.address + path)
        self.page.fill("#name", name)
        self.page.fill("#password", PASSWORD)
        self.page.click("button[type=submit]")

    def loaded(self) -> Phone:
        self.page.wait_for_selector(".gm-app[data-mine=yes]", state="attached")
        return self

    def kept(self) -> Phone:
        self.page.wait_for_selector(".gm-app[data-kept=yes]", state="attached")
        return self

    def name(self) -> str:
        return str(self.page.locator(".gwm-titles h1").text_content())

    def report(self, text: str, *, with_photo: bool = True) -> None:
        page = self.page
        page.click(".gwm-tool-report")
        page.click(".gwm-choice:has([value=environment])")
        page.fill("#gwm-text", text)
        if with_photo:
            page.set_input_files("#gwm-photo", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": photo()})
            page.wait_for_selector(".gwm-shot canvas")
        page.click(".gwm-form [type=submit]")
        page.wait_for_selector(".gwm-form", state="detached")

    def stop(self) -> str:
        return str(self.page.evaluate("() => gridmap.app.sheet.stop"))

    def leave(self, *expected: str) -> None:
        left = [text for text in self.complaints if not any(part in text for part in expected)]
        assert (left, self.elsewhere) == ([], [])
        self.context.close()


def caches(page: Any) -> list[str]:
    return list(page.evaluate("() => caches.keys()"))


# ---- without network ----
