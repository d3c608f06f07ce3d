"""The grid leader's page in one hand: reports, place, sheet, the way back, targets, hostile text, plain http."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.webapp.phones import DESK, PHONE, SENT_AT, Phone, Served, caches, degrees, photo, quiet, served  # noqa: F401
from tests.webapp.small_city import CODES
from tests.webapp.test_browser import HOSTILE, browser, hostile_city  # noqa: F401  # fixtures

pytestmark = pytest.mark.browser


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
