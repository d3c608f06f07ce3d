"""Text that people typed is shown as typed and never runs: every column of text of every layer, every page, five roles.

Every text begins with 〖 and ends with 〗. What a page shows of it, in texts and in what is read out or pops up, must
be whole: a text that was cut by a quote, run as a template or taken for markup is no longer what was typed.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
import threading
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flask import Flask
from werkzeug.serving import make_server

from gridmap.city_tiles import make_tiles
from gridmap.maps import draw, write_page
from gridmap.stores import open_store
from layers.schema import LAYERS
from tests.webapp.hostile_city import EVIL, fill, told
from tests.webapp.small_city import CODES, log_in, token_of
from tests.webapp.test_browser import Visit, browser  # noqa: F401  # fixture
from webapp import create_app

ROLES = ("admin", "planner", "street_office", "grid_leader", "grid_member")
#: What stands in addresses of pages that are about one thing.
PARTS = {"building": f"{told('buildings', 'code')} 0", "kind": told("coverage", "kind")}

#: Everything on the page that can be read, and what of it is no whole text; markup that no template of ours wrote.
LOOK = """
evil => {
    const said = [];
    const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    for (let node = walk.currentNode; node; node = walk.nextNode()) {
        if (node.nodeType === 3) {
            if (!['SCRIPT', 'STYLE'].includes(node.parentNode.tagName)) said.push(node.data);
            continue;
        }
        for (const name of ['title', 'aria-label', 'alt', 'value', 'placeholder', 'aria-valuetext', 'download'])
            if (node.hasAttribute(name)) said.push(node.getAttribute(name));
        if (typeof node.value === 'string') said.push(node.value);
    }
    const texts = said.filter(text => text.includes('〖'));
    // whole, or shortened and marked so
    const right = part => part.startsWith(evil) || (/…\\s*$/.test(part) && evil.startsWith(part.trim().slice(0, -1)));
    const broken = texts.filter(text => !text.split('〖').slice(1).every(right));
    const columns = texts.flatMap(text => [...text.matchAll(/ (\\w+\\.\\w+)〗/g)].map(found => found[1]));
    const odd = [...document.querySelectorAll('[onerror], [onload], img[src="x"], a[href^="javascript:"]')];
    return {
        hacked: window.hacked === undefined ? null : String(window.hacked), broken, columns: [...new Set(columns)],
        odd: odd.map(one => one.outerHTML.slice(0, 200)), sum: said.some(text => text.includes('>49{')),
        scripts: [...document.scripts].filter(one => !one.nonce && one.type !== 'application/json').length,
    };
}
"""


#: Boxes of the page whose text runs out of them.
WIDER = """
() => ['.gm-scroll', '.gm-card-scroll', '.gm-head', '.gm-card-head'].filter(name =>
    [...document.querySelectorAll(name)].some(box => box.scrollWidth > box.clientWidth + 1))
"""


@pytest.fixture(scope="module")
def hostile(city: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, set[str]]]:
    path = tmp_path_factory.mktemp("hostile") / "city.gpkg"
    shutil.copy(city, path)
    filled = fill(path)
    make_tiles(path)
    return path, filled


@pytest.fixture(scope="module")
def hostile_app(hostile: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return made(hostile[0], tmp_path_factory.mktemp("instance"))


def made(path: Path, instance: Path) -> Flask:
    return create_app(str(path), INSTANCE=instance, TESTING=True, PROPAGATE_EXCEPTIONS=False)


def serving(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def hostile_address(hostile_app: Flask) -> Iterator[str]:
    yield from serving(hostile_app)


@pytest.fixture(scope="module")
def whole_address(hostile: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same city without tiles: its map comes in whole layers."""
    path = tmp_path_factory.mktemp("whole") / "city.gpkg"
    shutil.copy(hostile[0], path)
    yield from serving(made(path, path.parent / "instance"))


class Look:
    """Looks at a page again and again; gathers which columns were seen."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.columns: set[str] = set()

    def __call__(self, where: str) -> None:
        found = self.page.evaluate(LOOK, EVIL)
        assert found["hacked"] is None, where
        assert found["broken"] == [], where
        assert found["odd"] == [] and found["scripts"] == 0 and not found["sum"], where
        self.columns |= set(found["columns"])


def test_every_column_of_text_is_filled(hostile: tuple[Path, dict[str, set[str]]]) -> None:
    path, filled = hostile
    texts = {f"{item.name}.{column.name}" for item in LAYERS.values() for column in item if column.type == "text"}
    lacking = texts - {f"{layer}.{name}" for layer, names in filled.items() for name in names}
    # what is left out names units or joins tables
    assert {name.split(".")[1] for name in lacking} <= {
        "code", "parent", "micro_grid", "grid", "community", "old_code", "new_code", "area", "import", "before",
        "level", "layer", "sha256", "at", "undone_at", "others",
    }
    with open_store(path) as store:
        assert set(store.read("roads")["name"]) == {told("roads", "name")}


@pytest.mark.browser
@pytest.mark.parametrize("role", ROLES)
def test_every_page_shows_it_as_typed(browser: Any, hostile_address: str, hostile_app: Flask, role: str) -> None:  # noqa: F811
    visit = Visit(browser, hostile_address, role)
    look = Look(visit.page)
    client, pages = log_in(hostile_app, role), []
    with hostile_app.test_request_context():
        for rule in hostile_app.url_map.iter_rules():
            if "GET" not in rule.methods or not set(rule.arguments) <= set(PARTS) or rule.endpoint.startswith("past."):
                continue
            address = hostile_app.url_map.bind("localhost").build(rule.endpoint, {k: PARTS[k] for k in rule.arguments})
            answer = client.get(address)
            if answer.status_code == 200 and answer.mimetype == "text/html":
                pages.append(address)
            assert answer.status_code < 500, (address, answer.text[:300])
    assert len(pages) >= 2
    lang = "en" if role in ("admin", "grid_leader") else "zh"
    for address in pages:
        visit.page.goto(f"{hostile_address}{address}?lang={lang}")
        visit.page.wait_for_timeout(150)
        look(f"{role} {address}")
        visit.page.evaluate("() => document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
        visit.page.wait_for_timeout(100)
        look(f"{role} {address}, opened")
    assert "city.name" in look.columns
    visit.leave()


@pytest.mark.browser
@pytest.mark.parametrize("role", ROLES)
def test_the_map_in_tiles_shows_it_as_typed(browser: Any, hostile_address: str, role: str) -> None:  # noqa: F811
    whole = {"admin", "planner", "street_office"}
    visit = Visit(browser, hostile_address, role)
    page, look = visit.page, Look(visit.page)
    look("first view")
    page.evaluate("() => [...gridmap.app.tiles.info.keys()].forEach(name => gridmap.app.showLayer(name, true))")
    for zoom in (18, 20):  # labels of all kinds are drawn; glyphs have their names
        page.evaluate(f"() => gridmap.app.map.setZoom({zoom}, {{animate: false}})")
        page.wait_for_timeout(400)
        look(f"zoom {zoom}")
    for fold in ("layers", "time", "past", "table", "picture"):
        if page.locator(f".gm-fold-{fold} summary").count():
            page.locator(f".gm-fold-{fold} summary").click()
            page.wait_for_timeout(150)
            look(fold)
    measures = page.locator(".gm-field select option").evaluate_all("all => all.map(one => one.value)")
    for name in measures:
        page.evaluate("name => gridmap.app.setMeasure(name)", name)
        look(f"measure {name}")
    for layer in page.evaluate("() => [...gridmap.app.tiles.info.keys()]"):
        ids = page.evaluate(
            "async layer => (await gridmap.app.namesOf(layer)).codes.flatMap("
            " (code, i) => code || layer === 'gaps' ? [i + 1] : [])", layer)  # fmt: skip
        assert ids or role not in whole, layer
        for number in ids[:2]:
            page.evaluate("([layer, id]) => gridmap.app.open(layer, id)", [layer, number])
            assert page.locator(".gm-card").is_visible(), layer
            look(f"card of {layer}")
            assert page.evaluate(WIDER) == [], layer
            page.evaluate("() => gridmap.app.close()")
    # the pointer, and the keyboard
    box = page.locator(".gm-map").bounding_box()
    for share in (0.4, 0.5, 0.6):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + 0.5 * box["height"])
        page.wait_for_timeout(120)
        look("pointer")
    page.locator(".gm-map").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.wait_for_timeout(200)
    look("keyboard")
    page.keyboard.press("Escape")
    page.fill(".gm-search-input", "window.hacked")
    page.wait_for_timeout(600)
    look("search")
    page.evaluate("() => gridmap.app.setDay('2026-03-02')")
    page.wait_for_function("() => gridmap.app.dayNow === '2026-03-02'")
    page.wait_for_timeout(400)
    look("an earlier day")
    code = page.evaluate("async () => (await gridmap.app.namesOf('micro_grids')).codes[0]")
    page.evaluate("code => gridmap.app.select(code)", code)
    page.wait_for_selector(".gm-past-card")
    look("card of an earlier day")
    seen = {"city.name", "micro_grids.name", "micro_grids.leader", "micro_grids_history.name", "buildings.name",
            "buildings.address", "facilities.name", "facilities.hours", "organizations.name", "roads.name",
            "green.name", "water.kind", "estates.kind", "barriers.kind", "coverage.kind",
            "incidents.category"}
    if role in whole:
        seen |= {"streets.name", "communities.name"}
    if role != "grid_member":
        seen |= {"grids.name"}
    if role in {"admin", "street_office", "grid_leader"}:
        seen |= {"organizations.phone", "incidents.text", "incidents.address"}
    assert seen - look.columns == set()
    hidden = {"planner": {"organizations.phone", "incidents.text"}, "grid_member": {"organizations.phone", "gaps.kind"}}
    assert not hidden.get(role, set()) & look.columns
    visit.leave()


@pytest.mark.browser
def test_the_map_in_layers_shows_it_as_typed(browser: Any, whole_address: str) -> None:  # noqa: F811
    visit = Visit(browser, whole_address, "admin")
    page, look = visit.page, Look(visit.page)
    page.evaluate("() => Object.keys(gridmap.app.layers).forEach(name => gridmap.app.showLayer(name, true))")
    page.wait_for_timeout(500)
    look("first view")
    for name in page.locator(".gm-field select option").evaluate_all("all => all.map(one => one.value)"):
        page.evaluate("name => gridmap.app.setMeasure(name)", name)
        look(f"measure {name}")
    page.evaluate(f"() => gridmap.app.select('{CODES[0]}')")
    page.wait_for_selector(".gm-card .gm-figures")
    look("card")
    for layer in ("facilities", "organizations", "incidents"):
        page.evaluate("layer => gridmap.app.showThing(layer, gridmap.app.layers[layer].features[0])", layer)
        look(layer)
    page.locator(".gm-fold-table summary").click()
    page.fill(".gm-search-input", "window.hacked")
    look("table and search")
    assert {"micro_grids.name", "facilities.name", "incidents.text", "organizations.phone"} <= look.columns
    visit.leave()


@pytest.mark.browser
def test_a_map_in_one_file_shows_it_as_typed(browser: Any, hostile: tuple[Path, Any], tmp_path: Path) -> None:  # noqa: F811
    with open_store(hostile[0]) as store:
        layers = {name: store.read(name) for name in store.layers() if name in (
            "roads", "water", "green", "buildings", "estates", "grids", "communities", "facilities", "organizations",
            "incidents", "gaps", "coverage")}
        city = draw(store.read("micro_grids"), layers=layers, title=told("city", "name"), measure="households")
    file = write_page(city, tmp_path / "map.html", self_contained=True)
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page, complaints = context.new_page(), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_selector(".gm-app[data-loaded=yes]", state="attached")
    page.evaluate("() => Object.keys(gridmap.app.layers).forEach(name => gridmap.app.showLayer(name, true))")
    page.evaluate(f"() => gridmap.app.select('{CODES[0]}')")
    page.wait_for_selector(".gm-card .gm-figures")
    found = page.evaluate(LOOK, EVIL)
    assert (found["hacked"], found["broken"], found["odd"], found["sum"]) == (None, [], [], False)
    assert {"city.name", "micro_grids.leader", "facilities.name"} <= set(found["columns"])
    assert complaints == []
    context.close()


def test_pictures_hold_it_as_outlines(hostile_app: Flask) -> None:
    client = log_in(hostile_app, "admin")
    drawn = client.get("/picture.svg?measure=households")
    assert drawn.status_code == 200
    tags = {element.tag.split("}")[1] for element in ET.fromstring(drawn.data).iter()}
    assert not tags & {"script", "foreignObject", "a", "text", "image"}
    # what a name was stands beside its outlines as a comment; nowhere else
    assert "window.hacked" not in ET.tostring(ET.fromstring(drawn.data), encoding="unicode")
    assert client.get("/picture.png?measure=households").data[:4] == b"\x89PNG"


@pytest.mark.parametrize("role", ["admin", "grid_leader"])
def test_cells_of_what_is_taken_away_are_text(hostile_app: Flask, role: str) -> None:
    client = log_in(hostile_app, role)
    page = client.get("/export").text
    names = re.findall(r'name="layers" value="(\w+)"', page)
    assert "micro_grids" in names
    seen: set[str] = set()
    for form in ("xlsx", "csv", "geojson"):
        how = {"format": form, "encoding": "utf-8", "datum": "", "names": "en", "layers": names}
        with client.post("/export", data={"csrf_token": token_of(page), **how}) as answer:
            assert answer.status_code == 200, answer.text[:300]
            content = answer.data
        with zipfile.ZipFile(io.BytesIO(content)) as files:
            for name in files.namelist():
                content = files.read(name)
                if name.endswith(".xlsx"):
                    for sheet in openpyxl.load_workbook(io.BytesIO(content)):
                        for row in sheet.iter_rows():
                            for cell in row:
                                assert cell.data_type != "f" and cell.hyperlink is None
                                seen |= columns_in(str(cell.value))
                elif name.endswith(".csv"):
                    for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))):
                        for text in row:
                            columns_in(text)
    assert {"micro_grids.leader", "organizations.phone", "incidents.text"} <= seen


def columns_in(text: str) -> set[str]:
    """Columns whose text a cell holds, all of it as typed."""
    for part in text.split("〖")[1:]:
        assert part.startswith(EVIL), text
    return set(re.findall(r" (\w+\.\w+)〗", text))
