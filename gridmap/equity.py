"""How evenly a city is served: Gini, Lorenz, Theil, clusters of low coverage, and one page of it in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd

from gridmap.measures import equity_table, hot_spots, lorenz, say_equity
from gridmap.norms import Norms, load_norms
from gridmap.plain_columns import distinct_rows, read_columns
from layers.errors import MissingLayer, WrongCall
from layers.schema import NEEDS

__all__ = ["Equity", "draw_lorenz", "find_hot_spots", "measure_equity", "titles"]

_NEEDS = tuple(need.name for need in NEEDS if need.unit == "people")


#: Two points of a drawn curve are at least so far apart, in its own units.
_DOT = 0.5


class Reads(Protocol):
    """Whatever reads like a store: a store, or what one person sees of it."""

    def read(self, layer: str, /) -> Any:
        """Rows of a layer."""
        ...


@dataclass(frozen=True, kw_only=True)
class Equity:
    """Figures of a city or of what one sees of it.

    Parameters
    ----------
    table
        From `gridmap.measures.equity_table`: a row a kind and group.
    curves
        Kind -> Lorenz curve of the share of households within the norm over households, from 0 to 1.
    names
        Community code -> its name.
    titles
        Kind -> Chinese and English title.
    unverified
        Kinds held to a distance that nobody has checked.
    """

    table: pd.DataFrame
    curves: Mapping[str, pd.DataFrame]
    names: Mapping[str, str]
    titles: Mapping[str, tuple[str, str]]
    unverified: frozenset[str]

    def words(self, lang: str = "zh", *, most: int = 8) -> str:
        """One page in words, the least covered kinds first."""
        at = 0 if lang == "zh" else 1
        doubt = ("（标准未核对）", " (norm unverified)")[at]
        called = {
            kind: title[at] + (doubt if kind in self.unverified else "") for kind, title in self.titles.items()
        }
        return say_equity(self.table, titles=called, lang=lang, most=most, names=self.names)

    def facts(self) -> dict[str, Any]:
        """The same as JSON has it; NaN is null."""
        rows = json.loads(self.table.to_json(orient="records", force_ascii=False))
        return {
            "kinds": rows,
            "lorenz": {
                kind: {name: [round(float(value), 6) for value in curve[name]] for name in ("people", "share")}
                for kind, curve in self.curves.items()
            },
            "unverified": sorted(self.unverified), "words": {"zh": self.words("zh"), "en": self.words("en")},
        }


def measure_equity(
    store: Reads, *, kinds: Sequence[str] = (), norms: str | Path | None = None, points: int = 200
) -> Equity:
    """Equity of the coverage that a city keeps.

    Parameters
    ----------
    store
        A store, or what one person sees of it.
    kinds
        Kinds to look at; all that have coverage without any.
    norms
        Norms file in place of the packaged one, for titles.
    points
        Lorenz curves are thinned to about so many points.

    Raises
    ------
    MissingLayer
        Where there is no coverage.
    WrongCall
        For a kind without coverage.
    """
    held = distinct_rows(store, "coverage", ["kind", "verified"])
    present = set(held["kind"])
    asked = sorted(set(kinds) or present)
    unknown = [kind for kind in asked if kind not in present]
    if unknown and present:
        raise WrongCall(f"there is no coverage of {unknown[0]!r}; compute it with gridmap cover")
    covered = read_columns(store, "coverage", ["micro_grid", "kind", "coverage"], known=["coverage"])
    units = read_columns(store, "micro_grids", ["code", "households", *_NEEDS])
    if not present or not len(units):
        raise MissingLayer("there is no coverage here; compute it with gridmap cover")
    if not len(covered):
        raise MissingLayer("no household's coverage is known here; see what the map lacks in the layer completeness")
    covered = covered[covered["kind"].isin(asked)]
    table = equity_table(covered, units, needs=_NEEDS)
    homes = units.set_index("code")["households"]
    covered = covered.sort_values("micro_grid", kind="stable", ignore_index=True)
    weight = pd.to_numeric(homes.reindex(covered["micro_grid"])).to_numpy(dtype="float64", na_value=0.0)
    share = covered["coverage"].to_numpy(dtype="float64")
    rows = covered.groupby("kind").indices
    curves = {}
    for kind in table.loc[table["group"] == "households", "kind"]:
        curve = lorenz(share[rows[kind]], weight[rows[kind]])
        step = max(1, len(curve) // points)
        curves[str(kind)] = pd.concat([curve.iloc[::step], curve.iloc[-1:]]).drop_duplicates(ignore_index=True)
    communities = read_columns(store, "communities", ["code", "name"], known=["name"])
    names = {
        str(code): name for code, name in zip(communities["code"], communities["name"], strict=True)
        if isinstance(name, str)
    }  # fmt: skip
    verified = held["verified"].fillna(False).astype(bool)
    doubtful = held.loc[~verified & held["kind"].isin(asked), "kind"]
    return Equity(
        table=table, curves=curves, names=names, titles=titles(load_norms(norms), asked),
        unverified=frozenset(map(str, doubtful)),
    )


def find_hot_spots(store: Reads, kind: str, *, share: float = 0.05, seed: int = 0) -> gpd.GeoDataFrame:
    """Micro-grids where low or high coverage of a kind clusters beyond chance.

    Parameters
    ----------
    store
        A store, or what one person sees of it.
    kind
        Kind of facility.
    share, seed
        As in `gridmap.measures.hot_spots`.

    Returns
    -------
    Micro-grids with `code`, `name`, `households`, `coverage` and the columns of `hot_spots`, in the order of codes.

    Raises
    ------
    MissingLayer
        Where there is no coverage.
    WrongCall
        For a kind without coverage.
    """
    covered = read_columns(store, "coverage", ["micro_grid", "coverage"], only={"kind": [kind]})
    units = store.read("micro_grids")
    if not len(covered):
        if not len(distinct_rows(store, "coverage", ["kind"])):
            raise MissingLayer("there is no coverage here; compute it with gridmap cover")
        raise WrongCall(f"there is no coverage of {kind!r}; compute it with gridmap cover")
    part = covered.set_index("micro_grid")["coverage"]
    assert isinstance(units, gpd.GeoDataFrame)
    areas = units.sort_values("code", ignore_index=True)
    values = pd.Series(pd.to_numeric(part.reindex(areas["code"])).to_numpy(dtype="float64", na_value=float("nan")))
    found = hot_spots(values, areas, share=share, seed=seed)
    kept = [name for name in ("code", "name", "households", "geometry") if name in areas]
    return areas[kept].assign(coverage=values, **{name: found[name] for name in found})


def titles(norms: Norms, kinds: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Chinese and English title of each kind; the kind itself where no norm knows it."""
    return {kind: (norms[kind].zh, norms[kind].en) if kind in norms else (kind, kind) for kind in kinds}


def draw_lorenz(curve: pd.DataFrame, *, side: int = 220) -> str:
    """A Lorenz curve as an SVG picture: the diagonal, the curve, the area between them.

    Examples
    --------
    >>> picture = draw_lorenz(pd.DataFrame({"people": [0.0, 0.5, 1.0], "share": [0.0, 0.0, 1.0]}), side=100)
    >>> "0.0,100.0 50.0,100.0 100.0,0.0" in picture, picture.startswith("<svg")
    (True, True)
    """
    across = np.round(curve["people"].to_numpy(dtype=float) * side, 1)
    down = np.round(side - curve["share"].to_numpy(dtype=float) * side, 1)
    # a city has thousands of units and the picture a few hundred dots: what would lie on the dot before goes
    last = len(across) - 1
    kept = [0] if last >= 0 else []
    for at in range(1, last + 1):
        if at == last or max(abs(across[at] - across[kept[-1]]), abs(down[at] - down[kept[-1]])) >= _DOT:
            kept.append(at)
    spots = " ".join(f"{across[at]:.1f},{down[at]:.1f}" for at in kept)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-1 -1 {side + 2} {side + 2}" width="{side}" '
        f'height="{side}"><rect width="{side}" height="{side}" fill="#f6f4ef" stroke="#8a8275"/>'
        f'<polygon points="{spots}" fill="#e3a48f"/><line x1="0" y1="{side}" x2="{side}" y2="0" stroke="#8a8275" '
        f'stroke-dasharray="4 3"/><polyline points="{spots}" fill="none" stroke="#b3261e" stroke-width="2"/></svg>'
    )

