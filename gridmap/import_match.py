"""What a newer file changes in a layer: which rows are the same things, and what of them differs."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers.headings import normal
from layers.schema import Layer

__all__ = ["Changes", "compare", "end_of", "keys_of", "matches"]

#: A thing of the same name within so many metres is the same thing.
SAME_PLACE_M = 100.0
#: Geometry counts as moved from so many metres on.
MOVED_M = 0.01
#: Columns that the city computes; a file never changes them.
_OURS = (
    "source_row", "source_file", "micro_grid", "grid", "community", "attached_by", "attach_distance_m", "valid_from",
    "valid_to", "given_code", "derived",
)  # fmt: skip


@dataclass
class Changes:
    """A layer after an import, and the steps that led there.

    `after` is the whole layer; `touched` marks, on its index, rows whose place is new. `new`,
        `changed` and `ended` hold
    codes; `steps` one dict a step: `code`, `step` and `before` (JSON of the columns that were changed).
    """

    after: Any
    touched: pd.Series
    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    unchanged: int = 0
    merged: int = 0
    steps: list[dict[str, Any]] = field(default_factory=list)


def compare(
    before: Any, frame: Any, layer: Layer, *, day: date, ends: bool, own: NDArray[np.bool_] | None = None
) -> Changes:
    """Lay a file over a layer.

    Parameters
    ----------
    before
        The layer as the store has it.
    frame
        The file as read, in the same CRS.
    day
        Day of the import: `valid_from` of new rows; `valid_to` of ended ones is the day before, the last on which they
        hold.
    ends
        Whether rows that the file lacks are ended.
    own
        Rows of the layer that may be changed; None for all. The others stay as they are.

    Returns
    -------
    Changes. Things are matched by code, then by name within 100 m, one to one and the nearest first, then by equal
    geometry where they have neither; staff by name, role and area. Only columns that the file has are compared.

    Examples
    --------
    >>> from layers.schema import layer
    >>> points = gpd.points_from_xy([0, 500], [0, 0])
    >>> before = gpd.GeoDataFrame({"code": ["F1", "F2"], "name": ["甲", "乙"], "capacity": [10, 20]},
    ...                           geometry=points, crs=4549)
    >>> points = gpd.points_from_xy([3, 900], [0, 0])
    >>> newer = gpd.GeoDataFrame({"name": ["甲", "丙"], "capacity": [12, 5]}, geometry=points, crs=4549)
    >>> done = compare(before, newer, layer("facilities"), day=date(2024, 3, 5), ends=True)
    >>> done.new, done.changed, done.ended, done.unchanged
    (['F000001'], ['F1'], ['F2'], 0)
    """
    before, frame = before.reset_index(drop=True), frame.reset_index(drop=True)
    coded = "code" in layer
    if coded and "code" not in frame.columns:
        frame = frame.assign(code=pd.Series(None, index=frame.index, dtype="str"))
    own = np.ones(len(before), dtype=bool) if own is None else own
    match = matches(before, frame, layer, own)
    columns = [name for name in frame.columns if name not in (*_OURS, "geometry", "code")]
    after = before.copy()
    for name in columns:
        if name not in after.columns:
            after[name] = pd.Series([None] * len(after),
                dtype=frame[name].dtype) if len(after) else frame[name].iloc[:0]
    for column in layer:  # a store gives days as text
        if column.type in ("date", "datetime") and column.name in after.columns:
            after[column.name] = pd.to_datetime(after[column.name]).astype("datetime64[ms]")
    start, end = start_of(layer), end_of(layer)
    if end is not None:
        for name in (start, end):
            if name not in after.columns or after[name].isna().all():
                after[name] = pd.Series(pd.NaT, index=after.index, dtype="datetime64[ms]")
    known, rows = np.flatnonzero(match >= 0), match[match >= 0]
    different = {name: _differs(after[name].iloc[rows], frame[name].iloc[known]) for name in columns}
    moved = _moved(after, frame, rows, known)
    back = np.zeros(len(known), dtype=bool)
    if end is not None and end not in columns:
        stopped = after[end].iloc[rows]
        back = stopped.notna().to_numpy() & (stopped <= pd.Timestamp(day)).to_numpy(dtype=bool)
    any_change = moved | back
    for mask in different.values():
        any_change = any_change | mask
    keys = keys_of(after, layer)
    changes = Changes(after=after, touched=pd.Series(False, index=after.index))
    changes.unchanged = int((~any_change).sum())
    for at in np.flatnonzero(any_change):  # a thing each: few rows change
        row = int(rows[at])
        was = {name: _json(after[name].iloc[row]) for name, mask in different.items() if mask[at]}
        if moved[at]:
            was["geometry"] = shapely.to_wkb(after.geometry.iloc[row], hex=True)
            for name in ("micro_grid", "grid", "community", "attached_by", "attach_distance_m"):
                if name in after.columns:
                    was[name] = _json(after[name].iloc[row])
        if back[at]:
            was[str(end)] = _json(after[end].iloc[row])
        changes.changed.append(keys[row])
        changes.steps.append({"code": keys[row], "step": "changed", "before": json.dumps(was, ensure_ascii=False)})
    after = _laid_over(after, frame, rows, known, different, moved, back, end)
    touched = np.zeros(len(after), dtype=bool)
    touched[rows[moved]] = True
    if ends and end is not None:
        gone = np.setdiff1d(np.flatnonzero(after[end].isna().to_numpy() & own), rows)
        for row in gone:
            changes.ended.append(keys[row])
            changes.steps.append({"code": keys[row], "step": "ended", "before": json.dumps({end: None})})
        after.loc[gone, end] = pd.Timestamp(day - timedelta(days=1))  # as the past of plans: its last day
    fresh = frame[match == -1]
    if len(fresh):
        fresh = _fresh(fresh, after, layer, day)
        if coded:
            changes.new = fresh["code"].tolist()
        else:
            changes.new = keys_of(fresh, layer)
        changes.steps += [{"code": key, "step": "new", "before": None} for key in changes.new]
        touched = np.concatenate([touched, np.ones(len(fresh), dtype=bool)])
        after = _below(after, fresh)
    changes.after = after
    changes.touched = pd.Series(touched, index=after.index)
    changes.merged = int((match == -2).sum())
    return changes


def _below(after: Any, fresh: Any) -> Any:
    """New rows below the old ones, each column in the type of the fuller one."""
    if not len(after):
        return fresh.reindex(columns=[*after.columns, *(n for n in fresh.columns if n not in after.columns)])
    whole = {}
    for name in dict.fromkeys([*after.columns, *fresh.columns]):
        parts = [part[name] if name in part.columns else pd.Series([None] * len(part)) for part in (after, fresh)]
        if name == "geometry":
            continue
        kind: Any = next(part[name].dtype for part in (after, fresh) if name in part.columns)
        whole[name] = pd.Series([*parts[0].astype("object"), *parts[1].astype("object")], dtype="object")
        whole[name] = whole[name].where(whole[name].notna(), None).astype(kind if kind.kind not in "iub" else "object")
        if kind.kind in "iu":
            whole[name] = whole[name].astype("Int64")
        elif kind.kind == "b":
            whole[name] = whole[name].astype("boolean")
    table = pd.DataFrame(whole)
    if isinstance(after, gpd.GeoDataFrame):
        return gpd.GeoDataFrame(table, geometry=[*after.geometry, *fresh.geometry], crs=after.crs)
    return table


def _fresh(fresh: Any, after: Any, layer: Layer, day: date) -> Any:
    """New rows with a code each and the day on which they begin."""
    fresh = fresh.drop(columns=["source_row", "source_file"], errors="ignore").reset_index(drop=True)
    if "code" in layer:
        taken = set(after["code"].dropna()) | set(fresh["code"].dropna())
        letter = layer.name[0].upper()
        made = (f"{letter}{number:06d}" for number in range(1, len(taken) + len(fresh) + 2))
        free = iter([code for code in made if code not in taken])
        fresh = fresh.assign(code=pd.Series([next(free) if pd.isna(c) else c for c in fresh["code"]], dtype="str"))
    start, end = start_of(layer), end_of(layer)
    if start is not None and end is not None:
        begins = fresh[start] if start in fresh.columns else pd.Series(pd.NaT, index=fresh.index)
        begins = begins.astype("datetime64[ms]").fillna(pd.Timestamp(day)).astype("datetime64[ms]")
        fresh = fresh.assign(**{start: begins})
        if end not in fresh.columns:
            fresh = fresh.assign(**{end: pd.Series(pd.NaT, index=fresh.index, dtype="datetime64[ms]")})
    return fresh


def start_of(layer: Layer) -> str | None:
    """The column that says from when a row holds; None where rows have no dates."""
    return next((name for name in ("valid_from", "from") if name in layer), None)


def end_of(layer: Layer) -> str | None:
    """The column that says until when a row holds; None where rows have no dates."""
    return next((name for name in ("valid_to", "to") if name in layer), None)


def keys_of(frame: Any, layer: Layer) -> list[str]:
    """What a row is called in the steps: its code, else its key columns."""
    if "code" in layer:
        return [str(code) for code in frame["code"]]
    rows = frame[list(layer.key)].to_numpy()
    return ["\t".join("" if pd.isna(value) else str(value) for value in row) for row in rows]


def matches(before: Any, frame: Any, layer: Layer, own: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each row of the file the row of the layer that it is; -1 for a new one, -2 for one given twice."""
    match = np.full(len(frame), -1, dtype=np.int64)
    if not len(before) or not len(frame):
        return match
    taken = ~own
    if "code" not in layer:
        place = {key: row for row, key in reversed(list(enumerate(keys_of(before, layer)))) if own[row]}
        for at, key in enumerate(keys_of(frame, layer)):
            row = place.get(key, -1)
            match[at] = -2 if row >= 0 and taken[row] else row
            if row >= 0:
                taken[row] = True
        return match
    codes = pd.Series(np.arange(len(before)), index=before["code"].astype("object"))
    codes = codes[codes.index.notna() & ~codes.index.duplicated() & own]
    found = frame["code"].astype("object").map(codes).fillna(-1).to_numpy(dtype=np.int64)
    match[found >= 0] = found[found >= 0]
    taken[found[found >= 0]] = True
    open_ = (match == -1) & frame["code"].isna().to_numpy()
    if not open_.any() or not isinstance(before, gpd.GeoDataFrame):
        return match
    for name in ("name", "category"):
        if name in before.columns and name in frame.columns:
            _match_by_word(before, frame, name, match, open_, taken)
            break
    _match_by_shape(before, frame, match, taken)
    return match


def _match_by_word(
    before: Any, frame: Any, name: str, match: NDArray[np.int64], open_: NDArray[np.bool_], taken: NDArray[np.bool_]
) -> None:
    """Things of one name within 100 m (unplaced ones: of one name and address), the nearest pairs first."""
    also = [c for c in ("reported_at", "kind") if c in before.columns and c in frame.columns]

    def words(table: Any) -> pd.Series:
        parts = [table[c].astype("object").map(lambda v: "" if pd.isna(v) else normal(v)) for c in (name, *also)]
        return pd.Series(["\t".join(row) for row in zip(*parts, strict=True)], index=table.index)

    old = pd.DataFrame({"word": words(before), "row": np.arange(len(before))})[~taken]
    new = pd.DataFrame({"word": words(frame), "at": np.arange(len(frame))})[open_]
    pairs = new.merge(old, on="word")
    pairs = pairs[pairs["word"].str.strip() != ""]
    if not len(pairs):
        return
    a = frame.geometry.to_numpy()[pairs["at"]]
    b = before.geometry.to_numpy()[pairs["row"]]
    metres = shapely.distance(a, b)
    nowhere = shapely.is_empty(a) & shapely.is_empty(b)
    pairs = pairs.assign(metres=np.where(nowhere, 0.0, metres))
    pairs = pairs[pairs["metres"] <= SAME_PLACE_M].sort_values(["metres", "at", "row"])
    for at, row in zip(pairs["at"], pairs["row"], strict=True):  # one to one, so pair by pair
        if match[at] == -1 and not taken[row]:
            match[at], taken[row] = row, True


def _match_by_shape(before: Any, frame: Any, match: NDArray[np.int64], taken: NDArray[np.bool_]) -> None:
    """Things without code and name, such as footpaths, by their geometry to the millimetre."""
    left = np.flatnonzero((match == -1) & frame["code"].isna().to_numpy())
    free = np.flatnonzero(~taken)
    if not len(left) or not len(free):
        return

    def key(shapes: Any) -> list[bytes]:
        return list(shapely.to_wkb(shapely.normalize(shapely.set_precision(shapes, 0.001, mode="pointwise"))))

    names = frame["name"].iloc[left] if "name" in frame.columns else pd.Series(None, index=left, dtype="object")
    old: dict[bytes, list[int]] = {}
    for row, shape in zip(free, key(before.geometry.to_numpy()[free]), strict=True):
        old.setdefault(shape, []).append(int(row))
    for at, shape, name in zip(left, key(frame.geometry.to_numpy()[left]), names, strict=True):
        rows = old.get(shape, [])
        if rows and (pd.isna(name) or "name" not in before.columns or before["name"].iloc[rows[0]] == name):
            match[at] = rows.pop(0)
            taken[match[at]] = True


def _plain(column: pd.Series) -> NDArray[np.object_]:
    """Values that compare: None for nothing, floats for numbers, ISO text for times."""
    if column.dtype.kind == "M":
        values = column.dt.strftime("%Y-%m-%dT%H:%M:%S").astype("object")
    else:
        values = column.astype("object")
    plain = [
        None if pd.isna(v) or v == "" else float(v) if isinstance(v, (int, float,
            np.number)) else str(v) for v in values
    ]
    return np.array([*plain, None], dtype=object)[:-1]


def _differs(old: pd.Series, new: pd.Series) -> NDArray[np.bool_]:
    """Where a file says something else; an empty cell of the file says that it is empty."""
    a, b = _plain(old), _plain(new)
    return np.array([x != y for x, y in zip(a, b, strict=True)], dtype=bool)


def _moved(after: Any, frame: Any, rows: NDArray[np.int64], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    if not isinstance(after, gpd.GeoDataFrame) or not len(rows):
        return np.zeros(len(rows), dtype=bool)
    old, new = after.geometry.to_numpy()[rows], frame.geometry.to_numpy()[known]
    same = shapely.equals_exact(shapely.normalize(old), shapely.normalize(new), tolerance=MOVED_M)
    return ~(same | (shapely.is_empty(old) & shapely.is_empty(new)))


def _json(value: Any) -> Any:
    if value is None or pd.isna(value):
        return None
    if isinstance(value, (pd.Timestamp, date)):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value


def _laid_over(
    after: Any, frame: Any, rows: NDArray[np.int64], known: NDArray[np.int64], different: dict[str, NDArray[np.bool_]],
    moved: NDArray[np.bool_], back: NDArray[np.bool_], end: str | None,
) -> Any:  # fmt: skip
    """The layer with the file's values where they differ."""
    for name, mask in different.items():
        if mask.any():
            cells = after[name].astype("object").copy()
            cells.iloc[rows[mask]] = frame[name].iloc[known[mask]].astype("object").to_numpy()
            kind = after[name].dtype if after[name].dtype.kind not in "iu" else frame[name].dtype
            after[name] = cells.where(cells.notna(), None).astype(kind)
    if moved.any():
        shapes = np.asarray(after.geometry.array, dtype=object).copy()
        shapes[rows[moved]] = frame.geometry.to_numpy()[known[moved]]
        after = after.set_geometry(shapes, crs=after.crs)
    if back.any():
        after.loc[rows[back], end] = pd.NaT
    return after
