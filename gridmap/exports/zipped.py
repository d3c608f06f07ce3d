"""A folder as one .zip whose names every system reads alike."""

from __future__ import annotations

import zipfile
from pathlib import Path

from layers.errors import DataBroken

__all__ = ["zip_folder"]


def zip_folder(folder: Path, archive: Path) -> list[str]:
    """Pack every file of the folder, in the order of their names, and read the archive through once.

    Names are stored as UTF-8 and flagged so where they are not ASCII, which WPS, Windows and Python unpack alike.
    Gives the names in the archive; raises `DataBroken` where a packed file does not read back.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     made = Path(name, "in")
    ...     made.mkdir()
    ...     _ = (made / "字段.csv").write_text("short,name", encoding="utf-8")
    ...     zip_folder(made, Path(name, "out.zip"))
    ['字段.csv']
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [path.relative_to(folder).as_posix() for path in paths]
    with zipfile.ZipFile(archive, "w", compression=zipfile.ZIP_DEFLATED, strict_timestamps=False) as packed:
        for path, name in zip(paths, names, strict=True):
            packed.write(path, name)
    with zipfile.ZipFile(archive) as packed:
        broken = packed.testzip()
        if broken is not None or packed.namelist() != names:
            raise DataBroken(f"{archive.name} does not read back ({broken or 'names differ'}); export it once more")
    return names
