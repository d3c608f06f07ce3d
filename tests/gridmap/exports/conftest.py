"""Frames to export, and GDAL's own programs to read the files with."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

#: Near 120° E in the Gauss-Krüger zone of that meridian.
EAST, NORTH = 500_000, 3_540_000


def absent(reason: str) -> None:
    """Skip with the reason, or fail where GRIDMAP_NO_SKIPS says that nothing may be missing."""
    if os.environ.get("GRIDMAP_NO_SKIPS"):
        pytest.fail(f"{reason} (GRIDMAP_NO_SKIPS is set)")
    pytest.skip(reason)


def square(x: float, y: float = 0, side: float = 10) -> shapely.Polygon:
    return shapely.box(EAST + x, NORTH + y, EAST + x + side, NORTH + y + side)


def point(x: float, y: float = 0, z: float | None = None) -> shapely.Point:
    return shapely.Point(EAST + x, NORTH + y) if z is None else shapely.Point(EAST + x, NORTH + y, z)


@pytest.fixture
def points() -> Callable[..., gpd.GeoDataFrame]:
    """Builds a frame of points in EPSG:4549 with the columns given."""

    def build(columns: dict[str, Any]) -> gpd.GeoDataFrame:
        frame = pd.DataFrame(columns)
        shapes = [point(10 * place) for place in range(len(frame))]
        return gpd.GeoDataFrame(frame, geometry=shapes, crs=4549)

    return build


@pytest.fixture
def shapes() -> Callable[..., gpd.GeoDataFrame]:
    """Builds a frame in EPSG:4549 of the shapes given, with codes."""

    def build(*geometry: shapely.Geometry | None) -> gpd.GeoDataFrame:
        codes = [f"33010100100100100{place}" for place in range(len(geometry))]
        return gpd.GeoDataFrame({"code": codes}, geometry=list(geometry), crs=4549)

    return build


@pytest.fixture(scope="session")
def gdal() -> Callable[[Path], list[dict[str, Any]]]:
    """Reads a file with GDAL's own program, another version than the one that wrote it: properties of each row."""
    program = shutil.which("ogr2ogr")
    if program is None:
        absent("no ogr2ogr on this machine; apt-get install gdal-bin")
    assert program is not None

    def read(path: Path) -> list[dict[str, Any]]:
        done = subprocess.run(
            [program, "-f", "GeoJSON", "/vsistdout/", str(path)], capture_output=True, check=True, timeout=60
        )
        return [feature["properties"] for feature in json.loads(done.stdout)["features"]]

    return read


@pytest.fixture(scope="session")
def ogrinfo() -> Callable[[Path], str]:
    """What ogrinfo says about a file: geometry type, CRS, fields."""
    program = shutil.which("ogrinfo")
    if program is None:
        absent("no ogrinfo on this machine; apt-get install gdal-bin")
    assert program is not None

    def read(path: Path) -> str:
        return subprocess.run(
            [program, "-so", "-al", str(path)], capture_output=True, check=True, timeout=60, text=True
        ).stdout

    return read
