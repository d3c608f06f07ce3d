"""The pages of incidents: who may see, report and move which, and what is sent twice is one."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from pyproj import Transformer

from gridmap.city_tiles import make_tiles, tiles_folder
from gridmap.desk import moves
from gridmap.maps.tiles.shelf import Shelf
from gridmap.stores import open_store
from tests.webapp.small_city import AREAS, CODES, CRS, X, Y, in_reach, log_in, token_of

JSON = {"Accept": "application/json"}
ROLES = ("grid_member", "grid_leader", "street_office", "planner", "admin")
HOSTILE = "<script>alert(1)</script>' onmouseover=x {{ 7*7 }}"


def degrees(position: int) -> tuple[float, float]:
    """The middle of the square of a micro-grid, by its number in `CODES`, in degrees."""
    to_degrees = Transformer.from_crs(CRS, 4326, always_xy=True)
    return to_degrees.transform(X + position % 8 * 100 + 50, Y + position // 8 * 100 + 50)


def picture(size: tuple[int, int] = (640, 480), **more: Any) -> bytes:
    """A photo as a camera sends it."""
    file = io.BytesIO()
    Image.new("RGB", size, (30, 120, 60)).save(file, "JPEG", **more)
    return file.getvalue()


def send(
    client: FlaskClient, position: int = 0, *, key: str = "k", photos: list[bytes] | None = None, **more: Any
) -> Any:
    lon, lat = degrees(position)
    data = {
        "csrf_token": token_of(client.get("/incidents").text), "key": key, "category": "environment",
        "text": "井盖松动", "lon": lon, "lat": lat, "accuracy_m": "12", **more,
    }  # fmt: skip
    data["photo"] = [(io.BytesIO(one), "a.jpg") for one in photos or []]
    return client.post("/incidents", data=data, headers=JSON, content_type="multipart/form-data")


def own_position(role: str) -> int:
    return next(n for n, code in enumerate(CODES) if in_reach(role, code))


@pytest.mark.parametrize("role", ROLES)
def test_a_report_is_taken_from_who_may_and_once(fresh: Callable[..., Flask], role: str) -> None:
    client = log_in(fresh(), role)
    first = send(client, own_position(role))
    if role == "planner":
        assert first.status_code == 403
        return
    assert (first.status_code, first.json["again"]) == (201, False)
    again = send(client, own_position(role), text="other words")
    assert (again.status_code, again.json) == (200, {"code": first.json["code"], "again": True})
    page = client.get(first.headers["Location"])
    assert page.status_code == 200 and "井盖松动" in page.text and "other words" not in page.text


@pytest.mark.parametrize("role", [role for role in ROLES if role not in ("admin", "planner")])
def test_a_place_outside_is_refused_by_name_and_nothing_is_kept(
    fresh: Callable[..., Flask], role: str
) -> None:
    app = fresh()
    client = log_in(app, role)
    outside = next(n for n, code in enumerate(CODES) if not in_reach(role, code))
    answer = send(client, outside)
    assert answer.status_code == 403 and "不在你的辖区内" in answer.json["message"]
    with open_store(app.config["CITY"]) as store:
        assert store.count("incidents") == len(CODES)


def test_a_report_without_place_or_category_says_so(fresh: Callable[..., Flask]) -> None:
    client = log_in(fresh(), "grid_leader")
    assert "先选定地点" in send(client, 0, lon="").json["message"]
    for bad in ("NaN", "inf", "abc", "190"):
        assert send(client, 0, lon=bad).status_code == 422
    assert send(client, 0, category="").status_code == send(client, 0, category="<b>").status_code == 422
    assert send(client, 0, text="x" * 2001).status_code == 422
    assert send(client, 0, made_at="yesterday").status_code == 422


def test_a_report_made_offline_keeps_the_time_it_was_made(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "grid_leader")
    made = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=5)
    code = send(client, 0, made_at=made.isoformat().replace("+00:00", "Z")).json["code"]
    later = send(client, 0, key="ahead", made_at=(made + timedelta(days=3)).isoformat()).json["code"]
    with open_store(app.config["CITY"]) as store:
        log = {one: moves(store, one)[0] for one in (code, later)}
        frame = store.read("incidents").set_index("code")["reported_at"]
    assert datetime.fromisoformat(log[code].facts["reported_at"]) == made
    assert frame[code].to_pydatetime() == made.astimezone().replace(tzinfo=None)
    # a clock that runs ahead is not believed
    assert abs(datetime.fromisoformat(log[later].facts["reported_at"]) - log[later].at) < timedelta(seconds=1)


def test_photos_are_for_who_may_read_the_text_and_carry_no_place(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    leader = log_in(app, "grid_leader")
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Camera of Li"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (30.0, 33.0, 7.0)
    sent = picture((640, 480), exif=exif)
    assert b"Camera of Li" in sent
    code = send(leader, 0, photos=[sent]).json["code"]
    answer = leader.get(f"/incidents/{code}/photo/1")
    assert answer.status_code == 200 and answer.mimetype == "image/jpeg"
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and "private" in answer.headers["Cache-Control"]
    kept = Image.open(io.BytesIO(answer.data))
    assert kept.size == (480, 640) and not kept.getexif() and b"Camera of Li" not in answer.data
    assert leader.get(f"/incidents/{code}/photo/2").status_code == 404
    for role, status in {"planner": 403, "grid_member": 403, "street_office": 200, "admin": 200}.items():
        assert log_in(app, role).get(f"/incidents/{code}/photo/1").status_code == status, role
    assert app.test_client().get(f"/incidents/{code}/photo/1").status_code == 302


def test_what_is_no_photo_is_refused_and_nothing_is_kept(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "grid_leader")
    for bad in (b"<svg onload=alert(1)>", b"", picture()[:300], b"GIF89a" + b"\0" * 40):
        answer = send(client, 0, photos=[picture(), bad])
        assert answer.status_code == 422 and "a.jpg" in answer.json["message"]
    assert send(client, 0, photos=[picture((8, 8))] * 7).status_code == 422
    with open_store(app.config["CITY"]) as store:
        assert store.count("incidents") == len(CODES)


def test_a_large_form_is_for_who_may_send_one(fresh: Callable[..., Flask]) -> None:
    app = fresh(PHOTO_BYTES=300_000)
    big = {"photo": (io.BytesIO(b"x" * 400_000), "a.jpg")}
    for role in ("grid_leader", "planner"):
        client = log_in(app, role)
        assert client.post("/incidents", data={**big, "photo": (io.BytesIO(b"x" * 400_000), "a.jpg")},
                           content_type="multipart/form-data").status_code == 413  # fmt: skip
    assert app.test_client().post("/incidents", data=big, content_type="multipart/form-data").status_code == 413


@pytest.mark.parametrize("role", ROLES)
def test_every_incident_is_shown_to_who_reaches_it_and_to_nobody_else(
    clients: dict[str, FlaskClient], role: str
) -> None:
    listed = set(re.findall(r"/incidents/(E\d+)", clients[role].get("/incidents?state=").text))
    assert listed == {f"E{code}" for code in CODES if in_reach(role, code)}
    for code in CODES:
        page = clients[role].get(f"/incidents/E{code}")
        assert page.status_code == (200 if in_reach(role, code) else 403), code
        if page.status_code == 200:
            assert (f"路灯不亮{code}" in page.text) == (role != "planner")
            assert (f"某号{code}" in page.text) == (role != "planner")
        else:
            # the same words whether it exists or not
            told, missing = (clients[role].get(f"/incidents/E{one}", headers=JSON).text for one in (code, "0" * 18))
            assert told.replace(code, "0" * 18) == missing


def test_the_list_is_narrowed(clients: dict[str, FlaskClient]) -> None:
    def listed(role: str, **asked: str) -> int:
        page = clients[role].get("/incidents", query_string={"state": "", **asked}).text
        return int(re.search(r'data-total="(\d+)"', page).group(1))

    assert listed("admin") == 16 and listed("admin", state="open") == 16 and listed("admin", state="closed") == 0
    assert listed("admin", unit=CODES[0][:15]) == 4 and listed("grid_leader", unit=CODES[-1][:12]) == 0
    assert listed("admin", category="environment") == 16 and listed("admin", category="' OR 1=1 --") == 0
    assert listed("admin", q=CODES[3]) == 1 and listed("admin", q="路灯") == 16 and listed("admin", q="%") == 0
    # words of a report are not found by who may not read them
    assert listed("planner", q="路灯") == 0 and listed("planner", q=f"E{CODES[3]}") == 1
    assert clients["admin"].get("/incidents?page=999999999999&state=nonsense").status_code == 200


@pytest.mark.parametrize("role", [*ROLES, "nobody"])
def test_moves_are_for_who_holds_the_right_and_the_place(fresh: Callable[..., Flask], role: str) -> None:
    app = fresh()
    client = app.test_client() if role == "nobody" else log_in(app, role)
    rights = {"grid_leader": 2, "street_office": 2, "admin": 2, "grid_member": 1}.get(role, 0)
    token = "" if role == "nobody" else token_of(client.get("/incidents").text)
    for code in (CODES[0], CODES[-1]):
        for at, move in enumerate(("note", "close", "reopen")):
            answer = client.post(f"/incidents/E{code}/{move}", data={"csrf_token": token, "text": "到场"}, headers=JSON)
            if role == "nobody":
                assert answer.status_code in (400, 401)
            elif rights and in_reach(role, code) and (rights == 2 or at == 0):
                assert answer.status_code == 201, (code, move)
            else:
                assert answer.status_code == 403, (code, move)
    with open_store(app.config["CITY"]) as store:
        done = [move.move for move in moves(store, f"E{CODES[0]}")]
    expected = {2: ["note", "close", "reopen"], 1: ["note"], 0: []}[rights] if in_reach2(role, CODES[0]) else []
    assert done == expected


def in_reach2(role: str, code: str) -> bool:
    return role in AREAS and in_reach(role, code)


def test_a_wrong_move_is_refused_by_name(fresh: Callable[..., Flask]) -> None:
    client = log_in(fresh(), "grid_leader")
    code = send(client, 0).json["code"]
    token = token_of(client.get("/incidents").text)
    answer = client.post(f"/incidents/{code}/reopen", data={"csrf_token": token}, headers=JSON)
    assert answer.status_code == 409 and "reopen" in answer.json["message"]
    assert client.post(f"/incidents/{code}/close", data={"csrf_token": token}).status_code == 302
    assert client.post(f"/incidents/{code}/close", data={"csrf_token": token}).status_code == 409
    assert client.post(f"/incidents/{code}/burn", data={"csrf_token": token}).status_code in (404, 405)
    assert client.post(f"/incidents/{code}/close", data={}).status_code == 400


def test_a_move_sent_twice_is_made_once(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "grid_leader")
    code = send(client, 0).json["code"]
    data = {"csrf_token": token_of(client.get("/incidents").text), "text": "已到场", "key": "m1"}
    answers = [client.post(f"/incidents/{code}/note", data=data, headers=JSON).status_code for _ in range(3)]
    assert answers == [201, 200, 200]
    with open_store(app.config["CITY"]) as store:
        assert [move.move for move in moves(store, code)] == ["report", "note"]


def test_hostile_words_are_shown_as_words(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "grid_leader")
    code = send(client, 0, text=HOSTILE).json["code"]
    token = token_of(client.get("/incidents").text)
    client.post(f"/incidents/{code}/note", data={"csrf_token": token, "text": HOSTILE})
    with open_store(app.config["CITY"]) as store:
        frame = store.read("incidents")
        store.write("incidents", frame.assign(category=HOSTILE, address=HOSTILE, status=HOSTILE, source=HOSTILE))
    for address in ("/incidents", f"/incidents/{code}", f"/incidents/E{CODES[0]}"):
        page = client.get(address).text
        assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page and "' onmouseover=x" not in page
        assert "{{ 7*7 }}" in page


def test_a_report_leaves_tiles_alone_and_is_in_counts_at_once(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "grid_leader")
    state = lambda: open_store(app.config["CITY"])  # noqa: E731 - opened twice
    with state() as store:
        before = store.meta()["data_version"]

    def incidents() -> int:
        card = client.get(f"/data/micro_grids/{CODES[0]}").json
        drawn = json.loads(client.get("/data/incidents.geojson").text)["features"]
        shown = {row["properties"]["code"] for row in drawn}
        assert len(shown) == 3 + card["counts"]["incidents"]
        return int(card["counts"]["incidents"])

    assert incidents() == 1
    code = send(client, 0).json["code"]
    assert incidents() == 2
    with state() as store:
        assert store.meta()["data_version"] == before
    listed = client.get("/incidents").text
    assert code in listed


def test_a_person_is_led_to_the_page_of_what_they_reported(fresh: Callable[..., Flask]) -> None:
    client = log_in(fresh(), "grid_leader")
    lon, lat = degrees(0)
    form = client.get("/incidents/new").text
    key = re.search(r'name="key" value="([0-9a-f]{32})"', form).group(1)
    data = {"csrf_token": token_of(form), "key": key, "category": "dispute", "text": "", "lon": lon, "lat": lat}
    answer = client.post("/incidents", data=data)
    assert answer.status_code == 302 and re.fullmatch(r"/incidents/R\d{8}-0001", answer.location)
    assert "已上报" in client.get(answer.location).text
    assert client.post("/incidents", data=data).location == answer.location


def test_the_map_shows_what_came_after_its_tiles_to_who_reaches_it(fresh: Callable[..., Flask]) -> None:
    app = fresh(REPORTS_SECONDS=0.0)
    make_tiles(app.config["CITY"])
    version = Shelf(tiles_folder(app.config["CITY"])).current()
    assert version is not None
    leader, office, member = (log_in(app, role) for role in ("grid_leader", "street_office", "grid_member"))

    def fresh_ones(client: FlaskClient) -> list[str]:
        return [one["properties"]["code"] for one in client.get("/data/reported.geojson").json["features"]]

    def counted(client: FlaskClient) -> float:
        values = client.get(f"/values/{version.name}/micro_grids/incidents.json").json["values"]
        return sum(value or 0 for value in values)

    assert fresh_ones(leader) == [] and counted(leader) == 4
    code = send(leader, 0).json["code"]
    assert fresh_ones(leader) == fresh_ones(office) == [code] and fresh_ones(member) == []
    assert counted(leader) == 5
    assert "井盖松动" in leader.get("/data/reported.geojson").text
    assert "井盖松动" not in log_in(app, "planner").get("/data/reported.geojson").text
    assert Shelf(tiles_folder(app.config["CITY"])).current().name == version.name
    make_tiles(app.config["CITY"])
    assert fresh_ones(leader) == []


def test_counts_on_the_map_may_be_a_minute_old(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    make_tiles(app.config["CITY"])
    version = Shelf(tiles_folder(app.config["CITY"])).current()
    assert version is not None
    leader = log_in(app, "grid_leader")
    address = f"/values/{version.name}/micro_grids/incidents.json"
    before = leader.get(address).json["values"]
    send(leader, 0)
    assert leader.get(address).json["values"] == before
    app.extensions["desk_version"][:] = [(app.extensions["desk_version"][0][0], -1e9)]  # a minute later
    assert sum(value or 0 for value in leader.get(address).json["values"]) == 5


def test_a_list_that_was_asked_before_follows_every_move(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    leader, admin, planner = (log_in(app, role) for role in ("grid_leader", "admin", "planner"))
    code, row = f"E{CODES[0]}", f"/incidents/E{CODES[0]}"
    for asked in ("", "?state=closed", "?lang=en"):
        leader.get(f"/incidents{asked}")
    assert row in leader.get("/incidents").text and row in admin.get("/incidents").text
    assert f"路灯不亮{CODES[0]}" in admin.get("/incidents").text
    assert f"路灯不亮{CODES[0]}" not in planner.get("/incidents").text
    token = token_of(leader.get("/incidents").text)
    assert leader.post(f"/incidents/{code}/close", data={"csrf_token": token}, headers=JSON).status_code == 201
    for client in (leader, admin):
        assert row not in client.get("/incidents").text and row in client.get("/incidents?state=closed").text
