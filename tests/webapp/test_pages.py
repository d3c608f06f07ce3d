"""Pages, headers, languages, errors and answers that are not sent twice."""

from __future__ import annotations

import gzip
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

import webapp
from gridmap.maps.assets import WHOLE, outside_links
from gridmap.stores import open_store
from layers.errors import BadSettings, NotFound, StoreBusy
from tests.webapp.small_city import AREAS, GRIDS, log_in
from webapp import create_app
from webapp.language import translations

#: What begins a word that is put together: `say("level." ~ level)` in a page, `say(f"level.{level}")` in a view.
_BEGUN = re.compile(r"""["']((?:\w+\.)+)(?:["']|{)""")
PAGES = ("/", "/export", "/upload", "/findings", "/users", "/missing")


@pytest.mark.parametrize("path", [*PAGES, "/login"])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_page_asks_another_host_and_every_tag_that_runs_is_marked(
    clients: dict[str, FlaskClient], path: str, lang: str
) -> None:
    client = clients["nobody" if path == "/login" else "admin"]
    answer = client.get(path, query_string={"lang": lang})
    assert outside_links(answer.text) == []
    policy = answer.headers["Content-Security-Policy"]
    (mark,) = re.findall(r"script-src 'nonce-([\w-]+)'", policy)
    assert "unsafe" not in policy and "http" not in policy
    for tag in re.findall(r"<(?:script|style)\b[^>]*>", answer.text):
        assert f'nonce="{mark}"' in tag or 'type="application/json"' in tag, tag
    assert not re.search(r"""\s(?:on\w+|style)=["']""", answer.text)
    client.get("/login", query_string={"lang": "zh"})


def test_a_nonce_is_used_once(clients: dict[str, FlaskClient]) -> None:
    one, two = (clients["admin"].get("/").headers["Content-Security-Policy"] for _ in range(2))
    assert one != two


@pytest.mark.parametrize("path", [*PAGES, "/data/roads.geojson", "/static/gridmap-web.css"])
def test_headers_keep_a_page_to_itself(clients: dict[str, FlaskClient], path: str) -> None:
    with clients["admin"].get(path) as answer:
        headers = answer.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "same-origin"
    if not path.startswith("/static"):
        assert "private" in headers["Cache-Control"]


def test_scripts_of_the_map_are_served_and_kept_for_ever(
    clients: dict[str, FlaskClient], fresh: Callable[..., Flask]
) -> None:
    # a city of its own, which has no tiles yet: those of the city of all tests come when a page asked for them
    addresses = re.findall(r'(?:src|href)="(/assets/[^"]+)"', log_in(fresh(), "admin").get("/").text)
    assert len(addresses) == 2 + len(WHOLE)  # Leaflet and our own; not the scripts of tiles, which it does not draw
    for address in addresses:
        answer = clients["nobody"].get(address)
        assert answer.status_code == 200 and "immutable" in answer.headers["Cache-Control"]
        answer.close()
    assert clients["nobody"].get("/assets/../secret_key").status_code in (302, 404)
    assert clients["nobody"].get("/assets/%2e%2e/secret_key").status_code in (302, 404)


def test_a_language_is_chosen_and_kept(app: Flask) -> None:
    client = log_in(app, "planner")
    assert ">地图<" in client.get("/export").text
    assert ">Map<" in client.get("/export?lang=en").text
    page = client.get("/export").text
    assert ">Map<" in page and '<html lang="en">' in page
    assert ">地图<" in client.get("/export?lang=zh").text
    assert client.get("/export?lang=<b>").status_code == 200


def test_chinese_is_the_language_of_whoever_has_not_chosen(app: Flask) -> None:
    page = app.test_client().get("/login?lang=en").text
    assert "Log in" in page
    assert "登录" in app.test_client().get("/login", headers={"Accept-Language": "en-GB,en;q=0.9"}).text


def test_both_languages_have_every_word_that_pages_and_views_say() -> None:
    words = translations()
    assert set(words["zh"]) == set(words["en"])
    house = Path(webapp.__file__).parent
    texts = [path.read_text(encoding="utf-8") for path in [*house.rglob("*.html"), *house.rglob("*.py")]]
    said = {key for text in texts for key in re.findall(r"""\bsay\(["']([\w.]+)["']\s*[,)]""", text)}
    assert len(said) > 30 and said <= set(words["zh"])
    named = {key for text in texts for key in re.findall(r"""["']([\w.]+)["']""", text)}
    begun = tuple({beginning for text in texts for beginning in _BEGUN.findall(text)})
    used = named | {key for key in words["zh"] if key.startswith(begun)}
    # why a job failed: a few words of the jobs, about whatever they do
    about = {found for text in texts for found in re.findall(r"""failure\([^)"']*["']([\w.]+)["']\)""", text)}
    used |= {f"{one}.{word}" for one in about for word in ("broke", "too_long", "too_large", "stopped")}
    assert set(words["zh"]) <= used  # no word that nobody says
    for key in words["zh"]:
        assert set(re.findall(r"{\w+}", words["zh"][key])) == set(re.findall(r"{\w+}", words["en"][key])), key


def test_data_are_packed_and_not_sent_twice(clients: dict[str, FlaskClient]) -> None:
    client = clients["street_office"]
    plain = client.get("/data/micro_grids.geojson")
    packed = client.get("/data/micro_grids.geojson", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    again = client.get("/data/micro_grids.geojson", headers={"If-None-Match": plain.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["Cache-Control"] == "private, no-cache"


def test_what_is_kept_for_one_is_not_given_to_another(clients: dict[str, FlaskClient]) -> None:
    tags = {}
    for _ in range(2):
        for role in AREAS:
            answer = clients[role].get("/data/micro_grids.geojson")
            tags[role] = answer.headers["ETag"]
    assert len(set(tags.values())) == len(AREAS)
    other = clients["grid_leader"].get("/data/micro_grids.geojson", headers={"If-None-Match": tags["admin"]})
    assert other.status_code == 200


def test_a_changed_city_is_seen_at_once(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "grid_leader")
    before = client.get("/data/micro_grids.geojson")
    with open_store(app.config["CITY"]) as store:
        frame = store.read("micro_grids")
        frame["households"] = 39
        store.write("micro_grids", frame)
    after = client.get("/data/micro_grids.geojson", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert {f["properties"]["households"] for f in after.json["features"]} == {39}


def test_a_unit_that_is_no_longer_in_force_is_not_on_the_map(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    with open_store(app.config["CITY"]) as store:
        frame = store.read("micro_grids")
        frame["valid_to"] = ["2020-12-31", "2999-12-31", *[None] * (len(frame) - 2)]
        store.write("micro_grids", frame)
    shown = log_in(app, "grid_leader").get("/data/micro_grids.geojson").json["features"]
    assert [feature["properties"]["code"] for feature in shown] == [f"{GRIDS[0]}00{n}" for n in (2, 3, 4)]


def test_errors_are_one_sentence_as_a_page_or_as_json(clients: dict[str, FlaskClient]) -> None:
    page = clients["planner"].get("/users?lang=zh")
    assert page.status_code == 403 and "无权查看" in page.text
    assert clients["planner"].get("/missing").status_code == 404
    answer = clients["grid_leader"].get(f"/data/micro_grids/{GRIDS[3]}001")
    assert answer.status_code == 403 and set(answer.json) == {"error", "message"}


def test_a_bug_shows_no_traceback_and_is_written_down(
    fresh: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = fresh()
    client = log_in(app, "admin")

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret details")

    monkeypatch.setattr("webapp.city_map.draw", broken)
    with caplog.at_level(logging.ERROR):
        answer = client.get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text and "Traceback" not in answer.text
    assert "secret details" in caplog.text


def test_a_busy_store_is_503(fresh: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    app = fresh()
    client = log_in(app, "admin")

    def busy(*_: object, **__: object) -> None:
        raise StoreBusy("the city is being written")

    monkeypatch.setattr("webapp.city_map.draw", busy)
    assert client.get("/").status_code == 503


def test_hostile_names_stay_text_on_pages(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    hostile = "<script>alert(1)</script>{{ 7*7 }}"
    with open_store(app.config["CITY"]) as store:
        frame = store.read("findings")
        frame["what"] = hostile
        store.write("findings", frame)
        store.set_meta(name=hostile, attribution=hostile)
    client = log_in(app, "admin")
    for path in ("/", "/findings"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert page.count("{{ 7*7 }}") >= (2 if path == "/" else 33)  # as typed: no template ran it
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7*7 }}" in client.get("/findings").text


def test_findings_are_filtered_and_safe_in_a_spreadsheet(clients: dict[str, FlaskClient]) -> None:
    page = clients["admin"].get("/findings?level=note").text
    assert "道路缺少名称" in page and "界990101" not in page
    table = clients["admin"].get("/findings.csv")
    assert table.data.startswith("\ufeff图层,".encode())
    assert "'=1+1" in table.text and ",=1+1" not in table.text


def test_a_city_must_be_named_and_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, city: str) -> None:
    monkeypatch.delenv("GRIDMAP_CITY", raising=False)
    with pytest.raises(BadSettings, match="GRIDMAP_CITY"):
        create_app()
    with pytest.raises(NotFound, match="no city at"):
        create_app(tmp_path / "missing.gpkg")
    monkeypatch.setenv("GRIDMAP_CITY", city)
    monkeypatch.setenv("GRIDMAP_INSTANCE", str(tmp_path))
    assert create_app().config["CITY"] == city
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


def test_the_command_serves_where_it_was_told(
    city: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from webapp import __main__ as command

    called: dict[str, object] = {}
    monkeypatch.setattr("waitress.serve", lambda app, **options: called.update(options, app=app))
    monkeypatch.setenv("GRIDMAP_INSTANCE", str(tmp_path))
    assert command.main([city, "--host", "127.0.0.2", "--port", "8123", "--workers", "3", "--https"]) == 0
    assert (called["host"], called["port"], called["threads"]) == ("127.0.0.2", 8123, 3)
    app = called["app"]
    assert isinstance(app, Flask) and app.config["HTTPS"] is True
    assert "http://127.0.0.2:8123/" in capsys.readouterr().out


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    from webapp.__main__ import main

    assert main([str(tmp_path / "missing.gpkg")]) == 2
    assert "no city at" in capsys.readouterr().err


def test_what_is_large_comes_packed_where_the_browser_takes_that(clients: dict[str, FlaskClient]) -> None:
    plain = clients["admin"].get("/")
    packed = clients["admin"].get("/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) < len(plain.data) / 2 and gzip.decompress(packed.data).startswith(b"<!DOCTYPE html>")
    for address in re.findall(r'(?:src|href)="(/assets/[^"]+)"', plain.text):
        whole = clients["nobody"].get(address)
        small = clients["nobody"].get(address, headers={"Accept-Encoding": "gzip, br"})
        assert gzip.decompress(small.data) == whole.data
        assert small.headers["Content-Type"] == whole.headers["Content-Type"]
        assert "immutable" in small.headers["Cache-Control"]
        whole.close()
