"""A workbook of 20,000 rows dropped into the page in a real browser, on a desk and on a phone, up to the preview."""

from __future__ import annotations

import base64
import io
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gridmap.stores import open_store
from tests.webapp.test_browser import Visit, browser, serve  # noqa: F401  fixtures
from tests.webapp.test_uploads import degrees

pytestmark = pytest.mark.browser

ROWS = 20_000
HOSTILE = "<img src=x onerror=window.hacked=1>"


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports all over the small city; one of a hostile name, three without a place, one with a wrong day."""
    rng = np.random.default_rng(3)
    where = degrees(list(zip(rng.uniform(5, 795, ROWS), rng.uniform(5, 195, ROWS), strict=True)))
    table = pd.DataFrame({
        "工单编号": [f"W{n:05d}" for n in range(ROWS)], "事件类型": rng.choice(["路灯", "井盖", "垃圾"], ROWS),
        "上报时间": "2024年3月5日", "经度": where.x.round(7), "纬度": where.y.round(7), "诉求内容": "示例",
    })
    table.loc[0, "事件类型"] = HOSTILE
    table.loc[[10, 11, 12], ["经度", "纬度"]] = None
    table.loc[20, "上报时间"] = "某一天"
    path = tmp_path_factory.mktemp("sent") / "事件.xlsx"
    table.to_excel(path, index=False)
    return path


SIZES = pytest.mark.parametrize("size", [
    {"viewport": {"width": 1440, "height": 900}},
    {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
], ids=["desk", "phone"])


@SIZES
def test_twenty_thousand_rows_to_the_preview(
    browser: Any, serve: Any, city: str, workbook: Path, tmp_path: Path, size: Any  # noqa: F811
) -> None:
    shutil.copy(city, tmp_path / "city.gpkg")
    address = serve(str(tmp_path / "city.gpkg"))
    visit = Visit(browser, address, "admin", **size)
    page = visit.page
    page.set_default_timeout(30_000)
    page.goto(f"{address}/upload")
    page.select_option("#datum", "wgs84")
    page.set_input_files("#files", str(workbook))
    assert page.locator("[data-chosen]").text_content() == workbook.name
    page.click("form[data-upload] button[type=submit]")
    page.wait_for_selector("[data-figures]", timeout=300_000)
    read = {name: page.locator(f"[data-figure={name}]").text_content() for name in ("rows", "new", "refused")}
    assert read == {"rows": "20,000", "new": "20,000", "refused": "0"}
    page.wait_for_selector(".folium-map[data-drawn]")
    assert page.locator(".folium-map").get_attribute("data-drawn") == "500"
    # nothing is wider than the screen
    assert page.evaluate("document.documentElement.scrollWidth") <= size["viewport"]["width"]
    if (folder := os.environ.get("GRIDMAP_PICTURES")) is not None:
        page.screenshot(path=f"{folder}/upload-{size['viewport']['width']}.png", full_page=True)
    # filters of the findings
    rows = page.locator("[data-findings] tbody tr:visible")
    every = rows.count()
    page.select_option("[data-filter=rule]", "no_coordinates")
    assert 0 < rows.count() < every
    page.select_option("[data-filter=rule]", "")
    page.fill("[data-filter=text]", "某一天")
    assert rows.count() == 1
    assert page.evaluate("window.hacked") is None
    page.click("text=导入 20,000 行")
    page.wait_for_selector(".alert-success", timeout=300_000)
    page.click("text=撤销导入")
    page.wait_for_selector("text=已撤销导入")
    visit.leave()


DROP = """([name, text]) => {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const told = new DataTransfer();
  told.items.add(new File([bytes], name));
  const box = document.querySelector("[data-drop]");
  ["dragenter", "dragover", "drop"].forEach((kind) =>
    box.dispatchEvent(new DragEvent(kind, { dataTransfer: told, bubbles: true, cancelable: true })));
}"""


@SIZES
def test_a_zip_is_dropped_and_addresses_are_placed_on_the_map(
    browser: Any, serve: Any, city: str, tmp_path: Path, size: Any  # noqa: F811
) -> None:
    shutil.copy(city, tmp_path / "city.gpkg")
    address = serve(str(tmp_path / "city.gpkg"))
    reports = pd.DataFrame({"工单编号": ["W1", "W2", "W3"], "事件类型": HOSTILE,
        "地址": ["桂花街999号", f"无人知处{HOSTILE}", "也不知"]})
    staff = pd.DataFrame({"姓名": ["某甲"], "角色": ["网格长"], "区域": ["990101001001001"]})
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../事件.csv", reports.to_csv(index=False))
        archive.writestr("人员.csv", staff.to_csv(index=False).encode("gb18030"))
    visit = Visit(browser, address, "admin", **size)
    page = visit.page
    page.set_default_timeout(60_000)
    page.goto(f"{address}/upload")
    page.evaluate(DROP, ["资料.zip", base64.b64encode(packed.getvalue()).decode()])
    assert page.locator("[data-chosen]").text_content() == "资料.zip"
    page.click("form[data-upload] button[type=submit]")
    page.wait_for_selector(".gw-jobs li[data-state=read] >> nth=1", timeout=300_000)
    page.click("text=事件.csv")
    page.wait_for_selector("[data-doubtful]")
    # one by its candidate, one by a click on the map
    page.locator("fieldset[data-row='2'] input").first.check()
    page.wait_for_selector(".gw-chosen-place")
    page.locator("fieldset[data-row='3'] [data-here]").check()
    page.locator("[data-preview]").click(position={"x": 120, "y": 160})
    assert page.locator("fieldset[data-row='3'] [data-where]").text_content() != ""
    assert page.evaluate("document.documentElement.scrollWidth") <= size["viewport"]["width"]
    if (folder := os.environ.get("GRIDMAP_PICTURES")) is not None:
        page.screenshot(path=f"{folder}/places-{size['viewport']['width']}.png")
    page.click("[data-doubtful] button[type=submit]")
    page.wait_for_selector("text=已人工定位 2 条", timeout=300_000)
    assert page.locator("fieldset[data-row]").count() == 1 and page.evaluate("window.hacked") is None
    page.click("text=导入 3 行")
    page.wait_for_selector(".alert-success", timeout=300_000)
    with open_store(tmp_path / "city.gpkg") as store:
        kept = store.read("incidents").set_index("code").loc[["W1", "W2", "W3"]]
    assert kept["placed_by"].fillna("").tolist() == ["manual", "manual", ""]
    assert kept.geometry.is_empty.tolist() == [False, False, True]
    visit.leave()
