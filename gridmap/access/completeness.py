"""Is there none, or has nobody mapped it: how complete the map is, community by community and kind by kind.

The map itself is the witness. A community with far fewer facilities of any kind than its households lead to expect,
beside the rest of the city, has most likely not been mapped; in a city of a few communities, which have hardly a rest
to be compared with, beside what is usual in districts that are mapped. A kind without a single facility in the city is
not on the map at all. Whoever holds a full register of a kind says so, and then absent means none.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd
from scipy.special import pdtr

from gridmap.access.frames import whole_numbers
from layers.errors import WrongCall

__all__ = ["STATES", "completeness", "in_unmapped", "unknown_not_gap"]

#: Best first: a full register; as many as elsewhere; clearly fewer; most likely not mapped.
STATES = ("complete", "mapped", "thin", "unmapped")

#: Facilities of all kinds for each 1,000 households that a map should have at least, where there is no rest to compare
#: with: a quarter of the least of three mapped districts of OpenStreetMap (Xinjiekou 20, Monaco 43, Xitun 80).
_USUAL_PER_1000 = 5.0

#: So unlikely must so few be, and so few beside what is expected.
_UNLIKELY = {"unmapped": (0.001, 0.1), "thin": (0.05, 0.5)}

#: With fewer communities than this a city has nothing to compare one with.
_FEW_COMMUNITIES = 4


def completeness(
    buildings: pd.DataFrame, facilities: pd.DataFrame, kinds: Collection[str], *, complete: Collection[str] = ()
) -> pd.DataFrame:
    """How complete the map is for each community and kind.

    Parameters
    ----------
    buildings
        Rows with `micro_grid` (its first 12 digits name the community) and `households`.
    facilities
        Rows with `kind` and `micro_grid`, all kinds that the map has: also those without a norm tell of mapping.
    kinds
        Kinds to answer for.
    complete
        Kinds of which the city holds a full register.

    Returns
    -------
    DataFrame ordered by code and kind: `code` (community), `kind`, `households`, `mapped` (facilities of the kind in
    the community), `expected` (by its share of the city's households), `mapped_any`, `expected_any` (the same for all
    kinds together) and `state`, one of `STATES`.

    Raises
    ------
    WrongCall
        Where a column is missing.

    Examples
    --------
    >>> homes = pd.DataFrame({"micro_grid": ["330106001001001001", "330106001002001001"], "households": [900, 900]})
    >>> shops = pd.DataFrame({"kind": ["shops"] * 40, "micro_grid": ["330106001001001001"] * 40})
    >>> completeness(homes, shops, ["shops"])[["code", "mapped", "expected", "state"]].values.tolist()
    [['330106001001', 40, 20.0, 'mapped'], ['330106001002', 0, 20.0, 'unmapped']]
    """
    for frame, name in ((buildings, "buildings"), (facilities, "facilities")):
        if "micro_grid" not in frame:
            raise WrongCall(f"{name} have no column 'micro_grid'; attach them first")
    if "kind" not in facilities:
        raise WrongCall("facilities have no column 'kind'; give each its kind, such as kindergarten")
    homes = pd.Series(whole_numbers(buildings, "households", "buildings"), index=buildings.index)
    households = homes.groupby(buildings["micro_grid"].astype("object").str[:12]).sum().sort_index()
    share = households / max(households.sum(), 1.0)
    place = facilities["micro_grid"].astype("object").str[:12]
    every = place.value_counts().reindex(households.index, fill_value=0).to_numpy()
    expected_any = share.to_numpy() * every.sum()
    if len(households) < _FEW_COMMUNITIES:
        expected_any = np.maximum(expected_any, households.to_numpy() * _USUAL_PER_1000 / 1000.0)

    general = np.full(len(households), "mapped", dtype=object)
    for state in ("thin", "unmapped"):
        unlikely, few = _UNLIKELY[state]
        general[(pdtr(every, expected_any) < unlikely) & (every < few * expected_any)] = state
    tables = []
    for kind in sorted(kinds):
        own = place[facilities["kind"] == kind].value_counts().reindex(households.index, fill_value=0).to_numpy()
        on_map = bool((facilities["kind"] == kind).any())
        states = general if on_map else np.full(len(own), "unmapped", dtype=object)
        if kind in complete:
            states = np.full(len(own), "complete", dtype=object)
        tables.append(pd.DataFrame({
            "code": households.index.to_numpy(dtype=object), "kind": kind,
            "households": pd.array(np.rint(households.to_numpy()), dtype="Int64"),
            "mapped": pd.array(own, dtype="Int64"), "expected": share.to_numpy() * own.sum(),
            "mapped_any": pd.array(every, dtype="Int64"), "expected_any": expected_any, "state": states,
        }))
    columns = ["code", "kind", "households", "mapped", "expected", "mapped_any", "expected_any", "state"]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)
    return table.sort_values(["code", "kind"], ignore_index=True)


def in_unmapped(codes: pd.Series, kind: str, table: pd.DataFrame) -> pd.Series:
    """Whether each code (of a micro-grid or what is in it) lies in a community where a kind is unmapped."""
    rows = table[(table["kind"] == kind) & (table["state"] == "unmapped")]
    return codes.astype("object").str[:12].isin(set(rows["code"]))


def unknown_not_gap(covered: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """A coverage table in which gaps in unmapped communities are no data: nobody mapped it is not there is none.

    Examples
    --------
    >>> covered = pd.DataFrame({"micro_grid": ["330106001001001001"], "kind": ["market"], "status": ["gap"],
    ...                         "coverage": [0.0], "covered_households": pd.array([0], dtype="Int64")})
    >>> unmapped = pd.DataFrame({"code": ["330106001001"], "kind": ["market"], "state": ["unmapped"]})
    >>> unknown_not_gap(covered, unmapped)[["status", "coverage"]].values.tolist()
    [['no_data', nan]]
    """
    unmapped = pd.MultiIndex.from_frame(table.loc[table["state"] == "unmapped", ["code", "kind"]])
    own = pd.MultiIndex.from_arrays([covered["micro_grid"].astype("object").str[:12], covered["kind"]])
    unknown = own.isin(unmapped) & (covered["status"] == "gap").to_numpy()
    return covered.assign(
        status=covered["status"].mask(unknown, "no_data"), coverage=covered["coverage"].mask(unknown),
        covered_households=covered["covered_households"].mask(unknown),
    )
