"""The command that makes vector tiles, and the step that keeps them up to date after other commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gridmap.progress import Progress
from layers.errors import GridmapError

__all__ = ["refresh", "register"]


def register(main: click.Group, watched: Callable[[bool, Callable[[Progress], Any]], Any]) -> None:
    """Put the command on the group; `watched` runs work with a progress bar."""

    @main.command()
    @click.argument("city")
    @click.option("--folder", type=click.Path(path_type=Path, file_okay=False), help="Where they stand, if not beside.")
    @click.option("--quiet", is_flag=True, help="Print nothing but errors.")
    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    def tiles(city: str, folder: Path | None, quiet: bool, as_json: bool) -> None:
        """Make the vector tiles of CITY that the map of the web service is drawn from."""
        from gridmap.city_tiles import make_tiles

        made = watched(quiet, lambda progress: make_tiles(city, folder=folder, progress=progress))
        if as_json:
            facts = {"folder": str(made.folder), "version": made.version, "rows": made.rows, "bytes": made.bytes}
            click.echo(json.dumps(facts))
        elif not quiet:
            for name, rows in made.rows.items():
                click.echo(f"{name:16} {rows:>9,} rows {made.bytes[name] / 1024:>9,.0f} KB")
            click.echo(f"Tiles {made.version} are in {made.folder}")


def refresh(city: str, watched: Callable[[Callable[[Progress], Any]], Any]) -> None:
    """Bring the tiles of a city up to date after a change.

    Tiles are made of the city and can be made again, so a city whose tiles could not be made is still done: one
    sentence says so.

    Parameters
    ----------
    city
        Store URL.
    watched
        Runs work with a progress bar, or without one.
    """
    from gridmap.city_tiles import make_tiles

    try:
        watched(lambda progress: make_tiles(city, progress=progress))
    except (GridmapError, OSError) as error:
        click.echo(f"note: the tiles are not up to date ({error}); make them with gridmap tiles {city}", err=True)
