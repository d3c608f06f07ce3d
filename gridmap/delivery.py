"""From a store to files: layers within an area, as of a day, in one delivery that stands whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from gridmap.exports import Notice, Order, write_layers
from gridmap.stores import Store
from layers.errors import NotFound, WrongCall
from layers.schema import layer as layer_of

__all__ = ["Delivery", "export_layers"]


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What was delivered.

    Parameters
    ----------
    path
        The folder, archive or file that was asked for.
    paths
        Every file made; the archive alone where it is one.
    rows
        Layer name -> rows, in the order in which the layers were named.
    warnings
        What a format could not hold as it was, and which layers have no rows within the scope.
    """

    path: Path
    paths: tuple[Path, ...]
    rows: dict[str, int]
    warnings: tuple[Notice, ...]


def export_layers(
    store: Store,
    layers: Sequence[str],
    out: str | Path,
    *,
    within: Sequence[str] = ("",),
    format: str = "shapefile",
    encoding: str = "gb18030",
    crs: Any = None,
    datum: str | None = None,
    names: str = "en",
    as_of: date | None = None,
    attribution: str | None = None,
) -> Delivery:
    """Write layers of a store to a folder, a .zip or, for one layer of a one-file format, to a file.

    Who may see what is not asked here: `within` is to be the reach of whoever asks.

    Parameters
    ----------
    store
        An open store.
    layers
        Layer names of `layers.schema.LAYERS`, made ones such as `coverage` included.
    out
        A folder that is new, empty or holds an earlier delivery (which is replaced), a path ending in .zip, or a
        file ending like the format's: `x.gpkg` takes several layers, the others one.
    within
        Area codes; ("",) is the whole city.
    format
        shapefile, geopackage, geojson, kml, csv or xlsx.
    encoding
        Of a shapefile's texts: gb18030 or utf-8.
    crs, datum
        Where the coordinates are to lie; None leaves them in the city's metric CRS, but for GeoJSON and KML.
    names
        Headings: `en` for gridmap's own names, `zh` for Chinese titles; a shapefile's are short ASCII ones.
    as_of
        Leave out rows not yet or no longer valid that day.
    attribution
        Who made the source data, for the README; None takes what the store's facts say under that name.

    Returns
    -------
    Files, rows and warnings. A layer without rows within the scope is written empty, with a warning.

    Raises
    ------
    UnknownLayer, WrongCall
        Where a layer, format, encoding, CRS or datum does not exist, or they do not go together.
    NotFound
        Where none of the layers has a row within the scope.
    DataBroken
        Where a file reads back otherwise than it was written. Nothing is left at `out`.

    Examples
    --------
    >>> import tempfile
    >>> from gridmap.stores import create_store
    >>> with tempfile.TemporaryDirectory() as folder, create_store(f"{folder}/city.gpkg", crs=4549) as store:
    ...     store.write("staff", pd.DataFrame({"name": ["李"], "role": ["grid_leader"], "area": ["330101001001001"]}))
    ...     made = export_layers(store, ["staff"], f"{folder}/staff.csv", format="csv")
    ...     made.rows, [path.name for path in made.paths]
    ({'staff': 1}, ['staff.csv'])
    """
    wanted = [layer_of(name).name for name in _several(layers)]
    if not wanted:
        raise WrongCall("no layer was named to export; name at least one, such as micro_grids")
    areas = _several(within)
    order = Order(
        format=format,
        encoding=encoding,
        crs=crs,
        datum=datum,
        names=names,
        scope=areas,
        as_of=as_of,
        attribution=attribution or store.meta().get("attribution"),
    )
    path = Path(out)
    made = write_layers(_read(store, wanted, areas, as_of), path, order)
    return Delivery(
        path=path,
        paths=made[0].files,
        rows={part.layer: part.rows for part in made},
        warnings=tuple(notice for part in made for notice in part.warnings),
    )


def _several(given: Sequence[str]) -> list[str]:
    """The names once each, in order; a lone text is one name, not its letters."""
    return list(dict.fromkeys([given] if isinstance(given, str) else given))


def _read(
    store: Store, layers: Sequence[str], within: Sequence[str], as_of: date | None
) -> Iterator[tuple[str, pd.DataFrame]]:
    """The layers one at a time, so that no two are in memory together."""
    rows = 0
    for name in layers:
        frame = store.read(name, within=within, as_of=as_of)
        rows += len(frame)
        yield name, frame
    # raised before anything is put into place, which happens once all layers are written
    if not rows:
        scope = "the whole city" if "" in within else f"the area of {', '.join(within) or 'no code'}"
        raise NotFound(f"{scope} has no rows of {', '.join(layers)}; name another area, another layer or another day")
