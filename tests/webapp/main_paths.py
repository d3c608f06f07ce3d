"""What each of the five roles comes for, done by hand in a browser: each deed is looked for where it should show."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyogrio

from gridmap.desk import moves
from gridmap.stores import open_store
from tests.webapp.phones import photo

__all__ = ["PATHS", "Walk", "moved"]


@dataclass(frozen=True, kw_only=True)
class Walk:
    """A person at a screen: `page` is theirs, `base` the address, `city` the store, `size` "desk" or "phone"."""

    page: Any
    base: str
    city: Path
    size: str
    folder: Path

    def go(self, path: str, until: str = "main") -> None:
        """Open a page."""
        answer = self.page.goto(self.base + path)
        assert answer.status == 200, (path, answer.status)
        self.page.wait_for_selector(until, state="attached")

    def figure(self, name: str) -> int:
        """A whole number that the page shows."""
        return int(str(self.page.inner_text(f"[data-figure={name}]")).replace(",", ""))

    def word(self) -> str:
        """A word of this walk alone: towns are shared by all of them."""
        return f"巡查-{self.size}"


def _report(walk: Walk, text: str) -> str:
    """Report from one's own page with a photo; the code of what was made."""
    page = walk.page
    walk.go("/mine", ".gm-app[data-mine=yes]")
    page.click(".gwm-tool-report")
    page.click(".gwm-choice:has([value=environment])")
    page.fill("#gwm-text", text)
    page.set_input_files("#gwm-photo", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": photo(800, 600)})
    page.wait_for_selector(".gwm-shot canvas")
    page.click(".gwm-form [type=submit]")
    page.wait_for_selector(".gwm-form", state="detached")
    page.wait_for_function(
        "() => window.gridmap?.app?.reports?.filter((report) => report.state === 'sent').length >= 1")
    with open_store(walk.city) as store:
        told = store.read("incidents")
    (code,) = told.loc[told["text"] == text, "code"]
    return str(code)


def grid_leader(walk: Walk) -> None:
    """Look at the own micro-grid, report with a photo, see it through, hang up the card."""
    page, text = walk.page, f"{walk.word()} 楼道堆物"
    code = _report(walk, text)
    walk.go("/incidents")
    page.click(f"a[href='/incidents/{code}']")
    page.wait_for_selector("[data-state=reported]")
    assert text in page.inner_text("main")
    for button, state in (("添加备注", "reported"), ("结案", "closed"), ("重新打开", "reported")):
        page.fill("#text", f"{button}：到场处理")
        page.click(f".gw-next button:has-text('{button}')")
        page.wait_for_selector(".alert-success")
        assert page.get_attribute("[data-state]", "data-state") == state
    with open_store(walk.city) as store:
        assert [move.move for move in moves(store, code)] == ["report", "note", "close", "reopen"]
        unit = str(store.read("incidents").set_index("code").loc[code, "micro_grid"])
    walk.go(f"/card/{unit}", ".gw-sheet svg, .gw-sheet img")
    pdf = page.request.get(f"{walk.base}/card/{unit}.pdf")
    assert pdf.status == 200 and pdf.body().startswith(b"%PDF")


def grid_member(walk: Walk) -> None:
    """Report from one's own micro-grid, find a building by name and see it on the map."""
    page = walk.page
    code = _report(walk, f"{walk.word()} 路灯不亮")
    walk.go(f"/incidents/{code}", "[data-state=reported]")
    with open_store(walk.city) as store:
        unit = str(store.read("incidents").set_index("code").loc[code, "micro_grid"])
    walk.go("/search")
    page.fill("main [name=q]", unit)
    page.click("main [type=submit]")
    page.click(".gw-found a >> nth=0")
    page.wait_for_selector(".gm-app[data-loaded=yes]", state="attached")
    page.wait_for_function("code => document.querySelector('.gm-card').textContent.includes(code)", arg=unit)


def planner(walk: Walk) -> None:
    """From a gap to a facility that closes it, sites asked for and tried, a building moved and put back."""
    page = walk.page
    walk.go("/coverage", ".gm-app[data-loaded=yes]")
    kinds = page.eval_on_selector_all("[data-kinds] [data-kind]", "all => all.map((row) => row.dataset.kind)")
    for kind in kinds:
        walk.go(f"/coverage?kind={kind}", ".gm-app[data-loaded=yes]")
        if page.locator("[data-gap='1'] a.gw-button").count():
            break
    else:
        raise AssertionError("no kind has a gap")
    page.click("[data-gap='1'] a.gw-button")
    page.wait_for_selector("[data-answered='1']")
    assert walk.figure("after") > walk.figure("before")
    page.wait_for_selector("[data-ready=yes]")
    page.click("[data-undo]")
    page.wait_for_function("() => !location.search.includes('do=')")

    walk.go(f"/siting?kind={kind}", ".gm-app[data-loaded=yes]")
    if page.locator("[data-form][open]").count() == 0:
        page.click("[data-form] summary")
    page.fill("[name=count]", "1")
    before = page.locator("[data-job]").count()
    page.click("[data-form] button[type=submit]")
    page.wait_for_function("n => document.querySelectorAll('[data-job]').length > n", arg=before)
    page.wait_for_selector("[data-job][data-state=done]", timeout=120_000)
    page.wait_for_selector("[data-shown]", timeout=60_000)
    planned = page.inner_text("[data-figure=after] b")
    page.click("[data-try]")
    page.wait_for_selector("[data-answered='1']")
    assert page.inner_text("[data-figure=after]") == planned, "what if says what the plan promised"

    walk.go(f"/equity?kind={kind}", ".gm-app[data-loaded=yes]")
    if page.locator("[data-spots]").count():
        page.check("[data-spots]")
        low = len(page.request.get(f"{walk.base}/equity/low.json?kind={kind}").json())
        page.wait_for_function("n => gridmap.app.tiles.overlay.marks.highlight?.ids.size === n", arg=low)

    walk.go("/plan/")
    page.click("main form button")
    page.wait_for_selector(".gm-plan[data-loaded=yes]", state="attached", timeout=60_000)
    assert moved(page), "no building could be moved"
    page.keyboard.press("u")
    page.wait_for_function("() => gridmap.plan.state.undone.length === 1")


def moved(page: Any) -> bool:
    """Move the first building that may move."""
    for number in range(40):
        spot = page.evaluate(_SPOT, number)
        if spot is None:
            return False
        page.mouse.click(*spot)
        page.wait_for_selector(".gm-plan-target")
        page.evaluate("() => gridmap.plan.busy")
        good = page.query_selector(".gm-plan-target:not([data-to=new]) .gm-button:not([disabled])")
        if good is not None:
            good.scroll_into_view_if_needed()
            good.click()
            page.wait_for_function("() => gridmap.plan.state.done.length === 1")
            return True
        page.keyboard.press("Escape")
    return False


def street_office(walk: Walk) -> None:
    """Look at the street, put someone in charge, take the street away as a shapefile for another system."""
    page = walk.page
    walk.go("/street", "h1")
    walk.go("/roster")
    bare = page.locator(".gw-exports .gw-give").first
    if bare.count():
        unit = str(bare.locator("xpath=ancestor::li").locator("a").first.text_content()).strip()
        bare.locator("summary").click()
        bare.locator("[name=name]").fill(f"{walk.word()}员")
        bare.locator("button[type=submit]").click()
        page.wait_for_selector(f"main :text('{walk.word()}员')")
        with open_store(walk.city) as store:
            staff = store.read("staff")
        area = str(staff.loc[staff["name"] == f"{walk.word()}员", "area"].iloc[0])
        assert area in unit or unit[-6:] in area or area[-3:] in unit
    walk.go("/export")
    for box in page.query_selector_all("[name=layers]"):
        box.set_checked(box.get_attribute("value") in ("micro_grids", "buildings"))
    scope = page.eval_on_selector_all("[data-scope] option", "all => all.map((one) => one.value).filter(Boolean)")[0]
    page.select_option("[data-scope]", scope)
    page.select_option("#encoding", "gb18030")
    page.select_option("#datum", "gcj02")
    page.locator("main form[data-export] button[type=submit]").click()
    page.wait_for_url("**/export/jobs/*")
    job = page.url.removeprefix(walk.base)
    walk.go("/findings")  # leave it, and come back by the list
    link, file = f".gw-exports a[href='{job}/file']", walk.folder / "export.zip"
    for _ in range(60):
        walk.go("/export")
        if page.locator(link).count():
            break
        page.wait_for_timeout(500)
    with page.expect_download() as waiting:
        page.click(link)
    waiting.value.save_as(file)
    zipfile.ZipFile(file).extractall(walk.folder)
    (shape,) = walk.folder.rglob("micro_grids*.shp")
    read = pyogrio.read_dataframe(shape)
    assert shape.with_suffix(".cpg").read_text().strip().upper() in ("GB18030", "GBK", "936", "CP936")
    with open_store(walk.city) as store:
        own = store.read("micro_grids", within=(scope,))
    assert sorted(read["code"]) == sorted(own["code"]) and len(own)
    assert sorted(read["name"].dropna()) == sorted(own["name"].dropna())


def admin(walk: Walk) -> None:
    """Add an account, change a norm and take it back, make a copy, find all of it in the log."""
    page, name = walk.page, f"xin-{walk.size}"
    walk.go("/users")
    page.fill("main #name", name)
    page.select_option("main #role", "admin")
    page.fill("main #password", "bu-gao-su-ni-7")
    page.click("main form.gw-fields:has(#name) button[type=submit]")
    page.wait_for_selector(f"main :text('{name}')")
    walk.go("/admin/norms")
    norm = page.locator(".gw-people > li[id=canteen]")
    norm.locator("summary").first.click()
    norm.locator("[name=metres]").fill("450")
    norm.locator("[name=source]").fill("区服务设施专班 2026-11")
    norm.locator("form.gw-fields button[type=submit]").click()
    page.wait_for_selector(".alert")
    said = page.inner_text(".alert")
    assert page.locator(".alert-success").count() == 1, said
    assert "450 m" in str(page.locator(".gw-people > li[id=canteen]").text_content())
    norm = page.locator(".gw-people > li[id=canteen]")
    norm.locator("summary").first.click()
    norm.locator("form:not(.gw-fields) button").click()
    page.wait_for_selector(".alert-success")
    assert "450 m" not in str(page.locator(".gw-people > li[id=canteen]").text_content())
    walk.go("/admin/backups")
    page.click("main form.gw-actions button[type=submit]")
    for _ in range(60):
        walk.go("/admin/backups")
        if page.locator(".gw-exports li").count():
            break
        page.wait_for_timeout(500)
    link = page.get_attribute(".gw-exports li a >> nth=0", "href")
    copy = page.request.get(walk.base + link)
    assert copy.status == 200 and io.BytesIO(copy.body()).read(15) == b"SQLite format 3"
    walk.go("/admin/jobs")
    walk.go("/admin/audit")
    log = page.inner_text("main")
    assert name in log and re.search("标准", log) and re.search("备份", log), log[:2000]


#: Role -> what they come for.
PATHS: dict[str, Callable[[Walk], None]] = {
    "grid_leader": grid_leader, "grid_member": grid_member, "planner": planner, "street_office": street_office,
    "admin": admin,
}

#: Where on the page the n-th inhabited building stands, or null.
_SPOT = """(n) => {
  const plan = gridmap.plan, box = plan.map.getContainer().getBoundingClientRect();
  const homes = plan.view.buildings.filter((f) => f.props.households > 0 && f.props.households < 30);
  if (n >= homes.length) return null;
  const [x, y] = gridmap.labelPoint(homes[n]);
  const at = plan.map.latLngToContainerPoint(gridmap.toLatLng(x, y));
  return [box.x + at.x, box.y + at.y];
}"""
