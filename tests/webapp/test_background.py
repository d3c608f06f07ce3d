"""A background map comes through the service: off by default, the key never leaves, nothing else is fetched."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest
from flask import Flask

from gridmap.city_tiles import make_tiles
from layers.errors import BadSettings
from tests.webapp.small_city import log_in

PICTURE = b"\x89PNG\r\n\x1a\nmade-up"


@pytest.fixture
def server() -> Iterator[Any]:
    """A server of pictures that writes down what it was asked."""

    class Pictures(BaseHTTPRequestHandler):
        asked: ClassVar[list[str]] = []

        def do_GET(self) -> None:
            self.asked.append(self.path)
            if self.path.startswith("/9/"):
                self.send_response(302)
                self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/8/1/1")
                self.end_headers()
                return
            self.send_response(500 if self.path.startswith("/7/") else 200)
            kind = "text/html" if self.path.startswith("/6/") else "image/png"
            content = b"x" * 2_000_001 if self.path.startswith("/5/") else PICTURE
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    running = HTTPServer(("127.0.0.1", 0), Pictures)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield running, Pictures.asked
    running.shutdown()
    thread.join()
    running.server_close()


def test_there_is_none_by_default(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    make_tiles(app.config["CITY"])
    client = log_in(app, "admin")
    assert client.get("/base/8/1/1").status_code == 404
    assert client.get("/tiles/layers.json").json["background"] is None


def test_pictures_come_through_the_service_and_the_key_stays(fresh: Callable[..., Flask], server: Any) -> None:
    running, asked = server
    address = f"http://127.0.0.1:{running.server_port}/{{z}}/{{x}}/{{y}}?tk={{key}}"
    app = fresh(
        BACKGROUND=address, BACKGROUND_KEY="my-own-key", BACKGROUND_DATUM="gcj02", BACKGROUND_ATTRIBUTION="某图"
    )
    make_tiles(app.config["CITY"])
    client = log_in(app, "grid_leader")
    answer = client.get("/base/8/3/4")
    assert (answer.status_code, answer.data, answer.mimetype) == (200, PICTURE, "image/png")
    assert asked == ["/8/3/4?tk=my-own-key"]
    assert client.get("/base/8/3/4").data == PICTURE and len(asked) == 1  # kept
    told = client.get("/tiles/layers.json")
    assert "my-own-key" not in told.text and str(running.server_port) not in told.text
    assert told.json["background"]["datum"] == "gcj02" and told.json["background"]["shift"]["east_m"] > 100
    for bad in (5, 6, 7, 9):  # too large, no picture, an error, sent on to another address
        answer = client.get(f"/base/{bad}/1/1")
        assert answer.status_code == 502 and "my-own-key" not in answer.text and answer.is_json
    assert "/8/1/1" not in asked
    assert app.test_client().get("/base/8/3/4").status_code == 401
    for none in ("/base/8/256/1", "/base/25/1/1", "/base/1/0/0"):
        assert client.get(none).status_code == 404


def test_a_setting_that_cannot_be_used_stops_the_start(fresh: Callable[..., Flask]) -> None:
    with pytest.raises(BadSettings, match="key"):
        fresh(BACKGROUND="tianditu")
