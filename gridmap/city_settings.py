"""Settings of a built city that may change while it is served: checked as `city.toml` is, kept in its store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridmap.audit import note
from gridmap.norms import load_norms
from gridmap.settings import CitySettings
from gridmap.stores import Store, open_store
from gridmap.stores.sql_store import new_version
from layers.errors import BadSettings, MoveNotAllowed

__all__ = ["LIVE", "change_settings", "live_settings"]

#: Table -> settings that may change, with what they take effect on: the next coverage, attaching, or split.
LIVE: dict[str, dict[str, str]] = {
    "cover": {"limit_m": "cover", "gap_merge_m": "cover", "complete": "cover", "nearest_m": "attach"},
    "split": {
        "community_households": "figures", "community_residents": "figures", "prefer_strength": "split",
        "shape": "split", "streets": "split", "inside": "split",
    },
}  # fmt: skip
#: What none of the checks of `city.toml` knows: numbers that would make no sense.
_MOST = {
    "limit_m": 20_000.0, "gap_merge_m": 1000.0, "nearest_m": 5000.0, "community_households": 100_000.0,
    "community_residents": 1_000_000.0, "prefer_strength": 1.0, "shape": 10.0, "streets": 10.0, "inside": 10.0,
}  # fmt: skip


def live_settings(store: Store) -> dict[str, dict[str, Any]]:
    """The settings that may change, by table, as they are now."""
    kept = json.loads(store.meta().get("settings", "{}"))
    full = json.loads(CitySettings.from_options(_clean(kept)).to_json())
    return {table: {name: full[table][name] for name in names} for table, names in LIVE.items()}


def change_settings(city: str | Path, changes: Mapping[str, Mapping[str, Any]], *, by: str | None = None) -> list[str]:
    """Change settings of a city.

    Parameters
    ----------
    city
        Store URL.
    changes
        Table -> {setting: value}; those that are as they were are passed over.
    by
        The account that changes them; None for the user of this machine.

    Returns
    -------
    Names of what changed.

    Raises
    ------
    BadSettings
        A setting that may not change, or a value that `city.toml` would not take, or out of all reason.
    MoveNotAllowed
        Nothing would change.
    """
    for table, values in changes.items():
        for name, value in values.items():
            if name not in LIVE.get(table, {}):
                raise BadSettings(f"[{table}] {name} does not change while the city is served; set it in city.toml")
            most = _MOST.get(name)
            if most is not None and isinstance(value, int | float) and not 0 <= value <= most:
                raise BadSettings(f"[{table}] {name} lies between 0 and {most:g}, not {value:g}")
    unknown = set(changes.get("cover", {}).get("complete", ())) - set(load_norms().keys())
    if unknown:
        raise BadSettings(f"[cover] complete takes kinds of facility, not {sorted(unknown)[0]!r}")
    with open_store(city) as store, store.transaction():
        kept = json.loads(store.meta().get("settings", "{}"))
        before = live_settings(store)
        merged = {**kept, **{table: {**kept.get(table, {}), **values} for table, values in changes.items()}}
        CitySettings.from_options(_clean(merged))
        store.set_meta(settings=json.dumps(merged, sort_keys=True), data_version=new_version())
        after = live_settings(store)
        changed = {
            f"{table}.{name}": [before[table][name], after[table][name]]
            for table, names in LIVE.items() for name in names if before[table][name] != after[table][name]
        }
        if not changed:
            raise MoveNotAllowed("the settings are so already; nothing was changed")
        note(store, "settings.set", by=by, **{name: f"{old} -> {new}" for name, (old, new) in changed.items()})
        if any(LIVE[name.partition(".")[0]][name.partition(".")[2]] == "cover" for name in changed):
            store.set_meta(coverage_stale=f"settings {', '.join(changed)}")
    return list(changed)


def _clean(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The tables as `city.toml` has them: what is not set is left out."""
    return {
        table: {name: value for name, value in kept.get(table, {}).items() if value is not None}
        for table in ("split", "cover") if table in kept
    }  # fmt: skip
