"""The card of a micro-grid: everything there is to say about it, as plain values for the panel beside the map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from gridmap.maps.geojson import plain_records
from layers.schema import NEEDS

__all__ = ["micro_grid_cards"]

#: Longest list on a card; the number of all stands beside it.
MOST = 60

_FACTS = (
    "code", "name", "parent", "kind", "leader", "households", "residents", "area_m2", "compactness", "within_band",
    "reason", "reason_zh", "stack", "floor_from", "floor_to", "valid_from",
)
#: What the list of a stack says of each of its micro-grids.
_OF_STACK = ("code", "name", "floor_from", "floor_to", "households")
_LISTS: dict[str, tuple[str, ...]] = {
    "buildings": (
        "code", "name", "part", "part_of", "households", "households_basis", "levels", "units", "floor_from",
        "floor_to", "use", "address",
    ),
    "organizations": ("code", "name", "kind", "services", "phone", "address", "attached_by"),
    "facilities": ("code", "name", "kind", "functions", "hours", "phone", "address", "attached_by"),
    "incidents": ("code", "category", "status", "reported_at", "closed_at", "text", "address", "attached_by"),
}


def micro_grid_cards(
    micro_grids: pd.DataFrame, layers: Mapping[str, pd.DataFrame] | None = None
) -> dict[str, dict[str, Any]]:
    """Cards by code.

    Parameters
    ----------
    micro_grids
        The micro-grids that get a card, with `code`.
    layers
        Of the layers `buildings`, `organizations`, `facilities`, `incidents` and `coverage` those there are, each
        with `micro_grid`. Columns that the frames lack are left out of the cards: what a reader may not see is not
        in the frames. `nearest` may hold more facilities than lie in the micro-grids, to name the nearest by.

    Returns
    -------
    Code -> card: `facts`, `needs` (counts by name), `services` (one a kind, worst first), `lists` and `counts` (by
    layer; a list holds at most `MOST` rows, incidents the newest), `stack` (the micro-grids of the same footprint,
    lowest floor first).

    Examples
    --------
    >>> grids = pd.DataFrame({"code": ["g1", "g2"], "households": [20, 30]})
    >>> houses = pd.DataFrame({"code": ["b1"], "micro_grid": ["g1"], "households": [20]})
    >>> micro_grid_cards(grids, {"buildings": houses})["g1"]["lists"]["buildings"]
    [{'code': 'b1', 'households': 20}]
    """
    layers = layers or {}
    facts = _records(micro_grids, _FACTS)
    needs = _records(micro_grids, [need.name for need in NEEDS])
    stacks = _stacks(facts)
    lists = {name: _by_micro_grid(_sorted(name, layers[name]), _LISTS[name]) for name in _LISTS if name in layers}
    services = _services(layers.get("coverage"), layers.get("nearest", layers.get("facilities")))
    cards: dict[str, dict[str, Any]] = {}
    # one card is one nested document: nothing here that a column operation could do
    for fact, need in zip(facts, needs, strict=True):
        code = str(fact["code"])
        rows = {name: groups.get(code, []) for name, groups in lists.items()}
        cards[code] = {
            "facts": fact,
            "needs": need,
            "services": services.get(code, []),
            "lists": {name: found[:MOST] for name, found in rows.items()},
            "counts": {name: len(found) for name, found in rows.items()},
            "stack": stacks.get(str(fact.get("stack")), []),
        }
    return cards


def _records(frame: pd.DataFrame, columns: Iterable[str]) -> list[dict[str, Any]]:
    """Rows as dicts of what there is: known columns, no missing values."""
    present = frame[[name for name in columns if name in frame]]
    return [{k: v for k, v in record.items() if v is not None} for record in plain_records(present)]


def _by_micro_grid(frame: pd.DataFrame, columns: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Micro-grid code -> its rows, in the order of the frame."""
    records = _records(frame, columns)
    groups = frame.groupby("micro_grid", sort=False).indices
    return {str(code): [records[position] for position in positions] for code, positions in groups.items()}


def _sorted(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Incidents newest first, all else by code, so that a card reads the same each time."""
    if name == "incidents" and "reported_at" in frame:
        return frame.sort_values("reported_at", ascending=False, kind="stable")
    return frame.sort_values("code", kind="stable") if "code" in frame else frame


def _stacks(facts: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Stack code -> its micro-grids with their floors, lowest first."""
    stacks: dict[str, list[dict[str, Any]]] = {}
    for fact in facts:
        if "stack" in fact:
            member = {name: value for name, value in fact.items() if name in _OF_STACK}
            stacks.setdefault(str(fact["stack"]), []).append(member)
    return {
        stack: sorted(members, key=lambda member: (member.get("floor_from", 0), member["code"]))
        for stack, members in stacks.items()
    }


def _services(
    coverage: pd.DataFrame | None, facilities: pd.DataFrame | None
) -> dict[str, list[dict[str, Any]]]:
    """Micro-grid code -> one row a kind of facility: metres and status, gaps first."""
    if coverage is None or coverage.empty:
        return {}
    frame = coverage.copy()
    if "nearest" in frame and facilities is not None and {"code", "name"} <= set(facilities):
        names = facilities.dropna(subset=["code"]).drop_duplicates("code").set_index("code")["name"]
        frame["nearest_name"] = frame["nearest"].map(names)
    if "walk_m_mean" in frame:
        frame["walk_m_mean"] = frame["walk_m_mean"].astype("float64").round()
    if "status" in frame:
        order = frame["status"].map({"gap": 0, "partial": 1, "covered": 3}).fillna(2)
        frame = frame.iloc[order.argsort(kind="stable")]
    columns = ("kind", "status", "norm_m", "walk_m_mean", "coverage", "nearest_name", "basis", "verified")
    return _by_micro_grid(frame, columns)
