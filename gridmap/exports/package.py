"""One delivery from the first layer to the last rename: staged files, dictionary, README, archive, place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd

from gridmap.exports.delivered import Delivered, Staged
from gridmap.exports.order import FORMATS, Order
from gridmap.exports.placing import README, aside, place, place_beside, refuse_foreign
from gridmap.exports.readme import readme
from gridmap.exports.zipped import zip_folder
from layers.errors import WrongCall
from layers.schema import Layer
from layers.schema import layer as layer_of
from layers.text import cell_text

__all__ = ["Stager", "deliver", "write_csv"]

#: Formats whose one file holds several layers.
_HOLDS_MANY = ("geopackage",)
#: A second ending that people give a format.
_ALIASES = {".json": ".geojson"}


class Stager(Protocol):
    """Writes one layer into a folder under a name, reads it back and compares."""

    def __call__(self, frame: pd.DataFrame, folder: Path, *, layer: Layer, order: Order, name: str | None) -> Staged:
        """`name` is the file name without its ending; None where the layer's own is to be taken."""
        ...


@dataclass(frozen=True)
class _Target:
    """What a path asks for: `folder`, `zip`, `file`, or `beside` (a shapefile among other files)."""

    kind: str
    path: Path

    @property
    def name(self) -> str | None:
        """The name that the path gives to the file, where it does."""
        return self.path.stem if self.kind in ("file", "beside") else None


def deliver(
    frames: Iterable[tuple[str, pd.DataFrame]], path: str | Path, order: Order, stager: Stager
) -> list[Delivered]:
    """Write layers to a folder, a .zip or a single file: either everything stands at the end, or nothing.

    Parameters
    ----------
    frames
        Layer names with their frames; an iterator is drawn one layer at a time.
    path
        A folder (new, empty, or holding an earlier delivery, which is replaced), a path ending in .zip, or one ending
        like the format's files. A shapefile named `x.shp` goes among the files beside it, with `x_fields.csv` and
        `x_README.txt`; in a folder or an archive they are `fields.csv` and `README.txt`.
    order
        Format and all that belongs to it.
    stager
        The format's writer.

    Raises
    ------
    WrongCall
        Where the path and the format do not go together, or the folder holds other files.
    DataBroken
        Where a file reads back otherwise than it was written.
    """
    target = _target(Path(path), order)
    if target.kind == "folder":
        refuse_foreign(target.path)
    with aside(target.path) as work:
        folder = work / "made"
        folder.mkdir()
        staged: list[Staged] = []
        for name, frame in frames:
            if staged and target.kind != "folder" and target.kind != "zip" and order.format not in _HOLDS_MANY:
                raise WrongCall(
                    f"{target.path} is one file and {order.format} holds one layer a file; name a folder or a .zip"
                )
            staged.append(stager(frame, folder, layer=layer_of(name), order=order, name=target.name))
        if not staged:
            raise WrongCall("no layer was named; name at least one, such as micro_grids")
        if target.kind != "file":
            _finish(folder, staged, order, prefix=f"{target.path.stem}_" if target.kind == "beside" else "")
        files = _put(folder, work, target, order)
    return [
        Delivered(
            layer=part.layer, path=target.path, files=files, rows=part.rows, dictionary=part.dictionary,
            warnings=part.notices,
        )
        for part in staged
    ]  # fmt: skip


def _target(path: Path, order: Order) -> _Target:
    suffix = _ALIASES.get(path.suffix.lower(), path.suffix.lower())
    if suffix == ".zip":
        return _Target("zip", path)
    if suffix == FORMATS[order.format]:
        return _Target("beside" if order.format == "shapefile" else "file", path)
    if suffix in FORMATS.values():
        raise WrongCall(
            f"{path.name} does not end like {order.format} ({FORMATS[order.format]}); name the format that the file "
            "is to have"
        )
    return _Target("folder", path)


def _finish(folder: Path, staged: list[Staged], order: Order, *, prefix: str) -> None:
    """Lay the dictionary, the long texts and the README beside the layers."""
    write_csv(pd.concat([part.dictionary for part in staged], ignore_index=True), folder / f"{prefix}fields.csv")
    long_text = [part.long_text for part in staged if len(part.long_text)]
    if long_text:
        write_csv(pd.concat(long_text, ignore_index=True), folder / f"{prefix}long_text.csv")
    name = f"{prefix}{README}"
    files = [*(found.name for found in folder.iterdir()), name]
    text = readme(staged, files, order, fields=f"{prefix}fields.csv")
    # a byte-order mark, because Notepad on older Windows guesses otherwise
    (folder / name).write_bytes(text.encode("utf-8-sig"))


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """A small table as Excel and WPS read it: UTF-8 with a byte-order mark, no cell that could run as a formula."""
    text = table.select_dtypes(include=["object", "string"]).columns
    safe = table.assign(**{name: table[name].map(cell_text) for name in text})
    safe.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n")


def _put(folder: Path, work: Path, target: _Target, order: Order) -> tuple[Path, ...]:
    names = sorted(found.name for found in folder.iterdir())
    step: dict[str, Callable[[], tuple[Path, ...]]] = {
        "zip": lambda: _put_zip(folder, work, target.path),
        "folder": lambda: _put_folder(folder, target.path, names),
        "beside": lambda: _put_beside(folder, target.path, names),
        "file": lambda: _put_file(folder / names[0], target.path),
    }
    return step[target.kind]()


def _put_zip(folder: Path, work: Path, path: Path) -> tuple[Path, ...]:
    zip_folder(folder, work / "made.zip")
    place(work / "made.zip", path)
    return (path,)


def _put_folder(folder: Path, path: Path, names: list[str]) -> tuple[Path, ...]:
    place(folder, path)
    return tuple(path / name for name in names)


def _put_beside(folder: Path, path: Path, names: list[str]) -> tuple[Path, ...]:
    place_beside(folder, path.absolute().parent)
    return tuple(path.parent / name for name in names)


def _put_file(made: Path, path: Path) -> tuple[Path, ...]:
    place(made, path)
    return (path,)
