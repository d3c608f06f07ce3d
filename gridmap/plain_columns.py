"""A few columns of a layer off whatever reads like a store: figures need neither geometry nor forty columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from gridmap.stores.sql_store import SqlStore
from gridmap.stores.tallies import columns_of, tally

__all__ = ["distinct_rows", "read_columns"]


def read_columns(
    store: Any, layer: str, columns: Sequence[str], *, only: Mapping[str, Sequence[str]] | None = None,
    known: Sequence[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """Some columns of a layer, without geometry; those that it lacks are empty.

    Parameters
    ----------
    store
        A store; what one person sees of it, with a method `columns`; or anything with a method `read`.
    layer
        One whose rows carry a code of their area.
    columns
        Their names, in order.
    only
        Column -> values: only rows that have one of them there.
    known
        Only rows where these columns have a value.

    Examples
    --------
    >>> class Kept:
    ...     def read(self, layer): return pd.DataFrame({"code": ["1", "2"], "kind": ["park", None], "area": [3.0, 4.0]})
    >>> read_columns(Kept(), "green", ["area", "code"], known=["kind"]).values.tolist()
    [[3.0, '1']]
    """
    if isinstance(store, SqlStore):
        return columns_of(store, layer, columns, only=only, known=known)
    if hasattr(store, "columns"):
        return pd.DataFrame(store.columns(layer, columns, only=only, known=known))
    frame = pd.DataFrame(store.read(layer))
    kept = pd.Series(True, index=frame.index)
    for name in known:
        kept &= frame[name].notna() if name in frame else False
    for name, values in (only or {}).items():
        kept &= frame[name].isin(list(values)) if name in frame else False
    own = frame[kept].reset_index(drop=True)
    missing = pd.Series(None, index=own.index, dtype="object")
    return pd.DataFrame({name: own.get(name, missing) for name in columns}, index=own.index)


def distinct_rows(store: Any, layer: str, columns: Sequence[str]) -> pd.DataFrame:
    """What different values some columns of a layer have together, counted by the database where there is one.

    Examples
    --------
    >>> class Kept:
    ...     def read(self, layer): return pd.DataFrame({"kind": ["park", "park", "square"], "area": [3.0, 4.0, 5.0]})
    >>> distinct_rows(Kept(), "green", ["kind"])["kind"].tolist()
    ['park', 'square']
    """
    if isinstance(store, SqlStore):
        return tally(store, layer, columns)[list(columns)]
    if hasattr(store, "tally"):
        return pd.DataFrame(store.tally(layer, columns))[list(columns)]
    return read_columns(store, layer, columns).drop_duplicates(ignore_index=True)
