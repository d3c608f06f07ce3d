"""Exports as jobs: left and come back to, one at a time, broken off and not hanging, seen by who answers for it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyogrio
import pytest
from flask import Flask
from flask.testing import FlaskClient

from gridmap.export_jobs import ExportJob, ExportJobs, Wishes
from gridmap.roles import User
from gridmap.stores import open_store
from gridmap.stores.records import read_records
from layers.errors import MoveNotAllowed
from tests.webapp.small_city import CODES, COMMUNITIES, GRIDS, STREETS, log_in, token_of
from tests.webapp.test_scope import codes_in
from webapp.views import export

STREET = User(name="street_office", role="street_office", area=STREETS[0])


def order(client: FlaskClient, layers: Sequence[str] = ("micro_grids",), **more: str) -> Any:
    token = token_of(client.get("/export").text)
    return client.post("/export/jobs", data={"layers": list(layers), "csrf_token": token, **more})


def finished(client: FlaskClient, answer: Any) -> str:
    """The page of a job, once it is over."""
    assert answer.status_code == 302, answer.text
    for _ in range(600):
        if client.get(f"{answer.location}/state").json["state"] not in ("waiting", "running"):
            return str(answer.location)
        time.sleep(0.1)
    raise AssertionError("the export does not end")


def download(client: FlaskClient, page: str) -> tuple[int, bytes]:
    """Status and content of a job's file."""
    with client.get(f"{page}/file") as answer:
        return answer.status_code, answer.data


def events(app: Flask) -> list[dict[str, Any]]:
    with open_store(app.config["CITY"]) as store:
        return [{**row, "facts": json.loads(row["facts"])} for row in read_records(store, "audit")]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_a_street_is_exported_left_and_downloaded(fresh: Callable[..., Flask], encoding: str, tmp_path: Path) -> None:
    app = fresh()
    client = log_in(app, "street_office")
    layers = ("micro_grids", "buildings", "facilities", "staff")
    page = finished(client, order(client, layers, format="shapefile", encoding=encoding, datum="cgcs2000", names="zh"))
    again = log_in(app, "street_office")  # come back, from another browser
    assert page.replace("/export/jobs/", "") in again.get("/export").text
    status, content = download(again, page)
    assert status == 200
    zipfile.ZipFile(io.BytesIO(content)).extractall(tmp_path)
    own = {code for code in CODES if code.startswith(STREETS[0])}
    for name, column in (("micro_grids", "code"), ("buildings", "micro_grid"), ("facilities", "micro_grid")):
        (path,) = tmp_path.rglob(f"{name}*.shp")
        read = pyogrio.read_dataframe(path)
        assert path.with_suffix(".cpg").read_text().strip() == encoding.upper()
        assert set(read[column]) == own
        assert read.crs.to_epsg() == 4490
    assert set(pyogrio.read_dataframe(next(tmp_path.rglob("micro_grids*.shp")))["name"]) == {f"微网格{c}" for c in own}
    (done,) = [event for event in events(app) if event["what"] == "export.done" and event["facts"]["job"] in page]
    assert (done["by"], done["area"], done["facts"]["rows"]) == ("street_office", STREETS[0], 32)
    assert [event["facts"]["job"] in page for event in events(app) if event["what"] == "export.download"][:1] == [True]
    assert done["facts"]["sha256"] in again.get(page).text


def test_a_scope_within_ones_reach_and_no_other(clients: dict[str, FlaskClient]) -> None:
    client = clients["planner"]
    page = finished(client, order(client, ("micro_grids", "incidents"), scope=GRIDS[1], format="geojson"))
    archive = zipfile.ZipFile(io.BytesIO(download(client, page)[1]))
    told = "".join(archive.read(name).decode() for name in archive.namelist() if name.endswith(".geojson"))
    assert codes_in(told) == {code for code in CODES if code.startswith(GRIDS[1])}
    assert "路灯" not in told  # a planner reads no reports
    office = clients["street_office"]
    assert order(office, scope=STREETS[1]).status_code == 403
    assert order(office, scope="9901").status_code == 403
    assert order(office, scope=f"{COMMUNITIES[0]}777").status_code == 422
    assert order(office, scope=CODES[0], as_of="yesterday").status_code == 422
    assert order(office, crs="EPSG:4490", datum="gcj02").status_code == 422
    assert order(clients["planner"], ("staff",)).status_code == 403
    assert order(office, ()).status_code == 422
    assert order(clients["grid_leader_without_area"]).status_code == 422


def test_only_who_made_it_downloads_and_who_answers_for_the_area_sees_it(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    made = {}
    for name in ("grid_leader", "street_office", "planner", "admin"):
        client = log_in(app, name)
        more = {"scope": STREETS[1]} if name == "planner" else {}
        made[name] = finished(client, order(client, ("micro_grids",), **more))
    seen = {
        "grid_leader": {"grid_leader"}, "planner": {"planner"},
        # the planner took the other street; the administrator took the whole city, this street with it
        "street_office": {"grid_leader", "street_office", "admin"},
        "admin": {"grid_leader", "street_office", "planner", "admin"},
    }
    for name, expected in seen.items():
        client = log_in(app, name)
        page = client.get("/export").text
        assert {who for who, address in made.items() if address in page} == expected, name
        for who, address in made.items():
            assert client.get(address).status_code == (200 if who in expected else 404)
            assert client.get(f"{address}/state").status_code == (200 if who in expected else 404)
            assert download(client, address)[0] == (200 if who == name else 404)


def test_a_file_is_refused_once_area_or_role_no_longer_hold_it(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "street_office")
    page = finished(client, order(client, ("organizations",)))
    with open_store(app.config["CITY"]) as store:
        account = store.account("street_office")
        assert account is not None
        for changed in (replace(account, area=STREETS[1]), replace(account, role="planner")):
            store.keep_account(changed)
            assert download(client, page)[0] == 403
        store.keep_account(account)
    assert download(client, page)[0] == 200


def test_ones_own_exports_are_listed_wherever_ones_area_is_now(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "street_office")
    page = finished(client, order(client))
    jobs = app.extensions["export_jobs"]
    own = page.rpartition("/")[2]
    for within, beside, there in (
        ((STREETS[0],), None, True), ((STREETS[1],), None, False), ((STREETS[1],), "street_office", True),
        ((STREETS[1],), "planner", False), ((), None, False), ((), "street_office", True),
    ):  # fmt: skip
        assert (own in {job.id for job in jobs.listed(within=within, beside=beside)}) is there, (within, beside)
    with open_store(app.config["CITY"]) as store:
        account = store.account("street_office")
        assert account is not None
        store.keep_account(replace(account, area=STREETS[1]))
    assert page in client.get("/export").text


def test_files_go_and_records_stay(fresh: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    app = fresh()
    client = log_in(app, "street_office")
    page = finished(client, order(client))
    folder = Path(app.config["EXPORTS"]) / page.rpartition("/")[2]
    assert list(folder.glob("*.zip")) and not str(folder).startswith(str(app.static_folder))
    app.extensions["export_jobs"].kept_days = 0
    assert page in client.get("/export").text and folder.exists()  # somebody looked less than a minute ago
    monkeypatch.setattr(export, "_TIDY_S", 0)
    assert page in client.get("/export").text  # looking tidies
    assert not folder.exists()
    assert download(client, page)[0] == 404
    told = client.get(page).text
    assert "文件已按期删除" in told and "SHA-256" in told


def _sleeper(children: list[subprocess.Popen[bytes]]) -> Callable[[str, Sequence[int]], None]:
    def run(_: str, locks: Sequence[int]) -> None:
        children.append(subprocess.Popen(["sleep", "60"], pass_fds=list(locks)))

    return run


def test_one_at_a_time_and_broken_off_not_hanging(fresh: Callable[..., Flask], tmp_path: Path) -> None:
    app = fresh()
    city, folder = app.config["CITY"], tmp_path / "exports"
    wishes = Wishes(layers=("micro_grids",), scope=(STREETS[0],))
    one, other = ExportJobs(city, folder), ExportJobs(city, folder)  # two workers of one service
    children: list[subprocess.Popen[bytes]] = []
    try:
        job = one.start(STREET, wishes, _sleeper(children))
        assert other.read(job.id).state == "waiting"
        with pytest.raises(MoveNotAllowed, match="export of yours"):
            other.start(STREET, wishes, _sleeper(children))
        somebody = other.start(User(name="li", role="admin"), wishes, _sleeper(children))
        os.kill(children[0].pid, signal.SIGKILL)  # the machine stops
        children[0].wait()
        found = other.read(job.id)
        assert (found.state, other.read(somebody.id).state) == ("broken", "waiting")
        assert found.ended_at is not None
        assert one.start(STREET, wishes, _sleeper(children)).state == "waiting"
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert [event["facts"]["reason"] for event in events(app) if event["what"] == "export.failed"] == ["broken"]


def test_a_job_that_ended_is_not_called_broken(fresh: Callable[..., Flask], tmp_path: Path) -> None:
    jobs = ExportJobs(fresh().config["CITY"], tmp_path / "exports")
    job = jobs.start(STREET, Wishes(layers=("staff",), scope=(STREETS[0],)), lambda *_: None)
    assert jobs.change(job, state="done", rows={"staff": 8})  # between the look at the record and at the lock
    stale = replace(job, state="running")
    assert jobs._looked_at(stale).state == "done"


def test_what_fails_says_why(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "street_office")
    page = finished(client, order(client, ("water",)))
    told = client.get(page).text
    assert "失败" in told and "no rows of water" in client.get(f"{page}?lang=en").text
    assert "no rows" not in told, "the reader's language"
    assert order(client).status_code == 302  # the lock is free again


def test_scripts_are_recorded_too(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "planner")
    form = {"layers": ["micro_grids"], "format": "csv", "scope": STREETS[1]}
    with client.post("/export", data={**form, "csrf_token": token_of(client.get("/export").text)}) as answer:
        assert answer.status_code == 200 and answer.mimetype == "application/zip"
    job = app.extensions["export_jobs"].listed(by="planner")[0]
    assert (job.state, job.total, job.wishes.scope) == ("done", 8, (STREETS[1],))
    assert isinstance(job, ExportJob) and app.extensions["export_jobs"].path(job) is None
    (told,) = [event for event in events(app) if event["facts"].get("job") == job.id]
    assert (told["what"], told["by"], told["area"]) == ("export.done", "planner", STREETS[1])


def test_the_preview_shows_fields_and_rows_within_rights(clients: dict[str, FlaskClient]) -> None:
    def look(role: str, **form: Any) -> Any:
        token = token_of(clients[role].get("/export").text)
        return clients[role].post("/export/preview", data={"csrf_token": token, **form})

    told = look("street_office", layers=["organizations", "micro_grids"]).text
    assert codes_in(told) <= {code for code in CODES if code.startswith(STREETS[0])}
    assert "电话" in told and "id_card" in told
    planner = look("planner", layers=["organizations"], scope=STREETS[1]).text
    assert "电话" not in planner and "id_card" not in planner and STREETS[1] in planner
    assert look("street_office", layers=["micro_grids"], scope=STREETS[1]).status_code == 403
    assert "请至少选择一个图层" in look("planner").text
