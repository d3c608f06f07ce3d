"""The store's own logs, in either keeper: added, found, never changed, kept across a rebuild, carried to a copy."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from gridmap.audit import AuditLog, note, read_audit
from gridmap.export_jobs import ExportJobs, Wishes
from gridmap.roles import User
from gridmap.stores import Account, backup, copy_store, create_store, open_store, writing
from gridmap.stores.records import change_record, keep_records, new_id, read_records
from layers.errors import GridmapError, WrongCall

CRS = "EPSG:4549"
OFFICE = User(name="王", role="street_office", area="330483001")


def test_events_are_found_by_group_person_area_and_day(url: str) -> None:
    create_store(url, crs=CRS).close()
    log = AuditLog(url)
    log.add("login.ok", by="王", role="street_office", area="330483001", address="10.0.0.1")
    log.add("login.failed", by="")
    log.add("export.done", by="王", role="street_office", area="330483001,330483002001", rows=7)
    log.add("plan.adopt", by="李", area="330483001001", day="2026-11-01")
    log.add("user.add", by="李", area="", name="赵", note="字" * 900)
    with open_store(url) as store:
        def found(**asked: str) -> list[str]:
            return [row["what"] for row in read_audit(store, **asked)[0]]

        assert found() == ["user.add", "plan.adopt", "export.done", "login.failed", "login.ok"]
        assert found(group="login") == ["login.failed", "login.ok"]
        assert found(group="user.add") == ["user.add"]
        assert found(by="王", group="export") == ["export.done"]
        assert found(area="330483001") == ["plan.adopt", "export.done", "login.ok"]
        assert found(area="330483002") == ["export.done"]
        assert found(area="330483001001002") == ["plan.adopt", "login.ok"]  # around it
        assert found(since="2999-01-01") == [] and len(found(until="2999-01-01")) == 5
        rows, of = read_audit(store, most=2, skip=1)
        assert ([row["what"] for row in rows], of) == (["plan.adopt", "export.done"], 5)
        assert rows[1]["facts"] == {"rows": 7}
        assert len(read_audit(store, group="users")[0][0]["facts"]["note"]) == 200
    with pytest.raises(WrongCall, match="no event"):
        log.add("door.burnt", by="王")


def test_the_audit_log_is_never_changed(url: str) -> None:
    with create_store(url, crs=CRS) as store:
        store.keep_account(Account(name="王", role="admin", area="", password_hash="x"))
        note(store, "norms.set", by="王", kind="canteen")
        table = store.control["audit"]
        for deed in (update(table).values(by="nobody"), delete(table)):
            with pytest.raises((DBAPIError, GridmapError), match="never changed"), store.changing() as connection:
                connection.execute(deed)
        (row,) = read_records(store, "audit")
        assert (row["by"], row["role"]) == ("王", "admin")


def test_a_note_goes_with_its_deed(url: str) -> None:
    with create_store(url, crs=CRS) as store:
        with pytest.raises(RuntimeError), store.transaction():
            note(store, "norms.set", by=None, kind="canteen")
            raise RuntimeError
        assert read_records(store, "audit") == []


def test_records_are_added_once_and_changed_where_they_are_as_expected(url: str) -> None:
    with create_store(url, crs=CRS) as store:
        row = {"id": new_id(), "at": "2026-11-01T00:00:00+00:00", "by": "王", "kind": "canteen", "after": "{}"}
        assert keep_records(store, "norm_changes", [row, {**row, "id": new_id(), "kind": "clinic"}]) == 2
        assert keep_records(store, "norm_changes", [row]) == 0
        assert not change_record(store, "norm_changes", row["id"], where=lambda t: [t.c.kind == "park"], by="李")
        assert change_record(store, "norm_changes", row["id"], where=lambda t: [t.c.kind == "canteen"], by="李")
        assert [found["by"] for found in read_records(store, "norm_changes")] == ["王", "李"]  # latest first


def test_logs_are_kept_across_a_rebuild_and_carried_to_copies(
    url: str, fresh_url: Callable[[], str], tmp_path: Path
) -> None:
    create_store(url, crs=CRS, name="旧").close()
    AuditLog(url).add("login.ok", by="王")
    with writing(url, crs=CRS, name="新"):
        pass
    other = fresh_url()
    with open_store(url) as store:
        assert [row["by"] for row in read_records(store, "audit")] == ["王"]
        backup(store, tmp_path / "copy.gpkg")
        copy_store(store, other)
        copy_store(store, other)  # twice adds nothing
    for made in (str(tmp_path / "copy.gpkg"), other):
        with open_store(made) as store:
            assert [row["what"] for row in read_records(store, "audit")] == ["login.ok"]


def test_a_busy_city_keeps_nobody_waiting_at_the_door(tmp_path: Path) -> None:
    city = str(tmp_path / "city.gpkg")
    create_store(city, crs=CRS).close()
    log = AuditLog(city, tmp_path / "instance")
    with open_store(city) as store, store.transaction():  # somebody imports
        log.add("login.ok", by="王")
        log.add("login.ok", by="李")
    with open_store(city) as store:
        assert read_records(store, "audit") == []
        log.bring_in()
        log.bring_in()
        assert [row["by"] for row in read_records(store, "audit")] == ["李", "王"]
        log.add("logout", by="王")
        assert len(read_records(store, "audit")) == 3


def test_export_jobs_in_either_store(url: str, tmp_path: Path) -> None:
    create_store(url, crs=CRS).close()
    jobs = ExportJobs(url, tmp_path / "exports")
    held: list[int] = []

    def run(_: str, locks: object) -> None:
        held.extend(os.dup(handle) for handle in locks)  # type: ignore[attr-defined]  # as a process of its own has them

    wide = Wishes(layers=("micro_grids", "staff"), scope=("330483001", "330483002001"), as_of="2026-11-01")
    job = jobs.start(OFFICE, wide, run)
    assert jobs.read(job.id) == job and job.state == "waiting"
    assert jobs.change(job, state="done", rows={"micro_grids": 3, "staff": 2}, size=10, sha256="ab", file="x.zip")
    for handle in held:
        os.close(handle)
    done = jobs.read(job.id)
    assert (done.state, done.total, done.wishes) == ("done", 5, wide)
    assert not jobs.change(job, state="failed")  # it is over
    jobs.record(jobs.read(job.id).__class__(id=new_id(), at=done.at, by="admin", role="admin", state="done",
                                            wishes=Wishes(layers=("staff",), scope=("",))))
    def by(*within: str) -> list[str]:
        return [found.by for found in jobs.listed(within=within)]

    assert by("") == ["admin", "王"]
    assert by("330483001") == by("330483001005") == by("330483") == by("330483002001001") == ["admin", "王"]
    assert by("330483003") == by("330483002002") == ["admin"]
    assert [found.by for found in jobs.listed(by="王")] == ["王"] and jobs.listed(by="李") == []
