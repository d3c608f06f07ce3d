"""The command that finds sites, on the same group as `gridmap.cli`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from gridmap.progress import Progress

__all__ = ["register"]

_FILE = click.Path(path_type=Path, dir_okay=False)


def register(main: click.Group, watched: Callable[[bool, Callable[[Progress], Any]], Any]) -> None:
    """Put the command on the group; `watched` runs work with a progress bar."""

    @main.command()
    @click.argument("city")
    @click.option("--kind", required=True, help="Kind of facility, such as canteen; those that exist stay.")
    @click.option("--count", type=int, help="How many new ones.")
    @click.option("--cover-all", is_flag=True, help="As few as reach everybody within the radius.")
    @click.option("--radius", "radius_m", type=float, help="Longest walk that counts, metres; the norm's without it.")
    @click.option("--method", type=click.Choice(["max-cover", "set-cover", "p-median", "p-center"]))
    @click.option("--candidates", help="plots, corners, or a file: places, areas, .asc or .tif of buildable land.")
    @click.option("--capacity", type=float, help="Weight that a new one can serve.")
    @click.option("--use", help="Of plots: only those whose use holds this text.")
    @click.option("--min-area", "min_area_m2", type=float, default=0.0, help="Of plots: square metres, at least.")
    @click.option("--exclude", type=_FILE, help="Areas where nothing may be built.")
    @click.option("--prefer", type=_FILE, help="Areas that are wished for.")
    @click.option("--give-up", type=float, default=0.02, help="Share of the objective given up for them.")
    @click.option("--spacing", "spacing_m", type=float, default=0.0, help="Straight metres between any two places.")
    @click.option("--weight", default="households", help="What is counted: households, or a need such as aged_60.")
    @click.option("--norms", type=_FILE, help="A norms file of your own (YAML).")
    @click.option("--datum", type=click.Choice(["wgs84", "cgcs2000", "gcj02", "bd09"]), help="Of the files.")
    @click.option("--seed", type=int, default=0, help="Seed of the search.")
    @click.option("-o", "--output", type=_FILE, help="Write the places (.gpkg or .geojson).")
    @click.option("--map", "page", type=_FILE, help="Write a map page of coverage before and after.")
    @click.option("--lang", type=click.Choice(["zh", "en"]), default="en", help="Language of the words.")
    @click.option("--quiet", is_flag=True, help="Print nothing but errors.")
    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    def site(
        city: str, output: Path | None, page: Path | None, lang: str, quiet: bool, as_json: bool, **asked: Any
    ) -> None:
        """Find where the next facilities of a kind belong in CITY; exit 1 where the request cannot be met."""
        from gridmap.siting import draw_plan, site_city, write_places

        plan = watched(quiet, lambda progress: site_city(city, progress=progress, **asked))
        answer = plan.siting
        if as_json:
            click.echo(json.dumps(plan.facts(), ensure_ascii=False, allow_nan=False))
        elif not quiet or answer.refusal is not None:
            click.echo(plan.words(lang), err=answer.refusal is not None)
        if answer.refusal is not None:
            sys.exit(1)
        if not quiet and not as_json:
            for place in plan.sites.itertuples():
                click.echo(
                    f"{place.rank:3}  {place.code}  {place.geometry.x:.1f} {place.geometry.y:.1f}  "
                    f"alone reaches {place.gain:,.0f}, serves {place.serves:,.0f}"
                )
        if output is not None:
            write_places(plan.sites, output)
        if page is not None:
            draw_plan(city, plan, page, lang=lang)

    @main.command("site-kinds")
    @click.argument("city")
    @click.option("--kind", "kinds", multiple=True, required=True, metavar="KIND=COST", help="What one costs.")
    @click.option("--budget", type=float, required=True, help="What all new ones may cost together.")
    @click.option("--candidates", help="plots, corners, or a file: places, areas, .asc or .tif of buildable land.")
    @click.option("--use", help="Of plots: only those whose use holds this text.")
    @click.option("--min-area", "min_area_m2", type=float, default=0.0, help="Of plots: square metres, at least.")
    @click.option("--exclude", type=_FILE, help="Areas where nothing may be built.")
    @click.option("--weight", default="households", help="What is counted: households, a need, or norms: each its own.")
    @click.option("--norms", type=_FILE, help="A norms file of your own (YAML).")
    @click.option("--datum", type=click.Choice(["wgs84", "cgcs2000", "gcj02", "bd09"]), help="Of the files.")
    @click.option("--seed", type=int, default=0, help="Seed of the search.")
    @click.option("-o", "--output", type=_FILE, help="Write the places (.gpkg or .geojson).")
    @click.option("--map", "page", type=_FILE, help="Write a map page of coverage before and after.")
    @click.option("--lang", type=click.Choice(["zh", "en"]), default="en", help="Language of the words.")
    @click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    def site_kinds(
        city: str, kinds: tuple[str, ...], output: Path | None, page: Path | None, lang: str, as_json: bool,
        **asked: Any,
    ) -> None:  # fmt: skip
        """Find what to build where in CITY for several kinds under one budget."""
        from gridmap.siting import write_places
        from gridmap.siting_kinds import costs_of, draw_kinds
        from gridmap.siting_kinds import site_kinds as find

        plan = watched(as_json, lambda progress: find(city, costs_of(kinds), progress=progress, **asked))
        click.echo(json.dumps(plan.facts(), ensure_ascii=False, allow_nan=False) if as_json else plan.words(lang))
        if not as_json:
            for place in plan.sites.itertuples():
                click.echo(f"{place.code}  {place.kind:24}  {place.geometry.x:.1f} {place.geometry.y:.1f}")
        if output is not None:
            write_places(plan.sites, output)
        if page is not None:
            draw_kinds(city, plan, page, lang=lang)
