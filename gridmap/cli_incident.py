"""The commands about incidents: the same desk as the pages', for whoever has the city before them."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from layers.errors import NotFound

if TYPE_CHECKING:
    from gridmap.roles import User
    from gridmap.stores.sql_store import SqlStore

__all__ = ["register"]

_AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_AS_WHOM = click.option("--as", "whom", help="Account in whose name and area it is done; without it, as administrator.")
_TEXT = click.option("--text", default="", help="What was found or done.")
_PHOTOS = click.option(
    "--photo", "photos", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A picture, as often as there are some.",
)  # fmt: skip


def register(main: click.Group) -> None:
    """Put the commands on the group."""

    @main.group()
    def incident() -> None:
        """Incidents of a city: list, report, note, close, open again."""

    @incident.command("list")
    @click.argument("city")
    @click.option("--state", default="open", help="open, closed, a state, or all.")
    @click.option("--category", default="", help="What it is about.")
    @click.option("--within", default="", help="Code of a unit.")
    @click.option("--search", default="", help="Words in code, text or address.")
    @click.option("--limit", default=50, type=click.IntRange(1, 10_000), help="At most so many, the newest first.")
    @_AS_JSON
    def list_(city: str, state: str, category: str, within: str, search: str, limit: int, as_json: bool) -> None:
        """List incidents of CITY, the newest first."""
        from gridmap.stores import open_store
        from gridmap.stores.incident_rows import Asked, find_incidents

        asked = Asked(within=(within,), state="" if state == "all" else state, category=category, text=search)
        with open_store(city) as store:
            found = find_incidents(store, asked, limit=limit)
        rows = [_plain(row) for row in found.rows]
        if as_json:
            click.echo(json.dumps(rows, ensure_ascii=False))
            return
        for row in rows:
            told = [row["code"], row["status"] or "–", row["category"] or "–", row["reported_at"] or "–"]
            words = " ".join((row["text"] or "").split())[:60]
            click.echo("  ".join([*told, row["micro_grid"] or "–", words]).rstrip())
        click.echo(f"{len(rows)} of {found.total:,}")

    @incident.command()
    @click.argument("city")
    @click.argument("code")
    @_AS_JSON
    def show(city: str, code: str, as_json: bool) -> None:
        """Show incident CODE of CITY with every move."""
        from gridmap import desk
        from gridmap.stores import open_store
        from gridmap.stores.incident_rows import incident_row

        with open_store(city) as store:
            row = incident_row(store, code)
            if row is None:
                raise NotFound(f"there is no incident {code}; list them with gridmap incident list")
            log, photos = desk.moves(store, code), desk.photos(store, code)
            place = row["geometry"]
            where = None if place is None else desk.degrees_of(store, place)
        moves: list[dict[str, Any]] = [
            {"number": one.number, "move": one.move, "by": one.by, "role": one.role, "at": one.at.isoformat(),
             "text": one.text, "from": one.from_state, "to": one.to_state,
             "photos": [photo.number for photo in photos if photo.move == one.number]}
            for one in log
        ]  # fmt: skip
        if as_json:
            click.echo(json.dumps({**_plain(row), "lon_lat": where, "moves": moves}, ensure_ascii=False))
            return
        for name, value in _plain(row).items():
            if value is not None:
                click.echo(f"{name:18}{value}")
        if where is not None:
            click.echo(f"{'lon, lat':18}{where[0]:.6f}, {where[1]:.6f}")
        for move in moves:
            pictures = f"  ({len(move['photos'])} photos)" if move["photos"] else ""
            who = f"{move['at']}  {move['by']} ({move['role']})"
            click.echo(f"{who}  {move['move']}: {move['to']}  {move['text']}{pictures}".rstrip())

    @incident.command()
    @click.argument("city")
    @click.option("--category", required=True, help="What it is about.")
    @click.option("--lon", type=float, help="Longitude in degrees, WGS-84.")
    @click.option("--lat", type=float, help="Latitude in degrees, WGS-84.")
    @click.option("--micro-grid", help="Code of the micro-grid, where no better place is known.")
    @click.option("--address", help="Where it says it is.")
    @click.option("--source", default="hotline", show_default=True, help="How it came in.")
    @click.option("--key", help="A name of your own: the same one again is the same report.")
    @_TEXT
    @_PHOTOS
    @_AS_WHOM
    def report(city: str, photos: tuple[Path, ...], whom: str | None, **told: Any) -> None:
        """Report an incident in CITY."""
        from gridmap import desk

        filed = _at_desk(city, whom, lambda store, by: desk.report_once(store, by=by, photos=_sent(photos), **told))
        click.echo(f"{filed.code}{' (was there already)' if filed.again else ''}")

    for name, about in (("note", "Add a text or photos to"), ("close", "Close"), ("reopen", "Open again")):
        _move(incident, name, about)


def _move(group: click.Group, name: str, about: str) -> None:
    @group.command(name, help=f"{about} incident CODE of CITY.")
    @click.argument("city")
    @click.argument("code")
    @_TEXT
    @_PHOTOS
    @_AS_WHOM
    def made(city: str, code: str, text: str, photos: tuple[Path, ...], whom: str | None) -> None:
        from gridmap import desk

        def work(store: SqlStore, by: User) -> desk.Filed:
            return desk.make_move(store, code, name, by=by, text=text, photos=_sent(photos))

        _at_desk(city, whom, work)
        click.echo(f"{code}: {name}")


def _at_desk(city: str, whom: str | None, work: Callable[[SqlStore, User], Any]) -> Any:
    """Do something in somebody's name: an account's, else this person's as administrator."""
    from gridmap.roles import User
    from gridmap.stores import open_store

    with open_store(city) as store:
        if whom is None:
            return work(store, User(name=_me(), role="admin"))
        account = store.account(whom)
        if account is None or not account.active:
            raise NotFound(f"there is no account {whom!r} that may log in; list them with gridmap user list")
        return work(store, User(name=account.name, role=account.role, area=account.area))


def _me() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _sent(photos: tuple[Path, ...]) -> list[tuple[str, bytes]]:
    return [(path.name, path.read_bytes()) for path in photos]


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row as text and numbers."""
    return {
        name: value.isoformat(sep=" ", timespec="minutes") if hasattr(value, "isoformat") else value
        for name, value in row.items() if name != "geometry"
    }  # fmt: skip
