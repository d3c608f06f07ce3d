"""A file of districts, streets, communities, grids or micro-grids brought into a built city: names and leaders.

The plan stands on the outlines that the city was built from: codes of everything below begin with theirs. So an outline
that is really another one, or a unit that is not there, is refused with its area, and the next step is a new build.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from gridmap.import_match import Changes, compare, matches
from gridmap.import_record import Imported, new_record, with_record, with_steps
from gridmap.import_scope import tell_outside, whole_city
from gridmap.import_steps import standing, steps_between
from gridmap.replan_scope import as_areas
from gridmap.stores import Store, open_store
from gridmap.stores.history import HISTORY
from layers.read import Reading, read_file
from layers.repair import SLIVER_M
from layers.rows import tell_rows
from layers.schema import LAYERS
from layers.tally import Tally, refuse

__all__ = ["import_level"]

#: What a file may say of a unit; all else of it follows from the plan.
_SAID = ("code", "name", "leader")


def import_level(
    city: str | Path,
    layer: str,
    path: Path,
    *,
    reading: Mapping[str, Any],
    by: str | None,
    dry_run: bool,
    name: str | None,
    within: Sequence[str],
) -> Imported:
    """Bring a file of units into a city; see `gridmap.importing.import_file`.

    Units are known by code, else by name and place. Their names and leaders, and columns that the schema does not know,
    are taken over; what they were stands in the history of the level. A row is refused where no unit of the city is
    meant, or where its outline differs by more than a strip of `layers.repair.SLIVER_M`: with how many square metres.
    Units that the file lacks stay.
    """
    with open_store(city) as store:
        read = read_file(path, layer, crs=store.crs, unplaced=True, **reading)
        day = datetime.now(UTC).date()
        before = as_areas(store, layer)
        frame, tally, own = _usable(store, layer, before, read, within)
        changes = compare(before, frame, LAYERS[layer], day=day, ends=False, own=own)
        record = new_record(store, layer, path, tally, changes, name=name, by=by)
        if not dry_run:
            _keep(store, layer, record, before, changes, day)
    return Imported(record, read.findings, tally, read)


def _usable(
    store: Store, layer: str, before: gpd.GeoDataFrame, read: Reading, within: Sequence[str]
) -> tuple[gpd.GeoDataFrame, Tally, NDArray[np.bool_]]:
    """Rows of units that are there and have the outline that they have; the tally of the others; rows that may change.
    """
    frame, file = gpd.GeoDataFrame(read.frame).reset_index(drop=True), read.tally.file
    own = np.ones(len(before), dtype=bool)
    if not whole_city(within):
        own = before["code"].str.startswith(tuple(within)).to_numpy(dtype=bool)
    if "code" not in frame.columns:
        frame = frame.assign(code=pd.Series(None, index=frame.index, dtype="str"))
    match = matches(before, frame, LAYERS[layer], np.ones(len(before), dtype=bool))

    def tell(mask: NDArray[np.bool_], rule: str, what: str, done: str, values: Any = None) -> None:
        tell_rows(
            read.findings, layer, rule, what, done, frame["source_row"][mask], codes=frame["code"][mask],
            values=values, level="error", file=file,
        )  # fmt: skip

    unknown = match < 0
    tell(unknown, "unit_unknown", "no unit of the city has this code",
         "row left out; new units come with a new build: put the file in the city's folder, gridmap build")
    apart = _apart(frame, before, match)
    other = ~np.isnan(apart) & (apart > 0)
    tell(other, "outline_differs", "the outline is another one, by square metres",
         "row left out; the plan stands on the old one: put the file in the city's folder, gridmap build",
         pd.Series(np.round(apart[other], 1)))
    out = unknown | other
    if not whole_city(within):
        mine = np.zeros(len(frame), dtype=bool)
        mine[~unknown] = own[match[~unknown]]
        out |= tell_outside(frame, mine | out, set(), layer, read.findings, file)
    tally = refuse(read.tally, read.original, frame["source_row"][out].tolist(), read.findings)
    known = LAYERS[layer]
    columns = [name for name in frame.columns if name in _SAID or name not in (*_names(known), "geometry")]
    kept = frame.loc[~out, columns]
    rows = match[~out]
    kept = kept.assign(code=before["code"].to_numpy()[rows])
    shapes = before.geometry.to_numpy()[rows]
    return gpd.GeoDataFrame(kept, geometry=shapes, crs=before.crs), tally, own


def _names(layer: Any) -> list[str]:
    return [column.name for column in layer]


def _apart(frame: gpd.GeoDataFrame, before: gpd.GeoDataFrame, match: NDArray[np.int64]) -> NDArray[np.float64]:
    """Square metres by which each outline differs from that of its unit, strips left out; NaN where it says none."""
    shapes = np.asarray(frame.geometry.array, dtype=object)
    found = np.full(len(frame), np.nan)
    known = np.flatnonzero((match >= 0) & ~shapely.is_empty(shapes) & (shapely.get_dimensions(shapes) == 2))
    rest = shapely.symmetric_difference(shapes[known], before.geometry.to_numpy()[match[known]])
    broad = ~shapely.is_empty(shapely.buffer(rest, -SLIVER_M / 2))
    found[known] = np.where(broad, shapely.area(rest), 0.0)
    return found


def _keep(
    store: Any, layer: str, record: Any, before: gpd.GeoDataFrame, changes: Changes, day: date
) -> None:
    """The level, its past, the record and what leads back, in one transaction."""
    if not changes.steps:
        store.write_all([with_record(store, record)])
        return
    stood = standing(store)
    after = gpd.GeoDataFrame(changes.after)
    changed = after["code"].isin(changes.changed)
    after["valid_from"] = after["valid_from"].mask(changed, pd.Timestamp(day))
    past = before[before["code"].isin(changes.changed)]
    past = past.assign(valid_to=(day - timedelta(days=1)).isoformat())
    with store.transaction():
        kept = store.read(HISTORY[layer])
        both = gpd.GeoDataFrame(pd.concat([part for part in (kept, past) if len(part)], ignore_index=True))
        store.write_all([(layer, after), (HISTORY[layer], both.set_geometry("geometry").set_crs(before.crs))])
        back = steps_between(stood, standing(store))
        said = [{**step, "layer": layer, "before": None} for step in changes.steps]
        store.write_all([with_steps(store, record, [*said, *back]), with_record(store, record)])
