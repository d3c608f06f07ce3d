"""What a grid leader's page says of one micro-grid: one document, which a phone keeps for where there is no network."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date, datetime
from typing import Any

import geopandas as gpd
import pandas as pd
from flask import current_app

from gridmap.maps.cards import micro_grid_cards
from gridmap.maps.geojson import degrees, plain_records
from gridmap.roles import User
from layers.errors import NotFound
from layers.incidents import CLOSED
from webapp.seen import Seen

__all__ = ["MOST_UNITS", "account_key", "still_document", "today", "unit_document", "unit_list"]

#: Units offered in the list; who sees more finds the others on the map.
MOST_UNITS = 600
#: Open incidents on the duty list; the number of all stands beside it.
_MOST_OPEN = 60
_ON_CARD = ("buildings", "organizations", "facilities", "coverage")
_OPEN_FACTS = ("code", "category", "status", "reported_at", "text", "address")
_STAFF_FACTS = ("name", "role", "area", "phone")
_NEAR_FACTS = ("code", "name", "kind", "services", "phone", "address", "distance_m")


def account_key(user: User) -> str:
    """What a phone keeps an account's things under: tells accounts apart and says nothing of the name."""
    secret = str(current_app.config["SECRET_KEY"]).encode()
    told = f"mine\n{user.name}"
    return hmac.new(secret, told.encode(), hashlib.sha256).hexdigest()[:24]


def unit_list(seen: Seen, day: date) -> list[dict[str, Any]]:
    """The micro-grids that are the person's, by code: the first `MOST_UNITS` of them."""
    frame = seen.read("micro_grids", as_of=day).sort_values("code").head(MOST_UNITS)
    return _records(frame, ("code", "name", "parent", "households", "stack", "floor_from", "floor_to"))


def unit_document(seen: Seen, code: str, day: date, still: dict[str, Any] | None = None) -> dict[str, Any]:
    """Everything that the page says of a micro-grid.

    Parameters
    ----------
    seen
        The store as the person sees it.
    code
        A micro-grid in reach.
    day
        Today: people are there from a day to a day.
    still
        What `still_document` gave for the same city and day, where it is at hand.

    Returns
    -------
    `card` (as `micro_grid_cards` gives it), `bounds` and `outline` in degrees of WGS 84 (a list of rings, each a list
    of [lon, lat]), `open` (open incidents with place and age in days, oldest first) and `open_count`, `near`
    (organizations), `staff`.

    Raises
    ------
    NotYourArea
        Where the code is outside the person's reach.
    NotFound
        Where there is no such micro-grid, or none any more.
    """
    made = still_document(seen, code, day) if still is None else still
    if not seen.sees("incidents"):
        return made
    incidents = seen.read("incidents", within=(code,))
    moved = micro_grid_cards(pd.DataFrame({"code": [code]}), {"incidents": incidents})[code]
    card = {**made["card"], **{part: {**made["card"][part], **moved[part]} for part in ("lists", "counts")}}
    opened = _open(incidents, day)
    return {**made, "card": card, "open": opened[:_MOST_OPEN], "open_count": len(opened)}


def still_document(seen: Seen, code: str, day: date) -> dict[str, Any]:
    """The same without its incidents: it stays as it is whatever the desk does.

    Raises
    ------
    NotYourArea, NotFound
        As for `unit_document`.
    """
    grids = seen.micro_grid(code)
    if not len(seen.read("micro_grids", within=(code,), as_of=day)):
        raise NotFound(f"micro-grid {code} is no longer in force; choose another one")
    frames = {name: seen.read(name, within=(code,)) for name in _ON_CARD if seen.sees(name)}
    card = micro_grid_cards(grids, {**frames, "nearest": seen.nearest(code)})[code]
    own = grids[grids["code"] == code]
    return {
        "code": code, "bounds": _bounds(own), "outline": _outline(own), "card": card, "open": [], "open_count": 0,
        "near": _records(seen.organizations_near(code), _NEAR_FACTS),
        "staff": _records(_on_duty(seen, code, day), _STAFF_FACTS),
    }  # fmt: skip


def _open(incidents: gpd.GeoDataFrame, day: date) -> list[dict[str, Any]]:
    """Open incidents, oldest first; those without a date last."""
    status = incidents["status"].astype("object") if "status" in incidents else pd.Series(None, incidents.index)
    closed = incidents["closed_at"].notna() if "closed_at" in incidents else pd.Series(False, incidents.index)
    # a file may bring states of its own: what is not closed is open
    rows = incidents[~status.isin(CLOSED) & ~closed]
    if "reported_at" in rows:
        rows = rows.sort_values(["reported_at", "code"], kind="stable", na_position="last")
        days = (pd.Timestamp(day) - pd.to_datetime(rows["reported_at"]).dt.normalize()).dt.days
        rows = rows.assign(days=days.clip(lower=0).astype("Int64"))
    places = rows.geometry.to_crs(4326)
    rows = rows.assign(lon=places.x.round(6), lat=places.y.round(6))
    return _records(rows, (*_OPEN_FACTS, "days", "lon", "lat"))


def _on_duty(seen: Seen, code: str, day: date) -> pd.DataFrame:
    """Who is there for the micro-grid: its own people first."""
    return seen.answerable(code, as_of=day).sort_values(["area", "role", "name"], ascending=[False, True, True])


def _records(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """Rows as plain values, without what is missing."""
    present = frame[[name for name in columns if name in frame]]
    return [{name: value for name, value in row.items() if value is not None} for row in plain_records(present)]


def _bounds(own: gpd.GeoDataFrame) -> list[float] | None:
    west, south, east, north = (float(value) for value in own.to_crs(4326).total_bounds)
    return None if west != west else [west, south, east, north]


def _outline(own: gpd.GeoDataFrame) -> list[list[list[float]]]:
    """Rings of the micro-grid, holes too: a place is inside where it lies in an odd number of them."""
    rings: list[list[list[float]]] = []
    for shape in degrees(own):
        for part in getattr(shape, "geoms", [shape]):
            if part is None or part.is_empty or part.geom_type != "Polygon":
                continue
            rings += [[[x, y] for x, y in ring.coords] for ring in (part.exterior, *part.interiors)]
    return rings


def today() -> date:
    """The day where the service runs."""
    return datetime.now().astimezone().date()
