"""The page of siting: a question as a job, its answer the deed's, side by side, for its owner and area alone."""

from __future__ import annotations

import contextlib
import io
import json
import re
import time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient

from gridmap.accounts import add_account
from gridmap.siting import site_city
from layers.errors import WrongCall
from tests.webapp.small_city import PASSWORD, log_in, token_of
from webapp import create_app


@pytest.fixture(scope="module")
def site(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The service of the sample town."""
    return create_app(built, INSTANCE=tmp_path_factory.mktemp("siting"), TESTING=True, PROPAGATE_EXCEPTIONS=False)


@pytest.fixture(scope="module")
def planner(site: Flask) -> FlaskClient:
    return log_in(site, "planner")


def ask(client: FlaskClient, **form: Any) -> Any:
    token = token_of(client.get("/siting").text)
    return client.post("/siting", data={"csrf_token": token, "kind": "canteen", "count": "1", **form})


def done(client: FlaskClient, answer: Any) -> str:
    """The code of a question, once it is answered."""
    assert answer.status_code == 302, answer.text
    code = re.findall(r"show=(\w+)", answer.location)[-1]
    for _ in range(1200):
        state = next(job["state"] for job in client.get("/siting/jobs.json").get_json() if job["code"] == code)
        if state in ("done", "failed"):
            assert state == "done", client.get("/siting").text
            return str(code)
        time.sleep(0.1)
    raise AssertionError("it never ended")


@pytest.fixture(scope="module")
def answered(planner: FlaskClient) -> str:
    return done(planner, ask(planner, method="max-cover"))


def test_the_answer_is_that_of_the_deed(built: Path, planner: FlaskClient, answered: str, site: Flask) -> None:
    reach = site.extensions["siting"].read(answered, by="planner").within
    plan = site_city(built, kind="canteen", count=1, method="max-cover", within=reach)
    told = planner.get(f"/siting/{answered}.json").get_json()
    assert {name: told[name] for name in ("objective", "bound", "gap", "before", "after", "status", "total")} == {
        name: plan.facts()[name] for name in ("objective", "bound", "gap", "before", "after", "status", "total")
    }
    page = planner.get(f"/siting?show={answered}&lang=en").text
    figures = re.findall(r'data-figure="(\w+)">(?:<b>)?([^<]+)<', page)
    assert dict(figures)["after"] == f"{plan.after:,.0f}" and dict(figures)["before"] == f"{plan.before:,.0f}"
    assert dict(figures)["new"] == "1" and "proven best" in page
    # the places are tried on the page of what if
    x, y = told["sites"][0]["lon"], told["sites"][0]["lat"]
    assert f"add:canteen@{x:.6f},{y:.6f}" in page.replace("%3A", ":").replace("%40", "@").replace("%2C", ",")


def test_two_answers_stand_side_by_side(planner: FlaskClient, answered: str) -> None:
    answer = ask(planner, method="p-median", count="2", show=answered)
    assert f"show={answered}" in answer.location
    other = done(planner, answer)
    page = planner.get(f"/siting?show={answered}&show={other}&lang=en").text
    assert re.findall(r'<th scope="col" data-code="(\w+)"', page) == [answered, other]
    assert re.findall(r'data-figure="new">(\d+)', page) == ["1", "2"]
    plans = json.loads(re.search(r'id="gp-plans">(.*?)</script>', page, flags=re.S)[1])  # type: ignore[index]
    assert [len(plan["sites"]) for plan in plans] == [1, 2] and plans[0]["colour"] != plans[1]["colour"]


def test_the_places_are_taken_away(planner: FlaskClient, answered: str) -> None:
    told = planner.get(f"/siting/{answered}.json").get_json()["sites"][0]
    sheet = openpyxl.load_workbook(io.BytesIO(planner.get(f"/siting/{answered}.xlsx?lang=en").data)).active
    assert sheet is not None
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][:4] == ("Rank", "Code", "Longitude", "Latitude") and rows[1][2] == told["lon"]
    places = planner.get(f"/siting/{answered}.geojson").get_json(force=True)
    assert places["features"][0]["geometry"]["coordinates"] == [told["lon"], told["lat"]]
    assert planner.get(f"/siting/{answered}.csv").text.count("\n") == 2


def test_an_answer_is_for_its_owner_alone(site: Flask, planner: FlaskClient, answered: str) -> None:
    office = log_in(site, "office")
    assert f'data-code="{answered}"' not in office.get(f"/siting?show={answered}").text
    token = token_of(office.get("/siting").text)
    assert office.get(f"/siting/{answered}.json").status_code == 404
    assert office.get(f"/siting/{answered}.csv").status_code == 404
    assert office.post(f"/siting/{answered}/drop", data={"csrf_token": token}).status_code == 404
    assert office.get("/siting/jobs.json").get_json() == []
    leader = log_in(site, "leader")
    assert leader.get("/siting").status_code == leader.get("/siting/jobs.json").status_code == 403
    assert planner.get(f"/siting/{answered}.json").status_code == 200


def test_an_administrator_sees_who_asks_and_for_how_long_but_no_answer(
    site: Flask, planner: FlaskClient, answered: str
) -> None:
    with contextlib.suppress(WrongCall):  # the town is shared by tests
        add_account(site.config["CITY"], "boss", password=PASSWORD, role="admin")
    admin = log_in(site, "boss")
    page = admin.get("/admin/jobs").text
    jobs = site.extensions["siting"]
    job = jobs.read(answered, by="planner")
    assert 0 < job.ended - job.since < 600
    told = page.partition("<h2>选址</h2>")[2].partition("</section>")[0]
    assert "planner" in told and "用时" in told and "完成" in told and "× 1" in told
    assert answered not in page and admin.get(f"/siting/{answered}.json").status_code == 404
    assert planner.get("/admin/jobs").status_code == 403


def test_an_office_of_another_street_builds_nothing_here(site: Flask) -> None:
    elsewhere = log_in(site, "elsewhere")
    answer = ask(elsewhere)
    code = re.findall(r"show=(\w+)", answer.location)[-1]
    for _ in range(1200):
        job = site.extensions["siting"].read(code, by="elsewhere")
        if job.state in ("done", "failed"):
            break
        time.sleep(0.1)
    assert job.state == "failed" and "area" in job.message
    assert "这个区域没有建筑" in elsewhere.get("/siting").text and job.message in elsewhere.get("/siting?lang=en").text
    assert elsewhere.get(f"/siting/{code}.json").status_code == 404


@pytest.mark.parametrize(("form", "word"), [
    ({"kind": "palace"}, "kind"), ({"count": "0"}, "whole number"), ({"count": "1.5"}, "whole number"),
    ({"count": "many"}, "whole number"), ({"radius": "-5"}, "longest walk"), ({"spacing": "x"}, "spacing"),
    ({"method": "magic"}, "method"), ({"weight": "code"}, "count"), ({"candidates": "moon"}, "build"),
    ({"candidates": "file"}, "file"), ({"datum": "utm"}, "datum"),
], ids=lambda value: str(value) if isinstance(value, str) else "-".join(value))  # fmt: skip
def test_a_wrong_question_is_refused_and_the_form_keeps_what_was_typed(
    planner: FlaskClient, form: dict[str, str], word: str
) -> None:
    planner.get("/siting?lang=en")
    before = len(planner.get("/siting/jobs.json").get_json())
    answer = ask(planner, **{"radius": "450", **form})
    assert answer.status_code == 422
    alert = re.search(r'role="alert">([^<]+)<', answer.text)
    assert alert is not None and word in alert[1]
    assert form.get("radius", "450") in answer.text
    assert len(planner.get("/siting/jobs.json").get_json()) == before


def test_a_file_that_is_none_is_refused(planner: FlaskClient) -> None:
    answer = ask(planner, candidates="file", candidates_file=(io.BytesIO(b"MZ"), "x.exe"))
    assert answer.status_code == 422 and 'role="alert"' in answer.text


def test_a_question_is_forgotten(planner: FlaskClient) -> None:
    code = done(planner, ask(planner, goal="all", radius="900"))
    token = token_of(planner.get("/siting").text)
    assert planner.post(f"/siting/{code}/drop", data={"csrf_token": token}).status_code == 302
    assert code not in {job["code"] for job in planner.get("/siting/jobs.json").get_json()}
