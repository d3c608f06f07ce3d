"""Compiled loops: kept for the next run where they can be, and said where a run waits for them."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gridmap.compiling import ALWAYS, ONCE, compiled, telling
from layers.sample import town

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fresh(tmp_path: Path) -> Callable[[], ModuleType]:
    """Imports a small module of one compiled loop, as each process does that uses it."""
    path = tmp_path / "loop.py"
    path.write_text(
        "from gridmap.compiling import compiled\n\n\n@compiled\ndef twice(number):\n    return 2 * number\n",
        encoding="utf-8",
    )

    def load() -> ModuleType:
        spec = importlib.util.spec_from_file_location("loop", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_the_first_run_says_once_that_it_compiles_and_later_ones_do_not(fresh: Callable[[], ModuleType]) -> None:
    said: list[str] = []
    first = fresh()
    with telling(said.append):
        assert (first.twice(2), first.twice(2.5)) == (4, 5.0)
    assert said == [ONCE]
    second = fresh()
    with telling(said.append):
        assert second.twice(2) == 4
    assert said == [ONCE] and sum(second.twice.stats.cache_hits.values()) == 1
    assert fresh().twice("a") == "aa"  # outside nobody is told


def test_where_nothing_can_be_kept_it_is_compiled_each_time_and_said() -> None:
    said: list[str] = []
    made: dict[str, Any] = {}
    exec("def twice(number):\n    return 2 * number\n", made)  # code without a file has no folder beside it
    twice = compiled(made["twice"])
    with telling(said.append):
        assert twice(2) == 4
    assert said == [ALWAYS] and twice.stats.cache_path is None


def test_every_loop_is_compiled_by_the_one_door() -> None:
    for path in (ROOT / "gridmap").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "numba"
                 for alias in node.names}  # fmt: skip
        assert "njit" not in names or path.name == "compiling.py", path


def test_the_command_says_it_on_stderr_before_it_waits(tmp_path: Path) -> None:
    for name, frame in town().items():
        if name in ("communities", "buildings"):
            frame.to_file(tmp_path / f"{name}.gpkg")
    once = tmp_path / "once.py"
    once.write_text(
        # a split that compiles one loop, as the first of a machine does with all of them
        "import sys\nfrom unittest.mock import patch\nimport numba\nimport gridmap.pipeline as pipeline\n"
        "from gridmap.cli import main\n\n"
        "def build(*asked, **how):\n    numba.njit(lambda number: number + 1)(1)\n    sys.exit(7)\n\n"
        "with patch.object(pipeline, 'build', build):\n    main(sys.argv[1:])\n",
        encoding="utf-8",
    )
    words = [sys.executable, str(once), "build", str(tmp_path), "-o", str(tmp_path / "city.gpkg")]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    loud = subprocess.run(words, capture_output=True, text=True, env=env, check=False)
    assert loud.returncode == 7 and loud.stderr == f"gridmap: {ALWAYS}\n" and loud.stdout == ""
    quiet = subprocess.run([*words, "--quiet"], capture_output=True, text=True, env=env, check=False)
    assert quiet.returncode == 7 and quiet.stderr == ""
