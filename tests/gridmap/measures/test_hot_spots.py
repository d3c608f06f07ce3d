"""Hot spots equal to esda, quiet on noise, and found where they were put."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from shapely import box, union_all

from gridmap.measures import hot_spots, neighbours
from gridmap.measures.hot_spots import _pseudo_p
from layers.errors import WrongCall


@pytest.fixture
def squares() -> gpd.GeoDataFrame:
    """144 squares, 12 by 12."""
    return gpd.GeoDataFrame(
        {"code": [f"{x:03d}{y:03d}" for x in range(12) for y in range(12)]},
        geometry=[box(x, y, x + 1, y + 1) for x in range(12) for y in range(12)], crs="EPSG:4549",
    )


@pytest.fixture
def values(squares) -> pd.Series:
    """Noise, with a hollow in one corner."""
    noise = np.random.default_rng(3).normal(0.7, 0.05, len(squares))
    middle = squares.centroid
    return pd.Series(np.where((middle.x < 4) & (middle.y < 4), noise - 0.5, noise), index=squares.index)


def test_statistics_equal_esda(squares, values):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from esda import G_Local, Moran_Local
        from libpysal.weights import Rook

        rook = Rook.from_dataframe(squares, use_index=False)
        moran = Moran_Local(values.to_numpy(), rook, permutations=999, seed=1)
        gi = G_Local(values.to_numpy(), rook, star=True, transform="B", permutations=0)
    ours = hot_spots(values, squares)
    assert ours["local_moran"].to_numpy() == pytest.approx(moran.Is, rel=1e-9)
    assert ours["gi_star"].to_numpy() == pytest.approx(gi.Zs, rel=1e-9)
    # chance differs from draw to draw, by the error of a share in 999 draws
    assert np.abs(ours["p_moran"].to_numpy() - moran.p_sim).max() < 0.08


@pytest.mark.parametrize("seed", range(20))
def test_neighbours_are_those_whose_common_ground_is_more_than_points(seed):
    # boxes that touch at corners, along whole and half sides, lie over each other, twice the same
    rng = np.random.default_rng(seed)
    corner, side = rng.integers(0, 5, (30, 2)), rng.integers(1, 4, (30, 2))
    shapes = box(*corner.T, *(corner + side).T)
    shapes[:3] = shapes[3:6]
    shapes[7] = union_all([box(8, 8, 9, 9), box(10, 10, 11, 11), box(9, 0, 10, 1)])
    shapes[8], shapes[9] = box(9, 8, 10, 9), box(11, 11, 12, 12)
    plain = [[float(a != b and shapes[a].intersection(shapes[b]).length > 0) for b in range(30)] for a in range(30)]
    assert neighbours(gpd.GeoDataFrame(geometry=shapes)).toarray().tolist() == plain


@pytest.mark.parametrize("count", [25, 3100])  # few areas are dealt otherwise than many
def test_chance_is_that_of_one_area_after_the_other(count):
    rng = np.random.default_rng(count)
    z, degree = rng.normal(size=count), rng.integers(0, 7, count)
    lag, seed, draws = rng.normal(size=count), 5, 99
    own = np.random.default_rng(seed)
    if count < 3000:
        deals = np.argsort(own.random((draws, count - 1)), axis=1)[:, : degree.max()]
    else:
        deals = own.integers(0, count - 1, (draws, degree.max()))
    found = _pseudo_p(z, lag, degree, draws, seed)
    for at in range(count):
        if not degree[at]:
            assert found[at] == 1
            continue
        others = np.delete(z, at)
        larger = int((others[deals[:, : degree[at]]].mean(axis=1) >= lag[at]).sum())
        assert found[at] == (min(larger, draws - larger) + 1) / (draws + 1)


def test_a_hollow_is_found_and_noise_is_not(squares, values):
    found = hot_spots(values, squares)["cluster"]
    inside = (squares.centroid.x < 3) & (squares.centroid.y < 3)
    assert (found[inside] == "low").all()
    far = (squares.centroid.x > 5) & (squares.centroid.y > 5)
    assert (found[far] == "none").all()
    noise = pd.Series(np.random.default_rng(5).normal(size=len(squares)), index=squares.index)
    assert (hot_spots(noise, squares)["cluster"] != "none").mean() < 0.05


def test_order_of_rows_does_not_matter_and_gaps_are_told(squares, values):
    values.iloc[100] = np.nan
    once = hot_spots(values, squares)
    mixed = np.random.default_rng(0).permutation(len(squares))
    again = hot_spots(values.iloc[mixed], squares.iloc[mixed]).sort_index()
    pd.testing.assert_frame_equal(once, again)
    assert once["cluster"].iloc[100] == "no_data"


def test_corners_are_no_neighbours_and_flat_values_no_clusters(squares):
    assert np.diff(neighbours(squares).indptr).tolist()[:2] == [2, 3]
    flat = hot_spots(pd.Series(1.0, index=squares.index), squares)
    assert set(flat["cluster"]) == {"none"}
    with pytest.raises(WrongCall, match="different rows"):
        hot_spots(pd.Series([1.0]), squares)
    with pytest.raises(WrongCall, match="stands twice"):
        hot_spots(pd.Series(1.0, index=squares.index), squares.assign(code="a"))
