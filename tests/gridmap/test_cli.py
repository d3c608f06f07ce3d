"""The command line as a clerk meets it: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import re
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from click.testing import CliRunner, Result

from gridmap.cli import main
from gridmap.stores import open_store
from layers.sample import town


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city folder without city.toml: one file a layer, named as the contract says."""
    place = tmp_path_factory.mktemp("town")
    for name, frame in town().items():
        if isinstance(frame, gpd.GeoDataFrame):
            frame.to_file(place / f"{name}.gpkg")
    return place


@pytest.fixture(scope="module")
def city(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("made") / "city.gpkg"
    result = run("build", folder, "-o", made)
    assert result.exit_code == 0, result.output
    return made


def test_a_folder_becomes_a_city_that_keeps_its_promises(folder: Path, city: Path) -> None:
    assert run("verify", city).exit_code == 0
    told = json.loads(run("verify", city, "--json").output)
    assert told["ok"] is True and len(told["promises"]) > 8
    assert told["quality"]["city"]["households"] == 500 and told["quality"]["nested"] == 1.0
    assert "compactness" in run("verify", city).output
    built = json.loads(run("build", folder, "-o", city.parent / "twice.gpkg", "--json").stdout)
    assert built["households"] == int(town()["buildings"]["households"].sum())


def test_verify_ends_with_1_where_a_promise_is_broken(city: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gpkg"
    assert run("backup", city, broken).exit_code == 0
    with open_store(broken) as store:
        buildings = store.read("buildings")
        store.write("buildings", buildings.assign(households=buildings["households"] + 1))
    result = run("verify", broken)
    assert result.exit_code == 1
    assert "BROKEN" in result.output


def test_check_lists_what_is_odd_and_writes_it(folder: Path, tmp_path: Path) -> None:
    result = run("check", folder, "-o", tmp_path / "findings.csv")
    assert result.exit_code == 0
    assert (tmp_path / "findings.csv").read_bytes().startswith(b"\xef\xbb\xbf")


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_export_and_map_write_files_that_open(city: Path, tmp_path: Path, encoding: str) -> None:
    out = tmp_path / "street"
    result = run("export", city, "--layer", "micro_grids", "--encoding", encoding, "-o", out)
    assert result.exit_code == 0, result.output
    (shape,) = out.rglob("micro_grids*.shp")
    back = gpd.read_file(shape)
    assert back["code"].str.len().eq(18).all()
    page = tmp_path / "map.html"
    assert run("map", city, "-o", page, "--self-contained").exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert back["code"].iloc[0] in text
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.(https?:)?//", text)


def test_accounts_are_added_listed_and_disabled(city: Path) -> None:
    with_password = ["--password", "changjiang-7"]
    office = ["--role", "street_office", "--area", "990101001"]
    added = run("user", "add", city, "wang", *office, *with_password)
    assert added.exit_code == 0 and "wang may log in as street_office of" in added.output
    assert "no unit" not in added.output
    elsewhere = run("user", "add", city, "li", "--role", "street_office", "--area", "330101001", *with_password)
    assert elsewhere.exit_code == 0 and "no unit 330101001; its streets are 990101001" in elsewhere.output
    again = run("user", "add", city, "wang", "--role", "admin", *with_password)
    assert again.exit_code == 2 and "already" in again.output
    assert run("user", "disable", city, "wang").exit_code == 0
    account = json.loads(run("user", "list", city, "--json").output)[-1]
    assert account == {"name": "wang", "role": "street_office", "area": "990101001", "active": False}
    assert run("user", "password", city, "nobody", *with_password).exit_code == 2


def test_cover_and_attach_again_change_nothing_by_themselves(city: Path) -> None:
    assert run("attach", city).exit_code == 0
    assert run("cover", city).exit_code == 0
    assert run("verify", city).exit_code == 0
    assert run("cover", city, "--kind", "spaceport").exit_code == 2
    assert run("migrate", city).output.strip() == "up to date"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["build", "{tmp}/nowhere", "-o", "{tmp}/x.gpkg"], "nowhere"),
        (["build", "{tmp}", "-o", "{tmp}/x.gpkg"], "city"),
        (["verify", "{tmp}/missing.gpkg"], "missing.gpkg"),
        (["export", "{tmp}/missing.gpkg", "--layer", "micro_grids", "-o", "{tmp}/o"], "missing.gpkg"),
        (["build", "{tmp}", "-o", "{tmp}/x.txt"], "gpkg"),
        (["nonsense"], "No such command"),
    ],
)
def test_a_wrong_call_ends_with_2_and_one_sentence(words: list[str], says: str, tmp_path: Path) -> None:
    result = run(*[word.replace("{tmp}", str(tmp_path)) for word in words])
    assert result.exit_code == 2
    assert says in result.output
    assert "Traceback" not in result.output
    assert not list(tmp_path.glob("*.gpkg*"))


def broken_folder(place: Path, **files: bytes | gpd.GeoDataFrame) -> Path:
    """The town's folder with some files in place of others."""
    for name, frame in town().items():
        if name in ("communities", "buildings", "roads") and name not in files:
            frame.to_file(place / f"{name}.gpkg")
    for name, content in files.items():
        if isinstance(content, bytes):
            (place / f"{name}.gpkg").write_bytes(content)
        elif len(content):
            content.to_file(place / f"{name}.gpkg")
    return place


def test_bad_input_is_named_and_no_city_is_left_behind(tmp_path: Path) -> None:
    layers = town()
    points = layers["communities"].assign(geometry=layers["communities"].geometry.centroid)
    lost = layers["buildings"].copy()
    lost["geometry"] = shapely.affinity.translate(lost.geometry.iloc[0], 9e6, 9e6)
    cases: dict[str, tuple[dict[str, bytes | gpd.GeoDataFrame], str]] = {
        "corrupt": ({"buildings": b"SQLite format 3\x00 and then nothing"}, "buildings.gpkg"),
        "empty": ({"buildings": b""}, "buildings.gpkg"),
        "no outline": ({"communities": layers["communities"].iloc[:0]}, "outline"),
        "points for areas": ({"communities": points}, "outline"),
        "elsewhere": ({"buildings": lost}, "building"),
    }
    for name, (files, says) in cases.items():
        place = tmp_path / name.replace(" ", "_")
        place.mkdir()
        result = run("build", broken_folder(place, **files), "-o", place / "city.gpkg")
        assert result.exit_code in (1, 2), (name, result.output)
        assert says in result.output, (name, result.output)
        assert "Traceback" not in result.output
        assert not (place / "city.gpkg").exists(), name


def test_a_failed_build_leaves_the_old_city_as_it_was(folder: Path, city: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept.gpkg"
    kept.write_bytes(city.read_bytes())
    place = tmp_path / "bad"
    place.mkdir()
    assert run("build", broken_folder(place, buildings=b"nothing"), "-o", kept).exit_code == 2
    assert run("verify", kept).exit_code == 0
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["kept.gpkg"]


def test_every_command_explains_itself() -> None:
    for name in main.commands:
        result = run(name, "-h")
        assert result.exit_code == 0 and "Usage" in result.output
    assert "gridmap, version" in run("--version").output
