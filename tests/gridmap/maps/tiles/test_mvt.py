"""Tiles as bytes: what is left out is out, what stays is as it was."""

from __future__ import annotations

import contextlib
import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from gridmap.maps.tiles.archive import Archive, write_archive
from gridmap.maps.tiles.mvt import Shape, keep, layers_of, pack, shapes_of
from layers.errors import DataBroken

SHAPES = some.lists(
    some.builds(Shape, some.integers(1, 2**31), some.sampled_from([1, 2, 3]), some.binary(min_size=1, max_size=300)),
    max_size=30,
)


@settings(deadline=None)
@given(SHAPES)
def test_what_is_packed_is_read_again(shapes: list[Shape]) -> None:
    assert shapes_of(pack("grids", shapes), "grids") == sorted(shapes)


@settings(deadline=None)
@given(SHAPES, some.integers(1, 2**31))
def test_only_what_is_wanted_is_kept(shapes: list[Shape], border: int) -> None:
    kept = keep(pack("grids", shapes), lambda layer, number: layer == "grids" and number < border)
    assert shapes_of(kept, "grids") == sorted(shape for shape in shapes if shape.id < border)
    # not one byte of the others: the same tile as if they had never been
    assert kept == pack("grids", [shape for shape in shapes if shape.id < border])


def test_layers_stand_one_after_the_other() -> None:
    one, two = Shape(1, 1, b"\x09\x02\x02"), Shape(9, 2, b"\x09\x04\x04\x0a\x02\x02")
    assert list(layers_of(pack("water", [one]) + pack("roads", [two]))) == [("water", [one]), ("roads", [two])]


@settings(deadline=None)
@given(some.binary(max_size=200))
def test_bytes_that_are_no_tile_are_named(content: bytes) -> None:
    with contextlib.suppress(DataBroken):
        list(layers_of(content))


def test_a_tile_cut_short_is_named() -> None:
    tile = pack("grids", [Shape(1, 1, b"\x09\x02\x02")])
    for size in range(1, len(tile)):
        with pytest.raises(DataBroken):
            list(layers_of(tile[:size]))


@settings(deadline=None)
@given(some.dictionaries(
    some.integers(0, 15).flatmap(
        lambda z: some.tuples(some.just(z), some.integers(0, 2**z - 1), some.integers(0, 2**z - 1))
    ),
    some.binary(min_size=1, max_size=40), min_size=1, max_size=60,
))
def test_an_archive_gives_back_each_tile(tmp_path_factory: pytest.TempPathFactory, tiles: dict) -> None:
    path = tmp_path_factory.mktemp("archive") / "x.pmtiles"
    write_archive(path, tiles.items(), bounds=(0, 0, 1, 1))
    with Archive(path) as archive:
        assert {tile: gzip.decompress(archive.get(*tile) or b"") for tile in archive} == tiles
        assert archive.get(16, 0, 0) is None and archive.get(3, 8, 0) is None and archive.get(-1, 0, 0) is None


def test_a_directory_of_many_leaves_is_read_whole(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("archive") / "x.pmtiles"
    # sizes that differ, so that the directory packs badly and must be parted
    tiles = {
        (8, x, y): bytes([x]) * (1 + (x * 7919 + y * 104729) % 251) + bytes([y])
        for x in range(256) for y in range(0, 256, 2)
    }
    write_archive(path, tiles.items(), bounds=(0, 0, 1, 1))
    with Archive(path) as archive:
        assert len(archive) == len(tiles)
        assert all(gzip.decompress(archive.get(*tile) or b"") == tiles[tile] for tile in list(tiles)[::997])


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"PMTiles\x03", b"PMTiles\x02" + bytes(200), b"PMTiles\x03" + bytes(200)]
)
def test_a_file_that_is_no_archive_is_named(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("archive") / "x.pmtiles"
    path.write_bytes(content)
    with pytest.raises(DataBroken, match=r"x\.pmtiles"):
        Archive(path)
