"""Files as people send them: names made safe, archives unpacked within limits, one entry for each thing to read.

Nothing of a sender reaches the file system but the bytes and a cleaned last part of the name: folders in names, `..`,
drive letters and links of an archive mean nothing here.
"""

from __future__ import annotations

import re
import shutil
import unicodedata
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from layers.archives import ZIP_ERRORS, member_name
from layers.errors import BadFile
from layers.headings import normal
from layers.schema import LAYERS
from layers.tables import TABLES
from layers.vectors import VECTORS

__all__ = ["Received", "layer_named", "receive", "safe_name"]

#: What may come along with a file of the same name and is no thing of its own.
_BESIDE = (
    ".dbf", ".shx", ".prj", ".cpg", ".sbn", ".sbx", ".qix", ".qmd", ".xml", ".fix", ".dat", ".map", ".id", ".ind",
    ".mid", ".gpkg-wal", ".gpkg-shm",
)  # fmt: skip
_MOST_MEMBERS = 2000
_PIECE = 1 << 20
_LONGEST = 120  # bytes of a name; file systems take 255
_WINDOWS = re.compile(r"^(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Received:
    """One thing to read: its file, the name that its sender knows it by, and the layer that the name says (or None)."""

    path: Path
    name: str
    layer: str | None


def safe_name(name: str) -> str:
    """The last part of a name, without what a file system or a page could trip over; never empty.

    Examples
    --------
    >>> safe_name("../../etc/passwd"), safe_name("C:\\\\桌面\\\\社区 边界.shp"), safe_name("..")
    ('passwd', '社区 边界.shp', 'file')
    >>> safe_name("nul.csv"), safe_name("a\\x00b?.csv")
    ('_nul.csv', 'a_b_.csv')
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    clean = "".join("_" if unicodedata.category(c)[0] == "C" or c in '<>:"|?*' else c for c in last).strip(" .")
    if _WINDOWS.match(clean):
        clean = f"_{clean}"
    stem, dot, ending = clean.rpartition(".")
    if len(clean.encode()) > _LONGEST:
        stem, ending = (stem, ending[:10]) if dot else (clean, "")
        clean = stem.encode()[: _LONGEST - 12].decode(errors="ignore") + (f".{ending}" if dot else "")
    return clean or "file"


def layer_named(name: str) -> str | None:
    """The layer that a name says, in Chinese or English; None where it says none.

    Examples
    --------
    >>> layer_named("设施.xlsx"), layer_named("Organizations"), layer_named("表1.csv")
    ('facilities', 'organizations', None)
    """
    word = normal(Path(name).stem if "." in name else name)
    for layer in LAYERS.values():
        if word in (normal(layer.name), normal(layer.zh), normal(layer.en)):
            return layer.name
    return None


def receive(
    files: Iterable[tuple[str, BinaryIO]], folder: Path, *, most_bytes: int
) -> tuple[list[Received], list[str]]:
    """Keep what was sent, unpacked.

    Parameters
    ----------
    files
        Name and content of each.
    folder
        An empty folder; every file gets into a folder below it.
    most_bytes
        So much may lie there when all is unpacked.

    Returns
    -------
    (things, left): what can be read, in the order sent; names of files that are of no kind that is read.

    Raises
    ------
    BadFile
        An archive is damaged, locked, has too many members or unpacks to too much; nothing is read then.
    """
    room = _Room(most_bytes)
    kept: list[Path] = []
    for number, (name, content) in enumerate(files, start=1):
        own = folder / "sent"  # loose parts of one shapefile lie side by side
        clean = safe_name(name)
        if (own / clean).exists():
            own = folder / f"sent{number}"
        own.mkdir(parents=True, exist_ok=True)
        with (own / clean).open("xb") as out:
            room.copy(content, out, clean)
        if clean.lower().endswith(".zip"):
            kept += _unpacked(own / clean, folder / f"zip{number}", room, clean)
            (own / clean).unlink()
        else:
            kept.append(own / clean)
    things, left = [], []
    for path in kept:
        ending = path.suffix.lower()
        if ending in (*VECTORS, *TABLES) and ending != ".zip":
            things.append(Received(path, path.name, layer_named(path.name)))
        elif ending not in _BESIDE or not any(p.stem == path.stem and p.suffix.lower() in VECTORS for p in kept):
            left.append(path.name)
    return things, left


class _Room:
    """How much may still be written."""

    def __init__(self, most: int) -> None:
        self.most, self.left = most, most

    def copy(self, source: BinaryIO, out: BinaryIO, name: str) -> None:
        """Copy to the end, counting what really comes rather than what a header says."""
        while piece := source.read(_PIECE):
            self.left -= len(piece)
            if self.left < 0:
                raise BadFile(f"{name} is or unpacks to more than fits, {self.most >> 20} MB; send it in parts")
            out.write(piece)


def _unpacked(archive: Path, folder: Path, room: _Room, name: str) -> list[Path]:
    """Members of an archive as files under safe names; members of one folder keep together."""
    made: list[Path] = []
    folders: dict[str, Path] = {}
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [item for item in opened.infolist() if not item.is_dir()]
            if len(members) > _MOST_MEMBERS:
                raise BadFile(f"{name} holds {len(members):,} files; {_MOST_MEMBERS:,} are taken at once")
            for item in members:
                full = member_name(item).replace("\\", "/")
                if full.startswith("__MACOSX/") or full.rpartition("/")[2].startswith("."):
                    continue
                inner = full.rpartition("/")[0]
                own = folders.setdefault(inner, folder / str(len(folders) + 1))
                own.mkdir(parents=True, exist_ok=True)
                path = own / safe_name(full)
                if path.exists():
                    path = own / f"{len(made)}_{path.name}"
                with opened.open(item) as content, path.open("xb") as out:
                    room.copy(content, out, name)  # type: ignore[arg-type]  # reads as a file does
                made.append(path)
    except ZIP_ERRORS as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise BadFile(f"cannot unpack {name}: {error}; zip it again, without a password") from None
    return made
