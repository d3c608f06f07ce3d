"""Every page under axe-core, by daylight and in the dark, on a desk and on a phone: nothing serious or critical.

The list of pages is made from the routes, so a new page is looked at without anybody adding it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from gridmap.city_tiles import make_tiles
from gridmap.roles import rights_of
from tests.webapp.small_city import AREAS, CODES, PASSWORD
from tests.webapp.test_rights import VALUES
from webapp import create_app
from webapp.guard import PUBLIC, right_of

pytestmark = pytest.mark.browser

#: Pages with a place in their address: what stands for it.
PLACED = {"cards.show": {"code": CODES[0]}, "ways.show": {"building": f"B{CODES[0]}"}}
#: Who looks: everyone's pages are among theirs. Windows with the scheme that they are looked at in.
LOOKS = (("admin", 1440, 900, "light"), ("admin", 390, 844, "dark"), ("grid_leader", 390, 844, "light"))
#: What axe-core calls serious is a fault here.
GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def served(city: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, str]]:
    """The small city with tiles and an open public page."""
    folder = tmp_path_factory.mktemp("axe")
    make_tiles(city, folder=folder / "tiles")
    app = create_app(city, INSTANCE=folder / "instance", TILES=folder / "tiles", TILE_JOBS=False, PUBLIC_PAGE=True)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield app, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


def pages(app: Flask, role: str) -> list[str]:
    """Addresses of all pages that a role may see: those that answer with HTML, told by asking them."""
    found = []
    with app.test_request_context():
        adapter = app.url_map.bind("localhost")
        for rule in app.url_map.iter_rules():
            right = right_of(app, rule.endpoint)
            if "GET" not in (rule.methods or ()) or not (right == PUBLIC or right in rights_of(role)):
                continue
            values = {name: {**VALUES, **PLACED.get(rule.endpoint, {})}[name] for name in rule.arguments}
            found.append(adapter.build(rule.endpoint, values))
    return sorted(set(found))


def faults(page: Page) -> list[str]:
    """What is serious, with where it is."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['target']} {node.get('any', [{}])[0].get('message', '') if node.get('any') else ''}"
        for fault in found if fault["impact"] in GRAVE for node in fault["nodes"][:3]
    ]


@pytest.mark.parametrize(("role", "width", "height", "scheme"), LOOKS)
def test_no_page_has_a_serious_fault(
    served: tuple[Flask, str], browser: Browser, role: str, width: int, height: int, scheme: Any
) -> None:
    app, base = served
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{base}/login")
    told = {"/login": faults(page)}
    page.fill("[name=name]", role)
    page.fill("[name=password]", PASSWORD)
    page.click("[type=submit]")
    looked = []
    for address in pages(app, role):
        answer = context.request.get(base + address, max_redirects=0)
        if answer.status == 200 and answer.headers.get("content-type", "").startswith("text/html"):
            page.goto(base + address, wait_until="networkidle")
            looked.append(address)
            told[address] = faults(page)
    page.goto(f"{base}/nothing-here")
    told["404"] = faults(page)
    context.close()
    assert len(looked) >= (8 if role in AREAS and role != "admin" else 15), looked
    told_of = [f"{address} {fault}" for address, grave in told.items() for fault in grave]
    assert not told_of, "\n".join(told_of)


def test_a_page_with_a_fault_is_found(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content('<html lang="zh"><main><h1>a</h1><input><p style="color:#ccc">看不清的字</p></main></html>')
    assert {fault.split(":")[0] for fault in faults(page)} >= {"label", "color-contrast"}
    page.close()
