"""The grid leader's page on a phone: without network, reports sent once, nothing left at logout, one hand, no mouse."""

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
from tests.webapp.small_city import CODES, CRS, PASSWORD, X, Y
from tests.webapp.test_browser import HOSTILE, browser, hostile_city  # noqa: F401  # fixtures
from webapp import create_app

pytestmark = pytest.mark.browser

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

    def __init__(self, browser: Any, address: str, name: str = "grid_leader", **screen: Any) -> None:  # noqa: F811
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
@pytest.mark.parametrize("tiles", [True, False], ids=["tiles", "layers"])
def test_the_own_micro_grid_opens_without_network_after_one_visit(
    browser: Any, city: str, tmp_path: Path, tiles: bool  # noqa: F811
) -> None:
    made = Served(city, tmp_path, tiles=tiles)
    phone = Phone(browser, made.address).loaded().kept()
    page = phone.page
    page.select_option("#gwm-unit", CODES[3])
    page.wait_for_function(f"() => gridmap.app.doc?.code === '{CODES[3]}'")
    page.wait_for_timeout(2500)  # what is kept follows the choice
    phone.kept()
    phone.context.set_offline(True)
    page.reload()
    phone.loaded()
    assert phone.name() == "微网格" + CODES[3]
    assert "没有网络" in str(page.locator(".gwm-net").text_content())
    assert "今天" in str(page.locator(".gwm-net").text_content())  # as of when
    page.click("#gwm-tab-services")
    assert "240" in str(page.locator(".gwm-body").text_content())
    page.select_option("#gwm-unit", CODES[0])  # the other ones of the leader too
    page.wait_for_function(f"() => gridmap.app.doc.code === '{CODES[0]}'")
    if tiles:
        for zoom in (15, 16, 17, 18):
            page.evaluate(f"() => gridmap.app.map.setView(gridmap.app.map.getCenter(), {zoom}, {{animate: false}})")
            page.wait_for_function("() => gridmap.painting() === 0 && gridmap.app.tiles.store.waiting.size === 0")
        here = page.evaluate(
            "() => [...gridmap.app.tiles.store.tiles].filter(([, t]) => t.state === 'here').map(([key]) => key)")
        assert {key.split("/")[0] for key in here} >= {"micro_grids", "buildings", "roads"}
    phone.leave()
    made.close()


def test_new_tiles_replace_what_was_kept(browser: Any, served: Served) -> None:  # noqa: F811
    phone = Phone(browser, served.address).loaded().kept()
    page = phone.page
    stored = """async () => {
      const [name] = await caches.keys();
      return (await (await caches.open(name)).keys()).map(request => new URL(request.url).pathname);
    }"""
    before = {path.split("/")[2] for path in page.evaluate(stored) if path.startswith("/tiles/")}
    with open_store(served.path) as store:
        store.write("roads", store.read("roads").iloc[:0])
        store.set_meta(data_version="another")
    make_tiles(served.path)
    page.reload()
    phone.loaded().kept()
    for _ in range(40):
        if not any(f"/{next(iter(before))}/" in path for path in page.evaluate(stored)):
            break
        page.wait_for_timeout(250)
    after = {path.split("/")[2] for path in page.evaluate(stored) if path.startswith("/tiles/")}
    assert len(before) == len(after) == 1 and before != after
    phone.leave()


def test_a_logout_leaves_nothing_behind(browser: Any, served: Served) -> None:  # noqa: F811
    phone = Phone(browser, served.address).loaded().kept()
    page = phone.page
    page.locator(".gwm-duty input").first.check()
    other = phone.context.new_page()
    other.goto(served.address + "/mine")
    other.wait_for_selector(".gm-app[data-mine=yes]", state="attached")
    assert len(caches(page)) == 1
    page.click(".gw-menu summary")
    page.click(".gw-menu-box button[type=submit]")
    page.wait_for_url("**/login")
    assert caches(page) == []
    other.wait_for_url("**/login?next=/mine")  # an open page goes to the door by itself
    ticks = """() => new Promise(done => {
      const asked = indexedDB.open('gridmap-mine');
      asked.onsuccess = () => {
        const all = asked.result.transaction('ticks').objectStore('ticks').getAll();
        all.onsuccess = () => done(all.result.length);
      };
    })"""
    assert page.evaluate(ticks) == 0
    phone.context.set_offline(True)
    page.goto(served.address + "/mine")
    assert "没有网络，这部手机上也没有保存的微网格" in str(page.locator("body").text_content())
    assert "微网格9901" not in page.content()
    phone.leave("503")  # the browser tells of the page that is not there


def test_another_account_sees_nothing_of_the_first(browser: Any, served: Served) -> None:  # noqa: F811
    phone = Phone(browser, served.address).loaded().kept()
    page = phone.page
    first = caches(page)
    phone.context.set_offline(True)
    phone.report("先报的一件", with_photo=False)
    assert page.locator(".gwm-report").count() == 1
    phone.context.clear_cookies()  # the session ends without a logout
    phone.context.set_offline(False)
    page.wait_for_url("**/login?next=/mine")  # with the network the page learns of it
    phone.log_in("grid_member")
    phone.loaded().kept()
    assert len(caches(page)) == 1 and caches(page) != first
    assert phone.name() == "微网格" + CODES[-2]
    assert page.locator(".gwm-report").count() == 0 and "先报的一件" not in page.content()
    page.evaluate("() => gwQueue.send({session: '/mine/session', send: '/incidents'})")
    assert served.texts() == []  # never under another account
    phone.context.set_offline(True)
    page.goto(f"{served.address}/mine#at={CODES[0]}")
    page.reload()
    phone.loaded()
    assert CODES[0] not in page.content()
    phone.context.set_offline(False)
    phone.context.clear_cookies()
    phone.log_in("grid_leader")
    phone.loaded()
    page.wait_for_function(SENT_AT + " === 1")
    assert served.texts() == ["先报的一件"]
    phone.context.close()


# ---- reports ----
def test_a_report_made_without_network_is_sent_once(browser: Any, served: Served) -> None:  # noqa: F811
    phone = Phone(browser, served.address).loaded().kept()
    page = phone.page
    phone.context.set_offline(True)
    phone.report("楼道堆物")
    assert "等待发送" in str(page.locator(".gwm-report").text_content())
    assert "没有网络" in str(page.locator(".gwm-body").text_content())
    page.reload()  # also a page that was closed meanwhile knows of it
    phone.loaded()
    assert page.locator(".gwm-report").count() == 1
    assert served.texts() == []
    phone.context.set_offline(False)
    page.wait_for_function(SENT_AT + " === 1")
    assert page.locator(".gwm-report").count() == 0
    page.evaluate("() => gridmap.app.send()")
    page.reload()
    phone.loaded()
    page.wait_for_timeout(500)
    assert served.texts() == ["楼道堆物"]
    assert served.photos("楼道堆物") == [1600]  # made small on the phone
    assert "楼道堆物" in str(page.locator(".gwm-body").text_content())  # on the list of what was reported lately
    phone.leave()


def test_a_report_whose_answer_is_lost_comes_again_and_is_there_once(browser: Any, served: Served) -> None:  # noqa: F811
    phone = Phone(browser, served.address).loaded()
    page = phone.page
    tries: list[str] = []

    def lose(route: Any) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        tries.append(route.request.url)
        if len(tries) == 1:
            route.fetch()  # the desk takes it
            route.abort()  # and the phone never hears
        else:
            route.continue_()

    phone.context.route("**/incidents", lose)
    phone.report("井盖松动")
    page.wait_for_function("() => gridmap.app.tries === 1")  # it was tried and waits for its next turn
    assert len(tries) == 1
    assert served.texts() == ["井盖松动"]
    page.evaluate("() => gridmap.app.send()")
    page.wait_for_function(SENT_AT + " === 1")
    assert len(tries) == 2
    assert served.texts() == ["井盖松动"] and len(served.photos("井盖松动")) == 1
    phone.leave("ERR_FAILED")


def test_two_pages_that_send_at_once_send_one(browser: Any, served: Served) -> None:  # noqa: F811
    phone = Phone(browser, served.address).loaded().kept()
    phone.context.set_offline(True)
    phone.report("路面积水", with_photo=False)
    other = phone.context.new_page()
    other.goto(served.address + "/mine")
    other.wait_for_selector(".gm-app[data-mine=yes]", state="attached")
    phone.context.set_offline(False)
    for page in (phone.page, other):
        page.evaluate("() => { gridmap.app.send(); gridmap.app.send(); }")
    for page in (phone.page, other):
        page.evaluate("() => gridmap.app.send().then(() => gridmap.app.showReports())")
        page.wait_for_function(SENT_AT + " === 1")
    assert served.texts() == ["路面积水"]
    phone.context.close()


def test_where_the_session_is_over_a_report_waits_for_the_login(browser: Any, served: Served) -> None:  # noqa: F811
    phone = Phone(browser, served.address).loaded()
    page = phone.page
    phone.context.clear_cookies()
    phone.report("树枝断了", with_photo=False)
    page.wait_for_selector(".gwm-strong[href^='/login']")
    assert "登录后" in str(page.locator(".gwm-body").text_content())
    assert served.texts() == []
    phone.log_in("grid_leader", page.locator("a.gwm-strong").get_attribute("href") or "")
    phone.loaded()
    page.wait_for_function(SENT_AT + " === 1")
    assert served.texts() == ["树枝断了"]
    phone.leave("401")


def test_a_refused_report_says_why_and_can_be_mended(browser: Any, served: Served) -> None:  # noqa: F811
    phone = Phone(browser, served.address).loaded()
    page = phone.page
    page.click(".gwm-tool-report")
    lon, lat = degrees(650, 150)  # another street
    page.evaluate(f"() => gridmap.app.map.setView([{lat}, {lon}], 18, {{animate: false}})")
    page.evaluate("""() => {
      const at = gridmap.app.freeMiddle(), size = gridmap.app.map.getSize();
      gridmap.app.map.panBy([size.x / 2 - at.x, size.y / 2 - at.y], {animate: false});
    }""")
    assert "本微网格外" in str(page.locator(".gwm-where").text_content())
    page.go_back()
    phone.report("隔壁街道的事", with_photo=False)
    page.wait_for_selector(".gwm-report-refused .gwm-problem")
    assert len(str(page.locator(".gwm-report .gwm-problem").text_content())) > 5
    assert served.texts() == []
    page.click(".gwm-tool-home")
    page.wait_for_timeout(900)
    page.click(".gwm-report-do button >> nth=0")
    assert page.input_value("#gwm-text") == "隔壁街道的事"
    page.click(".gwm-form [type=submit]")
    page.wait_for_function(SENT_AT + " === 1")
    assert served.texts() == ["隔壁街道的事"]
    phone.leave("403", "422")


def test_a_report_needs_a_kind_and_words_or_a_photo(browser: Any, quiet: Served) -> None:  # noqa: F811
    phone = Phone(browser, quiet.address).loaded()
    page = phone.page
    page.click(".gwm-tool-report")
    page.click(".gwm-form [type=submit]")
    assert page.locator(".gwm-form .gwm-problem").text_content() == "请选择是什么事。"
    page.click(".gwm-choice:has([value=other])")
    page.click(".gwm-form [type=submit]")
    assert "请写一句说明" in str(page.locator(".gwm-form .gwm-problem").text_content())
    page.fill("#gwm-text", "写了一半")
    page.go_back()
    page.wait_for_selector(".gwm-form", state="detached")
    page.click(".gwm-tool-report")
    assert page.input_value("#gwm-text") == "写了一半"  # forms keep what was typed
    page.set_input_files("#gwm-photo", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"})
    page.wait_for_function(
        "() => document.querySelector('.gwm-form .gwm-problem').textContent.includes('不是能读的照片')")
    phone.leave()


# ---- where am I ----
@pytest.mark.parametrize(("x", "y", "accuracy", "said"), [
    (50, 50, 8, "您在微网格{code}内。 定位误差约 8 米。"),
    (50, -200, 8, "往北方向 200 米"),
    (-300, 50, 8, "往东方向 300 米"),
    (190, 190, 8, "往西南方向 127 米"),
    (50, 95, 30, "离边界 5 米，定位误差约 30 米，不能完全确定"),
], ids=["inside", "south", "west", "north_east", "unsure"])
def test_locate_says_inside_or_how_far_and_where(
    browser: Any, quiet: Served, x: float, y: float, accuracy: float, said: str  # noqa: F811
) -> None:
    lon, lat = degrees(x, y)
    place = {"longitude": lon, "latitude": lat, "accuracy": accuracy}
    phone = Phone(browser, quiet.address, geolocation=place, permissions=["geolocation"]).loaded()
    phone.page.click(".gwm-tool-locate")
    words = said.format(code=CODES[0])
    phone.page.wait_for_function("text => document.querySelector('.gwm-found').textContent.includes(text)", arg=words)
    phone.leave()


def test_locate_that_is_refused_says_what_to_do(browser: Any, quiet: Served) -> None:  # noqa: F811
    phone = Phone(browser, quiet.address).loaded()
    phone.page.click(".gwm-tool-locate")
    phone.page.wait_for_function("() => document.querySelector('.gwm-found').textContent.includes('浏览器设置')")
    assert phone.page.locator(".gwm-found").get_attribute("role") == "status"
    phone.leave()


# ---- one hand, a keyboard, the way back ----
def test_the_sheet_has_three_stops_by_finger_and_keyboard(browser: Any, quiet: Served) -> None:  # noqa: F811
    phone = Phone(browser, quiet.address).loaded()
    page = phone.page
    head = page.locator(".gwm-grip")

    def drag(to: float, steps: int = 12) -> None:
        box = head.bounding_box()
        page.mouse.move(box["x"] + 10, box["y"] + 2)
        page.mouse.down()
        for step in range(1, steps + 1):
            page.mouse.move(box["x"] + 10, box["y"] + 2 + (to - box["y"]) * step / steps)
            page.wait_for_timeout(20)
        page.wait_for_timeout(120)
        page.mouse.up()
        page.wait_for_timeout(350)

    assert phone.stop() == "half"
    drag(740)
    assert phone.stop() == "peek"
    assert page.locator(".gwm-sheet").bounding_box()["height"] == 96
    drag(90)
    assert phone.stop() == "full"
    drag(440)
    assert phone.stop() == "half"
    page.focus(".gwm-chevron")
    for key, stop in (("ArrowUp", "full"), ("ArrowDown", "half"), ("ArrowDown", "peek"), ("Enter", "half")):
        page.keyboard.press(key)
        page.wait_for_function(f"() => gridmap.app.sheet.stop === '{stop}'")
        expanded = page.locator(".gwm-chevron").get_attribute("aria-expanded")
        assert expanded == str(stop != "peek").lower()
    phone.leave()


def test_the_way_back_goes_back(browser: Any, quiet: Served) -> None:  # noqa: F811
    phone = Phone(browser, quiet.address).loaded()
    page = phone.page
    page.select_option("#gwm-unit", CODES[3])
    page.wait_for_function(f"() => location.hash.includes('at={CODES[3]}')")
    page.click(".gwm-tool-report")
    page.wait_for_selector(".gwm-form")
    page.go_back()
    page.wait_for_selector(".gwm-form", state="detached")
    page.click(".gwm-chevron")
    page.wait_for_function("() => gridmap.app.sheet.stop === 'full'")
    page.go_back()
    page.wait_for_function("() => gridmap.app.sheet.stop === 'half'")
    assert phone.name() == "微网格" + CODES[3]
    page.go_back()
    page.wait_for_function(f"() => gridmap.app.doc.code === '{CODES[0]}'")
    assert phone.name() == "微网格" + CODES[0]
    page.goto(quiet.address + "/mine")  # the last one is remembered
    phone.loaded()
    assert phone.name() == "微网格" + CODES[0]
    page.goto("about:blank")
    page.goto(f"{quiet.address}/mine#at={CODES[2]}&tab=homes")
    phone.loaded()
    assert phone.name() == "微网格" + CODES[2]
    assert "9-16" in str(page.locator(".gwm-body").text_content())  # the floors of a shared tower
    phone.leave()


def test_somebody_elses_micro_grid_in_the_address_gives_ones_own(browser: Any, quiet: Served) -> None:  # noqa: F811
    phone = Phone(browser, quiet.address).loaded()
    phone.page.goto("about:blank")
    phone.page.goto(f"{quiet.address}/mine#at={CODES[9]}")
    phone.loaded()
    assert phone.name() == "微网格" + CODES[0]
    phone.leave("403")


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["390x844", "1440x900"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_everything_to_press_is_large_enough_and_nothing_complains(
    browser: Any, quiet: Served, screen: dict[str, Any], lang: str  # noqa: F811
) -> None:
    lon, lat = degrees(50, 50)
    place = {"longitude": lon, "latitude": lat, "accuracy": 9}
    phone = Phone(browser, quiet.address, **screen, geolocation=place, permissions=["geolocation"]).loaded()
    page = phone.page
    page.goto(f"{quiet.address}/mine?lang={lang}")
    phone.loaded()
    small = """() => {
      const pressed = ['a', 'button', 'select', 'summary', 'label', 'textarea'].map(tag => `.gm-app ${tag}`);
      return [...document.querySelectorAll([...pressed, '.gwm-incident', '.gw-menu summary'].join())]
        .filter(one => one.checkVisibility() && !one.matches('.gm-spoken, .gwm-label'))
        .map(one => [one.className || one.tagName, one.getBoundingClientRect()])
        .filter(([, box]) => box.width && (box.width < 44 || box.height < 44))
        .map(([name, box]) => `${name} ${box.width}x${box.height}`);
    }"""
    hidden = "() => document.documentElement.scrollWidth <= innerWidth"
    for tab in ("today", "homes", "services", "helpers"):
        page.click(f"#gwm-tab-{tab}")
        assert page.evaluate(small) == [], tab
        assert page.evaluate(hidden), tab
    for tool in ("report", "layers"):
        page.click(f".gwm-tool-{tool}")
        page.wait_for_selector(".gwm-view:not([hidden])")
        assert page.evaluate(small) == [], tool
        page.go_back()
    page.click(".gwm-tool-locate")
    page.wait_for_selector(".gwm-found .gm-close")
    assert page.evaluate(small) == []
    if lang == "en":
        page.click(".gwm-found .gm-close")
        assert "households" in str(page.locator(".gwm-line").text_content())
    phone.leave()


def test_hostile_text_is_shown_as_typed(browser: Any, hostile_city: str, tmp_path: Path) -> None:  # noqa: F811
    made = Served(hostile_city, tmp_path)
    phone = Phone(browser, made.address).loaded()
    page = phone.page
    for tab in ("today", "homes", "services", "helpers"):
        page.click(f"#gwm-tab-{tab}")
        assert HOSTILE in str(page.locator(".gwm-sheet").text_content()), tab
    page.click("#gwm-tab-today")
    page.locator(".gwm-more").first.click()
    assert page.evaluate("() => window.hacked") is None
    phone.leave()
    made.close()


def test_by_http_reports_wait_too_and_the_page_says_what_is_missing(
    browser: Any, chromium: str, served: Served,  # noqa: F811
) -> None:
    """No service worker, no locks, no randomUUID, no place: browsers give those to https and to this machine alone."""
    opened = browser.browser_type.launch(
        executable_path=chromium,
        args=["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP city.test 127.0.0.1"],
    )
    phone = Phone(opened, served.address.replace("127.0.0.1", "city.test")).loaded()
    page = phone.page
    has = page.evaluate("() => [isSecureContext, 'serviceWorker' in navigator, 'randomUUID' in crypto]")
    assert has == [False, False, False]
    assert "不是 https" in str(page.locator(".gwm-kept").text_content())
    page.click(".gwm-tool-locate")
    assert "https" in str(page.locator(".gwm-found").text_content())
    page.click(".gwm-found .gm-close")
    phone.context.set_offline(True)
    phone.report("扶手松脱")
    assert page.locator(".gwm-report-waiting").count() == 1
    phone.context.set_offline(False)
    page.wait_for_function(SENT_AT + " === 1")
    page.reload()
    phone.loaded()
    assert served.texts() == ["扶手松脱"]
    phone.context.close()
    opened.close()
