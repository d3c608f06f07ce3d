"""Where low and high values cluster: local Moran's I and Gi*, with chance and the number of tests accounted for."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array, csr_array, eye_array
from scipy.stats import false_discovery_control, norm

from layers.errors import WrongCall

__all__ = ["hot_spots", "neighbours"]

#: Areas that are compared with chance at once: more would leave the processor's cache.
_TOGETHER = 16


def neighbours(areas: gpd.GeoDataFrame) -> csr_array:
    """Which areas share more than a point of border: ones, symmetric, in the order of rows.

    Areas that lie on each other, as micro-grids of one tower do, are neighbours too.

    Examples
    --------
    >>> squares = gpd.GeoDataFrame(geometry=[shapely.box(x, 0, x + 1, 1) for x in (0, 1, 5)], crs="EPSG:4549")
    >>> neighbours(squares).toarray().tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    shapes = np.array(areas.geometry.array, dtype=object)
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    apart = one < other
    one, other = one[apart], other[apart]
    # most neighbours have a whole segment in common, which is found at once; the others are laid over each other
    lines = np.isin(one * len(shapes) + other, _common_segments(shapes))
    rest = np.flatnonzero(~lines)
    common = shapely.intersection(shapes[one[rest]], shapes[other[rest]])
    lines[rest] = shapely.get_dimensions(common) >= 1
    one, other = one[lines], other[lines]
    ones = np.ones(2 * len(one))
    pairs = (np.concatenate([one, other]), np.concatenate([other, one]))
    return csr_array(coo_array((ones, pairs), shape=(len(shapes), len(shapes))))


def _common_segments(shapes: np.ndarray) -> np.ndarray:
    """Pairs of areas with a segment of their outlines in common, node by node, as `smaller * n + larger`."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    same = (ring[1:] == ring[:-1]) & (points[1:] != points[:-1]).any(axis=1)
    start, end, area = points[:-1][same], points[1:][same], owner[part[ring[:-1][same]]]
    swap = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    ends = np.hstack([np.where(swap[:, None], end, start), np.where(swap[:, None], start, end)])
    order = np.lexsort(ends.T[::-1])
    ends, area = ends[order], area[order]
    twice = np.flatnonzero((ends[1:] == ends[:-1]).all(axis=1))
    low, high = np.minimum(area[twice], area[twice + 1]), np.maximum(area[twice], area[twice + 1])
    return np.unique(low * len(shapes) + high)


def hot_spots(
    values: pd.Series, areas: gpd.GeoDataFrame, *, share: float = 0.05, draws: int = 999, seed: int = 0
) -> pd.DataFrame:
    """Local Moran's I (Anselin 1995) and Gi* (Ord and Getis 1995) of a value over areas.

    Parameters
    ----------
    values
        One a row of `areas`, same index; NaN is left out, with its neighbourhoods.
    areas
        Areas with a `code`; the answer does not hang on the order of rows.
    share
        False discoveries allowed among those called clusters (Benjamini and Hochberg 1995).
    draws
        Conditional random arrangements behind each p-value of Moran's I.
    seed
        Of the arrangements.

    Returns
    -------
    DataFrame on the index of `areas`: `local_moran`, `p_moran` (one-sided pseudo p), `gi_star` (z-score), `p_gi`
    (normal, two-sided), and `cluster`: `low` or `high` (a low value among low ones, a high among high ones),
    `low_outlier`, `high_outlier` (unlike its neighbours), `none` (not beyond chance) or `no_data`.

    Raises
    ------
    WrongCall
        Where codes are missing or stand twice, or the numbers are out of range.

    Examples
    --------
    >>> squares = gpd.GeoDataFrame({"code": [str(n) for n in range(100, 164)]}, crs="EPSG:4549",
    ...     geometry=[shapely.box(x, y, x + 1, y + 1) for x in range(8) for y in range(8)])
    >>> value = pd.Series(np.where(squares.centroid.x < 3, 0.0, 1.0))
    >>> hot_spots(value, squares)["cluster"].iloc[0], hot_spots(value, squares)["cluster"].iloc[-1]
    ('low', 'none')
    """
    if "code" not in areas or areas["code"].isna().any() or areas["code"].duplicated().any():
        raise WrongCall("a code of areas is missing or stands twice; give each its own")
    if not values.index.equals(areas.index):
        raise WrongCall("values and areas have different rows; give one value an area, on the same index")
    if not 0 < share < 1 or draws < 99:
        raise WrongCall("share must lie between 0 and 1, and draws be 99 or more")
    number = pd.to_numeric(values).to_numpy(dtype="float64", na_value=np.nan)
    known = np.flatnonzero(np.isfinite(number))
    # in the order of codes, so that the draws do not hang on the order of rows
    known = known[np.argsort(areas["code"].to_numpy(dtype=object)[known], kind="stable")]
    made = pd.DataFrame(
        {"local_moran": np.nan, "p_moran": np.nan, "gi_star": np.nan, "p_gi": np.nan, "cluster": "no_data"},
        index=areas.index,
    )
    value, count = number[known], len(known)
    if count < 4 or value.std() == 0:
        made.iloc[known, 4] = "none"
        return made
    links = neighbours(areas.iloc[known])
    z = (value - value.mean()) / value.std()
    degree = np.diff(links.indptr)
    rows = csr_array((links.data / np.repeat(np.maximum(degree, 1), degree), links.indices, links.indptr),
                     shape=links.shape)  # fmt: skip
    lag = rows @ z
    moran = z * lag * (count - 1) / count
    p_moran = _pseudo_p(z, lag, degree, draws, seed)
    star = links + eye_array(count)
    size = np.asarray(star.sum(axis=1)).ravel()
    gi = (star @ value - value.mean() * size) / (value.std() * np.sqrt((count * size - size**2) / (count - 1)))
    p_gi = 2 * norm.sf(np.abs(gi))
    linked = degree > 0
    real = np.zeros(count, dtype=bool)
    if linked.any():
        real[linked] = false_discovery_control(np.minimum(p_moran[linked], 1.0)) <= share
    names = np.select(
        [~real, (z < 0) & (lag < 0), (z > 0) & (lag > 0), z < 0], ["none", "low", "high", "low_outlier"], "high_outlier"
    )
    made.iloc[known, :4] = np.column_stack([moran, np.where(linked, p_moran, np.nan), gi, p_gi])
    made.iloc[known, 4] = names
    return made


def _pseudo_p(z: np.ndarray, lag: np.ndarray, degree: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """How often chance gives each area neighbours at least as extreme: others are dealt out at random around it."""
    rng = np.random.default_rng(seed)
    most = int(degree.max(initial=0))
    p = np.ones(len(z))
    if not most:
        return p
    deals = np.argsort(rng.random((draws, len(z) - 1)), axis=1)[:, :most] if len(z) < 3000 else rng.integers(
        0, len(z) - 1, (draws, most)
    )
    for size in np.unique(degree[degree > 0]):
        hand = deals[:, :size]
        areas = np.flatnonzero(degree == size)
        for begin in range(0, len(areas), _TOGETHER):
            some = areas[begin : begin + _TOGETHER, None, None]
            # the others without the area itself
            dealt = z[hand + (hand >= some)].mean(axis=2)
            larger = (dealt >= lag[some[:, 0]]).sum(axis=1)
            p[some.ravel()] = (np.minimum(larger, draws - larger) + 1) / (draws + 1)
    return p
