"""Refusals that reach a page are said in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from layers.errors import NoDatum
from tests.webapp.small_city import CODES
from webapp.refusals import in_chinese

ROOT = Path(__file__).resolve().parents[2]
#: Deeds whose errors a page shows.
DEEDS = (
    "accounts", "ask_coverage", "ask_what_if", "city_norms", "city_settings", "delivery", "desk", "desk_moves",
    "export_jobs", "photos", "placing", "replan_draft", "roles", "roster", "site_jobs", "uploads", "import_levels",
    "import_match", "import_record", "import_steps", "plan_change", "replan", "replan_hand", "replan_scope", "rework",
    "site_places", "siting", "siting_kinds", "what_if",
)  # fmt: skip
#: What reads files, which the upload page takes.
READERS = (
    "coordinates", "doctor", "encodings", "places", "read", "received", "shapefile", "tables", "tally", "vectors",
    "workbooks",
)  # fmt: skip
#: Said of an option that only the command line has.
COMMAND_LINE = ("where ",)
#: What only scripts ask: vector tiles, values and layers by address.
SCRIPTS = {"base.py", "data.py", "past.py", "tiles.py", "tile_values.py", "demo.py", "guard.py", "__init__.py"}
_NO_DATUM = str(NoDatum("", "«»"))
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def raised() -> Iterator[tuple[str, str]]:
    """(where, sentence with a mark for each value) of every error that is raised with a sentence of its own."""
    paths = [*(ROOT / "webapp").glob("*.py"), *(ROOT / "webapp" / "views").glob("*.py")]
    paths = [path for path in paths if path.name not in SCRIPTS]
    paths += [ROOT / "gridmap" / f"{name}.py" for name in DEEDS]
    paths += [ROOT / "layers" / f"{name}.py" for name in READERS]
    for path in paths:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                said = node.exc.args[0]
                # the one error that puts the end of its sentence itself
                end = _NO_DATUM if ast.unparse(node.exc.func) == "NoDatum" else ""
                if isinstance(said, ast.Constant) and isinstance(said.value, str):
                    yield f"{path.name}:{node.lineno}", said.value + end
                elif isinstance(said, ast.JoinedStr):
                    parts = [str(part.value) if isinstance(part, ast.Constant) else "«»" for part in said.values]
                    yield f"{path.name}:{node.lineno}", "".join(parts) + end


def test_every_refusal_of_a_page_has_its_chinese() -> None:
    every = [(where, text) for where, text in raised() if not text.startswith(COMMAND_LINE)]
    assert len(every) > 200
    told = [(where, text, in_chinese(text)) for where, text in every]
    silent = [(where, text) for where, text, zh in told if not _CHINESE.search(zh) and re.search("[a-z]{4}", text)]
    assert silent == []
    lost = [(where, text, zh) for where, text, zh in told if zh.count("«»") != text.count("«»")]
    assert lost == []


def test_a_refusal_is_read_in_the_readers_language(clients: dict[str, FlaskClient]) -> None:
    far = f"/card/{CODES[-1]}"
    assert "不在您的区域，请联系管理员" in clients["grid_leader"].get(far).text
    assert "is not in your area" in clients["grid_leader"].get(f"{far}?lang=en").text


@pytest.mark.parametrize("text", ["", "nobody wrote this", "x" * 5000])
def test_what_nobody_translated_stands_as_it_is(text: str) -> None:
    assert in_chinese(text) == text
