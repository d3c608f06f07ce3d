"""The incident desk: reports, notes, closing and opening again, all of them moves in one log.

Whoever makes a move (a page, a phone that was offline, a script) makes it here. The log is only ever added to; the
columns `status` and `closed_at` of the layer `incidents` follow from it in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import Any

import geopandas as gpd
import pyproj
import shapely
from pyproj.enums import TransformDirection
from sqlalchemy import Connection, select
from sqlalchemy.exc import IntegrityError

from gridmap.audit import note as write_down
from gridmap.desk_moves import MOVES, state_after, state_of_row
from gridmap.desk_settle import ATTACHED_COLUMNS, attached_records, units_of_today
from gridmap.micro_grids.attach import attach
from gridmap.photos import CleanPhoto, clean_photo
from gridmap.rework import cover_settings
from gridmap.roles import User, may, reach
from gridmap.stores import incident_log as log
from gridmap.stores.cells import cells_of
from gridmap.stores.incident_log import LoggedMove, Photo
from gridmap.stores.incident_rows import row_of
from gridmap.stores.single_rows import change_rows, put_rows
from gridmap.stores.sql_store import SqlStore, new_version
from layers.errors import GridmapError, NotFound, NotYourArea, WrongCall

__all__ = [
    "MOST_PHOTOS", "MOST_TEXT", "Filed", "close", "degrees_of", "make_move", "moves", "note", "photo", "photos",
    "place_of", "reopen",
    "report", "report_once",
]  # fmt: skip

#: The longest text of a move, characters, and the most photos that come with one.
MOST_TEXT, MOST_PHOTOS = 2000, 6
_MOST_CATEGORY, _MOST_KEY = 60, 100
#: A phone may keep a report for so long before it has a network.
_OLDEST = timedelta(days=30)
#: Photos as they come: bytes, or a name and bytes.
Sent = bytes | tuple[str, bytes]


@dataclass(frozen=True)
class Filed:
    """What became of something sent: the incident's code, the number of the move, and whether it was there `again`."""

    code: str
    number: int
    again: bool


def report(store: SqlStore, *, by: User, category: str, **told: Any) -> str:
    """Report an incident; see `report_once`.

    Returns
    -------
    Its code.
    """
    return report_once(store, by=by, category=category, **told).code


def report_once(
    store: SqlStore,
    *,
    by: User,
    category: str,
    lon: float | None = None,
    lat: float | None = None,
    x: float | None = None,
    y: float | None = None,
    micro_grid: str | None = None,
    text: str = "",
    address: str | None = None,
    source: str = "patrol",
    photos: Sequence[Sent] = (),
    accuracy_m: float | None = None,
    key: str | None = None,
    at: datetime | None = None,
) -> Filed:
    """Report an incident at a place: one row of the layer, its first move and its photos, in one transaction.

    Parameters
    ----------
    store
        An open store.
    by
        Who reports; the place must lie in their reach.
    category, text, address, source
        What is seen, in whose words, where it says it is, how it came in (`layers.incidents`).
    lon, lat
        The place in degrees, WGS-84; or
    x, y
        in the city's CRS; or
    micro_grid
        the code of the micro-grid, where nobody can say more: it stays there (`manual`).
    photos
        Files, see `gridmap.photos.clean_photo`; at most `MOST_PHOTOS`.
    accuracy_m
        How exact the phone believes the place to be, metres.
    key
        A random name that the sender gave the report: what comes again under it is the report that is there.
    at
        When it was made, aware of its zone; None for now. What lies ahead, or more than 30 days back, counts as now.

    Raises
    ------
    NotYourArea
        The place is not in the reporter's reach, or their role may not report.
    WrongCall
        No category, no place, a text too long, too many photos.
    BadFile
        A photo that is none.

    Examples
    --------
    >>> import tempfile
    >>> from gridmap.stores import create_store
    >>> folder = tempfile.TemporaryDirectory()
    >>> with create_store(f"{folder.name}/city.gpkg", crs=4549) as store:
    ...     code = report(store, by=User(name="li", role="admin"), category="environment", lon=120.1, lat=30.2)
    ...     [move.move for move in moves(store, code)], store.read("incidents")["status"].tolist()
    (['report'], ['reported'])
    >>> folder.cleanup()
    """
    category, text = _text(category, _MOST_CATEGORY, "a category"), _text(text, MOST_TEXT, "the text of a report")
    if not category:
        raise WrongCall("a report needs a category; say what it is about")
    before = _before(store, by, "report", key)
    if before is not None:
        return before
    place = _place(store, lon, lat, x, y, micro_grid)
    clean = _clean(photos)
    now = datetime.now(UTC)
    made = at.astimezone(UTC) if at is not None and now - _OLDEST <= at.astimezone(UTC) <= now else now

    def file(connection: Connection) -> Filed:
        row = _attached(store, place, by, micro_grid)
        east, north = degrees_of(store, place) if lon is None or lat is None else (lon, lat)
        facts: dict[str, Any] = {
            "category": category, "source": source, "address": address or None, "lon": east, "lat": north,
            "reported_at": made.isoformat(timespec="milliseconds"), "micro_grid": micro_grid,
            "accuracy_m": accuracy_m if accuracy_m is not None and isfinite(accuracy_m) else None,
            "made_at": None if at is None else at.isoformat(),
        }  # fmt: skip
        move = LoggedMove(
            code=_free_code(store, connection, now), number=1, move="report", by=by.name, role=by.role, at=now,
            text=text, to_state=state_after(None, "report"), key=key, facts=facts,
        )  # fmt: skip
        log.add_move(store, connection, move)
        log.add_photos(store, connection, move.code, 1, clean)
        row |= {
            "code": move.code, "category": category, "source": source, "text": text or None, "reported_at": made,
            "address": address or None, "status": move.to_state, "closed_at": None,
        }  # fmt: skip
        put_rows(store, connection, "incidents", [(row, place)])
        return Filed(move.code, 1, False)

    return _once(store, by, "report", key, file)


def note(store: SqlStore, code: str, *, by: User, text: str = "", photos: Sequence[Sent] = (), key: str | None = None
         ) -> Filed:  # fmt: skip
    """Add a text or photos to an incident; its state stays."""
    return make_move(store, code, "note", by=by, text=text, photos=photos, key=key)


def close(store: SqlStore, code: str, *, by: User, text: str = "", photos: Sequence[Sent] = (), key: str | None = None
          ) -> Filed:  # fmt: skip
    """Close an incident that is open."""
    return make_move(store, code, "close", by=by, text=text, photos=photos, key=key)


def reopen(store: SqlStore, code: str, *, by: User, text: str = "", photos: Sequence[Sent] = (), key: str | None = None
           ) -> Filed:  # fmt: skip
    """Open an incident again that is closed."""
    return make_move(store, code, "reopen", by=by, text=text, photos=photos, key=key)


def make_move(
    store: SqlStore,
    code: str,
    move: str,
    *,
    by: User,
    text: str = "",
    photos: Sequence[Sent] = (),
    key: str | None = None,
) -> Filed:
    """Make a move on an incident that is there, with its record, all or nothing.

    Parameters
    ----------
    move
        A name in `gridmap.desk_moves.MOVES`, other than `report`.
    by, text, photos, key
        As for `report_once`.

    Raises
    ------
    MoveNotAllowed
        The state of the incident does not allow it.
    NotYourArea
        No such incident in the reach of `by`, or a role without the right.
    WrongCall, BadFile
        A note that says nothing, a text too long, too many photos, a photo that is none.
    """
    text = _text(text, MOST_TEXT, "the text of a move")
    if move == "note" and not text and not photos:
        raise WrongCall("a note says something; write a text or add a photo")
    before = _before(store, by, move, key)
    if before is not None:
        return before
    clean = _clean(photos)

    def file(connection: Connection) -> Filed:
        row = row_of(store, connection, code, within=reach(by))
        if row is None or move == "report":
            raise _unknown(code, by)
        written = log.log_of(store, connection, code)
        state = written[-1].to_state if written else state_of_row(row["status"], row["closed_at"] is not None)
        after, now = state_after(state, move), datetime.now(UTC)
        # what a file said before the first move of ours, so that the log alone tells the whole story
        closed = row["closed_at"].astimezone(UTC).isoformat() if row["closed_at"] is not None else None
        facts = {} if written else {"status": row["status"], "closed_at": closed}
        made = LoggedMove(
            code=code, number=len(written) + 1, move=move, by=by.name, role=by.role, at=now, text=text,
            from_state=state, to_state=after, key=key, facts=facts,
        )  # fmt: skip
        log.add_move(store, connection, made)
        log.add_photos(store, connection, code, made.number, clean)
        change: dict[str, Any] = {"status": after}
        if move in ("close", "reopen"):
            change["closed_at"] = now if move == "close" else None
        change_rows(store, connection, "incidents", [(code, change)])
        return Filed(code, made.number, False)

    return _once(store, by, move, key, file)


def moves(store: SqlStore, code: str) -> list[LoggedMove]:
    """Every move made on an incident, the oldest first; none for one that a file brought and nobody touched."""
    with store.reading() as connection:
        return log.log_of(store, connection, code)


def photos(store: SqlStore, code: str) -> list[Photo]:
    """The photos of an incident, without their bytes."""
    with store.reading() as connection:
        return log.photos_of(store, connection, code)


def photo(store: SqlStore, code: str, number: int) -> bytes:
    """One photo, as JPEG.

    Raises
    ------
    NotFound
        There is none of that number.
    """
    with store.reading() as connection:
        content = log.photo_of(store, connection, code, number)
    if content is None:
        raise NotFound(f"incident {code} has no photo {number}")
    return content


def place_of(store: SqlStore, lon: float, lat: float) -> shapely.Point:
    """A place in degrees (WGS-84) in the city's CRS.

    Raises
    ------
    WrongCall
        The numbers are no place on earth.
    """
    if not (isfinite(lon) and isfinite(lat) and -180 <= lon <= 180 and -90 <= lat <= 90):
        raise WrongCall(f"{lon}, {lat} is no longitude and latitude in degrees")
    point = shapely.Point(_to_degrees(store.crs).transform(lon, lat, direction=TransformDirection.INVERSE))
    if not (isfinite(point.x) and isfinite(point.y)):
        raise WrongCall(f"{lon}, {lat} lies too far from the city")
    return point


def degrees_of(store: SqlStore, place: shapely.Point) -> tuple[float, float]:
    """A place in the city's CRS as longitude and latitude (WGS-84)."""
    lon, lat = _to_degrees(store.crs).transform(place.x, place.y)
    return float(lon), float(lat)


@lru_cache(maxsize=8)
def _to_degrees(crs: pyproj.CRS) -> pyproj.Transformer:
    # making one takes longer than everything else about a report
    return pyproj.Transformer.from_crs(crs, 4326, always_xy=True)


def _once(store: SqlStore, by: User, move: str, key: str | None, file: Any) -> Filed:
    """Do it in one transaction; where another request with the same key was faster, give what that one gave."""
    right = MOVES[move].right if move in MOVES else ""
    if not may(by, right):
        raise NotYourArea(f"a {by.role} may not {move} an incident; ask the administrator of the city")
    try:
        with store.transaction() as connection:
            found = _filed(store, connection, by, move, key)
            if found is not None:
                return found
            filed: Filed = file(connection)
            # which move of which incident: never its words, place or photos
            where = cells_of(store, "incidents", filed.code, ["micro_grid"]) or {}
            write_down(
                store, "incident.move", by=by.name, area=where.get("micro_grid") or "", move=move, code=filed.code
            )
            # lists and counts are read anew; tiles and all else of the city stay as they are
            store.put_facts(connection, {"incidents_version": new_version()})
            return filed
    except IntegrityError:
        found = _before(store, by, move, key)
        if found is None:
            raise
        return found


def _before(store: SqlStore, by: User, move: str, key: str | None) -> Filed | None:
    if key is None:
        return None
    if not key or len(key) > _MOST_KEY:
        raise WrongCall(f"a key has 1 to {_MOST_KEY} characters; make a random one")
    with store.reading() as connection:
        return _filed(store, connection, by, move, key)


def _filed(store: SqlStore, connection: Connection, by: User, move: str, key: str | None) -> Filed | None:
    found = None if key is None else log.move_by_key(store, connection, by.name, key)
    if found is None:
        return None
    if found.move != move:
        raise WrongCall(f"the key {key!r} was used for another move; make a new one")
    return Filed(found.code, found.number, True)


def _place(
    store: SqlStore, lon: float | None, lat: float | None, x: float | None, y: float | None, micro_grid: str | None
) -> shapely.Point:
    if lon is not None and lat is not None:
        return place_of(store, lon, lat)
    if x is not None and y is not None and isfinite(x) and isfinite(y):
        return shapely.Point(x, y)
    if micro_grid:
        units = store.read("micro_grids", within=(micro_grid,), as_of=date.today())  # noqa: DTZ011 - a day here
        own = units[units["code"] == micro_grid]
        if len(own):
            return own.geometry.iloc[0].representative_point()
        raise NotYourArea(f"there is no micro-grid {micro_grid[:40]} in your area; tap the place on the map")
    raise WrongCall("a report needs a place; tap it on the map or send where you are")


def _attached(store: SqlStore, place: shapely.Point, by: User, micro_grid: str | None) -> dict[str, Any]:
    """To which micro-grid the place belongs, by the rules for everything; refused outside the reporter's reach."""
    nearest_m = cover_settings(store).nearest_m
    thing: dict[str, Any] = {"micro_grid": [micro_grid], "attached_by": ["manual"]} if micro_grid else {}
    point = gpd.GeoDataFrame(thing, geometry=[place], crs=store.crs)
    units = units_of_today(store, place.buffer(nearest_m + 1.0).bounds)
    row = dict.fromkeys(ATTACHED_COLUMNS) | {"attached_by": "none"}
    if len(units):
        row = attached_records(attach(point, units, nearest_m=nearest_m))[0]
    own = reach(by)
    if own != ("",) and not (row["micro_grid"] and str(row["micro_grid"]).startswith(own or ("-",))):
        raise NotYourArea("this place is not in your area; report it to who looks after it, or move the mark")
    return row


def _clean(photos: Iterable[Sent]) -> list[tuple[bytes, int, int]]:
    given = list(photos)
    if len(given) > MOST_PHOTOS:
        raise WrongCall(f"{len(given)} photos are too many; send at most {MOST_PHOTOS}")
    made: list[CleanPhoto] = [
        clean_photo(one[1], one[0]) if isinstance(one, tuple) else clean_photo(one) for one in given
    ]
    return [(one.content, one.width, one.height) for one in made]


def _text(text: str, most: int, what: str) -> str:
    """What was typed, without what a database cannot hold and without blanks around it."""
    clean = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\x00", "").strip()
    if len(clean) > most:
        raise WrongCall(f"{what} has at most {most} characters; this one has {len(clean)}")
    return clean


def _free_code(store: SqlStore, connection: Connection, now: datetime) -> str:
    """The next code of the day: `R20261101-0001`; short enough to be said on the telephone."""
    day = f"R{now.astimezone():%Y%m%d}-"
    table = store.control["incident_moves"]
    codes = connection.execute(
        select(table.c.code).where(table.c.code >= day, table.c.code < f"{day[:-1]}.", table.c.number == 1)
    ).scalars()
    number = max((int(code[len(day):]) for code in codes if code[len(day):].isdecimal()), default=0) + 1
    while row_of(store, connection, f"{day}{number:04d}") is not None:
        number += 1  # a file brought one of that name
    return f"{day}{number:04d}"


def _unknown(code: str, by: User) -> GridmapError:
    if reach(by) == ("",):
        return NotFound(f"there is no incident {code[:60]}; look for it in the list")
    return NotYourArea(f"incident {code[:60]} is not in your area; ask the administrator of the city")
