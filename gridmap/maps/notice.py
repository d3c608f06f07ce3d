"""The card of a micro-grid for the notice board (公示牌): who answers for it, what is near, where to report.

What hangs in a stairwell is read by everyone: it names the people on duty and no resident, and holds no
counts of needs.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import pandas as pd
import segno

from gridmap.maps.colouring import packaged_norms
from gridmap.maps.folium_map import WALK_METRES_PER_MINUTE
from gridmap.maps.words import check_language, words

__all__ = ["FIRST", "Duty", "Near", "Notice", "duties", "nearby", "qr_svg", "role_title"]

#: Kinds that a board shows, the most asked for first; others follow by their distance.
FIRST = (
    "community_service_station", "health_station", "canteen", "day_care_elderly", "police_station", "market",
    "kindergarten", "neighborhood_center", "health_center", "bus_stop", "fitness_ground", "toilet",
)
#: Who stands first on a board.
_ROLES = (
    "micro_grid_leader", "grid_leader", "grid_member", "grid_instructor", "building_head", "stairwell_steward",
    "party_household", "planner", "street_office",
)
#: Farther than this nobody walks for a daily errand, metres.
_FAR_M = 1500.0


@dataclass(frozen=True, kw_only=True)
class Duty:
    """Somebody who answers for the micro-grid; `phone` is "" where it is not known or not for the reader."""

    role: str
    name: str
    phone: str = ""


@dataclass(frozen=True, kw_only=True)
class Near:
    """The nearest facility of a kind: its metres on foot and, rounded up, its minutes at 60 m a minute."""

    kind: str
    name: str
    metres: int
    minutes: int


@dataclass(frozen=True, kw_only=True)
class Notice:
    """What a board says.

    Parameters
    ----------
    code, title
        Of the micro-grid.
    path
        Names of the units that it belongs to, the widest first.
    households, buildings
        Counts; None where not known.
    floors
        "9-16" where it is floors of a tower, else "".
    people, near
        Who answers for it; what is near.
    report
        Address of the page to report at, as the QR code holds it.
    day
        The day the board was made.
    attribution
        Whom to thank for the map's data.
    """

    code: str
    title: str
    path: tuple[str, ...]
    households: int | None
    buildings: int | None
    floors: str
    people: tuple[Duty, ...]
    near: tuple[Near, ...]
    report: str
    day: date
    attribution: str = ""


def role_title(role: str, lang: str = "zh") -> str:
    """A role in words; what is no role that we know stands as it was written.

    Examples
    --------
    >>> role_title("micro_grid_leader"), role_title("网格长", "en"), role_title("红管家")
    ('微网格长', 'Grid leader', '红管家')
    """
    check_language(lang)
    for key in _ROLES:
        said = words()[f"role.{key}"]
        if role in (key, *said.values()):
            return said[lang]
    return role


def duties(staff: pd.DataFrame, code: str, *, lang: str = "zh") -> tuple[Duty, ...]:
    """Who answers for a micro-grid: people of its own, its grid, its community and its street.

    Parameters
    ----------
    staff
        Rows of the layer `staff` in force; without `phone` where the reader may not see numbers.
    code
        Of the micro-grid.
    lang
        Language of the roles.

    Returns
    -------
    The nearest first (micro-grid, grid, community, street), among them by role.

    Examples
    --------
    >>> staff = pd.DataFrame({
    ...     "name": ["赵", "钱", "孙"], "role": ["grid_leader", "micro_grid_leader", "grid_leader"],
    ...     "area": ["510504001001001", "510504001001001007", "510504001001002"], "phone": ["0000-1", None, "0000-3"],
    ... })
    >>> [(duty.role, duty.name, duty.phone) for duty in duties(staff, "510504001001001007")]
    [('微网格长', '钱', ''), ('网格长', '赵', '0000-1')]
    """
    area = staff["area"].astype("object")
    own = staff[area.map(lambda text: isinstance(text, str) and len(text) >= 9 and code.startswith(text)).astype(bool)]
    rank = {title: place for place, role in enumerate(_ROLES) for title in (role, *words()[f"role.{role}"].values())}
    order = own.assign(
        _wide=-own["area"].astype("object").str.len(), _rank=own["role"].map(rank).fillna(len(rank)),
    ).sort_values(["_wide", "_rank", "name"], kind="stable")
    return tuple(
        Duty(role=role_title(row["role"], lang), name=_said(row["name"]), phone=_said(row.get("phone")))
        for row in order.to_dict("records")
    )


def nearby(coverage: pd.DataFrame, names: pd.DataFrame, *, lang: str = "zh", most: int = 10) -> tuple[Near, ...]:
    """The nearest facilities of a micro-grid, one a kind.

    Parameters
    ----------
    coverage
        The coverage rows of the micro-grid.
    names
        `code` and `name` of the facilities that they call nearest.
    lang
        Language of the kinds.
    most
        The most rows.

    Returns
    -------
    Kinds of `FIRST` first; nothing beyond 1,500 m or without a name.

    Examples
    --------
    >>> coverage = pd.DataFrame({"kind": ["toilet", "canteen", "market"], "walk_m_mean": [70.2, 278.0, 2400.0],
    ...                          "nearest": ["f1", "f2", "f3"]})
    >>> names = pd.DataFrame({"code": ["f1", "f2", "f3"], "name": ["公厕", "龙南食堂", "菜市场"]})
    >>> [(near.kind, near.name, near.metres, near.minutes) for near in nearby(coverage, names)]
    [('社区食堂', '龙南食堂', 280, 5), ('公共厕所', '公厕', 70, 2)]
    """
    named = names.dropna(subset=["name"]).drop_duplicates("code").set_index("code")["name"]
    rows = coverage.assign(name=coverage["nearest"].map(named), walk=coverage["walk_m_mean"].astype("float64"))
    rows = rows[rows["name"].notna() & (rows["walk"] <= _FAR_M)]
    place = {kind: number for number, kind in enumerate(FIRST)}
    rows = rows.assign(_place=rows["kind"].map(place).fillna(len(place))).sort_values(["_place", "walk"], kind="stable")
    norms = packaged_norms()
    found = []
    for row in rows.head(most).to_dict("records"):
        norm = norms.get(row["kind"])
        walk = float(row["walk"])
        found.append(Near(
            kind=_short(str(getattr(norm, lang)) if norm is not None else str(row["kind"])), name=str(row["name"]),
            metres=max(10, round(walk / 10) * 10), minutes=max(1, -int(-walk // WALK_METRES_PER_MINUTE)),
        ))  # fmt: skip
    return tuple(found)


@lru_cache(maxsize=512)
def qr_svg(text: str) -> str:
    """A QR code (ISO/IEC 18004, error correction M) as an SVG image without size, for a page of ours.

    Examples
    --------
    >>> qr_svg("http://gridmap.lan/incidents/new")[:4]
    '<svg'
    """
    kept = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        kept, kind="svg", xmldecl=False, svgns=True, border=2, omitsize=True, dark="#000", light="#fff",
    )
    return kept.getvalue().decode()


def qr_png(text: str) -> bytes:
    """The same as a PNG."""
    kept = io.BytesIO()
    segno.make(text, error="m", micro=False).save(kept, kind="png", scale=10, border=2)
    return kept.getvalue()


def _said(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _short(kind: str) -> str:
    """A kind without what stands in brackets behind it."""
    return re.split(r"[(（]", kind)[0].strip() or kind


def rows_of(people: Sequence[Duty]) -> list[tuple[str, list[Duty]]]:
    """People by role, in the order given: (role, its people)."""
    grouped: dict[str, list[Duty]] = {}
    for duty in people:
        grouped.setdefault(duty.role, []).append(duty)
    return list(grouped.items())
