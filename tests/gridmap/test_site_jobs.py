"""Sites asked for as jobs: within one's area, in a process of its own, kept for the owner alone."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from gridmap.access.siting import Siting
from gridmap.ask_what_if import Ground, Step
from gridmap.city_walks import read_walks
from gridmap.site_jobs import SiteJob, SiteJobs
from gridmap.site_work import answer_of, main
from gridmap.siting import SitePlan, site_city
from gridmap.stores import open_store
from layers.errors import BadFile, MissingLayer, NotFound
from tests.gridmap.street import CRS, GRID, long_street

EAST = (f"{GRID}002",)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The long street: homes 10 to 60 every 200 m, a canteen at the west end, 300 m by the norm."""
    return long_street(tmp_path_factory.mktemp("street") / "street.gpkg")


def waited(jobs: SiteJobs, job: SiteJob) -> SiteJob:
    """The job when it is over."""
    for _ in range(1200):
        now = jobs.read(job.code, by=job.by)
        if now.state in ("done", "failed"):
            return now
        time.sleep(0.1)
    raise AssertionError("it never ended")


def test_sites_are_found_for_ones_own_area_alone(city: str) -> None:
    whole = site_city(city, kind="canteen", count=1)
    own = site_city(city, kind="canteen", count=1, within=EAST)
    # homes 3, 4 and 5 are in the east: 150 households, all of them about the corner at 800 m
    assert (own.total, own.before, own.after) == (150.0, 0.0, 150.0) and own.sites.geometry.x.tolist() == [800.0]
    assert (whole.total, whole.before) == (210.0, 30.0) and whole.after == 180.0
    assert set(own.coverage["micro_grid"]) == set(EAST)
    # the west has corners too, which the east may not build on
    assert 0 < own.candidates < whole.candidates
    with pytest.raises(MissingLayer):
        site_city(city, kind="canteen", count=1, within=("330483002",))


def test_what_a_plan_promises_is_what_if_says(city: str) -> None:
    plan = site_city(city, kind="canteen", count=2)
    told = answer_of(city, plan, ("",))
    with open_store(city) as store:
        ground = Ground(read_walks(store))
    steps = [Step(what="add", name="canteen", place=(site["lon"], site["lat"])) for site in told["sites"]]
    found = ground.ask(steps).facts()[0]
    assert found["before"]["covered"] == plan.before and found["after"]["covered"] == plan.after == 210
    gained = json.loads(told["gained"])["features"]
    assert sum(f["properties"]["gain"] for f in gained) == plan.after - plan.before


def test_a_job_is_done_in_its_own_process_and_kept_for_its_owner(city: str, tmp_path: Path) -> None:
    jobs = SiteJobs(tmp_path, city)
    job = jobs.start({"kind": "canteen", "count": 1, "method": "max-cover"}, by="li", within=EAST)
    assert job.state == "waiting" and jobs.answer(job) is None
    done = waited(jobs, job)
    assert done.state == "done" and done.share == 1.0
    told = jobs.answer(done)
    assert told is not None and told["after"] == 150.0 and told["status"] == "optimal"
    assert 115 < told["sites"][0]["lon"] < 116 and [one.code for one in jobs.of("li")] == [job.code]
    assert jobs.of("wang") == []
    for code, by in ((job.code, "wang"), ("0" * 16, "li"), ("../../secret", "li")):
        with pytest.raises(NotFound):
            jobs.read(code, by=by)
    jobs.drop(done)
    assert jobs.of("li") == [] and list(tmp_path.iterdir()) == []


def test_a_question_without_an_answer_says_why(
    city: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDMAP_CITY", city)
    jobs = SiteJobs(tmp_path, city)
    monkeypatch.setattr(jobs, "_process", lambda code: str(main([str(tmp_path), code]) or ""))
    job = waited(jobs, jobs.start({"kind": "palace", "count": 1}, by="li", within=("",)))
    assert job.state == "failed" and "palace" in job.message
    monkeypatch.setattr(jobs, "_process", lambda code: "broke")
    assert waited(jobs, jobs.start({"kind": "canteen", "count": 1}, by="li", within=("",))).message == "broke"


def test_candidates_may_come_as_a_file(city: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = gpd.GeoDataFrame(
        {"name": ["空地"], "kind": ["canteen"]}, geometry=[shapely.Point(600, 5)], crs=CRS
    ).to_crs(4326)
    monkeypatch.setenv("GRIDMAP_CITY", city)
    jobs = SiteJobs(tmp_path, city, most_jobs=3)
    monkeypatch.setattr(jobs, "_process", lambda code: str(main([str(tmp_path), code]) or ""))
    sent = ("candidates", "../空地.geojson", io.BytesIO(places.to_json().encode()))
    job = waited(jobs, jobs.start({"kind": "canteen", "count": 1}, by="li", within=("",), files=[sent]))
    told = jobs.answer(job)
    assert job.state == "done" and told is not None and told["candidates"] == 1
    assert told["sites"][0]["x"] == pytest.approx(600, abs=0.1)
    with pytest.raises(BadFile):
        jobs.start({"kind": "canteen", "count": 1}, by="li", within=("",),
                   files=[("candidates", "x.exe", io.BytesIO(b"MZ"))])  # fmt: skip
    # no more than so many are kept; the oldest went
    for _ in range(4):
        waited(jobs, jobs.start({"kind": "canteen", "count": 1}, by="li", within=EAST))
    assert len(jobs.of("li")) == 3 and job.code not in {one.code for one in jobs.of("li")}


def test_a_plan_without_gains_draws_nothing(city: str) -> None:
    plan = site_city(city, kind="canteen", count=1, within=EAST)
    none = SitePlan(**{**plan.__dict__, "coverage": plan.coverage.iloc[:0]})
    assert json.loads(answer_of(city, none, EAST)["gained"])["features"] == []
    assert isinstance(plan.siting, Siting)
