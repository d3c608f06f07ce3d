"""Files as people send them: hostile archives write nothing outside, and one entry comes of each thing."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from layers.errors import BadFile
from layers.received import receive, safe_name

MB = 1 << 20


def zipped(members: dict[str, bytes], *, packed: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packed) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    made.seek(0)
    return made


def files_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", [
    "../../outside.csv", "/etc/outside.csv", "C:\\windows\\outside.csv", "..\\..\\outside.csv", "a/../../outside.csv",
    "./outside.csv",
])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "deep" / "inner"
    inner.mkdir(parents=True)
    things, left = receive([("a.zip", zipped({name: b"x,y\n"})), (name, io.BytesIO(b"x\n"))], inner, most_bytes=MB)
    assert len(things) == 2 and not left
    assert files_below(tmp_path) == {f"deep/inner/{path}" for path in files_below(inner)}
    assert {thing.name for thing in things} == {"outside.csv"} and len({thing.path for thing in things}) == 2


def test_a_link_in_an_archive_is_a_file_like_any(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        link = zipfile.ZipInfo("link.csv")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    made.seek(0)
    (thing,), _ = receive([("a.zip", made)], tmp_path, most_bytes=MB)
    assert not thing.path.is_symlink() and thing.path.read_text() == "/etc/passwd"


@pytest.mark.parametrize("bomb", [
    {"a.csv": b"0" * (20 * MB)}, {f"{n}.csv": b"0" * MB for n in range(20)}, {f"{n}.csv": b"" for n in range(2001)},
])
def test_a_bomb_is_refused_and_stops_early(tmp_path: Path, bomb: dict[str, bytes]) -> None:
    with pytest.raises(BadFile, match=r"fits, 4 MB|2,000 are taken"):
        receive([("bomb.zip", zipped(bomb))], tmp_path, most_bytes=4 * MB)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 5 * MB


def test_a_size_that_the_header_lies_about_counts_as_it_comes(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.csv": b"0" * (8 * MB)}).getvalue())
    at = data.rfind(b"PK\x01\x02") + 24
    data[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(BadFile):
        receive([("bomb.zip", io.BytesIO(bytes(data)))], tmp_path, most_bytes=4 * MB)


@pytest.mark.parametrize(
    "broken",
    [b"PK\x03\x04 no zip", b"", zipped({"a.csv": b"x" * 9000}).getvalue()[:60]],
    ids=["no zip", "empty", "cut"],
)
def test_a_broken_archive_is_a_sentence(tmp_path: Path, broken: bytes) -> None:
    with pytest.raises(BadFile, match="cannot unpack"):
        receive([("a.zip", io.BytesIO(broken))], tmp_path, most_bytes=MB)


def test_parts_of_a_shapefile_are_one_thing_zipped_or_loose(tmp_path: Path) -> None:
    parts = {f"边界.{ending}": b"x" for ending in ("shp", "dbf", "shx", "prj", "cpg")}
    in_zip = {f"区/{name}": content for name, content in parts.items()} | {"区/说明.docx": b"", "__MACOSX/._a.shp": b""}
    things, left = receive([("区.zip", zipped(in_zip))], tmp_path / "a", most_bytes=MB)
    assert [thing.name for thing in things] == ["边界.shp"] and left == ["说明.docx"]
    assert things[0].path.with_suffix(".dbf").is_file()
    sent = [(name, io.BytesIO(content)) for name, content in parts.items()]
    things, left = receive([*sent, ("alone.dbf", io.BytesIO(b""))], tmp_path / "b", most_bytes=MB)
    assert [thing.name for thing in things] == ["边界.shp"] and left == ["alone.dbf"]
    assert things[0].path.with_suffix(".shx").is_file()


def test_the_name_says_the_layer(tmp_path: Path) -> None:
    things, _ = receive([("设施.csv", io.BytesIO(b"x\n")), ("表.csv", io.BytesIO(b"x\n"))], tmp_path, most_bytes=MB)
    assert [thing.layer for thing in things] == ["facilities", None]


def test_long_names_keep_their_ending() -> None:
    assert safe_name("长" * 300 + ".geojson").endswith(".geojson") and len(safe_name("长" * 300).encode()) <= 120
