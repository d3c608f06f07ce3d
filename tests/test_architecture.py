"""Imports point one way: layers <- gridmap <- webapp, and within gridmap from deeds to steps and edges."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

STEPS = ("gridmap.micro_grids", "gridmap.access", "gridmap.measures")
EDGES = ("gridmap.stores", "gridmap.maps", "gridmap.exports", "gridmap.engines")
DEEDS = (
    "gridmap.attaching", "gridmap.pipeline", "gridmap.rework", "gridmap.covering", "gridmap.siting",
    "gridmap.city_walks", "gridmap.what_if", "gridmap.ways", "gridmap.equity", "gridmap.cli_ask",
    "gridmap.site_places", "gridmap.siting_kinds", "gridmap.delivery", "gridmap.verify", "gridmap.quality",
    "gridmap.barriers", "gridmap.atlas", "gridmap.accounts", "gridmap.quality_levels",
    "gridmap.past", "gridmap.plan_change", "gridmap.replan_past",
    "gridmap.settings", "gridmap.cli", "gridmap.cli_data", "gridmap.template", "gridmap.importing", "gridmap.from_osm",
    "gridmap.cli_site", "gridmap.city_tiles", "gridmap.cli_tiles", "gridmap.import_match", "gridmap.import_scope",
    "gridmap.import_preview", "gridmap.osm_households", "gridmap.uploads", "gridmap.upload_reading",
    "gridmap.desk", "gridmap.desk_moves", "gridmap.desk_settle", "gridmap.photos",
    "gridmap.audit", "gridmap.export_jobs", "gridmap.street", "gridmap.placing", "gridmap.roster",
    "gridmap.city_norms", "gridmap.city_settings", "gridmap.storage", "gridmap.of_today", "gridmap.plain_columns",
    "gridmap.quality_shares",
)  # fmt: skip

#: A room under the left folder imports none of these.
NEVER = {
    "layers": ("gridmap", "webapp"),
    "gridmap": ("webapp", "flask"),
    "gridmap/micro_grids": ("gridmap.access", "gridmap.measures", *EDGES, *DEEDS),
    "gridmap/access": ("gridmap.micro_grids", "gridmap.measures", *EDGES, *DEEDS),
    "gridmap/norms": (*STEPS, *EDGES, *DEEDS),
    "gridmap/stores": (*STEPS, "gridmap.maps", "gridmap.exports", *DEEDS),
    "gridmap/maps": (*STEPS, "gridmap.stores", "gridmap.exports", *DEEDS),
    "gridmap/exports": (*STEPS, "gridmap.stores", "gridmap.maps", *DEEDS),
    "gridmap/engines": (*STEPS, "gridmap.stores", "gridmap.maps", "gridmap.exports", *DEEDS),
    "webapp": (*STEPS, "gridmap.cli"),
    "webapp/views": ("webapp.api",),
    "webapp/api": ("webapp.views",),
}
GROUND = ("errors", "columns", "schema", "findings", "text", "incidents")


def imported_names(path: Path) -> set[str]:
    """Modules that a file imports, wherever in it; names that exist only for type checkers count too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("folder", [folder for folder in NEVER if (ROOT / folder).is_dir()])
def test_no_import_runs_up(folder: str) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        if path.name == "__init__.py" and path.parent == ROOT / "gridmap":
            continue  # the public list names the rooms; it imports them when asked
        for name in imported_names(path):
            for barred in NEVER[folder]:
                assert not f"{name}.".startswith(f"{barred}."), f"{path.relative_to(ROOT)} imports {name}"


def test_ground_imports_nothing_of_ours_but_ground() -> None:
    for name in GROUND:
        for found in imported_names(ROOT / "layers" / f"{name}.py"):
            if found.split(".")[0] in ("layers", "gridmap", "webapp"):
                assert found.split(".")[1] in GROUND, f"layers/{name}.py imports {found}"


def test_the_check_sees_a_wrong_import(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("def f():\n    from gridmap.stores import open_store\n", encoding="utf-8")
    assert "gridmap.stores" in imported_names(wrong)


def test_no_room_is_longer_than_450_lines() -> None:
    rooms = [path for house in ("layers", "gridmap", "webapp") for path in (ROOT / house).rglob("*.py")]
    long = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in rooms}
    assert {name: lines for name, lines in long.items() if lines > 450} == {}
