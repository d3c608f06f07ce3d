"""The promises of a split, checked with Shapely and networkx alone: nothing here comes from the splitter."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely


def drawn(micro_grids: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """One row a drawn area: of a stack the first."""
    stack = micro_grids["stack"].where(micro_grids["stack"].notna(), micro_grids["code"])
    return micro_grids[~stack.duplicated()]


def assert_tiles(micro_grids: gpd.GeoDataFrame, outline: shapely.Geometry) -> None:
    """No gap, no overlap: by area, and by segments."""
    areas = drawn(micro_grids).geometry.to_numpy()
    assert shapely.is_valid(areas).all()
    gap, overlap, bad, _ = tiling(areas, outline, np.empty(0, dtype=object))
    assert gap < 1.0
    assert overlap < 0.01
    assert bad == 0


def tiling(areas: np.ndarray, outline: shapely.Geometry, lines: np.ndarray) -> tuple[float, float, int, float]:
    """Gap and overlap (m2), segments that fit no neighbour, and the share of inner boundary that lies on lines.

    Each segment, ends rounded to a millimetre, belongs to two areas, or to one and to the outline.
    """
    gap = float(shapely.symmetric_difference(shapely.union_all(areas), outline).area)
    left, right = shapely.STRtree(areas).query(areas, predicate="overlaps")
    keep = left < right
    overlap = float(shapely.area(shapely.intersection(areas[left[keep]], areas[right[keep]])).sum())
    rings = shapely.get_rings(areas)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    whole = np.rint(points * 1000).astype(np.int64)
    keep = (ring[:-1] == ring[1:]) & (whole[:-1] != whole[1:]).any(axis=1)
    start, end = whole[:-1][keep], whole[1:][keep]
    swap = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    ends = np.where(swap[:, None], np.hstack([end, start]), np.hstack([start, end]))
    ends = ends[np.lexsort(ends.T)]
    first = np.flatnonzero(np.r_[True, (ends[1:] != ends[:-1]).any(axis=1)])
    used = np.diff(np.r_[first, len(ends)])
    ends = ends[first] / 1000.0
    once = used == 1
    middle = shapely.points((ends[:, :2] + ends[:, 2:]) / 2)
    border = _pieces(np.array([shapely.boundary(outline)]))
    off = ~_near(middle[once], border, 0.002)
    bad = int((used > 2).sum() + off.sum())
    edge = float(np.hypot(*(ends[once, 2:] - ends[once, :2]).T).sum())
    if abs(edge - shapely.boundary(outline).length) > 1e-4 * max(edge, 1.0):
        bad += 1
    twice = used == 2
    length = np.hypot(*(ends[twice, 2:] - ends[twice, :2]).T)
    on = _near(middle[twice], _pieces(lines), 0.05)
    return gap, overlap, bad, float(length[on].sum() / length.sum()) if length.sum() else 1.0


def _pieces(lines: np.ndarray) -> np.ndarray:
    """Lines as single segments, so that an index finds them."""
    parts = shapely.get_parts(lines)
    points, line = shapely.get_coordinates(parts, return_index=True)
    keep = line[:-1] == line[1:] if len(line) else np.empty(0, dtype=bool)
    return shapely.linestrings(np.stack([points[:-1][keep], points[1:][keep]], axis=1)) if keep.any() else parts[:0]


def _near(points: np.ndarray, segments: np.ndarray, metres: float) -> np.ndarray:
    found = np.zeros(len(points), dtype=bool)
    if len(points) and len(segments):
        found[shapely.STRtree(segments).query_nearest(points, max_distance=metres, all_matches=False)[0]] = True
    return found


def assert_stacks(micro_grids: gpd.GeoDataFrame) -> None:
    """Micro-grids of one stack share exactly one area, and their floors do not overlap."""
    for _, stack in micro_grids[micro_grids["stack"].notna()].groupby("stack"):
        assert len(stack) > 1
        assert shapely.equals_exact(stack.geometry.to_numpy(), stack.geometry.iloc[0], 0).all()
        floors = stack.sort_values("floor_from")
        assert (floors["floor_from"].to_numpy()[1:] == floors["floor_to"].to_numpy()[:-1] + 1).all()


def assert_connected(micro_grids: gpd.GeoDataFrame) -> None:
    """Every micro-grid is one polygon."""
    assert set(micro_grids.geometry.geom_type) == {"Polygon"}


def assert_conserved(micro_grids: gpd.GeoDataFrame, parts: pd.DataFrame, total: int) -> None:
    """Every household is in exactly one micro-grid."""
    assert int(micro_grids["households"].sum()) == total
    assert int(parts["households"].sum()) == total
    by_code = parts.groupby("micro_grid")["households"].sum().reindex(micro_grids["code"]).fillna(0)
    assert by_code.to_numpy().tolist() == micro_grids["households"].tolist()


def assert_band(micro_grids: gpd.GeoDataFrame, low: int, high: int) -> None:
    """`within_band` is right, and every row out of the band says why in words."""
    assert (micro_grids["households"].between(low, high) == micro_grids["within_band"]).all()
    out = micro_grids[~micro_grids["within_band"]]
    assert (out["reason"].fillna("").str.len() > 10).all()
    assert (out["reason_zh"].fillna("").str.len() > 3).all()


def assert_codes(units: dict[str, gpd.GeoDataFrame]) -> None:
    """Codes are unique text of the right length and nest by prefix; areas nest too."""
    lengths = {"districts": 6, "streets": 9, "communities": 12, "grids": 15, "micro_grids": 18}
    above: tuple[str, gpd.GeoDataFrame] | None = None
    for level, length in lengths.items():
        frame = units[level]
        assert frame["code"].map(lambda code: isinstance(code, str) and code.isdigit()).all()
        assert set(frame["code"].str.len()) == {length}
        assert frame["code"].is_unique
        if above is not None:
            parents = above[1].set_index("code").geometry
            mothers = frame["code"].str[: lengths[above[0]]]
            assert mothers.isin(parents.index).all()
            assert (frame["parent"] == mothers).all()
            outside = shapely.area(shapely.difference(frame.geometry.to_numpy(), parents[mothers].to_numpy()))
            assert outside.max() < 0.01
        above = (level, frame)


def whole_buildings_cut(micro_grids: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, high: int) -> list[int]:
    """Positions of buildings of at most `high` households with more than 0.5 m2 in another micro-grid."""
    areas = drawn(micro_grids).geometry.to_numpy()
    footprints = buildings.geometry.to_numpy()
    which, area = shapely.STRtree(areas).query(footprints, predicate="intersects")
    shared = shapely.area(shapely.intersection(footprints[which], areas[area]))
    table = pd.DataFrame({"building": which, "shared": shared})
    most = table.groupby("building")["shared"].max()
    inside = table.groupby("building")["shared"].sum()
    cut = (inside - most > 0.5) & (buildings["households"].fillna(0).to_numpy()[most.index] <= high)
    return most.index[cut].tolist()


def neighbours(areas: np.ndarray) -> nx.Graph:
    """Areas that share a boundary of some length."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(areas)))
    left, right = shapely.STRtree(areas).query(areas, predicate="intersects")
    keep = left < right
    shared = shapely.length(shapely.intersection(areas[left[keep]], areas[right[keep]]))
    graph.add_edges_from(np.column_stack([left[keep], right[keep]])[shared > 0.01].tolist())
    return graph
