"""A PostGIS of our own for the tests, and a city in either store."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from sqlalchemy import create_engine, make_url, text

CRS = "EPSG:4549"


def absent(reason: str) -> None:
    """Skip with the reason, or fail where GRIDMAP_NO_SKIPS says that nothing may be missing."""
    if os.environ.get("GRIDMAP_NO_SKIPS"):
        pytest.fail(f"{reason} (GRIDMAP_NO_SKIPS is set)")
    pytest.skip(reason)


def _programs() -> Path | None:
    """The folder of PostgreSQL's programs, where PostGIS is installed with them."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        version = folder.parent.name
        if (folder / "initdb").exists() and Path(f"/usr/share/postgresql/{version}/extension/postgis.control").exists():
            return folder
    return None


@pytest.fixture(scope="session")
def postgis_url() -> Iterator[str]:
    """A database with PostGIS: the one of GRIDMAP_TEST_POSTGIS, else a cluster that lives as long as the tests."""
    given = os.environ.get("GRIDMAP_TEST_POSTGIS")
    if given:
        yield given
        return
    programs = _programs()
    if programs is None:
        absent("no PostgreSQL with PostGIS on this machine; apt-get install postgresql-postgis")
    assert programs is not None
    root = os.geteuid() == 0
    if root and shutil.which("runuser") is None:
        absent("PostgreSQL does not run as root and there is no runuser")
    as_user = ["runuser", "-u", "postgres", "--"] if root else []
    folder = Path(tempfile.mkdtemp(prefix="gridmap-pg-"))
    try:
        if root:
            shutil.chown(folder, "postgres")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]

        def run(program: str, *arguments: str) -> None:
            command = [*as_user, str(programs / program), "-D", str(folder / "data"), *arguments]
            subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=60)

        # a cluster that sorts as Chinese readers do, as an office's may: the store must not depend on it
        sorts = ["--locale-provider=icu", "--icu-locale=zh"] if int(programs.parent.name) >= 15 else []
        run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", *sorts)
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c timezone=UTC"
        run("pg_ctl", "-w", "-o", options, "-l", str(folder / "log"), "start")
        try:
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
            with engine.begin() as connection:
                connection.execute(text("CREATE EXTENSION postgis"))
            engine.dispose()
            yield url
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def fresh_schema(postgis_url: str) -> Iterator[Callable[[], str]]:
    """Gives URLs of schemas that nobody uses; they are dropped after the module."""
    made: list[str] = []

    def fresh() -> str:
        made.append(f"t_{secrets.token_hex(6)}")
        return f"{postgis_url}?schema={made[-1]}"

    yield fresh
    engine = create_engine(make_url(postgis_url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        for name in made:
            connection.execute(text(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'))
    engine.dispose()


@pytest.fixture(params=["geopackage", pytest.param("postgis", marks=pytest.mark.postgis)], scope="module")
def fresh_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Gives names of cities that do not exist yet, in either kind of store."""
    if request.param == "postgis":
        return request.getfixturevalue("fresh_schema")
    folder = tmp_path_factory.mktemp("cities")
    return lambda: str(folder / f"{secrets.token_hex(6)}.gpkg")


@pytest.fixture
def url(fresh_url: Callable[[], str]) -> str:
    """A city that does not exist yet."""
    return fresh_url()


@pytest.fixture(scope="session")
def town() -> dict[str, gpd.GeoDataFrame | pd.DataFrame]:
    """Two communities side by side, each of one grid with two micro-grids; south of them nothing.

    ::

        y 100 +---------+---------+---------+---------+
              | ..1001  | ..1002  | ..2001  | ..2002  |    a building in each, an inn on the middle border
            0 +---------+---------+---------+---------+
              x 0      100       200       300       400
    """
    communities = ["330483001001", "330483001002"]
    grids = [f"{community}001" for community in communities]
    micro = [f"{grid}00{number}" for grid in grids for number in (1, 2)]
    square = [shapely.box(x, 0, x + 100, 100) for x in (0, 100, 200, 300)]
    double = [shapely.box(0, 0, 200, 100), shapely.box(200, 0, 400, 100)]
    houses = [shapely.box(x + 40, 40, x + 60, 60) for x in (0, 100, 200, 300)]
    return {
        "communities": gpd.GeoDataFrame({"code": communities, "name": ["东", "西"]}, geometry=double, crs=CRS),
        "grids": gpd.GeoDataFrame({"code": grids, "parent": communities}, geometry=double, crs=CRS),
        "micro_grids": gpd.GeoDataFrame(
            {
                "code": micro, "parent": [code[:15] for code in micro],
                "households": pd.array([20, 25, 30, 40], dtype="Int64"),
                "within_band": [True, True, True, False], "reason": [None, None, None, "太多"],
                "valid_from": ["2024-01-01", "2024-01-01", "2025-06-01", None],
                "valid_to": [None, "2024-12-31", None, None],
            },
            geometry=square, crs=CRS,
        ),
        "buildings": gpd.GeoDataFrame(
            {"code": ["b4", "b3", "b2", "b1"], "micro_grid": micro[::-1], "households": [40, 30, 25, 20]},
            geometry=houses[::-1], crs=CRS,
        ),
        "roads": gpd.GeoDataFrame(
            {"name": ["长街", "西巷", "远路"], "class": ["primary", "footway", "track"]},
            geometry=shapely.from_wkt(
                ["LINESTRING (-50 50, 450 50)", "LINESTRING (10 10, 90 90)", "LINESTRING (1000 0, 1100 0)"]
            ),
            crs=CRS,
        ),
        "coverage": pd.DataFrame(
            {"micro_grid": micro[::-1], "kind": "clinic", "coverage": [1.0, 0.5, 0.0, None], "households": [1, 2, 3, 4]}
        ),
        "staff": pd.DataFrame(
            {"name": ["王", "李"], "role": "grid_leader", "area": grids, "from": ["2024-01-01", None], "to": None}
        ),
        "findings": pd.DataFrame({"layer": ["roads", "buildings"], "rule": ["z", "a"], "what": "?", "done": "nothing"}),
    }
