"""Each role's own pages and what each comes for, on a desk and on a phone, in the demo town.

`test_roles_monaco.py` does the same in Monaco.

With GRIDMAP_PICTURES set to a folder, every page is kept there as a picture, to be looked at.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from werkzeug.serving import make_server

from gridmap.accounts import add_account
from gridmap.city_tiles import make_tiles
from gridmap.pipeline import build
from gridmap.stores import open_store
from tests.test_districts import DISTRICTS, city_toml
from tests.webapp.main_paths import PATHS, Walk
from webapp import create_app
from webapp.demo import prepare

pytestmark = pytest.mark.browser

SIZES = {"desk": (1440, 900), "phone": (390, 844)}
ROLES = ("grid_leader", "grid_member", "planner", "street_office", "admin")
PASSWORD = "chang-jiang-1"
#: Whether the page is there, and its map, where it has one, has what it shows.
_DRAWN = """() => document.readyState === 'complete' && location.pathname !== '/login'
  && [...document.querySelectorAll('.gm-app')].every((one) => one.dataset.loaded === 'yes')"""


@dataclass(frozen=True, kw_only=True)
class Town:
    """A city that is served at `base`; `accounts` has name and password by role."""

    name: str
    base: str
    accounts: dict[str, tuple[str, str]]
    city: Path


def served(city: Path, folder: Path) -> tuple[str, Any]:
    """A service on a free port, and how to end it."""
    app = create_app(city, INSTANCE=folder / "instance", TILE_JOBS=False)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}", server


@pytest.fixture(scope="module")
def which() -> str:
    """Name of the town."""
    return "demo"


@pytest.fixture(scope="module")
def town(which: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A town of its own, served."""
    folder = tmp_path_factory.mktemp(which)
    if which == "demo":
        city, told = prepare(folder)
        accounts = {account["role"]: (account["name"], account["password"]) for account in told}
    else:
        shared: Path = request.getfixturevalue("shared_data")
        toml = city_toml(shared / "monaco" / "monaco.gpkg", *DISTRICTS["monaco"])
        (folder / "city.toml").write_text(toml, encoding="utf-8")
        city, accounts = folder / "city.gpkg", {}
        build(folder, city)
        make_tiles(city)
        with open_store(city) as store:
            units = store.read("micro_grids")
        code = str(units.loc[units["households"].astype("float64").idxmax(), "code"])
        areas = {"grid_leader": 15, "grid_member": 18, "planner": 6, "street_office": 9, "admin": 0}
        for role, digits in areas.items():
            add_account(city, role, password=PASSWORD, role=role, area=code[:digits])
            accounts[role] = (role, PASSWORD)
    address, server = served(Path(city), folder)
    yield Town(name=which, base=address, accounts=accounts, city=Path(city))
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


def at_the_screen(town: Town, browser: Browser, role: str, size: str) -> tuple[Any, list[str]]:
    """A page of someone who has just logged in, and a list that gets what the pages complain of."""
    if role not in town.accounts:
        pytest.fail(f"{town.name} has no account of a {role}")
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, has_touch=size == "phone", locale="zh-CN"
    )
    page = context.new_page()
    page.set_default_timeout(30_000)
    odd: list[str] = []
    complaints = ("error", "warning")
    page.on("console", lambda said: odd.append(f"{page.url} {said.text}") if said.type in complaints else None)
    page.on("pageerror", lambda problem: odd.append(f"{page.url} {problem}"))
    page.on("request", lambda asked: odd.append(f"{page.url} asks {asked.url}")
            if not asked.url.startswith((town.base, "data:", "blob:")) else None)
    page.goto(f"{town.base}/login")
    page.fill("[name=name]", town.accounts[role][0])
    page.fill("[name=password]", town.accounts[role][1])
    page.click("[type=submit]")
    page.wait_for_function(_DRAWN)
    return page, odd


@pytest.mark.parametrize("size", sorted(SIZES))
@pytest.mark.parametrize("role", ROLES)
def test_the_pages_of_a_role(town: Town, browser: Browser, role: str, size: str) -> None:
    base = town.base
    page, odd = at_the_screen(town, browser, role, size)
    # a leader is at once at their own micro-grid, everyone else at the map
    assert page.url.removeprefix(base).startswith("/mine" if role in ("grid_leader", "grid_member") else "/")
    page.goto(f"{base}/search")
    links = page.eval_on_selector_all(".gw-menu nav a", "all => all.map((link) => link.getAttribute('href'))")
    assert len(links) >= (3 if role.startswith("grid") else 8), links
    kept = os.environ.get("GRIDMAP_PICTURES")
    for link in links:
        answer = page.goto(base + link)
        assert answer is not None and answer.status == 200, link
        page.wait_for_function(_DRAWN)
        page.wait_for_timeout(150)
        if kept:
            page.wait_for_timeout(600)
            stem = link.strip("/").replace("/", "-") or "map"
            page.screenshot(path=Path(kept) / f"{town.name}_{role}_{size}_{stem}.png")
        wide = page.evaluate("() => document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{link} is {wide} px wider than the window"
        assert page.locator("h1, [role=main], main, .gm-root").count(), link
    page.context.close()
    assert odd == [], json.dumps(odd, indent=1, ensure_ascii=False)


@pytest.mark.parametrize("size", sorted(SIZES))
@pytest.mark.parametrize("role", ROLES)
def test_what_a_role_comes_for(town: Town, browser: Browser, role: str, size: str, tmp_path: Path) -> None:
    page, odd = at_the_screen(town, browser, role, size)
    PATHS[role](Walk(page=page, base=town.base, city=town.city, size=size, folder=tmp_path))
    page.context.close()
    assert odd == [], json.dumps(odd, indent=1, ensure_ascii=False)
