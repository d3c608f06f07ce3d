"""A draft locked in parts, its moves listed, put forward by one person and put in force by another."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flask import Flask

from gridmap.replan_draft import planned_moves, set_lock
from gridmap.replan_hand import open_draft, save_draft
from gridmap.stores import open_store
from gridmap.verify import verify
from layers.errors import NotFound
from tests.webapp.small_city import log_in
from tests.webapp.test_planning import Editor
from webapp import create_app


@pytest.fixture
def site(built: Path, tmp_path: Path) -> Flask:
    city = shutil.copy(built, tmp_path / "city.gpkg")
    return create_app(city, INSTANCE=tmp_path / "instance", TESTING=True, PROPAGATE_EXCEPTIONS=False)


@pytest.fixture
def within(built: Path) -> str:
    with open_store(built) as store:
        return str(store.read("communities")["code"].iloc[0])


def a_peopled_move(editor: Editor) -> tuple[list[str], dict[str, Any]]:
    """A cell where somebody lives, and a micro-grid beside it that it may join."""
    told = editor.ask("ground.json").get_json()
    lived = [f["properties"]["code"] for f in told["cells"]["features"] if f["properties"].get("households")]
    for cell in lived:
        for target in editor.ask("targets", {"cells": [cell]}).get_json()["targets"]:
            if target["allowed"] and target["to"] != "new":
                return [cell], target
    raise AssertionError("nobody could move")


def moved(site: Flask, within: str) -> tuple[Editor, list[str], dict[str, Any]]:
    """A planner with one move made in a draft."""
    editor = Editor(site, "planner")
    editor.open(within)
    cells, target = a_peopled_move(editor)
    assert editor.ask("moves", {"what": "move", "cells": cells, "to": target["to"]}).status_code == 200
    return editor, cells, target


def test_the_list_of_moves_is_what_adopting_moves(site: Flask, within: str) -> None:
    opened = open_draft(site.config["CITY"], within=within)
    assert planned_moves(opened).empty
    editor, cells, target = moved(site, within)
    told = editor.ask("list.json").get_json()
    opened.draft.apply(opened.draft.move(cells, target["to"]))
    table = planned_moves(opened)
    assert told["households"] == table["households"].sum() > 0
    sheet = openpyxl.load_workbook(io.BytesIO(editor.ask("list.xlsx").data)).active
    assert sheet is not None and sheet.max_row == len(table) + 1
    done = save_draft(opened)
    by = ["building", "from_micro_grid", "to_micro_grid"]
    real = done.moves.groupby(by)["households"].sum()
    assert table.groupby(by)["households"].sum().to_dict() == real.to_dict()


def test_a_locked_micro_grid_takes_no_part_and_is_locked_for_good(site: Flask, within: str) -> None:
    editor, cells, target = moved(site, within)
    state = editor.ask("lock", {"code": target["to"]}).get_json()["state"]
    assert state["locks"] == {target["to"]: True}
    held = {f["properties"]["code"] for f in state["areas"]["features"] if f["properties"]["locked"]}
    assert target["to"] in held
    # nothing goes in, nothing goes out, nothing is taken back
    answer = editor.ask("moves", {"what": "divide", "code": target["to"]})
    assert answer.status_code in (200, 409, 422)
    if answer.status_code == 200:
        assert not answer.get_json()["answer"]["allowed"]
    assert editor.ask("undo", {}).status_code == 409
    # another process of the service knows it too
    again = create_app(site.config["CITY"], INSTANCE=site.instance_path, TESTING=True, PROPAGATE_EXCEPTIONS=False)
    late = Editor(again, "planner")
    late.draft = editor.draft
    assert late.ask("ground.json").get_json()["state"]["locks"] == {target["to"]: True}
    assert late.ask("lock", {"code": "9" * 18}).status_code == 404 and late.ask("lock", {}).status_code == 422
    assert late.ask("adopt", {}).status_code == 200
    with open_store(site.config["CITY"]) as store:
        units = store.read("micro_grids").set_index("code")
        locked = set(units.index[units["locked"].fillna(False).astype(bool)])
        assert target["to"] in locked and store.read("cells").set_index("code")["micro_grid"][cells[0]] == target["to"]
        assert not [item.name for item in verify(store).promises if not item.ok]
    # and is unlocked in another draft, without any move
    editor.open(within)
    assert not editor.ask("unlock", {"code": target["to"]}).get_json()["state"]["locks"][target["to"]]
    assert editor.ask("adopt", {}).status_code == 200
    with open_store(site.config["CITY"]) as store:
        units = store.read("micro_grids").set_index("code")
        assert not units["locked"].fillna(False).astype(bool)[target["to"]]
        assert not [item.name for item in verify(store).promises if not item.ok]


def test_a_lock_after_a_move_is_taken_back_by_unlocking(site: Flask, within: str) -> None:
    editor, _, target = moved(site, within)
    editor.ask("lock", {"code": target["to"]})
    editor.ask("unlock", {"code": target["to"]})
    assert editor.ask("undo", {}).get_json()["done"]
    opened = open_draft(site.config["CITY"], within=within)
    with pytest.raises(NotFound):
        set_lock(opened, "990101999999999999", locked=True)


def test_proposed_by_one_and_adopted_by_another(site: Flask, within: str) -> None:
    site.config["FOUR_EYES"] = True
    editor, cells, target = moved(site, within)
    assert editor.ask("adopt", {}).status_code == 409, "nobody has proposed it yet"
    state = editor.ask("propose", {"day": "2027-01-01", "note": "  <b>试行</b>\n半年 "}).get_json()["state"]
    assert state["proposed"]["by"] == "planner" and state["mine"] and state["proposed"]["day"] == "2027-01-01"
    # nobody changes what was put forward, its owner neither
    for what, told in (("moves", {"what": "move", "cells": cells, "to": target["to"]}), ("undo", {}),
                       ("lock", {"code": target["to"]}), ("propose", {})):  # fmt: skip
        answer = editor.ask(what, told)
        assert answer.status_code == 409 and "已提出此方案" in answer.get_json()["message"], what
    assert editor.ask("adopt", {}).status_code == 409, "not by who proposed it"
    office = Editor(site, "office")
    page = office.client.get("/plan/?lang=zh").text
    assert "planner 已提交" in page
    office.draft = editor.draft
    assert office.ask("ground.json").get_json()["state"]["mine"] is False
    assert office.ask("adopt", {}).status_code == 200
    with open_store(site.config["CITY"]) as store:
        changed = store.read("micro_grids").set_index("code").loc[target["to"]]
        assert str(changed["valid_from"])[:10] == "2027-01-01", "from the day that was proposed"
    page = editor.client.get("/plan/?lang=en").text
    part = page[page.index("data-adopted"):]
    assert "2027-01-01" in part and "planner" in part and "office" in part
    assert "&lt;b&gt;试行&lt;/b&gt; 半年" in part and "<b>试行" not in part
    assert "data-adopted" not in log_in(site, "elsewhere").get("/plan/").text


def test_a_proposal_is_taken_back_and_edited_on(site: Flask, within: str) -> None:
    editor, _, _ = moved(site, within)
    empty = Editor(site, "office")
    empty.open(within)
    assert empty.ask("propose", {}).status_code == 422, "nothing was changed"
    assert editor.ask("propose", {"day": "soon"}).status_code == 422
    editor.ask("propose", {})
    assert editor.ask("take-back", {}).get_json()["state"]["proposed"] == {}
    assert editor.ask("undo", {}).get_json()["done"]
    elsewhere = Editor(site, "elsewhere")
    elsewhere.draft = editor.draft
    for what, told in (("propose", {}), ("take-back", {}), ("lock", {"code": "x"}), ("list.json", None)):
        assert elsewhere.ask(what, told).status_code == 404, what


def test_without_four_eyes_one_person_does_both(site: Flask, within: str) -> None:
    editor, _, _ = moved(site, within)
    assert editor.ask("propose", {}).status_code == 200
    assert editor.ask("adopt", {"day": "2027-02-01"}).status_code == 200
    assert "2027-02-01" in editor.client.get("/plan/").text


def test_redo_of_a_move_is_refused_where_its_goal_was_locked_since(site: Flask, within: str) -> None:
    editor, _, target = moved(site, within)
    editor.ask("undo", {})
    editor.ask("lock", {"code": target["to"]})
    answer = editor.ask("redo", {})
    assert answer.status_code == 409 and "已锁定" in answer.get_json()["message"]
