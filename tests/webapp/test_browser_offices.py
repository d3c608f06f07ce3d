"""Pages of the street office and of the administrator in a real browser: desk and phone, both languages, dark too."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from gridmap.rework import attach_again
from gridmap.stores import open_store
from tests.webapp.small_city import CODES, CRS
from tests.webapp.test_browser import Visit, browser, serve  # noqa: F401  fixtures

pytestmark = pytest.mark.browser

SIZES = {
    "desk": {"viewport": {"width": 1440, "height": 900}},
    "phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
}
PAGES = {
    "street_office": ("/street", "/roster", "/border", "/export"),
    "admin": (
        "/admin", "/admin/jobs", "/admin/norms", "/admin/settings", "/admin/audit", "/admin/backups", "/users",
        "/street",
    ),
}  # fmt: skip


class Office(Visit):
    """A person who does not wait for the map before going on."""

    def loaded(self) -> None:
        self.page.set_default_timeout(60_000)
        self.page.wait_for_load_state("domcontentloaded")


@pytest.fixture(scope="module")
def office(city: str, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> str:  # noqa: F811
    """The small city with a facility on a border and a hostile name, served."""
    path = tmp_path_factory.mktemp("office") / "city.gpkg"
    shutil.copy(city, path)
    with open_store(path) as store:
        frame, units = store.read("facilities"), store.read("micro_grids")
        edge = units.geometry.iloc[4].intersection(units.geometry.iloc[5]).centroid
        frame = frame.set_geometry([*frame.geometry.iloc[:4], edge, *frame.geometry.iloc[5:]], crs=CRS)
        frame.loc[4, "name"] = "<img src=x onerror=window.hacked=1>"
        store.write("facilities", frame)
    attach_again(str(path))
    address: str = serve(str(path))
    return address


@pytest.mark.parametrize("role", list(PAGES))
@pytest.mark.parametrize("size", list(SIZES))
def test_pages_fit_the_screen_and_complain_of_nothing(
    browser: Any, office: str, role: str, size: str  # noqa: F811
) -> None:
    visit = Office(browser, office, role, color_scheme="dark" if size == "phone" else "light", **SIZES[size])
    page, width = visit.page, SIZES[size]["viewport"]["width"]
    for path in PAGES[role]:
        for lang in ("zh", "en"):
            page.goto(f"{office}{path}?lang={lang}")
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width, (path, lang)
            assert page.locator("main h1").count() == 1, path
            if size == "phone":
                low = page.evaluate(
                    "() => [...document.querySelectorAll('main .gw-button, .gw-people summary, .gw-people button')]"
                    ".filter((one) => one.offsetParent)"
                    ".filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.textContent)"
                )
                assert low == [], (path, low)
    assert page.evaluate("() => window.hacked") is None
    visit.leave()


def test_a_thing_is_decided_and_put_back_by_hand(browser: Any, office: str) -> None:  # noqa: F811
    visit = Office(browser, office, "street_office")
    page = visit.page
    page.goto(f"{office}/border")
    row = page.locator(".gw-inbox > li", has_text=f"F{CODES[4]}")
    assert "<img src=x" in str(row.text_content())  # a name is text
    row.locator("button", has_text=CODES[5][-6:]).or_(row.locator(f"button[title='{CODES[5]}']")).first.click()
    page.wait_for_selector(".gw-undo")
    assert page.locator(".gw-inbox > li", has_text=f"F{CODES[4]}").count() == 0
    page.click(".gw-undo button")
    page.wait_for_selector(f".gw-inbox > li:has-text('F{CODES[4]}')")
    visit.leave()
