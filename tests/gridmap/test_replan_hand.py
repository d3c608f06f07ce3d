"""A plan edited by hand over its store: kept whole, checked again, and nobody's work is written over."""

from __future__ import annotations

import shutil
from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from gridmap.micro_grids.split import split_levels
from gridmap.pipeline import build
from gridmap.replan import set_locks, split_again
from gridmap.replan_hand import Opened, open_draft, save_draft
from gridmap.stores import open_store
from gridmap.verify import verify
from layers.errors import MoveNotAllowed, StoreBusy
from layers.sample import town


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("town")
    for name, frame in town().items():
        frame.to_file(place / f"{name}.gpkg")
    build(place, place / "city.gpkg")
    return place / "city.gpkg"


@pytest.fixture
def city(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(built, tmp_path / "city.gpkg"))


def read(city: Path, layer: str) -> gpd.GeoDataFrame:
    with open_store(city) as store:
        return store.read(layer)  # type: ignore[return-value]


def broken(city: Path) -> list[str]:
    with open_store(city) as store:
        return [f"{item.name}: {item.examples}" for item in verify(store).promises if not item.ok]


def a_move(opened: Opened) -> tuple[str, str, str]:
    """A building that may go to a neighbouring micro-grid: its code, from where and to where."""
    for code, cell in zip(opened.scope.buildings["code"], opened.scope.buildings["cell"], strict=True):
        source = opened.draft.zones()[cell]
        for target in opened.draft.frame()["code"]:
            answer = opened.draft.preview(opened.draft.move([cell], target))
            if target != source and answer.allowed and all(side.after is not None for side in answer.sides):
                return str(code), str(source), str(target)
    raise AssertionError("no building of the town may move")


def test_an_edit_is_kept_with_everything_that_hangs_on_it(city: Path) -> None:
    before = read(city, "micro_grids").set_index("code")
    opened = open_draft(city)
    code, source, target = a_move(opened)
    answer = opened.draft.apply(opened.draft.move(opened.draft.cells_of_building(code), target))
    done = save_draft(opened, day="2026-05-01")
    assert broken(city) == []
    after = read(city, "micro_grids").set_index("code")
    for side in answer.sides:
        assert int(after.at[side.code, "households"]) == side.after.households
        assert after.geometry[side.code].equals(side.geometry)
        assert after.at[side.code, "valid_from"] == "2026-05-01"
    untouched = before.index.difference([source, target])
    assert (shapely.to_wkb(after.geometry[untouched].to_numpy()) == shapely.to_wkb(
        before.geometry[untouched].to_numpy())).all()
    assert read(city, "buildings").set_index("code").at[code, "micro_grid"] == target
    past = read(city, "micro_grids_history").set_index("code")
    assert set(past.index) == {source, target} and past.geometry[source].equals(before.geometry[source])
    assert set(done.moves["to_micro_grid"]) <= {target}
    assert set(read(city, "lineage")["kind"]) <= {"kept", "moved"}


def street_share(city: Path) -> float:
    with open_store(city) as store:
        return float(store.meta()["street_share"])


def of_a_first_split(city: Path) -> float:
    """What a first split says of the plan that a store keeps, its micro-grids given."""
    given = {name: read(city, name) for name in ("communities", "grids", "micro_grids")}
    return split_levels({**town(), **given}).street_share


def test_the_kept_share_on_streets_is_that_of_the_plan_as_it_is(city: Path) -> None:
    built = street_share(city)
    assert built == pytest.approx(of_a_first_split(city), abs=1e-4)  # kept with four digits
    opened = open_draft(city)
    code, _, target = a_move(opened)
    opened.draft.apply(opened.draft.move(opened.draft.cells_of_building(code), target))
    save_draft(opened, day="2026-05-01")
    edited = street_share(city)
    assert edited != built and edited == pytest.approx(of_a_first_split(city), abs=1e-4)
    split_again(city, households=(10, 15, 30), day="2026-06-01")
    planned = street_share(city)
    assert planned not in (edited, built) and planned == pytest.approx(of_a_first_split(city), abs=1e-4)


def test_a_new_micro_grid_has_the_code_that_the_answer_gave(city: Path) -> None:
    opened = open_draft(city)
    for code in opened.draft.frame()["code"]:
        try:
            move = opened.draft.divide(code)
        except MoveNotAllowed:
            continue
        answer = opened.draft.apply(move)
        break
    made = next(side.code for side in answer.sides if side.before is None)
    save_draft(opened, day="2026-05-01")
    assert broken(city) == [] and made in set(read(city, "micro_grids")["code"])
    again = open_draft(city)
    again.draft.apply(again.draft.merge(made, code))
    save_draft(again, day="2026-06-01")
    assert broken(city) == [] and made not in set(read(city, "micro_grids")["code"])
    third = open_draft(city)
    other = next(side.code for side in third.draft.apply(third.draft.divide(code)).sides if side.before is None)
    assert other != made  # a code that ended is never given again


def test_two_people_do_not_write_over_each_other(city: Path) -> None:
    mine, theirs = open_draft(city), open_draft(city)
    for opened in (mine, theirs):
        code, _, target = a_move(opened)
        opened.draft.apply(opened.draft.move(opened.draft.cells_of_building(code), target))
    save_draft(theirs)
    with pytest.raises(StoreBusy, match="somebody else"):
        save_draft(mine)
    assert broken(city) == []


def test_locks_hold_and_a_draft_that_was_tampered_with_is_refused(city: Path) -> None:
    code, source, target = a_move(open_draft(city))
    set_locks(city, lock=[source])
    opened = open_draft(city)
    with pytest.raises(MoveNotAllowed, match="locked"):
        opened.draft.apply(opened.draft.move(opened.draft.cells_of_building(code), target))
    position = opened.draft._position(opened.draft.cells_of_building(code)[0])
    opened.draft._put([position], [opened.draft._zone_number(target)])
    with pytest.raises(MoveNotAllowed, match="locked"):
        save_draft(opened)
    assert broken(city) == []
