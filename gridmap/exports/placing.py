"""Files made aside and put into place at once: either all of a delivery stands, or none of it.

Work goes on in a hidden folder beside the destination, on the same file system, so that the last step is a rename.
A folder that holds anything but an earlier delivery of gridmap is never touched.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gridmap.exports.readme import FILES_HEADING
from layers.errors import WrongCall

__all__ = ["README", "aside", "place", "place_beside", "refuse_foreign"]

README = "README.txt"

#: What GIS programs lay beside a shapefile when it is opened or indexed; stale once the shapefile is new.
_INDEXES = (
    ".qix", ".qmd", ".qpj", ".sbn", ".sbx", ".shp.xml", ".idm", ".ind", ".fbn", ".fbx", ".ain", ".aih", ".atx",
    ".ixs", ".mxs",
)  # fmt: skip


@contextmanager
def aside(destination: Path) -> Iterator[Path]:
    """A working folder beside the destination, gone when the block ends, whatever happens.

    Raises
    ------
    WrongCall
        Where the destination's parent is not there, or the disk refuses (full, read-only).

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as name, aside(Path(name, "out")) as folder:
    ...     folder.parent == Path(name)
    True
    """
    parent = destination.absolute().parent
    if not parent.is_dir():
        raise WrongCall(f"{destination} cannot be made, because the folder {parent} is not there; make it first")
    try:
        with tempfile.TemporaryDirectory(prefix=".gridmap-", dir=parent) as name:
            yield Path(name)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WrongCall(f"{destination} cannot be written ({reason}); free some space or name another place") from error


def refuse_foreign(folder: Path) -> None:
    """Raise `WrongCall` where the folder holds files that no earlier delivery made.

    An earlier delivery lists its files in its README.txt; what a GIS program laid beside them does not count.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as name:
    ...     _ = Path(name, "diary.txt").write_text("dear diary")
    ...     refuse_foreign(Path(name))
    Traceback (most recent call last):
    layers.errors.WrongCall: ... holds other files (diary.txt); name a new folder, an empty one or a .zip
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise WrongCall(f"{folder} is a file, where a folder is to be made; name a folder or a .zip")
    known = _listed(folder / README)
    stems = {Path(name).stem for name in known}
    foreign = [
        path.name
        for path in sorted(folder.iterdir())
        if path.name not in known and not (_is_index(path.name) and path.name.split(".")[0] in stems)
    ]
    if foreign:
        some = ", ".join(foreign[:3]) + (" ..." if len(foreign) > 3 else "")
        raise WrongCall(f"{folder} holds other files ({some}); name a new folder, an empty one or a .zip")


def _listed(readme: Path) -> set[str]:
    if not readme.is_file():
        return set()
    lines = readme.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    if FILES_HEADING not in lines:
        return set()
    return {line for line in lines[lines.index(FILES_HEADING) + 1 :] if line}


def _is_index(name: str) -> bool:
    return name.lower().endswith(_INDEXES)


def place(made: Path, destination: Path) -> None:
    """Put a made file or folder in place of what was there, by renaming; on failure the old one stands again.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as name:
    ...     made, out = Path(name, "made.csv"), Path(name, "out.csv")
    ...     _ = made.write_text("new"), out.write_text("old")
    ...     place(made, out)
    ...     out.read_text()
    'new'
    """
    if not made.is_dir():
        if destination.is_dir():
            raise WrongCall(f"{destination} is a folder, where a file is to be made; name a file in it")
        made.replace(destination)
        return
    old = made.parent / "old"
    if destination.exists():
        destination.rename(old)
    try:
        made.rename(destination)
    except OSError:
        if old.exists():
            old.rename(destination)
        raise


def place_beside(made: Path, folder: Path) -> None:
    """Put the files of a made folder among those of another, in place of their namesakes; all of them or none.

    Indexes that GIS programs made for a shapefile of the same name go, for they fit the old one only.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as name:
    ...     made, out = Path(name, "made"), Path(name, "out")
    ...     _ = made.mkdir(), out.mkdir(), (made / "a.shp").write_text("new"), (out / "a.qix").write_text("stale")
    ...     place_beside(made, out)
    ...     sorted(path.name for path in out.iterdir())
    ['a.shp']
    """
    names = sorted(path.name for path in made.iterdir())
    stems = {Path(name).stem for name in names if name.endswith(".shp")}
    stale = [path.name for path in folder.iterdir() if _is_index(path.name) and path.name.split(".")[0] in stems]
    old = made.parent / "old"
    old.mkdir()
    put: list[str] = []
    taken: list[str] = []
    try:
        for name in [*names, *stale]:
            if (folder / name).exists():
                (folder / name).rename(old / name)
                taken.append(name)
        for name in names:
            (made / name).rename(folder / name)
            put.append(name)
    except OSError:
        for name in put:
            (folder / name).unlink()
        for name in taken:
            (old / name).rename(folder / name)
        raise
