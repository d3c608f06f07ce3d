"""A font on this machine that can write Chinese, for pictures; said once and plainly where there is none."""

from __future__ import annotations

import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from layers.errors import NoChineseFont

__all__ = ["chinese_font", "font_notice"]

#: What a font must be able to write before it is taken: the words of our own maps.
MUST_HAVE = "网格微社区街道户养老幼儿园食堂龙鑫"
#: How the files of fonts with Chinese are called, best first; what else lies there is not opened.
_NAMES = (
    "notosanssc", "notosanscjksc", "notosanscjk", "sourcehansanssc", "sourcehansans", "msyh", "pingfang", "dengxian",
    "simhei", "hiraginosansgb", "wqy-microhei", "wqymicrohei", "wqy-zenhei", "wqyzenhei", "droidsansfallback", "simsun",
    "notoserifcjk", "arialunicode",
)  # fmt: skip
_NEXT_STEP = "install one (Debian: apt-get install fonts-noto-cjk) or set GRIDMAP_FONT to the path of a font file"


def chinese_font(path: str | os.PathLike[str] | None = None) -> Path:
    """The file of a font that writes Chinese.

    A collection of fonts (`.ttc`) opens with its first face for most programs, which in Noto and Source Han is the
    Japanese one; its face for simplified Chinese is written to a file of its own, once, in the folder of caches.

    Parameters
    ----------
    path
        A font file to take; else GRIDMAP_FONT, else the best of the fonts installed.

    Returns
    -------
    Path of a `.ttf` or `.otf` file, or of a collection of which the first face will do.

    Raises
    ------
    NoChineseFont
        Where none is there, or the one named cannot write Chinese.

    Examples
    --------
    >>> chinese_font("/nowhere/font.ttf")
    Traceback (most recent call last):
        ...
    layers.errors.NoChineseFont: there is no font file /nowhere/font.ttf; install one (Debian: apt-get install \
fonts-noto-cjk) or set GRIDMAP_FONT to the path of a font file
    """
    named = os.fspath(path) if path is not None else os.environ.get("GRIDMAP_FONT", "")
    return _named(named) if named else _installed()


def font_notice() -> str | None:
    """One sentence for the log where pictures cannot have Chinese labels here; None where they can."""
    try:
        chinese_font()
    except NoChineseFont as error:
        return f"Pictures of maps cannot be made on this machine: {error}."
    return None


def _named(name: str) -> Path:
    path = Path(name)
    if not path.is_file():
        raise NoChineseFont(f"there is no font file {name}; {_NEXT_STEP}")
    found = _face(path)
    if found is None:
        raise NoChineseFont(f"the font {name} cannot write Chinese; {_NEXT_STEP}")
    return found


@lru_cache(maxsize=1)
def _installed() -> Path:
    from matplotlib import font_manager

    ranked = []
    for file in font_manager.findSystemFonts():
        name = Path(file).stem.lower().replace(" ", "")
        rank = next((rank for rank, known in enumerate(_NAMES) if name.startswith(known)), None)
        if rank is not None:
            # regular before bold and light, which would make every label shout or fade
            ranked.append((rank, "regular" not in name and "-" in name, name, file))
    for *_, file in sorted(ranked):
        found = _face(Path(file))
        if found is not None:
            return found
    raise NoChineseFont(f"no font on this machine can write Chinese; {_NEXT_STEP}")


def _face(path: Path) -> Path | None:
    """A file with the face to take: the path itself, one taken out of a collection, or None where none will do."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with path.open("rb") as file:
            if file.read(4) == b"ttcf":
                return _of_collection(path)
        with TTFont(path, lazy=True) as font:
            return path if _writes(font) else None
    except (OSError, TTLibError):
        return None


def _of_collection(path: Path) -> Path | None:
    from fontTools.ttLib import TTFont
    from fontTools.ttLib.sfnt import readTTCHeader

    with path.open("rb") as file:
        count = len(readTTCHeader(file).offsetTable)
    for number in range(count):
        # tables are copied as they are: nothing is worked out anew
        face = TTFont(path, fontNumber=number, lazy=True, recalcBBoxes=False, recalcTimestamp=False)
        with face:
            name = str(face["name"].getDebugName(1))
            if name.endswith((" SC", " CN", "YaHei", " GB")) and _writes(face):
                return path if number == 0 else _kept(path, name, number)
    with TTFont(path, fontNumber=0, lazy=True) as face:
        return path if _writes(face) else None


def _writes(font: Any) -> bool:
    known = font.getBestCmap() or {}
    return all(ord(letter) in known for letter in MUST_HAVE)


def _kept(path: Path, name: str, number: int) -> Path:
    """One face of a collection as a file in the folder of caches, made once."""
    import matplotlib as mpl
    from fontTools.ttLib import TTFont

    stat = path.stat()
    mark = hashlib.sha256(f"{path} {stat.st_size} {stat.st_mtime_ns} {name}".encode()).hexdigest()[:12]
    folder = Path(mpl.get_cachedir())
    kept = folder / f"gridmap-{mark}.otf"
    if not kept.is_file():
        # whole or not at all: another process may be doing the same
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".otf", delete=False) as part:
            face = TTFont(path, fontNumber=number, lazy=True, recalcBBoxes=False, recalcTimestamp=False)
            with face:
                face.save(part, reorderTables=False)
        Path(part.name).replace(kept)
    return kept
