"""Where a facility might be built: corners of streets, idle plots of the city, a file of places, a raster of land."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from gridmap.access.siting_candidates import buildable_cells, inside, street_corners, thinned
from layers.errors import BadFile, CrsMismatch, MissingLayer, WrongCall
from layers.findings import Findings
from layers.read import read_layer

__all__ = ["free_places", "read_areas", "wished"]

#: Candidates from street corners are no nearer to each other than this, and no more than so many.
_CORNERS_APART_M, _MOST = 40.0, 3000
#: One candidate in each square of this side of a raster, and never more raster cells than this.
_RASTER_EVERY_M, _MOST_CELLS = 100.0, 400_000_000


def free_places(
    asked: str | Path | None,
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame],
    crs: Any,
    *,
    datum: str | None,
    exclude: str | Path | None,
    use: str | None,
    min_area_m2: float,
    findings: Findings,
    area: shapely.Geometry | None = None,
) -> gpd.GeoDataFrame:
    """Candidates as points in the city's CRS, with `name` and `area_m2` where they are known.

    Parameters
    ----------
    asked
        None or `corners`: corners of the city's streets. `plots`: idle plots, the layer of that name in the city; or a
        file: places or areas of any kind that a city folder may hold, an ESRI ASCII grid (`.asc`) or a GeoTIFF (`.tif`,
        with the extra `gridmap[raster]`) of buildable land, above 0 where one may build.
    layers
        The city's layers: `roads`, `plots`.
    crs
        The city's CRS.
    datum
        Of files, where they do not say.
    exclude
        A file of areas where nothing may be built.
    use
        Of plots and areas: only those whose `use` holds this text.
    min_area_m2
        Of plots and areas: no smaller ones.
    findings
        What was odd about files is added here.
    area
        No place outside it; anywhere without it.

    Raises
    ------
    MissingLayer
        Where the city has not the layer asked for.
    BadFile, CrsMismatch
        Where a file cannot be read, or is in no known CRS.
    WrongCall
        Where no candidate is left.
    """
    free = _large_enough(_places(asked, layers, crs, datum, findings), use, min_area_m2)
    if area is not None and len(free):
        shapely.prepare(area)
        free = free[shapely.intersects(area, free.geometry.to_numpy())]
    if exclude is not None and len(free):
        free = free[~inside(free, read_areas(exclude, crs, datum, findings))]
    if not len(free):
        raise WrongCall("no candidate is left; name other candidates or exclude less")
    return free.reset_index(drop=True)


def read_areas(path: str | Path, crs: Any, datum: str | None, findings: Findings) -> gpd.GeoDataFrame:
    """Rows with a place of any file that a city folder may hold, in the city's CRS."""
    if not Path(path).is_file():
        raise BadFile(f"cannot read {path}: there is no such file; name one")
    frame, odd = read_layer(path, "green" if _is_drawn(path) else "facilities", datum=datum, crs=crs)
    findings.extend(odd)
    frame = frame.to_crs(crs)
    return frame[~(frame.geometry.isna() | frame.geometry.is_empty)].reset_index(drop=True)


def wished(
    free: gpd.GeoDataFrame, path: str | Path, crs: Any, datum: str | None, findings: Findings
) -> np.ndarray:
    """How much each candidate is wished for: 1 inside the areas of the file, 0 elsewhere."""
    return inside(free, read_areas(path, crs, datum, findings)).astype(np.float64)


def _places(
    asked: str | Path | None, layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame], crs: Any, datum: str | None,
    findings: Findings,
) -> gpd.GeoDataFrame:
    if asked is None or str(asked) == "corners":
        roads = layers.get("roads")
        if not isinstance(roads, gpd.GeoDataFrame) or not len(roads):
            raise MissingLayer("the city has no roads to take corners of; name a file of candidates (--candidates)")
        return thinned(street_corners(roads), apart_m=_CORNERS_APART_M, most=_MOST)
    if str(asked) == "plots":
        plots = layers.get("plots")
        if not isinstance(plots, gpd.GeoDataFrame) or not len(plots):
            raise MissingLayer("the city has no layer plots; put a file of idle plots into its folder and build again")
        return _as_points(plots[~(plots.geometry.isna() | plots.geometry.is_empty)])
    path = Path(asked)
    if path.suffix.lower() == ".asc":
        return thinned(_ascii_grid(path, crs), apart_m=0, most=_MOST)
    if path.suffix.lower() in (".tif", ".tiff"):
        return thinned(_geotiff(path, crs), apart_m=0, most=_MOST)
    return _as_points(read_areas(path, crs, datum, findings))


def _as_points(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """A point in each place, and the ground that it has: what is drawn, else what the file says."""
    drawn = frame.geometry.area
    said = pd.to_numeric(frame["area_m2"], errors="coerce") if "area_m2" in frame else pd.Series(np.nan, frame.index)
    ground = drawn.where(drawn > 0, said.astype("float64"))
    return frame.assign(area_m2=ground, geometry=frame.geometry.representative_point())


def _large_enough(free: gpd.GeoDataFrame, use: str | None, min_area_m2: float) -> gpd.GeoDataFrame:
    if use is not None:
        if "use" not in free:
            raise WrongCall("the candidates have no column 'use'; leave --use out, or name plots that have one")
        free = free[free["use"].astype("object").map(lambda text: isinstance(text, str) and use in text).astype(bool)]
    if min_area_m2 > 0:
        if "area_m2" not in free:
            raise WrongCall("the candidates have no area; leave --min-area out, or name plots or areas")
        free = free[free["area_m2"].fillna(0) >= min_area_m2]
    return free


def _is_drawn(path: str | Path) -> bool:
    """Whether a file holds areas or lines; then its rows need no kind."""
    import pyogrio

    try:
        return "Polygon" in str(pyogrio.read_info(path)["geometry_type"])
    except (pyogrio.errors.DataSourceError, ValueError):
        return False


def _ascii_grid(path: Path, crs: Any) -> gpd.GeoDataFrame:
    """Buildable cells of an ESRI ASCII grid."""
    head: dict[str, float] = {}
    try:
        lines = path.read_text(encoding="ascii").split("\n")
        while lines and lines[0][:1].isalpha():
            name, value = lines.pop(0).split()
            head[name.lower()] = float(value)
        land = np.array([[float(cell) for cell in line.split()] for line in lines if line.strip()])
        cell, rows = head["cellsize"], int(head["nrows"])
        shift = cell / 2 if "xllcenter" in head else 0.0
        west = head.get("xllcorner", head.get("xllcenter", 0.0)) - shift
        south = head.get("yllcorner", head.get("yllcenter", 0.0)) - shift
        if land.shape != (rows, int(head["ncols"])):
            raise ValueError
    except (OSError, UnicodeDecodeError, ValueError, KeyError):
        raise BadFile(f"{path} is not an ESRI ASCII grid; write ncols, nrows, xllcorner, yllcorner, cellsize") from None
    land[land == head.get("nodata_value", -9999.0)] = np.nan
    return buildable_cells(
        land, west=west, north=south + rows * cell, cell_m=cell, crs=crs, every_m=_RASTER_EVERY_M
    )


def _geotiff(path: Path, crs: Any) -> gpd.GeoDataFrame:
    """Buildable cells of the first band of a GeoTIFF, in any CRS that it names."""
    try:
        import rasterio
        from rasterio.errors import RasterioIOError
    except ImportError:
        raise BadFile(
            f"{path.name} is a GeoTIFF, which needs rasterio: pip install gridmap[raster]; or save it as an ESRI ASCII "
            "grid (.asc) in the city's CRS"
        ) from None
    try:
        with rasterio.open(path) as raster:
            if raster.crs is None or raster.transform.is_identity:
                raise CrsMismatch(f"{path.name} does not say where it lies; give it a CRS and an origin")
            if raster.width * raster.height > _MOST_CELLS:
                raise BadFile(f"{path.name} has {raster.width * raster.height:,} cells; cut it to the city")
            land = raster.read(1, masked=True)
            transform, own = raster.transform, pyproj.CRS.from_user_input(raster.crs)
    except RasterioIOError as error:
        raise BadFile(f"cannot read {path} as a GeoTIFF: {error}") from None
    if land.dtype.kind not in "biuf":
        raise BadFile(f"{path.name} holds no numbers; the first band is above 0 where one may build")
    row, column = np.nonzero(np.nan_to_num(np.ma.filled(land.astype(np.float64), 0.0)) > 0)
    x = transform.a * (column + 0.5) + transform.b * (row + 0.5) + transform.c
    y = transform.d * (column + 0.5) + transform.e * (row + 0.5) + transform.f
    spots = gpd.GeoSeries(gpd.points_from_xy(x, y), crs=own).to_crs(crs)
    return _one_a_square(np.column_stack([spots.x, spots.y]), crs)


def _one_a_square(xy: np.ndarray, crs: Any) -> gpd.GeoDataFrame:
    """In each square of the city's CRS the cell nearest to the middle of its buildable ones."""
    if not len(xy):
        return gpd.GeoDataFrame(geometry=[], crs=crs)
    square = np.floor(xy / _RASTER_EVERY_M)
    number = np.unique(square, axis=0, return_inverse=True)[1].ravel()
    size = np.bincount(number)
    middle = np.column_stack([np.bincount(number, xy[:, axis]) / size for axis in (0, 1)])
    away = np.hypot(*(xy - middle[number]).T)
    order = np.lexsort((xy[:, 1], xy[:, 0], away.round(3), number))
    first = order[np.unique(number[order], return_index=True)[1]]
    first = first[np.lexsort((xy[first, 1], xy[first, 0]))]
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy(*xy[first].T), crs=crs)
