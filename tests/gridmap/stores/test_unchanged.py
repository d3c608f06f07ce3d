"""What a store keeps in memory never outlives a change, whoever made it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gridmap.stores import create_store, open_store

CRS = "EPSG:4549"
#: A store's stamp is unknown for a moment after a change.
MOMENT = 0.15


@pytest.fixture
def city(url: str, town: Any) -> Iterator[Any]:
    """A small town in either kind of store."""
    with create_store(url, crs=CRS) as store:
        for name in ("micro_grids", "buildings"):
            store.write(name, town[name])
        yield store


def settled(store: Any) -> None:
    """Wait until the store can tell its state by its dates."""
    until = time.monotonic() + 5
    while store.stamp() is None and time.monotonic() < until:
        time.sleep(0.02)


def test_the_same_state_is_read_once(city: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settled(city)
    if city.stamp() is None:
        assert city.url.startswith("postgresql")  # PostGIS cannot tell its state without being asked
        return
    first, layers = city.meta(), city.layers()
    monkeypatch.setattr(city, "reading", lambda: pytest.fail("read again"))
    assert city.meta() == first and city.layers() == layers
    first["name"] = "scribbled over"  # a copy: nobody else sees it
    layers.append("nothing")
    assert city.meta().get("name") != "scribbled over" and "nothing" not in city.layers()


def test_what_another_one_writes_is_seen_at_once(city: Any) -> None:
    with open_store(city.url) as other:
        for n in range(5):
            settled(city)
            assert city.meta().get("mark", "") == (str(n - 1) if n else "")
            other.set_meta(mark=str(n))
            assert city.meta()["mark"] == str(n)
            time.sleep(MOMENT)
            assert city.meta()["mark"] == str(n)


def test_what_another_process_writes_is_seen_at_once(city: Any) -> None:
    settled(city)
    assert "mark" not in city.meta()
    write = "import sys; from gridmap.stores import open_store\nwith open_store(sys.argv[1]) as s: s.set_meta(mark='x')"
    subprocess.run([sys.executable, "-c", write, city.url], check=True)
    assert city.meta()["mark"] == "x"
    settled(city)
    assert city.meta()["mark"] == "x"


def test_a_transaction_sees_its_own_changes_and_leaves_none_behind(city: Any) -> None:
    settled(city)
    before = city.meta()
    with pytest.raises(RuntimeError, match="given up"), city.transaction():
        city.set_meta(mark="never")
        assert city.meta()["mark"] == "never"
        raise RuntimeError("given up")
    assert city.meta() == before


def test_rows_are_counted_anew_after_a_change(city: Any, town: Any) -> None:
    settled(city)
    assert city.count("micro_grids") == 4 and city.count("micro_grids", within=["330483001002"]) == 2
    assert city.count("micro_grids", within=["330483001002"]) == 2 and "facilities" not in city.layers()
    with open_store(city.url) as other:
        other.write("micro_grids", town["micro_grids"].iloc[:3])
    assert city.count("micro_grids") == 3 and city.count("micro_grids", within=["330483001002"]) == 1
    settled(city)
    assert city.count("micro_grids") == 3 and city.count("micro_grids", within=["330483001002"]) == 1
