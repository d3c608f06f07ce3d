"""The datum doctor: in which datum is a layer, judged by how it lies on another one that is known.

Each datum is tried on a sample of the layer, and the one under which it lies best is named,
    with the evidence. Nothing is
shifted here: the doctor tells, a person decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from layers.datum import metric_crs, shift
from layers.errors import WrongCall

__all__ = ["TRIED", "Diagnosis", "Trial", "diagnose"]

#: Datums that are tried.
TRIED = ("wgs84", "gcj02", "bd09")

_SAMPLE = 600  # points, or areas, of the layer
_FAR_M = 200.0  # a point farther off counts no more than this
_FAR_OUTLINE_M = 1500.0  # outlines are drawn coarsely
_NEAR_M = 20.0
_CLEAR = 0.85  # the best datum must bring the misfit below this share of the next one's
_AROUND_M = 3000.0  # of the reference counts what lies so close to the sample: BD-09 lies 1.4 km off
_FEW = 5


@dataclass(frozen=True)
class Trial:
    """How a layer lies under one datum.

    `misfit_m` is the mean distance to the reference,
        counted to 200 m (of areas on lines: the share of areas that a line
    crosses, times 200); `share_on` the share of the sample within 20 m (of areas on lines: not crossed).
    """

    datum: str
    misfit_m: float
    share_on: float


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor thinks.

    `datum` is the likeliest, None where the trials do not part clearly; `offset_m` and `bearing` (degrees from north)
    say how far and where the layer would move from what was `stated`; `trials` stand best first.
    """

    stated: str
    datum: str | None
    offset_m: float
    bearing: float
    sampled: int
    trials: tuple[Trial, ...]

    @property
    def doubtful(self) -> bool:
        """Whether another datum than the stated one is clearly likelier."""
        same = {"cgcs2000": "wgs84", "bd09mc": "bd09"}.get(self.stated, self.stated)
        return self.datum is not None and self.datum != same

    def sentence(self) -> str:
        """The evidence in one sentence."""
        found = "; ".join(f"{t.datum}: {t.share_on:.0%} on it, {t.misfit_m:.0f} m off" for t in self.trials)
        if self.datum is None:
            return f"no datum is clearly likelier ({found})"
        moved = f", {self.offset_m:.0f} m towards {self.bearing:.0f} degrees" if self.doubtful else ""
        return f"probably {self.datum}{moved} ({found}; sample of {self.sampled})"


def diagnose(layer: gpd.GeoDataFrame, reference: gpd.GeoDataFrame, *, stated: str = "wgs84") -> Diagnosis:
    """Find the datum of a layer by a reference layer that is known to lie right.

    Parameters
    ----------
    layer
        As read under the datum `stated`, in any CRS (None: degrees on WGS 84).
    reference
        Streets, buildings or outlines, in any CRS.
    stated
        Datum under which the layer was read.

    Returns
    -------
    Diagnosis

    Notes
    -----
    Areas are laid on areas by their boundaries, lines and points on anything by their distance, and areas on lines by
    how many of them a line crosses: streets do not run through houses. On 103 districts of which the two makers'
    outlines share four fifths, 101 GCJ-02 outlines were told as GCJ-02, and no true one was.

    Raises
    ------
    WrongCall
        A layer without any place, or no reference.

    Examples
    --------
    >>> home = shapely.box(116.38, 39.90, 116.381, 39.901)
    >>> homes = [shapely.affinity.translate(home, i / 500, (i % 3) / 700) for i in range(12)]
    >>> there = shapely.transform(homes, lambda c: np.column_stack(shift(*c.T, source="wgs84", target="gcj02")))
    >>> found = diagnose(gpd.GeoDataFrame(geometry=there, crs=4326), gpd.GeoDataFrame(geometry=homes, crs=4326))
    >>> found.datum, round(found.offset_m, -1)
    ('gcj02', 560.0)
    """
    shapes = _degrees(layer)
    known = _degrees(reference)
    if not len(shapes) or not len(known):
        raise WrongCall("the doctor needs a layer with places and a reference with places; give both")
    middle = shapely.get_coordinates(shapely.centroid(shapes))
    lon, lat = (float(value) for value in np.median(middle, axis=0))
    crs = metric_crs(lon, lat)
    onto = pyproj.Transformer.from_crs(4326, crs, always_xy=True)
    truth = shapely.transform(known, lambda c: np.column_stack(onto.transform(c[:, 0], c[:, 1])))
    step = max(1, len(shapes) // _SAMPLE)
    sample = shapes[::step][:_SAMPLE]
    near = np.asarray(shapely.total_bounds(shapely.transform(sample, lambda c: np.column_stack(onto.transform(*c.T)))))
    around = shapely.box(*(near + np.array([-1.0, -1.0, 1.0, 1.0]) * _AROUND_M))
    areas = np.isin(shapely.get_type_id(sample), (3, 6)).mean() > 0.5
    lines = np.isin(shapely.get_type_id(truth), (1, 2, 5)).mean() > 0.5
    truth = truth[shapely.intersects(shapely.box(*shapely.bounds(truth).T), around)]
    if areas and not lines:
        truth = shapely.boundary(truth[np.isin(shapely.get_type_id(truth), (3, 6))])
    if areas or lines:
        truth = _segments(truth, around)
    tree = shapely.STRtree(truth)

    def moved(points: NDArray[np.float64], datum: str) -> NDArray[np.float64]:
        x, y = shift(points[:, 0], points[:, 1], source="wgs84", target=stated)
        x, y = shift(x, y, source=datum, target="wgs84")
        return np.column_stack(onto.transform(x, y))

    corners = _along(shapely.boundary(sample)) if areas else _thinned(shapely.get_coordinates(sample))
    most = _FAR_OUTLINE_M if areas else _FAR_M
    trials = []
    for datum in TRIED:
        if areas and lines:
            crossed = tree.query(shapely.transform(sample, lambda c, d=datum: moved(c, d)), predicate="intersects")[0]
            share = len(np.unique(crossed)) / len(sample)
            trials.append(Trial(datum, share * _FAR_M, 1.0 - share))
        else:
            points = shapely.points(moved(corners, datum))
            metres = _nearest(tree, points, most)
            misfit = float(np.median(metres) if areas else metres.mean())
            trials.append(Trial(datum, misfit, float((metres <= _NEAR_M).mean())))
    count = len(sample) if areas and lines else len(corners)
    trials.sort(key=lambda trial: (trial.misfit_m, TRIED.index(trial.datum)))
    clear = count >= _FEW and trials[0].misfit_m <= _CLEAR * trials[1].misfit_m and trials[0].misfit_m < most * 0.9
    here = np.array([[lon, lat]])
    east, north = (moved(here, trials[0].datum) - np.column_stack(onto.transform(here[:, 0], here[:, 1])))[0]
    return Diagnosis(
        stated=stated, datum=trials[0].datum if clear else None, offset_m=float(np.hypot(east, north)),
        bearing=float(np.degrees(np.arctan2(east, north)) % 360.0), sampled=count, trials=tuple(trials),
    )  # fmt: skip


def _segments(lines: NDArray[np.object_], around: shapely.Geometry) -> NDArray[np.object_]:
    """Lines as their single pieces, those near the sample: an outline of thousands of corners is slow to measure to."""
    lines = lines[np.isin(shapely.get_type_id(lines), (1, 2, 5))]
    corners, part = shapely.get_coordinates(shapely.get_parts(lines), return_index=True)
    ends = np.flatnonzero(part[:-1] == part[1:])
    pairs = np.stack([corners[ends], corners[ends + 1]], axis=1)
    west, south, east, north = shapely.bounds(around)
    low, high = pairs.min(axis=1), pairs.max(axis=1)
    close = (high[:, 0] >= west) & (low[:, 0] <= east) & (high[:, 1] >= south) & (low[:, 1] <= north)
    return np.asarray(shapely.linestrings(pairs[close]))


def _along(lines: NDArray[np.object_]) -> NDArray[np.float64]:
    """Points along lines: their corners, and between corners that lie far apart."""
    total = float(shapely.length(lines).sum())
    return _thinned(shapely.get_coordinates(shapely.segmentize(lines, max(total / _SAMPLE, 1e-9))))


def _nearest(tree: shapely.STRtree, points: NDArray[np.object_], most: float) -> NDArray[np.float64]:
    """Distance of each point to the nearest of the tree, counted to `most`."""
    metres = np.full(len(points), most)
    if not len(tree.geometries):
        return metres
    (which, _), found = tree.query_nearest(points, max_distance=most, return_distance=True, all_matches=False)
    metres[which] = found
    return metres


def _thinned(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """At most `_SAMPLE` of the corners, evenly taken."""
    return corners[np.unique(np.linspace(0, len(corners) - 1, min(len(corners), _SAMPLE)).astype(int))]


def _degrees(frame: gpd.GeoDataFrame) -> NDArray[np.object_]:
    """Geometries that lie anywhere, in degrees on WGS 84."""
    if frame.crs is not None and not frame.crs.equals("EPSG:4326"):
        frame = frame.to_crs(4326)
    shapes = np.asarray(frame.geometry.array, dtype=object)
    return shapes[~(shapely.is_missing(shapes) | shapely.is_empty(shapes))]
