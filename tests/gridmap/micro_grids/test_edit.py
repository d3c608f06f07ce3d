"""Edits by hand: answers, refusals, undo and redo, and that no sequence of them breaks the tiling."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.cell_graph import graph_of_cells
from gridmap.micro_grids.edit import Draft, Move
from layers.errors import MoveNotAllowed, NotFound, WrongCall
from tests import checks

CRS = "EPSG:4547"
COMMUNITY = "990101001001"
GRID = COMMUNITY + "001"
BAND = Band(15, 25, 40)

#: One character a cell of 20 m: its micro-grid. A railway runs between the second and the third column; `T` is a tower.
PLAN = """
aabbb
aabbb
ccdTT
ccddd
"""
CODES = {"a": GRID + "001", "b": GRID + "002", "c": GRID + "003", "d": GRID + "004", "T": GRID + "005"}


def drawn_cells(plan: str = PLAN, households: int = 6) -> gpd.GeoDataFrame:
    rows = plan.split()
    marks = [(mark, x, y) for y, row in enumerate(rows) for x, mark in enumerate(row)]
    tower = {(x, y) for mark, x, y in marks if mark == "T"}
    alone = [spot in tower and spot == min(tower) for spot in ((x, y) for _, x, y in marks)]
    loads = [60 if alone[i] else 0 if mark == "T" else households for i, (mark, _, _) in enumerate(marks)]
    return gpd.GeoDataFrame(
        {
            "code": [f"c{x}{y}" for _, x, y in marks],
            "micro_grid": [CODES[mark] for mark, _, _ in marks],
            "community": COMMUNITY,
            "households": loads,
            "alone": alone,
        },
        geometry=[shapely.box(x * 20, -y * 20 - 20, x * 20 + 20, -y * 20) for _, x, y in marks],
        crs=CRS,
    )


def drawn_parts(cells: gpd.GeoDataFrame) -> pd.DataFrame:
    """One building a cell; the first two cells hold the two entrances of one building."""
    parts = pd.DataFrame({"code": "B" + cells["code"], "part_of": None, "cell": cells["code"]})
    parts["households"] = cells["households"]
    parts.loc[:1, "part_of"] = "slab"
    return parts


def rail() -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"kind": ["rail"]}, geometry=[shapely.LineString([(40, 10), (40, -90)])], crs=CRS)


def street() -> gpd.GeoDataFrame:
    line = shapely.LineString([(-10, -40), (110, -40)])
    return gpd.GeoDataFrame({"class": ["residential"]}, geometry=[line], crs=CRS)


def opened(**options: object) -> Draft:
    cells = drawn_cells()
    graph, block = graph_of_cells(cells, roads=street(), barriers=rail())
    return Draft(cells, drawn_parts(cells), graph, block, BAND, stacks=[CODES["T"]], **options)  # type: ignore[arg-type]


def rules(draft: Draft, move: Move) -> set[str]:
    return {breach.rule for breach in draft.preview(move).breaches}


def test_an_answer_has_both_sides_before_and_after() -> None:
    draft = opened()
    move = draft.move(["c00"], CODES["c"])
    assert rules(draft, move) == {"apart"}  # c00 does not touch the micro-grid below
    answer = draft.preview(draft.move(["c01"], CODES["c"]))
    assert answer.allowed and answer.connected and answer.households == 6 and answer.buildings == ("Bc01",)
    a, c = answer.sides
    assert (a.code, a.before.households, a.after.households, a.within_band) == (CODES["a"], 24, 18, True)
    assert (c.code, c.before.households, c.after.households) == (CODES["c"], 24, 30)
    # three squares in an L, then five: 4 pi area / perimeter squared
    assert a.after.compactness == pytest.approx(4 * np.pi * 1200 / 160**2)
    assert c.after.compactness == pytest.approx(4 * np.pi * 2000 / 200**2)
    assert a.before.street_share == pytest.approx(1 - 40 * 0.4 / 80 - 0)  # rail 40 m; street 40 m of strength 0.6
    assert answer.sides[0].geometry is None and draft.changed() == []  # a preview changes nothing
    done = draft.apply(draft.move(["c01"], CODES["c"]))
    assert done.sides[0].geometry.area == 1200 and draft.households(CODES["c"]) == 30
    assert draft.changed() == [CODES["a"], CODES["c"]]


def test_what_cannot_be_is_refused_with_its_reason() -> None:
    draft = opened(locked=[CODES["c"]])
    assert "locked" in rules(draft, draft.move(["c01"], CODES["c"]))
    with pytest.raises(MoveNotAllowed, match="is locked"):
        draft.apply(draft.move(["c01"], CODES["c"]))
    tower = draft.move(draft.cells_of(CODES["T"]), CODES["d"])
    assert "stack" in rules(draft, tower) and not draft.preview(tower).allowed
    with pytest.raises(MoveNotAllowed, match="tower"):
        draft.apply(draft.move(["c32"], CODES["b"]))
    assert "stack" in rules(draft, draft.move(["c22"], CODES["T"]))
    # the empty ground beside the tower is anybody's
    assert draft.preview(draft.move(["c42"], CODES["d"])).allowed
    assert rules(draft, draft.move(["c00"], CODES["a"])) == {"nothing"}
    assert not draft.preview(draft.move(draft.cells_of(CODES["a"]), None)).allowed
    middle = draft.move(["c21", "c31", "c41"], None)
    assert draft.preview(middle).allowed and draft.changed() == []
    with pytest.raises(NotFound, match="no micro-grid"):
        draft.preview(draft.move(["c00"], GRID + "777"))
    with pytest.raises(NotFound, match="no cell"):
        draft.preview(draft.move(["c99"], CODES["a"]))
    with pytest.raises(NotFound, match="no building"):
        draft.cells_of_building("nobody's")
    with pytest.raises(WrongCall):
        draft.preview(Move((), ()))


def test_warnings_say_what_breaks_in_both_languages() -> None:
    draft = opened()
    answer = draft.preview(draft.move(["c00", "c01", "c10"], CODES["b"]))
    assert answer.allowed
    # only the railway joins what is left of a (c11) ... and b crosses it
    assert {breach.rule for breach in answer.breaches} == {"band", "barrier"}
    assert any("少于15户" in words for words in answer.words("zh"))
    assert any("fewer than 15" in words for words in answer.words("en"))
    both = draft.preview(draft.merge(CODES["a"], CODES["b"]))
    assert {breach.rule for breach in both.breaches} == {"band", "barrier", "ends"}
    assert [side.after is None for side in both.sides] == [True, False]


def test_a_micro_grid_of_another_community_or_of_a_given_grid_is_out_of_reach() -> None:
    cells = drawn_cells()
    other = cells["micro_grid"] == CODES["b"]
    cells.loc[other, "micro_grid"] = COMMUNITY + "002001"
    graph, block = graph_of_cells(cells)
    parts = drawn_parts(cells)
    move = Move(("c10", "c11"), (COMMUNITY + "002001",) * 2)
    free = Draft(cells, parts, graph, block, BAND).preview(move)
    assert free.allowed and "grid" in {breach.rule for breach in free.breaches}
    given = Draft(cells, parts, graph, block, BAND, given_grids=[GRID]).preview(move)
    assert not given.allowed
    cells.loc[other, "micro_grid"], cells.loc[other, "community"] = "990101001002001001", "990101001002"
    apart = Draft(cells, parts, graph, block, BAND).preview(Move(("c10",), ("990101001002001001",)))
    assert "community" in {breach.rule for breach in apart.breaches} and not apart.allowed


def test_cells_are_found_by_building_block_and_lasso() -> None:
    draft = opened()
    assert draft.cells_of_building("slab") == ["c00", "c10"]
    assert draft.cells_of_building("Bc00") == ["c00"]
    assert set(draft.cells_of_block("c00")) == {f"c{x}{y}" for x in range(5) for y in (0, 1)}  # north of the street
    assert draft.cells_within(shapely.box(-5, -25, 25, 5)) == ["c00"]


def test_a_micro_grid_is_divided_into_connected_parts_with_new_codes() -> None:
    draft = opened(taken=[GRID + "006"])
    draft.apply(draft.merge(CODES["c"], CODES["a"]))
    answer = draft.apply(draft.divide(CODES["a"]))
    made = next(side for side in answer.sides if side.before is None)
    assert made.code == GRID + "007"  # 006 was used once: never again
    assert answer.connected and {side.after.households for side in answer.sides} == {24}
    with pytest.raises(MoveNotAllowed, match="cannot be divided"):
        draft.divide(CODES["T"])


def test_undo_and_redo_are_a_list() -> None:
    draft = opened()
    before = shapely.to_wkb(draft.frame().geometry.to_numpy()).tolist()
    first, second = draft.move(["c01"], CODES["c"]), draft.divide(CODES["b"])
    draft.apply(first)
    draft.apply(second)
    changed = shapely.to_wkb(draft.frame().geometry.to_numpy()).tolist()
    assert draft.history == [first, second]
    assert draft.undo() and draft.undo() and not draft.undo()
    assert draft.undone == [first, second]
    assert shapely.to_wkb(draft.frame().geometry.to_numpy()).tolist() == before and draft.changed() == []
    assert draft.redo() and draft.redo() and not draft.redo()
    assert shapely.to_wkb(draft.frame().geometry.to_numpy()).tolist() == changed
    draft.undo()
    draft.apply(draft.move(["c22"], None))  # a new move forgets what was taken back, its code included
    assert not draft.redo() and draft.changed()[-1] == GRID + "006"


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_no_sequence_of_edits_breaks_a_promise_and_undoing_all_gives_the_same_bytes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    draft = opened(locked=[CODES["c"]])
    opening = draft.frame()
    bytes_before = shapely.to_wkb(opening.geometry.to_numpy()).tolist()
    outline = opening.geometry.union_all()
    total, names = int(opening["households"].sum()), draft.zones().index
    made = 0
    for _ in range(12):
        codes = draft.frame()["code"].tolist()
        kind = rng.integers(0, 4)
        if kind == 0:
            move = draft.merge(*rng.choice(codes, 2, replace=False))
        elif kind == 1:
            try:
                move = draft.divide(str(rng.choice(codes)))
            except MoveNotAllowed:
                continue
        else:
            cells = rng.choice(names, rng.integers(1, 4), replace=False).tolist()
            move = draft.move(cells, None if kind == 2 else str(rng.choice(codes)))
        answer = draft.preview(move)
        if not answer.allowed:
            continue
        applied = draft.apply(move)
        made += 1
        for side in applied.sides:
            if side.after is not None:
                assert side.geometry.equals_exact(draft.area(side.code), 0.0)
                assert side.after.households == draft.households(side.code)
        frame = draft.frame()
        assert int(frame["households"].sum()) == total
        assert shapely.coverage_is_valid(frame.geometry.to_numpy())
        assert frame.geometry.union_all().equals(outline)
        assert set(frame.geometry.geom_type) == {"Polygon"}
    assert draft.check() == []
    assert draft.area(CODES["c"]).equals(opening.set_index("code").geometry[CODES["c"]])
    assert len(draft.history) == made
    while draft.undo():
        pass
    assert shapely.to_wkb(draft.frame().geometry.to_numpy()).tolist() == bytes_before


def test_the_check_before_saving_sees_a_plan_that_was_tampered_with() -> None:
    draft = opened(locked=[CODES["b"]])
    assert draft.check() == []
    draft._put([0, 6], [draft._zone_number(CODES["d"])] * 2)  # two cells far from micro-grid d
    draft._put([2], [draft._zone_number(CODES["a"])])
    assert {breach.rule for breach in draft.check()} >= {"apart", "locked"}


def test_connectedness_agrees_with_networkx() -> None:
    cells = drawn_cells()
    graph, _ = graph_of_cells(cells, barriers=rail())
    neighbours = checks.neighbours(cells.geometry.to_numpy())
    pairs = set(zip(graph.a.tolist(), graph.b.tolist(), strict=True))
    assert pairs == {tuple(sorted(pair)) for pair in neighbours.edges}
    shut = {(int(a), int(b)) for a, b, is_open in zip(graph.a, graph.b, graph.open, strict=True) if not is_open}
    assert len(shut) == 4 and nx.is_connected(neighbours)
