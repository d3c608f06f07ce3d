"""What stood before an import that changes several layers at once, kept row by row, and put back."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gridmap.stores import Store
from gridmap.stores.history import HISTORY
from layers.errors import WrongCall

__all__ = ["FACTS", "ROWS", "put_back", "standing", "steps_between"]

#: Steps of this kind hold rows of a layer, and facts of the city.
ROWS, FACTS = "rows", "facts"
#: Layers that a change of buildings goes through.
_LAYERS = (*HISTORY, *HISTORY.values(), "buildings", "buildings_history", "cells", "lineage")
_KEPT_FACTS = ("households_in", "street_share")


def standing(store: Store) -> dict[str, Any]:
    """The layers of the plan as they stand, and the facts about them."""
    return {layer: store.read(layer) for layer in _LAYERS} | {
        FACTS: {name: value for name, value in store.meta().items() if name in _KEPT_FACTS}
    }


def steps_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Steps that lead back: of each layer the rows that went or were other, and the marks of those that came.

    Parameters
    ----------
    before, after
        From `standing`.
    """
    steps = []
    for layer in _LAYERS:
        old, new = before[layer], after[layer]
        was, now = _marks(old), _marks(new)
        came, went = Counter(now) - Counter(was), Counter(was) - Counter(now)
        if not came and not went:
            continue
        rows = old.iloc[_places(was, went)].reset_index(drop=True)
        told = {"came": sorted(came.elements()), "rows": _packed(rows)}
        steps.append({"layer": layer, "code": layer, "step": ROWS, "before": json.dumps(told)})
    steps.append({"layer": "", "code": FACTS, "step": FACTS, "before": json.dumps(before[FACTS])})
    return steps


def put_back(store: Store, steps: pd.DataFrame) -> tuple[list[tuple[str, Any]], dict[str, str]]:
    """Layers and facts as they stood before the steps.

    Raises
    ------
    WrongCall
        Something of what the import made was changed since, so that taking it back would lose that.
    """
    frames: list[tuple[str, Any]] = []
    for _, step in steps[steps["step"] == ROWS].iterrows():  # a layer each
        told = json.loads(step["before"])
        frame = store.read(step["layer"])
        marks = _marks(frame)
        came = Counter(told["came"])
        if came - Counter(marks):
            raise WrongCall(
                f"{step['layer']} were changed again since, by a split, an edit or another import; bring the former "
                "file in instead of undoing this one"
            )
        left = np.ones(len(frame), dtype=bool)
        left[_places(marks, came)] = False
        frames.append((step["layer"], _joined(frame[left], _unpacked(told["rows"]))))
    facts = json.loads(steps["before"][steps["step"] == FACTS].iloc[0])
    return frames, {name: str(value) for name, value in facts.items()}


def _joined(kept: Any, rows: Any) -> Any:
    parts = [part for part in (kept, rows) if len(part)]
    if not parts:
        return kept
    both = pd.concat(parts, ignore_index=True)
    if isinstance(kept, gpd.GeoDataFrame):
        both = gpd.GeoDataFrame(both, geometry="geometry", crs=kept.crs)
    return both.sort_values("code", ignore_index=True) if "code" in both.columns else both


def _places(marks: Sequence[str], wanted: Mapping[str, int]) -> list[int]:
    """Positions of so many rows of each mark."""
    left = dict(wanted)
    found = []
    for at, mark in enumerate(marks):
        if left.get(mark, 0) > 0:
            left[mark] -= 1
            found.append(at)
    return found


def _marks(frame: Any) -> list[str]:
    """A digest of everything that a row says; empty cells say nothing."""
    if not len(frame):
        return []
    columns = []
    for name in sorted(str(column) for column in frame.columns):
        if name == "geometry":
            cells = shapely.to_wkb(np.asarray(frame.geometry.array, dtype=object), hex=True)
            columns.append([f"{name}={cell}\n" for cell in cells])
            continue
        values = frame[name].astype("object")
        columns.append(["" if pd.isna(value) else f"{name}={_plain(value)}\n" for value in values])
    rows = zip(*columns, strict=True)
    return [hashlib.blake2b("".join(row).encode(), digest_size=12).hexdigest() for row in rows]


def _plain(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (int, float, np.number)):
        return repr(float(value))
    return value.isoformat() if isinstance(value, pd.Timestamp) else str(value)


def _packed(rows: Any) -> str:
    """Rows with their types, as text."""
    out = io.BytesIO()
    rows.to_parquet(out, index=False)
    return base64.b64encode(out.getvalue()).decode()


def _unpacked(text: str) -> Any:
    told = io.BytesIO(base64.b64decode(text))
    try:
        return gpd.read_parquet(told)
    except ValueError:  # a table without places
        told.seek(0)
        return pd.read_parquet(told)
