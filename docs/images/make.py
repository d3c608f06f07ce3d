"""Pictures of the running demo for the README: `python docs/images/make.py http://127.0.0.1:8000`.

Needs the demo (`make demo`) and a Chromium on this machine; its people and places are invented.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def log_in(browser: Browser, address: str, name: str, size: dict[str, int], lang: str) -> Page:
    """A page of that size with someone logged in, at the map."""
    page = browser.new_page(viewport=size, device_scale_factor=1)
    page.goto(f"{address}/?lang={lang}")
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", f"demo-{name}")
    page.click("button[type=submit], input[type=submit]")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)
    return page


def main() -> None:
    """Take every picture."""
    address = (sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000").rstrip("/")
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )
        for lang in ("zh", "en"):
            page = log_in(browser, address, "planner", DESKTOP, lang)
            page.screenshot(path=HERE / f"map_desktop_{lang}.png")
            if lang == "zh":
                page.mouse.click(900, 470)
                page.wait_for_timeout(1200)
                page.screenshot(path=HERE / "card_desktop_zh.png")
            page.close()
        page = log_in(browser, address, "leader", PHONE, "zh")
        code = page.evaluate("() => new URLSearchParams(location.hash.slice(1)).get('at') || ''")
        page.goto(f"{address}/mine", wait_until="networkidle")
        page.wait_for_timeout(1500)
        page.screenshot(path=HERE / "leader_phone_zh.png")
        page.close()
        page = log_in(browser, address, "street", DESKTOP, "zh")
        page.goto(f"{address}/street", wait_until="networkidle")
        page.screenshot(path=HERE / "street_desktop_zh.png")
        if code:
            page.set_viewport_size({"width": 900, "height": 1220})
            page.goto(f"{address}/card/{code}", wait_until="networkidle")
            page.locator(".gw-sheet").screenshot(path=HERE / "notice_zh.png")
        page.close()
        browser.close()


if __name__ == "__main__":
    main()
