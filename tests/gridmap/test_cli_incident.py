"""The desk on the command line: the same rules, in whose name one says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import shapely
from click.testing import CliRunner, Result
from geopandas import GeoDataFrame
from PIL import Image

from gridmap.cli import main
from gridmap.stores import Account, create_store

CRS = "EPSG:4549"
HERE = "330483001001001001"


@pytest.fixture
def city(tmp_path: Path) -> str:
    with create_store(tmp_path / "city.gpkg", crs=CRS) as store:
        store.write("micro_grids", GeoDataFrame({"code": [HERE]}, geometry=[shapely.box(0, 0, 100, 100)], crs=CRS))
        store.keep_account(Account(name="li", role="grid_leader", area=HERE, password_hash="$"))
        store.keep_account(Account(name="gone", role="admin", area="", password_hash="$", active=False))
    return str(tmp_path / "city.gpkg")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["incident", *arguments])


def test_an_incident_goes_through_the_desk(city: str, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "a.png")
    report = (
        "report", city, "--category", "dispute", "--micro-grid", HERE, "--text", "吵闹", "--key", "k", "--as", "li",
    )  # fmt: skip
    code = run(*report, "--photo", str(tmp_path / "a.png")).output.strip()
    assert code.startswith("R20") and run(*report).output.strip() == f"{code} (was there already)"
    listed = json.loads(run("list", city, "--json").output)
    assert [(row["code"], row["micro_grid"], row["text"]) for row in listed] == [(code, HERE, "吵闹")]
    assert run("note", city, code, "--text", "到场").exit_code == run("close", city, code).exit_code == 0
    assert run("list", city).output.strip() == "0 of 0" and code in run("list", city, "--state", "all").output
    shown = json.loads(run("show", city, code, "--json").output)
    assert [(move["move"], move["photos"]) for move in shown["moves"]] == [("report", [1]), ("note", []), ("close", [])]
    assert shown["moves"][0]["by"] == "li" and shown["moves"][1]["role"] == "admin" and shown["status"] == "closed"
    assert "到场" in run("show", city, code).output and run("reopen", city, code).exit_code == 0


def test_a_wrong_call_is_refused_by_name(city: str) -> None:
    outside = ("report", city, "--category", "x", "--lon", "120", "--lat", "30")
    for arguments, words in (
        ((*outside, "--as", "li"), "not in your area"), ((*outside, "--as", "gone"), "no account"),
        (("report", city, "--category", "x"), "needs a place"), (("show", city, "nix"), "no incident nix"),
        (("close", city, "nix"), "no incident nix"), ((*outside, "--text", "y" * 2001), "2000"),
    ):  # fmt: skip
        refused = run(*arguments)
        assert refused.exit_code != 0 and words in refused.output, arguments
    code = run(*outside).output.strip()
    refused = run("reopen", city, code)
    assert refused.exit_code == 2 and "cannot be given" in refused.output
