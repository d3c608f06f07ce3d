"""Plans edited over the web: within one's area, answered at once, taken back, kept, adopted."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from gridmap.stores import open_store
from gridmap.verify import verify
from tests.webapp.main_paths import moved
from tests.webapp.small_city import PASSWORD, log_in, token_of
from webapp import create_app


@pytest.fixture
def site(built: Path, tmp_path: Path) -> Flask:
    city = shutil.copy(built, tmp_path / "city.gpkg")
    return create_app(city, INSTANCE=tmp_path / "instance", TESTING=True, PROPAGATE_EXCEPTIONS=False)


class Editor:
    """A person with a draft open."""

    def __init__(self, app: Flask, name: str) -> None:
        self.client: FlaskClient = log_in(app, name)
        self.token = token_of(self.client.get("/plan/").text)
        self.draft = ""

    def open(self, within: str) -> int:
        answer = self.client.post("/plan/drafts", data={"within": within, "csrf_token": self.token})
        if answer.status_code == 302:
            self.draft = answer.location.rsplit("/", 1)[1]
        return answer.status_code

    def ask(self, what: str, told: Any = None) -> Any:
        path = f"/plan/drafts/{self.draft}/{what}"
        headers = {"X-CSRFToken": self.token, "Accept": "application/json"}
        return self.client.get(path, headers=headers) if told is None else self.client.post(
            path, json=told, headers=headers
        )  # fmt: skip


@pytest.fixture
def within(built: Path) -> str:
    with open_store(built) as store:
        return str(store.read("communities")["code"].iloc[0])


def a_good_move(editor: Editor) -> tuple[list[str], dict[str, Any]]:
    """Cells, and the micro-grid beside them that they may join."""
    state = editor.ask("ground.json").get_json()["state"]
    for cell in state["zones"]:
        for target in editor.ask("targets", {"cells": [cell]}).get_json()["targets"]:
            ends = any(side["after"] is None for side in target["sides"])
            if target["allowed"] and target["to"] != "new" and not ends:
                return [cell], target
    raise AssertionError("no cell of the town may move")


def test_a_move_is_answered_made_taken_back_and_made_again(site: Flask, within: str) -> None:
    editor = Editor(site, "planner")
    assert editor.open(within) == 302
    before = editor.ask("ground.json").get_json()["state"]
    cells, target = a_good_move(editor)
    assert editor.ask("ground.json").get_json()["state"] == before, "asking changes nothing"
    done = editor.ask("moves", {"what": "move", "cells": cells, "to": target["to"]}).get_json()
    assert done["state"]["zones"][cells[0]] == target["to"]
    told = {side["code"]: side["after"]["households"] for side in target["sides"]}
    drawn = {f["properties"]["code"]: f["properties"]["households"] for f in done["state"]["areas"]["features"]}
    assert {code: drawn[code] for code in told} == told, "what was foretold came true"
    assert sum(drawn.values()) == sum(f["properties"]["households"] for f in before["areas"]["features"])
    undone = editor.ask("undo", {}).get_json()["state"]
    assert {**undone, "undone": []} == before and len(undone["undone"]) == 1
    assert editor.ask("redo", {}).get_json()["state"]["zones"] == done["state"]["zones"]


def test_a_draft_outlives_the_service_and_is_adopted_from_a_day_on(site: Flask, within: str) -> None:
    editor = Editor(site, "planner")
    editor.open(within)
    cells, target = a_good_move(editor)
    state = editor.ask("moves", {"what": "move", "cells": cells, "to": target["to"]}).get_json()["state"]
    again = create_app(site.config["CITY"], INSTANCE=site.instance_path, TESTING=True, PROPAGATE_EXCEPTIONS=False)
    later = Editor(again, "office")
    later.draft = editor.draft
    assert later.ask("ground.json").get_json()["state"] == state
    # what was taken back can be made again by the other service too
    back = later.ask("undo", {}).get_json()["state"]
    assert editor.ask("ground.json").get_json()["state"] == back and len(back["undone"]) == 1
    assert editor.ask("redo", {}).get_json()["state"] == state
    assert later.ask("adopt", {"day": "in spring"}).status_code == 422
    figures = later.ask("adopt", {"day": "2027-01-01"}).get_json()["figures"]
    assert 0 < figures["households_moved"] < 100 or state["changed"]
    with open_store(site.config["CITY"]) as store:
        kept = store.read("cells").set_index("code")["micro_grid"]
        assert kept[cells[0]] == target["to"]
        changed = store.read("micro_grids").set_index("code").loc[target["to"]]
        assert str(changed["valid_from"])[:10] == "2027-01-01"
        assert not [item.name for item in verify(store).promises if not item.ok]
    assert later.ask("ground.json").status_code == 404, "an adopted draft is over"


def test_what_is_refused_says_why_and_changes_nothing(site: Flask, within: str) -> None:
    editor = Editor(site, "planner")
    editor.open(within)
    state = editor.ask("ground.json").get_json()["state"]
    zones = state["zones"]
    # a piece far away: the micro-grid would lie in two places
    first = next(iter(zones))
    beside = {target["to"] for target in editor.ask("targets", {"cells": [first]}).get_json()["targets"]}
    far = next(code for code in sorted(set(zones.values())) if code not in beside and code != zones[first])
    answer = editor.ask("moves", {"what": "move", "cells": [first], "to": far}).get_json()["answer"]
    assert not answer["allowed"] and any("不" in word for word in answer["words"])
    assert editor.ask("ground.json").get_json()["state"] == state
    for told, status in (
        ({"what": "move", "cells": []}, 422), ({"what": "move", "cells": ["no-such-cell"], "to": far}, 404),
        ({"what": "dance", "code": far}, 422), ({"what": "move", "cells": [first], "to": ["x"]}, 422),
        ({"what": "divide"}, 422), ([1], 422),
    ):  # fmt: skip
        assert editor.ask("moves", told).status_code == status, told


def test_nobody_edits_beyond_the_own_area(site: Flask, within: str) -> None:
    planner, elsewhere = Editor(site, "planner"), Editor(site, "elsewhere")
    planner.open(within)
    assert elsewhere.open(within) == 403
    assert planner.open(within[:6]) == 422, "a whole district is no part to look at"
    elsewhere.draft = planner.draft
    for what, told in (
        ("ground.json", None), ("targets", {"cells": ["x"]}), ("moves", {"cells": ["x"]}), ("undo", {}), ("adopt", {}),
        ("close", {}),
    ):  # fmt: skip
        assert elsewhere.ask(what, told).status_code == 404, what
    assert planner.draft not in elsewhere.client.get("/plan/").text
    assert planner.draft in planner.client.get("/plan/").text
    assert log_in(site, "leader").get("/plan/").status_code == 403
    assert planner.client.get("/plan/drafts/..%2f..%2fsecret/ground.json").status_code == 404


def test_a_draft_whose_ground_was_changed_says_so(site: Flask, within: str) -> None:
    one, other = Editor(site, "planner"), Editor(site, "office")
    one.open(within)
    cells, target = a_good_move(one)
    one.ask("moves", {"what": "move", "cells": cells, "to": target["to"]})
    other.open(within)
    other.ask("moves", {"what": "move", "cells": cells, "to": target["to"]})
    assert other.ask("adopt", {}).status_code == 200
    answer = one.ask("adopt", {})
    assert answer.status_code == 503 and "somebody else" in answer.get_json()["message"]
    again = create_app(site.config["CITY"], INSTANCE=site.instance_path, TESTING=True, PROPAGATE_EXCEPTIONS=False)
    late = Editor(again, "planner")
    late.draft = one.draft
    answer = late.ask("ground.json")
    assert answer.status_code == 409 and "重新开始" in answer.get_json()["message"]


@pytest.fixture
def address(site: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, site, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_a_planner_moves_a_building_in_the_browser(
    address: str, chromium: str, size: tuple[int, int], within: str, site: Flask
) -> None:
    """Click a building, see the zones, make the move, take it back; no other host, no complaint."""
    from playwright.sync_api import sync_playwright

    hostile = "<img src=x onerror=window.hacked=1>"
    with open_store(site.config["CITY"]) as store:
        communities = store.read("communities")
        store.write("communities", communities.assign(name=hostile))
    complaints: list[str] = []
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/login")
        page.fill("input[name=name]", "planner")
        page.fill("input[name=password]", PASSWORD)
        page.click("button[type=submit]")
        page.goto(f"{address}/plan/")
        page.click("main form button")
        page.wait_for_selector(".gm-plan[data-loaded=yes]", state="attached", timeout=60_000)
        assert page.inner_text("h1") == hostile and not page.evaluate("window.hacked")
        assert moved(page), "no building could be moved"
        page.keyboard.press("u")
        page.wait_for_function("() => gridmap.plan.state.undone.length === 1", timeout=20_000)
        browser.close()
    assert complaints == []
    assert {url.split("/")[2] for url in asked if not url.startswith(("data:", "blob:"))} == {address.split("/")[2]}
