"""How evenly a service is spread over people: Gini, Lorenz curve, Theil between and within communities."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from layers.errors import WrongCall
from layers.schema import NEEDS

__all__ = ["equity_table", "gini", "lorenz", "say_equity", "theil"]

Floats = NDArray[np.float64]


def lorenz(values: ArrayLike, weights: ArrayLike | None = None) -> pd.DataFrame:
    """The Lorenz curve: from those who have least on, which share of people has which share of the whole.

    Parameters
    ----------
    values
        What each unit has per head, 0 or more, such as its coverage. NaN: not known, left out.
    weights
        People or households of each unit; 1 without it.

    Returns
    -------
    DataFrame with `people` and `share`, both from 0 to 1, one row a unit and the origin.

    Examples
    --------
    >>> lorenz([0.0, 1.0], [3, 1])["share"].tolist(), lorenz([0.0, 1.0], [3, 1])["people"].tolist()
    ([0.0, 0.0, 1.0], [0.0, 0.75, 1.0])
    """
    value, weight = _checked(values, weights)
    order = np.argsort(value, kind="stable")
    people = np.concatenate([[0.0], np.cumsum(weight[order])])
    have = np.concatenate([[0.0], np.cumsum((value * weight)[order])])
    return pd.DataFrame({
        "people": people / people[-1] if people[-1] else people, "share": have / have[-1] if have[-1] else have,
    })


def gini(values: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Gini coefficient: twice the area between the Lorenz curve and the diagonal; 0 where all have the same.

    NaN where nobody has anything, or nothing is known. Parameters as in `lorenz`.

    Examples
    --------
    >>> gini([1, 1, 1]), gini([0.0, 1.0]), gini([0.0, 1.0], [3, 1])
    (0.0, 0.5, 0.75)
    """
    value, weight = _checked(values, weights)
    if not (value * weight).sum() > 0:
        return math.nan
    curve = lorenz(value, weight)
    below = np.trapezoid(curve["share"], curve["people"])
    return max(0.0, float(round(1.0 - 2.0 * below, 12)))


def theil(
    values: ArrayLike, weights: ArrayLike | None = None, groups: ArrayLike | None = None
) -> tuple[float, float, float]:
    """Theil's T, and its parts between and within groups (Theil 1967): they add up.

    Parameters
    ----------
    values, weights
        As in `lorenz`.
    groups
        Group of each unit, such as its community; without it all is within.

    Returns
    -------
    total, between, within
        0 where all have the same; NaN where nobody has anything.

    Examples
    --------
    >>> [round(part, 3) for part in theil([1.0, 1.0, 3.0, 3.0], groups=["a", "a", "b", "b"])]
    [0.131, 0.131, 0.0]
    """
    value, weight, keep = _kept(values, weights)
    whole, people = float((value * weight).sum()), float(weight.sum())
    if not whole > 0:
        return math.nan, math.nan, math.nan
    labels = np.zeros(len(value), dtype=np.intp)
    if groups is not None:
        labels = pd.factorize(np.asarray(groups)[keep])[0]
    share = value * weight / whole
    total = float(_xlog(share, value / (whole / people)).sum())
    have, heads = np.bincount(labels, value * weight), np.bincount(labels, weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(heads > 0, (have / np.where(heads > 0, heads, 1)) / (whole / people), 1.0)
    between = float(_xlog(have / whole, ratio).sum())
    return max(total, 0.0), max(between, 0.0), max(total - between, 0.0)


def equity_table(
    coverage: pd.DataFrame, micro_grids: pd.DataFrame, *, needs: tuple[str, ...] = ("aged_60", "aged_80", "aged_0_3")
) -> pd.DataFrame:
    """For each kind, and for households and each need: the share covered, and how evenly.

    People of a need are taken to be covered as the households of their micro-grid are.

    Parameters
    ----------
    coverage
        The coverage table; kinds without data are left out.
    micro_grids
        Rows with `code`, `households`, and counts of needs where they are known.
    needs
        Columns to count beside households; those that are missing are passed over.

    Returns
    -------
    DataFrame ordered by kind and group: `kind`, `group` (`households` or a need), `people`, `covered` (share), `gini`,
    `theil`, `theil_between` (between communities), `worst_community` (the least covered one with people in it; of two
    the smaller code) and its share `worst`.

    Examples
    --------
    >>> units = pd.DataFrame({"code": ["33048300100100100" + n for n in "12"], "households": [30, 10]})
    >>> table = pd.DataFrame({"micro_grid": units["code"], "kind": "canteen", "coverage": [0.0, 1.0]})
    >>> equity_table(table, units)[["covered", "gini"]].values.tolist()
    [[0.25, 0.75]]
    """
    asked = {
        "coverage": (coverage, ["micro_grid", "kind", "coverage"]),
        "micro_grids": (micro_grids, ["code", "households"]),
    }
    for name, (frame, wanted) in asked.items():
        missing = [column for column in wanted if column not in frame]
        if missing:
            raise WrongCall(f"{name} have no column {missing[0]!r}; give the table as gridmap cover makes it")
    units = micro_grids.sort_values("code", kind="stable", ignore_index=True)
    groups = [group for group in ("households", *needs) if group in units]
    counts = {
        group: pd.to_numeric(units[group]).to_numpy(dtype="float64", na_value=np.nan) for group in groups
    }
    # numbers in place of codes: kinds and communities in their order, rows by kind and then by unit
    community, communities = pd.factorize(units["code"].astype("object").str[:12])
    kind, kinds = pd.factorize(coverage["kind"].astype("object"), sort=True)
    place = pd.Index(units["code"].astype("object")).get_indexer(pd.Index(coverage["micro_grid"].astype("object")))
    share = coverage["coverage"].to_numpy(dtype="float64", na_value=np.nan)
    known = np.flatnonzero(np.isfinite(share) & (kind >= 0) & (place >= 0))
    known = known[np.lexsort((place[known], kind[known]))]
    begin = np.searchsorted(kind[known], np.arange(len(kinds) + 1))
    rows = []
    for number, name in enumerate(kinds):
        own = known[begin[number] : begin[number + 1]]
        for group in groups:
            people = counts[group][place[own]]
            use = people > 0
            if not use.any():
                continue
            weight, value, where = people[use], share[own][use], community[place[own]][use]
            total, between, _ = theil(value, weight, where)
            heads = np.bincount(where, weight)
            with np.errstate(invalid="ignore", divide="ignore"):
                served = np.where(heads > 0, np.bincount(where, weight * value) / heads, np.inf)
            worst = int(served.argmin())
            rows.append({
                "kind": name, "group": group, "people": float(weight.sum()),
                "covered": float((weight * value).sum() / weight.sum()),
                "gini": gini(value, weight), "theil": total, "theil_between": between,
                "worst_community": communities[worst], "worst": float(served[worst]),
            })  # fmt: skip
    columns = ["kind", "group", "people", "covered", "gini", "theil", "theil_between", "worst_community", "worst"]
    return pd.DataFrame(rows, columns=columns)


def say_equity(
    table: pd.DataFrame, *, titles: Mapping[str, str], lang: str = "zh", most: int = 8,
    names: Mapping[str, str] | None = None,
) -> str:
    """The table on one page in words: all kinds together, then the least covered ones, each with who is worst off.

    Parameters
    ----------
    table
        From `equity_table`.
    titles
        Kind -> what it is called in that language.
    lang
        zh or en.
    most
        How many kinds are spoken of.
    names
        Community code -> its name; the code without one.

    Examples
    --------
    >>> units = pd.DataFrame({"code": ["330483001001001001"], "households": [30]})
    >>> table = pd.DataFrame({"micro_grid": units["code"], "kind": "canteen", "coverage": [0.5]})
    >>> print(say_equity(equity_table(table, units), titles={"canteen": "Canteen"}, lang="en"))
    Of 1 kinds, 0 have nine in ten households within the norm, and 0 have fewer than half.
    Canteen: 50.0% of 30 households within the norm; evenly spread (Gini 0.00).
    """
    zh = lang == "zh"
    homes = table[table["group"] == "households"].sort_values(["covered", "kind"])
    good, poor = int((homes["covered"] >= 0.9).sum()), int((homes["covered"] < 0.5).sum())
    lines = [
        f"{len(homes)} 类设施中, {good} 类已有九成以上住户达标, {poor} 类达标不足一半。" if zh else
        f"Of {len(homes)} kinds, {good} have nine in ten households within the norm, and {poor} have fewer than half."
    ]
    for row in homes.head(most).itertuples():
        title, text = titles.get(row.kind, row.kind), ""
        nobody = math.isnan(row.gini)
        even = nobody or row.gini < 0.2
        if zh:
            spread = "无人达标" if nobody else f"{'较均衡' if even else '不均衡'}（基尼系数 {row.gini:.2f}）"
            text = f"{title}: {row.people:,.0f} 户中 {row.covered:.1%} 在标准距离内; {spread}。"
        else:
            spread = "nobody is" if nobody else f"{'evenly' if even else 'unevenly'} spread (Gini {row.gini:.2f})"
            text = f"{title}: {row.covered:.1%} of {row.people:,.0f} households within the norm; {spread}."
        if row.worst < row.covered - 1e-9:  # several communities, and not all alike
            where = (names or {}).get(row.worst_community, row.worst_community)
            between = row.theil_between / row.theil if row.theil > 0 else 0.0
            text += (
                f"最低的社区: {where}, {row.worst:.1%}; 差异的 {between:.0%} 来自社区之间。" if zh else
                f" Least: {where} with {row.worst:.1%}; {between:.0%} of the differences lie between communities."
            )
        others = table[(table["kind"] == row.kind) & (table["group"] != "households")]
        behind = others[others["covered"] < row.covered - 0.05]
        if len(behind):
            of = {need.name: need.zh if zh else need.en.lower() for need in NEEDS}
            worse = [f"{of.get(need.group, need.group)} {need.covered:.1%}" for need in behind.itertuples()]
            text += f"覆盖更低的人群: {'、'.join(worse)}。" if zh else f" Worse off: {', '.join(worse)}."
        lines.append(text)
    return "\n".join(lines)


def _xlog(share: Floats, ratio: Floats) -> Floats:
    """share x ln(ratio), 0 where the share is 0."""
    return share * np.log(np.where(share > 0, ratio, 1.0))


def _checked(values: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats]:
    return _kept(values, weights)[:2]


def _kept(values: ArrayLike, weights: ArrayLike | None) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    value = np.asarray(values, dtype=np.float64)
    weight = np.ones(value.shape) if weights is None else np.asarray(weights, dtype=np.float64)
    if value.ndim != 1 or weight.shape != value.shape:
        raise WrongCall("values and weights must be one number a unit; give two columns of the same length")
    keep = np.isfinite(value) & np.isfinite(weight)
    if (value[keep] < 0).any() or (weight[keep] < 0).any():
        raise WrongCall("values and weights must be 0 or more; correct them")
    return value[keep], weight[keep], keep
