"""The demo's files are what their README says, and the reader reads them without an error."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
import shapely

from gridmap.norms import load_norms
from gridmap.roles import ROLES, check_area
from layers.errors import WrongCall
from layers.read import City, read_city
from layers.sample import DemoCity, demo_layers, write_demo
from layers.sample import organizations as organization
from layers.sample import services as service


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> DemoCity:
    return write_demo(tmp_path_factory.mktemp("city") / "demo")


@pytest.fixture(scope="module")
def city(made) -> City:
    return read_city(made.folder)


@pytest.fixture(scope="module")
def drawn() -> dict:
    return demo_layers()


def test_the_reader_finds_nothing_but_the_row_without_a_place(city):
    assert [(one.layer, one.rule, one.level) for one in city.findings] == [("incidents", "no_coordinates", "warning")]
    assert city.crs.to_epsg() == 4547
    assert city.name == "老埠社区（示例）"


def test_what_is_read_is_what_was_drawn(city, drawn):
    assert set(city.layers) == set(drawn)
    for name, frame in drawn.items():
        read = city.layers[name]
        assert len(read) == len(frame), name
        ours = [column for column in frame.columns if column not in ("geometry", "role", "from")]
        for column in ours:
            given, back = frame[column], read[column]
            if column in ("reported_at", "closed_at"):
                given, back = given.astype("datetime64[ms]"), back.astype("datetime64[ms]")
            assert _plain(given) == _plain(back), f"{name}.{column}"
        if name != "staff":
            placed = frame.geometry.notna()
            away = shapely.hausdorff_distance(frame.geometry[placed].array, read.geometry[placed].array)
            assert away.max() < 0.1, name


def _plain(column: pd.Series) -> list:
    return [None if pd.isna(value) or value == "" else value for value in column.astype("object")]


def test_counts_in_the_figures_are_those_of_the_files(made, city):
    figures = made.figures
    assert figures["households"] == city.layers["buildings"]["households"].sum() == 3056
    assert figures["residents"] == city.layers["buildings"]["residents"].sum() == 10_398
    for name in ("buildings", "estates", "facilities", "organizations", "incidents", "roads", "staff"):
        assert figures[name] == len(city.layers[name])
    readme = (made.folder / "README.md").read_text(encoding="utf-8")
    assert "3,056" in readme and "10,398" in readme and "$" not in readme


def test_kinds_are_read_as_keys_that_norms_know(city):
    kinds = set(city.layers["facilities"]["kind"])
    assert kinds == set(service.KINDS)
    assert kinds <= {norm.key for norm in load_norms()}
    assert set(city.layers["organizations"]["kind"]) == set(organization.KINDS)


def test_files_have_the_encodings_they_are_said_to_have(made):
    organizations = (made.folder / "organizations.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        organizations.decode("utf-8")
    assert "机构类型" in organizations.decode("gb18030").splitlines()[0]
    assert (made.folder / "incidents.csv").read_bytes().startswith("\ufeff编号".encode())


def test_text_files_are_the_same_bytes_every_time(made, tmp_path):
    again = write_demo(tmp_path / "again")
    names = [path.name for path in sorted(made.folder.iterdir()) if path.suffix not in (".xlsx", ".gpkg")]
    assert len(names) == 13
    for name in names:
        assert (again.folder / name).read_bytes() == (made.folder / name).read_bytes(), name


def test_an_earlier_demo_is_written_over(made, tmp_path):
    folder = tmp_path / "twice"
    shutil.copytree(made.folder, folder)
    (folder / "incidents.csv").write_text("spoilt")
    write_demo(folder)
    assert (folder / "incidents.csv").read_bytes() == (made.folder / "incidents.csv").read_bytes()


def test_nothing_of_the_user_s_is_written_over(tmp_path):
    (tmp_path / "city.toml").write_text('[city]\nname = "Ours"\n')
    with pytest.raises(WrongCall, match="holds other files; give a new folder"):
        write_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["city.toml"]
    with pytest.raises(WrongCall, match="is a file; give a folder"):
        write_demo(tmp_path / "city.toml")


def test_accounts_fit_their_roles(made):
    accounts = {account["role"]: account for account in made.accounts}
    assert set(accounts) == set(ROLES)
    for account in accounts.values():
        assert len(str(account["password"])) >= 8
        if account["pick"] is None:
            assert check_area(account["role"], account["area"]) == account["area"]
    assert (accounts["grid_leader"]["area"], accounts["grid_leader"]["pick"]) == (None, "micro_grid")
