"""The command line: `gridmap COMMAND`. Exit code 0: done; 1: the data broke a promise; 2: the call was wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.table import Table

import gridmap
from gridmap import cli_ask, cli_data, cli_incident, cli_plan, cli_site, cli_tiles
from gridmap.progress import Progress, silent
from layers.errors import GridmapError

__all__ = ["main"]

_quiet = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


class _Said(click.Group):
    """A group whose errors are one sentence and an exit code, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GridmapError as error:
            click.echo(f"gridmap: {error}", err=True)
            sys.exit(error.exit_code)


@click.group(cls=_Said, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(gridmap.__version__, prog_name="gridmap")
def main() -> None:
    """Split a district into micro-grids, see what each one lacks, and serve it offline."""


def _watched(quiet: bool, work: Callable[[Progress], Any], *, compiles: bool = False) -> Any:
    """Run work with a progress bar on a terminal, and without one elsewhere; say where a first run compiles."""
    if compiles and not quiet:
        from gridmap.compiling import telling

        with telling(lambda text: click.echo(f"gridmap: {text}", err=True)):
            return _watched(quiet, work)
    if quiet or not sys.stderr.isatty():
        return work(silent)
    share_done = TextColumn("{task.percentage:>3.0f}%")
    columns = (TextColumn("{task.description}"), BarColumn(), share_done, TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)

        def say(doing: str, share: float) -> None:
            bar.update(task, description=doing, completed=share)

        return work(say)


def _print_counts(counts: dict[str, int], title: str) -> None:
    table = Table(title=title, show_header=False, min_width=min(len(title), 78))
    for name, count in counts.items():
        table.add_row(name, f"{count:,}")
    Console().print(table)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path), default="demo")
@_quiet
def demo(folder: Path, quiet: bool) -> None:
    """Write the demo city's input files to FOLDER (default: demo)."""
    from layers.sample import write_demo

    made = _watched(quiet, lambda progress: write_demo(folder))
    if not quiet:
        click.echo(f"The demo city's files are in {made.folder}; next: gridmap build {folder} -o {folder}.gpkg")


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the findings as CSV.")
@_quiet
@_as_json
def check(folder: Path, output: Path | None, quiet: bool, as_json: bool) -> None:
    """Read everything in FOLDER and list what is odd; exit 1 where a finding is an error."""
    from layers.read import read_city

    city = _watched(quiet, lambda progress: read_city(folder, progress=lambda what: progress(what, 0.5)))
    if output is not None:
        city.findings.to_csv(output)
    if as_json:
        click.echo(city.findings.to_frame().to_json(orient="records", force_ascii=False))
    elif not quiet:
        for item in city.findings:
            where = " ".join(str(part) for part in (item.file or item.layer, item.row and f"row {item.row}") if part)
            click.echo(f"{item.level:8} {where}: {item.what}; {item.done}")
        _print_counts({name: len(frame) for name, frame in city.layers.items()}, f"{city.name} ({city.crs.name})")
    if city.findings.errors:
        sys.exit(1)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("-o", "--output", "city", required=True, metavar="CITY", help="A .gpkg file or a postgresql:// URL.")
@click.option("--seed", type=int, help="Seed of the split, in place of the one in city.toml.")
@click.option("--norms", type=click.Path(path_type=Path, dir_okay=False), help="A norms file of your own (YAML).")
@click.option("--engine", type=click.Choice(["local", "dask"]), default="local", help="Where communities are split.")
@click.option("--scheduler", metavar="ADDRESS", help="A running Dask scheduler, such as tcp://10.0.0.5:8786.")
@click.option("--workers", type=int, default=1, show_default=True, help="Processes that share the communities.")
@_quiet
@_as_json
def build(
    folder: Path,
    city: str,
    seed: int | None,
    norms: Path | None,
    engine: str,
    scheduler: str | None,
    workers: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Read FOLDER, split, attach, cover, and keep the city."""
    from gridmap.engines import open_engine
    from gridmap.pipeline import build as build_city

    with open_engine(engine, workers=workers, scheduler=scheduler) as opened:
        built = _watched(
            quiet,
            lambda progress: build_city(folder, city, seed=seed, norms=norms, engine=opened, progress=progress),
            compiles=True,
        )
    cli_tiles.refresh(city, lambda work: _watched(quiet, work))
    facts = {
        "city": built.city,
        "micro_grids": built.micro_grids,
        "households": built.households,
        "within_band": round(built.within_band, 4),
        "street_share": round(built.street_share, 4),
        "nearest_wish": built.wish.to_dict(),
        "rows": built.rows,
        "findings": built.findings.counts(),
    }
    if as_json:
        click.echo(json.dumps(facts, ensure_ascii=False))
    elif not quiet:
        _print_counts(built.rows, built.city)
        click.echo(
            f"{built.micro_grids:,} micro-grids for {built.households:,} households, "
            f"{built.within_band:.1%} within the band; {len(built.findings):,} findings in the layer 'findings'."
        )
        cli_plan.say_wish(built.wish)


@main.command()
@click.argument("city")
@_quiet
@_as_json
def verify(city: str, quiet: bool, as_json: bool) -> None:
    """Check every promise of CITY and say how good its plan is; exit 1 where a promise is broken."""
    from gridmap.quality import measure_quality
    from gridmap.stores import open_store
    from gridmap.verify import verify as verify_store

    with open_store(city) as store:
        result = verify_store(store)
        quality = measure_quality(store)
    if as_json:
        click.echo(json.dumps({**result.to_dict(), "quality": quality.to_dict()}, ensure_ascii=False))
    elif not quiet:
        for promise in result.promises:
            mark = "ok    " if promise.ok else "BROKEN"
            examples = f" (for example {', '.join(promise.examples)})" if promise.examples and not promise.ok else ""
            click.echo(f"{mark}  {promise.sentence}: {promise.figure}{examples}")
        for line in quality.sentences():
            click.echo(line)
    if not result.ok:
        sys.exit(1)


@main.command()
@click.argument("city")
@_quiet
def attach(city: str, quiet: bool) -> None:
    """Attach organizations, facilities and incidents of CITY to its micro-grids again."""
    from gridmap.rework import attach_again

    counts = attach_again(city)
    cli_tiles.refresh(city, lambda work: _watched(quiet, work))
    if not quiet:
        _print_counts(counts, "attached")


@main.command()
@click.argument("city")
@click.option("--norms", type=click.Path(path_type=Path, dir_okay=False), help="A norms file of your own (YAML).")
@click.option("--kind", "kinds", multiple=True, help="Only this kind of facility; may be given several times.")
@_quiet
def cover(city: str, norms: Path | None, kinds: tuple[str, ...], quiet: bool) -> None:
    """Compute coverage and gaps of CITY again."""
    from gridmap.rework import cover_again

    counts = _watched(quiet, lambda progress: cover_again(city, norms=norms, kinds=kinds, progress=progress))
    cli_tiles.refresh(city, lambda work: _watched(quiet, work))
    if not quiet:
        _print_counts(counts, "rows")


@main.command("map")
@click.argument("city")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--within", default="", help="Code of the unit to draw; the whole city without it.")
@click.option("--measure", help="What colours the micro-grids: households, residents, coverage:KIND, ...")
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", help="Language of the page.")
@click.option("--self-contained", is_flag=True, help="One file that opens without anything beside it.")
@click.option("--size", type=(int, int), default=(1600, 1100), help="Width and height of a picture, pixels.")
@_quiet
def draw_map(
    city: str, output: Path, within: str, measure: str | None, lang: str, self_contained: bool, size: tuple[int, int],
    quiet: bool,
) -> None:  # fmt: skip
    """Draw CITY as a map page that opens without a network (.html), or as a picture (.png, .svg)."""
    from gridmap.atlas import draw_city

    draw_city(city, output, within=within, measure=measure, lang=lang, self_contained=self_contained, size=size)
    if not quiet:
        click.echo(f"The map is in {output}")


@main.command()
@click.argument("city")
@click.option("--layer", "layers", multiple=True, required=True, help="Layer to export; may be given several times.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A folder, a .zip or a file.")
@click.option("--within", multiple=True, help="Code of the unit to export; may be given several times.")
@click.option(
    "--format", "format_", default="shapefile",
    type=click.Choice(["shapefile", "geopackage", "geojson", "csv", "xlsx", "kml"]),
)  # fmt: skip
@click.option("--encoding", type=click.Choice(["gb18030", "utf-8"]), default="gb18030", help="Of shapefiles.")
@click.option("--crs", help="EPSG:N of the files; the city's own without it.")
@click.option("--datum", type=click.Choice(["wgs84", "cgcs2000", "gcj02", "bd09"]))
@click.option("--names", type=click.Choice(["zh", "en"]), default="en", help="Language of headings.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="State of that day.")
@_quiet
def export(
    city: str, layers: tuple[str, ...], output: Path, within: tuple[str, ...], format_: str, encoding: str,
    crs: str | None, datum: str | None, names: str, as_of: Any, quiet: bool,
) -> None:  # fmt: skip
    """Export layers of CITY to files that QGIS, ArcMap and WPS open."""
    from gridmap.delivery import export_layers
    from gridmap.stores import open_store

    with open_store(city) as store:
        delivery = export_layers(
            store, layers, output, within=within or ("",), format=format_, encoding=encoding, crs=crs, datum=datum,
            names=names, as_of=None if as_of is None else as_of.date(),
        )  # fmt: skip
    for warning in delivery.warnings:
        click.echo(f"note: {warning}", err=True)
    if not quiet:
        _print_counts(delivery.rows, str(output))


@main.command()
@click.argument("city")
@_quiet
def migrate(city: str, quiet: bool) -> None:
    """Bring CITY up to date with this version; running it twice is safe."""
    from gridmap.stores import migrate as migrate_store

    steps = migrate_store(city)
    if not quiet:
        click.echo("\n".join(steps) if steps else "up to date")


@main.command()
@click.argument("city")
@click.argument("file", type=click.Path(path_type=Path))
def backup(city: str, file: Path) -> None:
    """Copy CITY to FILE (.gpkg), complete even while it is in use."""
    from gridmap.stores import backup as backup_store
    from gridmap.stores import open_store

    with open_store(city) as store:
        backup_store(store, file)


@main.command()
@click.argument("city")
@click.argument("other_city")
def copy(city: str, other_city: str) -> None:
    """Copy CITY into OTHER_CITY, from a GeoPackage to PostGIS or back."""
    from gridmap.stores import copy_store, open_store

    with open_store(city) as store:
        copy_store(store, other_city)


@main.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("city")
def restore(file: Path, city: str) -> None:
    """Put the backup FILE in place of CITY."""
    from gridmap.stores import copy_store, open_store

    with open_store(file) as store:
        copy_store(store, city)


@main.group()
def user() -> None:
    """Accounts of a city."""


@user.command("add")
@click.argument("city")
@click.argument("name")
@click.option("--role", required=True, help="grid_leader, grid_member, planner, street_office or admin.")
@click.option("--area", default="", help="Code of the unit that the user may see (6 to 18 digits).")
@click.password_option()
def user_add(city: str, name: str, role: str, area: str, password: str) -> None:
    """Add the account NAME to CITY."""
    from gridmap.accounts import add_account
    from gridmap.stores import open_store
    from gridmap.stores.scope import LEVEL_OF

    account = add_account(city, name, password=password, role=role, area=area)
    click.echo(f"{account.name} may log in as {role} of {account.area or 'the whole city'}")
    with open_store(city) as store:
        for code in filter(None, account.area.split(",")):
            level = LEVEL_OF[len(code)]
            known = sorted(map(str, store.read(level)["code"]))
            if code not in known:
                some = ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")
                click.echo(f"gridmap: {city} has no unit {code}; its {level} are {some}", err=True)


@user.command("list")
@click.argument("city")
@_as_json
def user_list(city: str, as_json: bool) -> None:
    """List the accounts of CITY."""
    from gridmap.stores import open_store

    with open_store(city) as store:
        accounts = store.accounts()
    rows = [{"name": a.name, "role": a.role, "area": a.area, "active": a.active} for a in accounts]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False))
        return
    for row in rows:
        state = "" if row["active"] else "  (disabled)"
        click.echo(f"{row['name']}  {row['role']}  {row['area'] or 'whole city'}{state}")


@user.command("disable")
@click.argument("city")
@click.argument("name")
def user_disable(city: str, name: str) -> None:
    """Keep NAME from logging in."""
    from gridmap.accounts import disable_account

    disable_account(city, name)


@user.command("password")
@click.argument("city")
@click.argument("name")
@click.password_option()
def user_password(city: str, name: str, password: str) -> None:
    """Give NAME a new password."""
    from gridmap.accounts import set_password

    set_password(city, name, password)


cli_data.register(main)
cli_plan.register(main)
cli_site.register(main, _watched)
cli_tiles.register(main, _watched)
cli_ask.register(main, _watched)
cli_incident.register(main)

if __name__ == "__main__":
    main()
