"""Administration: the log is complete and holds no secrets, norms and settings change with a history, copies open."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from gridmap.accounts import change_account
from gridmap.city_norms import change_norm, norm_history, norms_in_force, undo_norm
from gridmap.city_settings import change_settings, live_settings
from gridmap.norms import load_norms
from gridmap.rework import cover_again
from gridmap.stores import open_store
from gridmap.stores.records import read_records
from layers.errors import BadSettings, MoveNotAllowed, WrongCall
from tests.webapp.small_city import AREAS, CODES, PASSWORD, STREETS, log_in, token_of
from webapp.views import users

PAGES = ("/admin", "/admin/jobs", "/admin/norms", "/admin/settings", "/admin/audit", "/admin/audit/audit.csv",
         "/admin/backups")  # fmt: skip


def post(client: FlaskClient, path: str, page: str = "/admin/settings", **form: str) -> Any:
    return client.post(path, data={**form, "csrf_token": token_of(client.get(page).text)})


def events(app: Flask) -> list[dict[str, Any]]:
    with open_store(app.config["CITY"]) as store:
        return [{**row, "facts": json.loads(row["facts"])} for row in read_records(store, "audit")]


def ended(app: Flask, kind: str) -> Any:
    for _ in range(900):
        job = next(job for job in app.extensions["admin_jobs"].listed() if job.kind == kind)
        if job.state != "running":
            return job
        time.sleep(0.1)
    raise AssertionError("the job does not end")


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_for_administrators(clients: dict[str, FlaskClient], path: str) -> None:
    for role in AREAS:
        assert clients[role].get(path).status_code == (200 if role == "admin" else 403), role
    assert clients["nobody"].get(path).status_code == 302


def test_the_log_tells_who_came_and_what_was_changed_and_no_secret(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    guest = app.test_client()
    token = token_of(guest.get("/login").text)
    for name, password in (("planner", "wrong-pass-word"), ("my-secret-password", "x")):
        guest.post("/login", data={"name": name, "password": password, "csrf_token": token})
    admin = log_in(app, "admin")
    new = {"name": "zhao", "role": "street_office", "area": STREETS[0], "password": "brand-new-secret"}
    post(admin, "/users", "/users", **new)
    post(admin, "/users/zhao/change", "/users", role="planner", area="990101")
    post(admin, "/users/zhao/password", "/users", password="another-secret")
    post(admin, "/users/zhao/disable", "/users")
    admin.post("/logout", data={"csrf_token": token_of(admin.get("/users").text)})
    told = events(app)[:9]
    assert [row["what"] for row in told[:8]] == [
        "logout", "user.disable", "user.password", "user.change", "user.add", "login.ok", "login.failed",
        "login.failed",
    ]
    change = told[3]
    assert (change["by"], change["role"], change["area"]) == ("admin", "admin", "990101")
    assert change["facts"] == {
        "name": "zhao", "role": "planner", "role_before": "street_office", "area_before": STREETS[0],
    }
    assert told[7]["by"] == "planner" and told[6]["by"] == ""  # a name that nobody has is not kept
    everything = json.dumps(events(app), ensure_ascii=False)
    for secret in ("brand-new-secret", "another-secret", "my-secret-password", "wrong-pass-word", PASSWORD, "argon2"):
        assert secret not in everything


def test_the_log_is_filtered_and_taken_away(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    app.extensions["audit"].add("export.done", by="=cmd()", area=STREETS[1], rows=3)
    client = log_in(app, "admin")
    page = client.get("/admin/audit?group=export.done&by=%3Dcmd()").text
    assert page.count("gw-log") == 1 and STREETS[1] in page
    assert "=cmd()" not in client.get("/admin/audit?group=login").text
    assert "=cmd()" in client.get(f"/admin/audit?area={STREETS[1]}001").text
    assert "=cmd()" not in client.get("/admin/audit?until=2020-01-01").text
    assert client.get("/admin/audit?group=<b>&since=x&page=999999").status_code == 200
    rows = list(csv.reader(io.StringIO(client.get("/admin/audit/audit.csv?group=export.done").text.lstrip("\ufeff"))))
    assert rows[0] == ["at", "by", "role", "what", "area", "facts"] and rows[1][1] == "'=cmd()"
    assert events(app)[0]["what"] == "audit.download"


def test_an_import_a_plan_and_a_move_are_in_the_log(fresh: Callable[..., Flask], tmp_path: Any) -> None:
    from gridmap.importing import import_file, undo_import

    app = fresh()
    path = tmp_path / "staff.csv"
    path.write_text(f"姓名,角色,负责区域编码,电话\n戊,网格员,{CODES[1]},13812345678\n", encoding="utf-8")
    done = import_file(app.config["CITY"], "staff", path, complete=False, by="street_office", within=(STREETS[0],))
    undo_import(app.config["CITY"], done.record.code, by="street_office")
    import_file(app.config["CITY"], "staff", path, complete=False, dry_run=True)
    told = [row for row in events(app) if row["what"].startswith("import")]
    assert [(row["what"], row["by"], row["role"]) for row in told] == [
        ("import.undone", "street_office", "street_office"), ("import.done", "street_office", "street_office"),
    ]
    assert told[1]["area"] == STREETS[0] and told[1]["facts"]["rows"] == 1 and "138" not in json.dumps(told)


def test_another_role_holds_from_the_next_click(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    admin, office = log_in(app, "admin"), log_in(app, "street_office")
    assert office.get("/roster").status_code == 200
    post(admin, "/users/street_office/change", "/users", role="planner", area=STREETS[0])
    assert office.get("/roster").status_code == 403
    post(admin, "/users/street_office/change", "/users", role="street_office", area="9901")  # wider than it may be
    with open_store(app.config["CITY"]) as store:
        account = store.account("street_office")
    assert account is not None and (account.role, account.area) == ("planner", STREETS[0])
    assert post(admin, "/users/admin/change", "/users", role="planner", area="990101").status_code == 409
    assert post(admin, "/users/none/change", "/users", role="planner", area="990101").status_code == 404
    with pytest.raises(WrongCall, match="no role"):
        change_account(app.config["CITY"], "planner", role="mayor")


def test_accounts_are_found_by_name_and_by_area_page_by_page(
    fresh: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = fresh()
    admin = log_in(app, "admin")

    def listed(path: str) -> list[str]:
        return re.findall(r"<li>\s*<div><b>(\w+)</b>", admin.get(path).text)

    every = listed("/users")
    assert set(every) == {*AREAS, "gone"} and 'type="search" class' not in admin.get("/users").text
    monkeypatch.setattr(users, "_ROWS", 2)
    pages = [listed(f"/users?page={number}") for number in range(1, 2 + len(every) // 2)]
    assert [one for page in pages for one in page] == every and len(pages[0]) == 2
    assert listed("/users?q=admin") == ["admin"] and "admin" not in listed(f"/users?q={STREETS[0]}")
    assert "street_office" in listed(f"/users?q={STREETS[0]}") + listed(f"/users?q={STREETS[0]}&page=2")
    assert "没有这样的账号" in admin.get("/users?q=<b>nobody").text


def test_a_norm_is_changed_with_its_source_and_put_back(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client, city = log_in(app, "admin"), app.config["CITY"]
    packaged = load_norms()["canteen"]
    own = {"metres": "350", "source": "某某区民政局文件", "clause": "第三条", "verified": "1"}
    post(client, "/admin/norms/canteen", "/admin/norms", **{**own, "source": packaged.source})  # not the package's
    post(client, "/admin/norms/canteen", "/admin/norms", **{**own, "metres": "-1"})
    post(client, "/admin/norms/moon", "/admin/norms", **own)
    with open_store(city) as store:
        assert norms_in_force(store)["canteen"] == packaged and norm_history(store) == []
    post(client, "/admin/norms/canteen", "/admin/norms", **own)
    with open_store(city) as store:
        norm = norms_in_force(store)["canteen"]
        assert (norm.metres, norm.source, norm.clause, norm.distance_verified) == (350.0, own["source"], "第三条", True)
        assert norms_in_force(store)["clinic"] == load_norms()["clinic"] if "clinic" in load_norms() else True
        (change,) = norm_history(store, "canteen")
        assert change["by"] == "admin" and change["before"]["distance_m"] == packaged.metres
        assert store.meta()["coverage_stale"]
    assert "350" in client.get("/admin/norms").text
    with pytest.raises(MoveNotAllowed):
        change_norm(city, "canteen", metres=350, source=own["source"], clause="第三条", verified=True)
    with pytest.raises(BadSettings, match="source is missing"):
        change_norm(city, "canteen", metres=400, source=" ")
    post(client, "/admin/norms/canteen/back", "/admin/norms")
    with open_store(city) as store:
        assert norms_in_force(store)["canteen"] == packaged and len(norm_history(store)) == 2
    with pytest.raises(MoveNotAllowed):
        undo_norm(city, "canteen")
    assert [row["what"] for row in events(app)[:2]] == ["norms.back", "norms.set"]


def test_coverage_is_computed_by_the_norms_of_now_as_a_job(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    city = app.config["CITY"]
    cover_again(city, kinds=["canteen"])
    with open_store(city) as store:
        before = store.read("coverage")
    change_norm(city, "canteen", metres=37, source="某某区民政局文件", verified=True)
    client = log_in(app, "admin")
    assert post(client, "/admin/jobs/cover", "/admin/norms").status_code == 302
    job = ended(app, "cover")
    assert job.state == "done", job
    with open_store(city) as store:
        after = store.read("coverage")
        assert store.meta()["coverage_stale"] == ""
    own = after[after["kind"] == "canteen"]
    assert set(own["norm_m"]) == {37.0} and own["verified"].all() and set(before["norm_m"]) != {37.0}
    assert events(app)[0]["what"] == "cover.done" and events(app)[0]["by"] == "admin"
    page = client.get("/admin/jobs").text
    assert "完成" in page
    # the pages of the planner name the same distance and who decided it
    planner = log_in(app, "planner")
    assert "某某区民政局文件" in planner.get("/coverage?kind=canteen").text
    assert re.search(r'value="canteen" data-metres="37"', planner.get("/siting").text)


def test_settings_change_within_reason(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client, city = log_in(app, "admin"), app.config["CITY"]
    with open_store(city) as store:
        before = store.meta()
    post(client, "/admin/settings", **{"cover.nearest_m": "80", "cover.complete": "canteen，clinic"})
    with open_store(city) as store:
        after = store.meta()
        live = live_settings(store)
    kept = json.loads(after["settings"])
    assert kept["cover"]["nearest_m"] == 80.0 and kept["split"] == json.loads(before["settings"])["split"]
    assert after["data_version"] != before["data_version"]
    told = events(app)[0]
    if live["cover"]["complete"]:  # both kinds are in the package
        assert told["what"] == "settings.set" and "50.0 -> 80.0" in told["facts"]["cover.nearest_m"]
    wrong = ({"cover.nearest_m": "-3"}, {"cover.nearest_m": "far"}, {"split.shape": "1e9"}, {"cover.complete": "moon"})
    for form in wrong:
        post(client, "/admin/settings", **form)
    with open_store(city) as store:
        assert store.meta()["settings"] == after["settings"]
    with pytest.raises(BadSettings, match="does not change"):
        change_settings(city, {"split": {"seed": 3}})


def test_a_copy_is_made_listed_taken_away_and_opens(fresh: Callable[..., Flask], tmp_path: Any) -> None:
    app = fresh()
    client = log_in(app, "admin")
    post(client, "/admin/backups", "/admin/backups")
    job = ended(app, "backup")
    assert job.state == "done", job
    (name,) = [path.name for path in app.extensions["admin_jobs"].copies()]
    half = Path(app.config["BACKUPS"]) / ".city-half.gpkg"  # a copy that is being written
    half.write_bytes(b"SQLite")
    assert half.name not in client.get("/admin/backups").text
    half.unlink()
    assert name in client.get("/admin/backups").text and "gridmap restore" in client.get("/admin/backups").text
    with client.get(f"/admin/backups/{name}") as answer:
        (tmp_path / "copy.gpkg").write_bytes(answer.data)
    with open_store(tmp_path / "copy.gpkg") as copy, open_store(app.config["CITY"]) as store:
        assert copy.count("micro_grids") == store.count("micro_grids") == 16
        assert {account.name for account in copy.accounts()} == {account.name for account in store.accounts()}
    assert client.get("/admin/backups/..%2Fcity.gpkg").status_code == 404
    assert client.get("/admin/backups/other.gpkg").status_code == 404
    assert log_in(app, "street_office").get(f"/admin/backups/{name}").status_code == 403
    post(client, f"/admin/backups/{name}/remove", "/admin/backups")
    assert app.extensions["admin_jobs"].copies() == []
    assert events(app)[0]["what"] == "backup.removed"
    assert "backup.download" in [row["what"] for row in events(app)]


def test_the_state_of_the_storage(clients: dict[str, FlaskClient], app: Flask) -> None:
    page = clients["admin"].get("/admin").text
    with open_store(app.config["CITY"]) as store:
        assert store.meta()["data_version"] in page
    assert "GeoPackage" in page and "微网格" in page and "磁盘剩余" in page
