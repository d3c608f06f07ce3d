"""The grid leader's page without network: it opens, reports are sent once, nothing is left at logout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gridmap.city_tiles import make_tiles
from gridmap.stores import open_store
from tests.webapp.phones import DESK, PHONE, SENT_AT, Phone, Served, caches, degrees, photo, quiet, served  # noqa: F401
from tests.webapp.small_city import CODES
from tests.webapp.test_browser import HOSTILE, browser, hostile_city  # noqa: F401  # fixtures

pytestmark = pytest.mark.browser


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
    # after a load without network a browser may take a moment to know that there is none, and tries
    phone.leave("ERR_INTERNET_DISCONNECTED")


def test_a_report_is_sent_by_the_worker_when_no_page_is_open(browser: Any, served: Served) -> None:  # noqa: F811
    """Background Sync: the browser wakes the worker once the network is back, whether or not a page is open."""
    phone = Phone(browser, served.address).loaded().kept()
    phone.context.set_offline(True)
    phone.report("井盖松动")
    assert served.texts() == []
    registrations: list[dict[str, Any]] = []
    talk = phone.context.new_cdp_session(phone.page)
    talk.on("ServiceWorker.workerRegistrationUpdated", lambda told: registrations.extend(told["registrations"]))
    talk.send("ServiceWorker.enable")
    phone.page.goto("about:blank")
    assert served.texts() == [] and registrations
    phone.context.set_offline(False)
    for last in (False, True):  # the browser's own call may come before these
        talk.send("ServiceWorker.dispatchSyncEvent", {
            "origin": served.address, "registrationId": registrations[-1]["registrationId"],
            "tag": "gridmap-reports", "lastChance": last,
        })
    for _ in range(100):
        if served.texts():
            break
        phone.page.wait_for_timeout(100)
    phone.page.wait_for_timeout(500)
    assert served.texts() == ["井盖松动"] and served.photos("井盖松动") == [1600]
    phone.page.goto(f"{served.address}/mine")
    phone.loaded()
    assert phone.page.locator(".gwm-report").count() == 0  # the page knows that it was sent
    phone.leave("ERR_INTERNET_DISCONNECTED")


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
