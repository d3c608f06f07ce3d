"""Commands that ask a built city and change nothing: what if, the way of a household, equity, hot spots."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from gridmap.progress import Progress
from layers.errors import WrongCall

if TYPE_CHECKING:
    from gridmap.what_if import Supposed

__all__ = ["register"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_norms = click.option("--norms", type=_FILE, help="A norms file of your own (YAML).")
_lang = click.option("--lang", type=click.Choice(["zh", "en"]), default="en", help="Language of the words.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_quiet = click.option("--quiet", is_flag=True, help="Print nothing but errors.")


def register(main: click.Group, watched: Callable[[bool, Callable[[Progress], Any]], Any]) -> None:
    """Put the commands on the group; `watched` runs work with a progress bar."""

    @main.command("what-if")
    @click.argument("city")
    @click.option("--add", multiple=True, metavar="KIND@X,Y", help="A new facility; degrees or the city's metres.")
    @click.option("--move", multiple=True, metavar="CODE@X,Y", help="A facility and its new place.")
    @click.option("--close", multiple=True, metavar="CODE", help="A facility that closes.")
    @click.option("--norm", multiple=True, metavar="KIND=METRES", help="Another longest walk.")
    @click.option("--level", type=click.Choice(["streets", "communities", "grids", "micro_grids"]),
                  default="communities", show_default=True, help="Units that are listed below the total.")
    @click.option("-o", "--output", type=_FILE, help="Write every unit, before and after, as CSV.")
    @_norms
    @_lang
    @_quiet
    @_as_json
    def what_if(
        city: str, level: str, output: Path | None, lang: str, quiet: bool, as_json: bool, **asked: Any
    ) -> None:
        """Suppose that facilities of CITY open, move or close or a norm changes: before and after; CITY stays."""
        from gridmap.what_if import what_if as suppose

        found: Supposed = watched(quiet, lambda progress: suppose(city, progress=progress, **asked))
        if output is not None:
            found.units.to_csv(output, index=False, encoding="utf-8-sig")
        if as_json:
            rows = found.units[(found.units["level"] == "city") | found.units["changed"]]
            click.echo(json.dumps({
                "words": {"zh": found.words("zh"), "en": found.words("en")},
                "gained": found.outcome.gained, "lost": found.outcome.lost,
                "units": json.loads(rows.to_json(orient="records", force_ascii=False)),
            }, ensure_ascii=False))  # fmt: skip
        elif not quiet:
            click.echo(found.words(lang))
            _print_units(found, level)

    @main.command()
    @click.argument("city")
    @click.argument("building")
    @click.argument("kind", required=False)
    @click.option("--facility", metavar="CODE", help="Walk to this one rather than to the nearest.")
    @click.option("--map", "page", type=_FILE, help="Write a map page of the way.")
    @_norms
    @_lang
    @_as_json
    def way(
        city: str, building: str, kind: str | None, facility: str | None, page: Path | None, norms: Path | None,
        lang: str, as_json: bool,
    ) -> None:  # fmt: skip
        """Show the way of BUILDING's households to their nearest facility of KIND in CITY; of every kind without."""
        from gridmap.ways import draw_way, reached_from, walks_of, way_from

        walks = walks_of(city, norms=norms)
        if kind is None:
            if page is not None or facility is not None:
                raise WrongCall("a map or a facility goes with one KIND; name it after the building")
            reached = reached_from(walks, building)
            if as_json:
                click.echo(json.dumps(json.loads(reached.to_json(orient="records", force_ascii=False)),
                                      ensure_ascii=False))
                return
            for row in reached.itertuples():
                mark = "within" if row.within else "BEYOND"
                doubt = "" if row.verified else " (unverified)"
                click.echo(f"{row.metres:7,.0f} m  {mark} {row.norm_m:,.0f} m{doubt}  "
                           f"{row.zh if lang == 'zh' else row.en}  {row.name}")
            return
        found = way_from(walks, building, kind, facility=facility)
        click.echo(json.dumps(found.facts(), ensure_ascii=False) if as_json else found.words(lang))
        if page is not None:
            draw_way(city, found, page, lang=lang)

    @main.command()
    @click.argument("city")
    @click.option("--kind", "kinds", multiple=True, help="Only this kind of facility; may be given several times.")
    @click.option("-o", "--output", type=_FILE, help="Write the figures as CSV.")
    @_norms
    @_lang
    @_as_json
    def equity(
        city: str, kinds: tuple[str, ...], output: Path | None, norms: Path | None, lang: str, as_json: bool
    ) -> None:
        """Say how evenly CITY is served: Gini, Theil between communities, who is worst off."""
        from gridmap.equity import measure_equity
        from gridmap.stores import open_store

        with open_store(city) as store:
            found = measure_equity(store, kinds=kinds, norms=norms)
        if output is not None:
            found.table.to_csv(output, index=False, encoding="utf-8-sig")
        click.echo(json.dumps(found.facts(), ensure_ascii=False) if as_json else found.words(lang))

    @main.command("hot-spots")
    @click.argument("city")
    @click.argument("kind")
    @click.option("--false-discoveries", "share", type=float, default=0.05, show_default=True,
                  help="Share of false ones among those called clusters.")
    @click.option("--seed", type=int, default=0, help="Of the random arrangements.")
    @click.option("-o", "--output", type=_FILE, help="Write the micro-grids (.gpkg or .geojson).")
    @_as_json
    def hot_spots(city: str, kind: str, share: float, seed: int, output: Path | None, as_json: bool) -> None:
        """Find where low coverage of KIND clusters beyond chance in CITY (local Moran's I, Gi*)."""
        from gridmap.equity import find_hot_spots
        from gridmap.siting import write_places
        from gridmap.stores import open_store

        with open_store(city) as store:
            found = find_hot_spots(store, kind, share=share, seed=seed)
        if output is not None:
            write_places(found, output)
        if as_json:
            rows = found.drop(columns="geometry").to_json(orient="records", force_ascii=False)
            click.echo(json.dumps(json.loads(rows), ensure_ascii=False))
            return
        counts = found["cluster"].value_counts()
        click.echo(", ".join(f"{name} {counts.get(name, 0):,}" for name in (
            "low", "low_outlier", "high", "high_outlier", "none", "no_data"
        )))  # fmt: skip
        for row in found[found["cluster"].isin(["low", "low_outlier"])].itertuples():
            click.echo(f"{row.code}  {row.cluster:11}  coverage {row.coverage:.0%}  Gi* {row.gi_star:+.1f}")


def _print_units(found: Supposed, level: str) -> None:
    rows = found.level(level)
    table = Table("", "kind", "households", "before", "after", "", title=level.replace("_", " "))
    for row in rows.head(60).itertuples():
        table.add_row(
            row.code, row.kind, f"{row.households:,}", _count(row.covered_before), _count(row.covered_after),
            f"{row.status_before} -> {row.status_after}" if row.status_before != row.status_after else row.status_after,
        )
    if len(rows):
        Console().print(table)
    if len(rows) > 60:
        click.echo(f"and {len(rows) - 60:,} more; -o FILE.csv writes them all")


def _count(value: Any) -> str:
    return f"{int(value):,}" if value == value and value is not None else "-"
