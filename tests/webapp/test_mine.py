"""The grid leader's page: one's own micro-grids and no others, what a phone is told, and the first page of a role."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from shapely.geometry import Point, Polygon

from gridmap.maps.cards import micro_grid_cards
from gridmap.roles import User
from gridmap.stores import open_store
from tests.webapp.small_city import AREAS, CODES, CRS, GRIDS, PASSWORD, X, Y, in_reach, log_in, token_of
from webapp.language import translations
from webapp.mine import account_key, still_document, today, unit_document
from webapp.seen import Seen

DAY = date(2026, 11, 26)


@pytest.mark.parametrize(("role", "first"), [
    ("grid_leader", "/mine"), ("grid_member", "/mine"), ("street_office", "/"), ("planner", "/"), ("admin", "/"),
])
def test_everyone_begins_with_their_own_page(app: Flask, role: str, first: str) -> None:
    client = app.test_client()
    token = token_of(client.get("/login").text)
    answer = client.post("/login", data={"name": role, "password": PASSWORD, "csrf_token": token})
    assert (answer.status_code, answer.location) == (302, first)
    assert client.get("/login").location == first  # who is logged in is not asked again


def test_a_wish_goes_before_the_own_page(app: Flask) -> None:
    client = app.test_client()
    token = token_of(client.get("/login").text)
    data = {"name": "grid_leader", "password": PASSWORD, "csrf_token": token}
    assert client.post("/login?next=/export", data=data).location == "/export"


@pytest.mark.parametrize("role", [role for role in AREAS if role != "grid_leader_without_area"])
def test_units_and_their_documents_are_ones_own(clients: dict[str, FlaskClient], role: str) -> None:
    own = [code for code in CODES if in_reach(role, code)]
    listed = clients[role].get("/mine/units.json").json["units"]
    assert [unit["code"] for unit in listed] == own
    for code in CODES:
        answer = clients[role].get(f"/mine/unit/{code}.json")
        assert answer.status_code == (200 if code in own else 403), (role, code)
        if code in own:
            text = answer.text
            # the nearest canteen and organizations may lie across the border: name and kind alone
            others = {other for other in CODES if not in_reach(role, other)}
            assert not {other for other in others if f"楼{other}" in text or f"路灯不亮{other}" in text}
        else:
            assert "楼" not in answer.text


def test_an_account_without_area_has_no_micro_grid(clients: dict[str, FlaskClient]) -> None:
    client = clients["grid_leader_without_area"]
    assert client.get("/mine/units.json").json == {"units": []}
    assert client.get(f"/mine/unit/{CODES[0]}.json").status_code == 403
    assert client.get("/mine").status_code == 200


def test_who_is_logged_out_comes_to_the_door(clients: dict[str, FlaskClient]) -> None:
    nobody = clients["nobody"]
    assert nobody.get("/mine").location == "/login?next=/mine"
    for path in ("/mine/session", "/mine/units.json", f"/mine/unit/{CODES[0]}.json"):
        answer = nobody.get(path)
        assert answer.status_code == 401  # no page to log in where a script asks
        assert "X-Gridmap-Account" not in answer.headers


def test_the_document_says_what_the_page_needs(clients: dict[str, FlaskClient]) -> None:
    told = clients["grid_leader"].get(f"/mine/unit/{CODES[0]}.json").json
    assert told["card"]["facts"]["households"] == 10
    assert [row["code"] for row in told["card"]["lists"]["buildings"]] == [f"B{CODES[0]}"]
    service = told["card"]["services"][0]
    assert (service["kind"], service["walk_m_mean"], service["status"]) == ("canteen", 240, "partial")
    there = clients["grid_leader"].get(f"/mine/unit/{CODES[3]}.json").json["card"]["services"][0]
    assert there["nearest_name"] == "食堂" + CODES[12]  # across the border of the area
    assert told["open_count"] == 1
    assert told["open"][0]["text"] == "路灯不亮" + CODES[0]
    assert told["open"][0]["days"] == (today() - date(2026, 3, 2)).days
    assert [row["name"] for row in told["staff"]] == ["员" + CODES[0]]
    ring = told["outline"][0]
    square = gpd.GeoSeries([Polygon([(X, Y), (X + 100, Y), (X + 100, Y + 100), (X, Y + 100)])], crs=CRS).to_crs(4326)
    assert square.symmetric_difference(Polygon(ring)).to_crs(CRS).area[0] < 50
    west, south, east, north = told["bounds"]
    assert west < ring[0][0] + 1e-5 and Polygon(ring).bounds == pytest.approx((west, south, east, north), abs=2e-6)


def test_floors_of_a_tower_name_each_other(clients: dict[str, FlaskClient]) -> None:
    told = clients["grid_leader"].get(f"/mine/unit/{CODES[1]}.json").json
    assert [(row["code"], row["floor_from"], row["floor_to"]) for row in told["card"]["stack"]] == [
        (CODES[1], 1, 8), (CODES[2], 9, 16)]


def test_an_organization_across_the_border_gives_name_and_kind_alone(city: str) -> None:
    with open_store(city) as store:
        near = Seen(store, User(name="x", role="grid_leader", area=CODES[3])).organizations_near(CODES[3])
        assert near["distance_m"].is_monotonic_increasing and near["distance_m"].iloc[0] == 0
        across = near[near["code"] != f"O{CODES[3]}"]
        assert len(across) > 3
        columns = [name for name in near.columns if name not in ("code", "name", "kind", "distance_m")]
        assert across[columns].isna().all(axis=None)
        own = near[near["code"] == f"O{CODES[3]}"].iloc[0]
        assert own["phone"] == "138" + CODES[3][-8:]


def test_a_member_learns_no_telephone_number(clients: dict[str, FlaskClient]) -> None:
    text = clients["grid_member"].get(f"/mine/unit/{CODES[-1]}.json").text
    assert "phone" not in text and "id_card" not in text
    assert json.loads(text)["staff"] == []


def test_people_of_the_grid_are_there_for_its_micro_grids(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    with open_store(app.config["CITY"]) as store:
        staff = store.read("staff")
        rows = [
            ("格长", "grid_leader", GRIDS[0], "2026-01-01", None),
            ("旧格长", "grid_leader", GRIDS[0], "2020-01-01", "2021-01-01"),
            ("别格", "grid_leader", GRIDS[1], None, None),
        ]
        more = pd.DataFrame(rows, columns=["name", "role", "area", "from", "to"])
        store.write("staff", pd.concat([staff, more], ignore_index=True))
        told = unit_document(Seen(store, User(name="x", role="grid_leader", area=CODES[0])), CODES[0], DAY)
    assert [row["name"] for row in told["staff"]] == ["员" + CODES[0], "格长"]


def test_what_is_closed_is_not_on_the_list(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    with open_store(app.config["CITY"]) as store:
        old = store.read("incidents")
        extra = old[old["micro_grid"] == CODES[0]].sample(4, replace=True, random_state=1)
        extra = extra.assign(code=["a", "b", "c", "d"], status=["closed", "rejected", "in_progress", "own word"])
        extra["reported_at"] = pd.to_datetime(["2026-11-01", "2026-11-01", "2026-11-20", "2025-01-01"])
        store.write("incidents", pd.concat([old, extra], ignore_index=True))
        told = unit_document(Seen(store, User(name="x", role="grid_leader", area=GRIDS[0])), CODES[0], DAY)
    assert [row["code"] for row in told["open"]] == ["d", f"E{CODES[0]}", "c"]  # oldest first
    assert told["open"][2]["days"] == 6


def test_a_session_tells_the_account_and_a_token_that_works(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    leader, planner = log_in(app, "grid_leader"), log_in(app, "planner")
    told, other = leader.get("/mine/session").json, planner.get("/mine/session").json
    assert told["account"] != other["account"] and "grid_leader" not in told["account"]
    assert told["account"] == log_in(app, "grid_leader").get("/mine/session").json["account"]
    assert leader.get("/mine").headers["X-Gridmap-Account"] == told["account"]
    assert leader.post("/logout", data={"csrf_token": other["csrf"]}).status_code == 400
    assert leader.post("/logout", data={"csrf_token": told["csrf"]}).status_code == 302


def test_another_installation_tells_other_keys(app: Flask, fresh: Callable[..., Flask]) -> None:
    user = User(name="li", role="grid_leader", area=GRIDS[0])
    with app.app_context():
        first = account_key(user)
    with fresh().app_context():
        assert account_key(user) != first


def test_the_manifest_and_its_pictures_are_there(app: Flask) -> None:
    from PIL import Image

    client = app.test_client()
    for lang, name in (("zh", "我的微网格"), ("en", "Micro-grid")):
        answer = client.get(f"/app.webmanifest?lang={lang}")
        assert answer.mimetype == "application/manifest+json"
        told = json.loads(answer.text)
        assert (told["short_name"], told["start_url"], told["display"]) == (name, "/mine", "standalone")
        for icon in told["icons"]:
            picture = client.get(icon["src"])
            assert picture.status_code == 200
            path = Path(str(app.static_folder)) / icon["src"].split("?")[0].removeprefix("/static/")
            assert "{}x{}".format(*Image.open(path).size) == icon["sizes"]
        assert any(icon["purpose"] == "maskable" for icon in told["icons"])


def test_the_worker_is_ours_and_may_be_asked_at_the_root(app: Flask) -> None:
    answer = app.test_client().get("/sw.js")
    assert answer.mimetype == "text/javascript" and answer.headers["Cache-Control"] == "no-cache"
    assert re.match(r'self.gwRelease = "[0-9a-f]{12}";', answer.text)
    assert "gwQueue" in answer.text and "importScripts" not in answer.text
    assert "manifest-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_city_in_tiles_and_one_without_have_the_page(city: str, tmp_path: Path) -> None:
    from gridmap.city_tiles import make_tiles
    from webapp import create_app

    copy = tmp_path / "city.gpkg"
    shutil.copy(city, copy)
    whole = log_in(create_app(copy, INSTANCE=tmp_path / "i", TESTING=True), "grid_leader").get("/mine").text
    assert "/data/micro_grids.geojson" in whole
    make_tiles(copy)
    tiled = log_in(create_app(copy, INSTANCE=tmp_path / "i", TESTING=True), "grid_leader").get("/mine").text
    assert "gridmap-city." in tiled and "/data/micro_grids.geojson" not in tiled
    for text in (whole, tiled):
        assert 'rel="manifest"' in text and "gw-queue.js?v=" in text


def test_places_are_where_a_phone_finds_them(city: str) -> None:
    """Degrees of the outline are WGS 84: a point in the city's metres, taken there by PROJ, lies in it."""
    with open_store(city) as store:
        told = unit_document(Seen(store, User(name="x", role="admin")), CODES[5], DAY)
    lon, lat = gpd.GeoSeries([Point(X + 550, Y + 50)], crs=CRS).to_crs(4326).iloc[0].coords[0]
    assert Polygon(told["outline"][0]).contains(Point(lon, lat))


def test_every_word_that_the_scripts_say_is_there_and_no_other(app: Flask) -> None:
    words = {key.removeprefix("mine.") for key in translations()["zh"] if key.startswith("mine.")}
    texts = [path.read_text(encoding="utf-8") for path in Path(str(app.static_folder)).glob("gw-mine*.js")]
    said = {key for text in texts for key in re.findall(r"""\b(?:w|part)\((?:app, )?["']([\w.]+)["']""", text)}
    # chosen by a condition, or made of a beginning and what is found
    pairs = [pair for text in texts for pair in re.findall(r"""\bw\([^()]*\? "(\w+)" : "(\w+)"\)""", text)]
    said |= {key for pair in pairs for key in pair}
    begun = {key for text in texts for key in re.findall(r"\b(?:w|part)\((?:app, )?`([\w.]+)\$", text)}
    assert len(said) > 60 and said <= words
    own = {"app_name", "app_short", "app_about"} | {key for key in words if key.startswith("role.")}
    told = {"home", "layers", "locate", "report"}  # names of tools
    assert {key for key in words - said - own - told if not key.startswith(tuple(begun))} == set()


def test_the_document_is_its_still_part_and_what_the_desk_moves(city: str) -> None:
    with open_store(city) as store:
        for role, area in (("grid_leader", GRIDS[0]), ("planner", CODES[0][:6])):
            seen = Seen(store, User(name="x", role=role, area=area))
            for code in CODES[:3]:
                names = ("buildings", "organizations", "facilities", "incidents", "coverage")
                frames = {name: seen.read(name, within=(code,)) for name in names if seen.sees(name)}
                whole = micro_grid_cards(seen.micro_grid(code), {**frames, "nearest": seen.nearest(code)})[code]
                still = json.loads(json.dumps(still_document(seen, code, DAY)))
                assert "incidents" not in still["card"]["lists"] and still["open"] == []
                told = unit_document(seen, code, DAY, still)
                assert told == unit_document(seen, code, DAY) and told["card"] == whole
                assert list(told["card"]["lists"]) == list(whole["lists"]) and told["open_count"] == 1


def test_a_document_that_was_asked_before_follows_the_desk_and_the_city(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client, path = log_in(app, "grid_leader"), f"/mine/unit/{CODES[0]}.json"
    before = client.get(path)
    assert before.json["open_count"] == 1 and before.json["card"]["counts"]["incidents"] == 1
    assert client.get(path, headers={"If-None-Match": before.headers["ETag"]}).status_code == 304
    token = token_of(client.get("/incidents").text)
    assert client.post(f"/incidents/E{CODES[0]}/close", data={"csrf_token": token}).status_code == 302
    after = client.get(path, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200 and after.json["open_count"] == 0
    assert after.json["card"]["lists"]["incidents"][0]["status"] == "closed"
    with open_store(app.config["CITY"]) as store:
        units = store.read("micro_grids")
        store.write("micro_grids", units.assign(households=units["households"] + 7))
    assert client.get(path).json["card"]["facts"]["households"] == 17
