"""Special grids (专属网格): malls, schools, hospitals, parks, factories, offices and stations that are big enough.

GB/T 34300-2017 lets such places have a grid of their own, with rules of their own: nobody wants 25 households in a
school. The least ground of each kind is gridmap's proposal (no national figure is known) and stands in `SITE_KINDS`.
A site stays ordinary ground where it is no connected piece, or where taking it out would leave neighbours stranded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridmap.micro_grids.graph import CellGraph
from gridmap.micro_grids.sorts import Sort

__all__ = ["SITE_KINDS", "Site", "SiteKind", "choose_sites", "site_kind", "sort_of_site", "stranded"]


@dataclass(frozen=True)
class SiteKind:
    """A kind of special site: its titles, the least ground it takes, and the words that mean it.

    `words` are values of `use`, `building`, `amenity`, `leisure`, `landuse`, `shop`, `railway` in OpenStreetMap, and
    the words of Chinese registers.
    """

    zh: str
    en: str
    least_m2: float
    words: tuple[str, ...]


#: Kind -> what it is. Areas are the ground of the site with its yards, m2.
SITE_KINDS: dict[str, SiteKind] = {
    "school": SiteKind("学校", "school", 8_000.0, (
        "school", "primary_school", "junior_school", "kindergarten", "学校", "小学", "中学", "教育",
    )),
    "university": SiteKind("高校", "university", 20_000.0, ("university", "college", "大学", "高校", "院校")),
    "hospital": SiteKind("医院", "hospital", 8_000.0, ("hospital", "医院", "医疗")),
    "mall": SiteKind("商场", "mall", 10_000.0, (
        "mall", "retail", "department_store", "commercial_center", "商场", "购物中心", "商业综合体",
    )),
    "market": SiteKind("市场", "market", 8_000.0, ("market", "marketplace", "市场", "菜市场", "专业市场")),
    "park": SiteKind("公园", "park", 15_000.0, ("park", "公园", "公共绿地")),
    "factory": SiteKind("厂区", "factory", 20_000.0, (
        "factory", "industrial", "works", "warehouse", "工厂", "工业", "厂房", "产业园", "仓储",
    )),
    "office": SiteKind("商务楼宇", "offices", 10_000.0, (
        "office", "commercial", "government", "civic", "办公", "写字楼", "商务楼宇", "机关",
    )),
    "station": SiteKind("车站", "station", 8_000.0, (
        "train_station", "station", "rail_station", "transportation", "bus_station", "车站", "火车站", "交通枢纽",
    )),
}  # fmt: skip
_OF_WORD = {word: kind for kind, item in SITE_KINDS.items() for word in (kind, *item.words)}


@dataclass(frozen=True)
class Site:
    """One special site: its kind and its name, None where it has none."""

    kind: str
    name: str | None = None


def site_kind(word: object) -> str | None:
    """The kind of special site that a use or a tag means; None for any other.

    Examples
    --------
    >>> site_kind("primary_school"), site_kind("住宅"), site_kind("医院")
    ('school', None, 'hospital')
    """
    return None if not isinstance(word, str) else _OF_WORD.get(word.strip().lower())


def kinds_of_uses(uses: Iterable[object]) -> np.ndarray:
    """Kind of site of each use, None for any other."""
    codes, values = pd.factorize(pd.Series(list(uses), dtype="object"))
    kinds = np.array([site_kind(value) for value in values] + [None], dtype=object)
    return kinds[codes]


def sort_of_site(site: Site, households: int, number: int = 0) -> Sort:
    """What a unit that is a special site is; `number` tells several units of one site apart.

    Examples
    --------
    >>> sort_of_site(Site("school", "桥头小学"), 0).reason
    'special: school; nobody lives here'
    """
    item = SITE_KINDS[site.kind]
    name = site.name or item.zh
    counted = f"{households} households, the band is not for it" if households else "nobody lives here"
    counted_zh = f"{households}户，不按户数标准" if households else "无人居住"
    return Sort(
        "special", site.kind, f"{name}{number}" if number else name, f"special: {item.en}; {counted}",
        f"专属网格（{item.zh}）：{counted_zh}",
    )  # fmt: skip


def choose_sites(part: CellGraph, site: np.ndarray, sites: list[Site], *, low: int, most: int) -> np.ndarray:
    """The special sites of some cells that are big enough, connected, and leave nobody stranded.

    Parameters
    ----------
    part
        Cells of one community or grid.
    site
        Number of the site of each cell, -1 for none.
    sites
        The sites by number.
    low
        Least households of a micro-grid: a remainder of fewer is stranded.
    most
        Most households of a special site: where more live, it is a neighbourhood like any other.

    Returns
    -------
    array of int64: the site of each cell, -1 where it is ordinary ground.
    """
    chosen = np.full(len(part), -1, dtype=np.int64)
    if not (site >= 0).any():
        return chosen
    piece = part.pieces(among=site)
    area = np.bincount(piece, weights=part.area)
    for number in np.unique(site[site >= 0]).tolist():
        own = np.unique(piece[site == number])
        best = int(own[np.lexsort((own, -area[own]))[0]])
        # The largest piece is the site; it must be nearly all of it.
        if area[best] < max(SITE_KINDS[sites[number].kind].least_m2, 0.8 * area[own].sum()):
            continue
        cells = piece == best
        if part.households[cells].sum() <= most:
            chosen[cells] = number
    # Each one is tried on the state that the ones before it left, the largest last.
    order = sorted(np.unique(chosen[chosen >= 0]).tolist(), key=lambda n: (float(part.area[chosen == n].sum()), n))
    for number in order:
        rest = chosen < 0
        if stranded(part, rest, low) and not stranded(part, rest | (chosen == number), low):
            chosen[chosen == number] = -1
    return chosen


def stranded(part: CellGraph, keep: np.ndarray, low: int) -> bool:
    """Whether a piece of the kept cells where people live holds fewer than `low` households."""
    if not keep.any():
        return False
    graph = part.part(np.flatnonzero(keep))
    total = np.bincount(graph.pieces(), weights=graph.households)
    return bool(((total > 0) & (total < low)).any())
