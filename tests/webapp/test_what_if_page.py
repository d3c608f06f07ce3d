"""What if over the web: the answer is the deed's, of one's own area, kept in the address or under a name."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import webapp
from gridmap.ask_what_if import Ground, held_norms, read_steps
from gridmap.city_walks import read_walks
from gridmap.stores import open_store
from tests.webapp.small_city import log_in, token_of
from webapp import create_app
from webapp.language import translations


@pytest.fixture(scope="module")
def site(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The service of the sample town."""
    return create_app(built, INSTANCE=tmp_path_factory.mktemp("what-if"), TESTING=True, PROPAGATE_EXCEPTIONS=False)


@pytest.fixture(scope="module")
def planner(site: Flask) -> FlaskClient:
    return log_in(site, "planner")


@pytest.fixture(scope="module")
def ground(built: Path) -> Ground:
    with open_store(built) as store:
        return Ground(read_walks(store), held_norms(store))


@pytest.fixture(scope="module")
def door(ground: Ground) -> str:
    """A door in degrees."""
    point = ground.walks.areas("buildings").geometry.representative_point().to_crs(4326).iloc[7]
    return f"{point.x:.6f},{point.y:.6f}"


def ask(client: FlaskClient, *steps: str) -> dict[str, Any]:
    """The answer, waited for where the city is not ready yet."""
    for _ in range(600):
        answer = client.get("/what-if/answer", query_string=[("do", step) for step in steps])
        told: dict[str, Any] = answer.get_json()
        assert answer.status_code == 200, told
        if told["ready"]:
            return told
        assert told["stage"] in ("streets", "doors")
        time.sleep(0.1)
    raise AssertionError("the city was never ready")


def test_the_answer_over_the_web_is_that_of_the_deed(planner: FlaskClient, ground: Ground, door: str) -> None:
    steps = [f"add:canteen@{door}", "close:F2"]
    told, same = ask(planner, *steps), ground.ask(read_steps(steps))
    assert told["kinds"] == same.facts()
    changed = same.changed()
    assert {f["properties"]["code"] for f in told["changed"]["features"]} == set(changed["code"])
    gains = changed["covered_after"].fillna(0).astype(int) - changed["covered_before"].fillna(0).astype(int)
    assert sum(f["properties"]["gain"] for f in told["changed"]["features"]) == gains.sum()
    assert [place["what"] for place in told["places"]] == ["add", "close"] and told["places"][1]["from"]
    assert all(-180 <= place <= 180 for place in told["changed"]["features"][0]["geometry"]["coordinates"][0][0])
    assert told["seconds"] < 2


def test_ready_means_that_one_walk_is_done(built: Path, ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A first walk compiles for seconds on a new installation: not while somebody waits for an answer."""
    done: list[str] = []
    once = Ground.warm
    monkeypatch.setattr(Ground, "warm", lambda self: done.append("warm") or once(self))
    app = create_app(str(built), INSTANCE=built.parent / "warm", TESTING=True, TILE_JOBS=False)
    client = log_in(app, "planner")
    client.get("/what-if/ready")
    for _ in range(600):
        if client.get("/what-if/ready").get_json()["ready"]:
            break
        assert done in ([], ["warm"])
        time.sleep(0.05)
    assert done == ["warm"]
    ground.warm()
    first = str(ground.facilities["kind"].iloc[0])
    assert first in ground._supposing._now  # the answers come from walks like this one


def test_nothing_of_the_city_is_changed_by_asking(built: Path, planner: FlaskClient, door: str) -> None:
    with open_store(built) as store:
        before = store.meta()["data_version"]
    ask(planner, f"add:canteen@{door}", "close:F1")
    with open_store(built) as store:
        assert store.meta()["data_version"] == before and "F1" in set(store.read("facilities")["code"])


def test_another_area_is_refused_in_the_same_words(site: Flask, planner: FlaskClient, door: str) -> None:
    office = log_in(site, "elsewhere")
    for step in (f"add:canteen@{door}", "close:F1", "close:F999"):
        told = ask(office, step)
        assert told["why"] == "outside" and "不在您的区域" in told["refused"], step
        assert "kinds" not in told and "places" not in told
    assert office.get("/what-if/facilities.json?kind=canteen").get_json()["facilities"]["features"] == []
    own = planner.get("/what-if/facilities.json?kind=canteen").get_json()["facilities"]["features"]
    assert [f["properties"]["code"] for f in own] == ["F1"]
    assert "palace" in ask(planner, f"add:palace@{door}")["refused"]
    assert ask(planner, "add:canteen@100,20")["why"] == "far"
    for address in ("/what-if", "/what-if/answer", "/what-if/ready", "/what-if/facilities.json"):
        assert log_in(site, "leader").get(address).status_code == 403
    json_only = {"Accept": "application/json"}
    assert site.test_client().get("/what-if/answer", headers=json_only).status_code == 401


def test_the_page_names_its_kinds_and_its_words_in_both_languages(planner: FlaskClient) -> None:
    for lang, word in (("zh", "社区食堂"), ("en", "Community canteen")):
        page = planner.get(f"/what-if?kind=canteen&lang={lang}").text
        assert f'<option value="canteen" selected>{word}' in page
    assert planner.get("/what-if?kind=<script>").status_code == 200
    # the link to the other language keeps every change
    page = planner.get("/what-if?do=close:F1&do=close:F2&lang=zh").text
    assert "do=close%3AF1&amp;do=close%3AF2&amp;lang=en" in page


def test_a_scenario_is_kept_under_a_name_for_its_owner_alone(site: Flask, planner: FlaskClient, door: str) -> None:
    token = token_of(planner.get("/what-if").text)
    steps = [f"add:canteen@{door}", "close:F2"]
    form = {"csrf_token": token, "kind": "canteen", "name": "  <b>东区</b>  食堂 ", "do": steps}
    answer = planner.post("/what-if/scenarios", data=form)
    assert answer.status_code == 302 and "close:F2" in answer.location.replace("%3A", ":")
    page = planner.get("/what-if?lang=zh").text
    assert "&lt;b&gt;东区&lt;/b&gt; 食堂" in page and "<b>东区" not in page
    office = log_in(site, "office")
    assert "东区" not in office.get("/what-if").text
    one = site.extensions["scenarios"].of("planner")[0]
    theirs = {"csrf_token": token_of(office.get("/what-if").text)}
    assert office.post(f"/what-if/scenarios/{one.id}/drop", data=theirs).status_code == 404
    # kept again under the name: replaced, not doubled
    planner.post("/what-if/scenarios", data={**form, "do": ["close:F2"]})
    assert [kept.steps for kept in site.extensions["scenarios"].of("planner")] == [("close:F2",)]
    one = site.extensions["scenarios"].of("planner")[0]
    assert planner.post(f"/what-if/scenarios/{one.id}/drop", data={"csrf_token": token}).status_code == 302
    assert site.extensions["scenarios"].of("planner") == []
    for wrong in ({"name": " "}, {"do": []}, {"do": ["open:F1"]}):
        assert planner.post("/what-if/scenarios", data={**form, **wrong}).status_code == 422


def test_a_city_without_streets_says_what_is_missing(small: Flask) -> None:
    client = log_in(small, "planner")
    for _ in range(100):
        told = client.get("/what-if/ready").get_json()
        if told["stage"] == "failed":
            break
        time.sleep(0.1)
    assert told["stage"] == "failed" and "roads" in told["message"]


@pytest.fixture
def small(fresh: Any) -> Flask:
    """The small city with its only street taken away."""
    app: Flask = fresh()
    with open_store(app.config["CITY"]) as store:
        store.write("roads", store.read("roads").iloc[:0])
    return app


def test_the_script_says_what_the_words_hold_and_nothing_else() -> None:
    script = (Path(webapp.__file__).parent / "static" / "gw-what-if.js").read_text(encoding="utf-8")
    said = set(re.findall(r"\bsay\((?:[^()\"]*\?\s*)?\"([\w.]+)\"", script))
    said |= set(re.findall(r":\s*\"(area_\w+)\"", script))
    said |= {f"step.{what}" for what in ("add", "move", "close")}
    said |= {f"stage.{what}" for what in ("streets", "doors", "ready")}
    said |= set(re.findall(r"\brow\(\"(\w+)\"", script)) | {"needs", "before", "after", "more", "move", "close"}
    held = {key.removeprefix("what_if.js.") for key in translations()["zh"] if key.startswith("what_if.js.")}
    assert held == said
