"""Commands that bring data in, on the same group as `gridmap.cli`."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from gridmap.cli_tiles import refresh
from gridmap.progress import silent
from layers.datum import DATUMS

__all__ = ["register"]

_quiet = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_FILE = click.Path(path_type=Path, dir_okay=False)


def register(main: click.Group) -> None:
    """Put the commands of this page on the group."""
    for command in (new, from_osm, import_, imports, undo, doctor):
        main.add_command(command)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@_quiet
def new(folder: Path, quiet: bool) -> None:
    """Write an empty city folder: city.toml with comments, and a workbook to fill in."""
    from gridmap.template import write_new

    made = write_new(folder)
    if not quiet:
        click.echo(f"Fill in {made.workbook} and {made.city_toml}; next: gridmap check {folder}")


@click.command("from-osm")
@click.argument("extract", type=_FILE)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--within", help="Name of the administrative area that is the city.")
@_quiet
@_as_json
def from_osm(extract: Path, folder: Path, within: str | None, quiet: bool, as_json: bool) -> None:
    """Make a city FOLDER from an OpenStreetMap EXTRACT (.osm.pbf, .osm, .osm.gz)."""
    from gridmap.from_osm import from_osm as make

    made = make(extract, folder, within=within)
    if as_json:
        facts = {"outline": made.outline, "households": made.households, "rows": made.rows}
        click.echo(json.dumps(facts, ensure_ascii=False))
    elif not quiet:
        for item in made.findings:
            click.echo(f"{item.level:8} {item.layer}: {item.what}; {item.done}")
        rows = ", ".join(f"{count:,} {name}" for name, count in made.rows.items())
        click.echo(f"{made.outline}: {rows}; {made.households:,} households, estimated.")
        click.echo(f"Data © OpenStreetMap contributors, ODbL. Next: gridmap build {folder} -o {folder}.gpkg")


@click.command("import")
@click.argument("city")
@click.argument("layer")
@click.argument("file", type=_FILE)
@click.option("--datum", type=click.Choice(DATUMS), help="Datum of the coordinates.")
@click.option("--source-crs", help="EPSG:N of coordinates in metres that do not say it.")
@click.option("--encoding", help="Of a CSV or shapefile, where it is not found by itself.")
@click.option("--mapping", type=_FILE, help='A TOML or JSON file of ours = "theirs".')
@click.option("--layer-in-file", "source_layer", help="Sheet of a workbook, or layer of a file with several.")
@click.option("--complete/--partial", "complete", default=None, help="The file holds all rows (others end), or a part.")
@click.option("--by", help="Who imports; the user of this machine without it.")
@click.option("--refused", "refused", type=_FILE, help="Write refused rows here (.csv or .xlsx), with the reason.")
@click.option("-o", "--output", type=_FILE, help="Write the findings as CSV.")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@click.option("--ignore", multiple=True, metavar="HEADING", help="Leave this column out; may be given several times.")
@click.option("--cover/--no-cover", default=True, help="Make coverage and gaps anew afterwards, or leave them marked.")
@_quiet
@_as_json
def import_(
    city: str, layer: str, file: Path, refused: Path | None, output: Path | None, quiet: bool, as_json: bool, **how: Any
) -> None:
    """Bring FILE into LAYER of the built CITY; exit 1 where rows were refused."""
    from gridmap.importing import import_file

    done = import_file(city, layer, file, **how)
    if not how["dry_run"]:
        refresh(city, lambda work: work(silent))
    if output is not None:
        done.findings.to_csv(output)
    if refused is not None and len(done.tally.refused):
        done.tally.write_refused(refused)
    record = done.record
    if as_json:
        click.echo(json.dumps(asdict(record), ensure_ascii=False))
    elif not quiet:
        for item in done.findings:
            click.echo(f"{item.level:8} {item.what}; {item.done}")
        click.echo(
            f"{record.code} {layer}: {record.rows} rows: {record.new} new, {record.changed} changed, "
            f"{record.unchanged} unchanged, {record.merged} merged, {record.refused} refused; {record.ended} ended"
            f"{' (nothing written)' if how['dry_run'] else ''}"
        )
    if record.refused:
        sys.exit(1)


@click.command()
@click.argument("city")
@_as_json
def imports(city: str, as_json: bool) -> None:
    """List what was brought into CITY, the latest first."""
    from gridmap.importing import imports as all_imports

    table = all_imports(city)
    if as_json:
        click.echo(table.to_json(orient="records", force_ascii=False))
        return
    for row in table.to_dict("records"):
        undone = "  (undone)" if isinstance(row["undone_at"], str) else ""
        click.echo(
            f"{row['code']}  {row['at']}  {row['by']}  {row['layer']}  {row['file']}: {row['new']} new, "
            f"{row['changed']} changed, {row['ended']} ended{undone}"
        )


@click.command()
@click.argument("city")
@click.argument("code", required=False)
@click.option("--by", help="Who undoes; the user of this machine without it.")
@click.option("--cover/--no-cover", default=True, help="Make coverage and gaps anew afterwards, or leave them marked.")
def undo(city: str, code: str | None, by: str | None, cover: bool) -> None:
    """Take the import CODE of CITY back, or the latest one."""
    from gridmap.importing import undo_import

    record = undo_import(city, code, by=by, cover=cover)
    refresh(city, lambda work: work(silent))
    click.echo(f"{record.code} undone: {record.layer} stands as before {record.file}")


@click.command()
@click.argument("file", type=_FILE)
@click.argument("reference", type=_FILE)
@click.option("--layer", default="buildings", help="What FILE holds.")
@click.option("--reference-layer", default="districts", help="What REFERENCE holds, in coordinates that are right.")
@click.option("--datum", type=click.Choice(DATUMS), default="wgs84", help="Datum that FILE is said to be in.")
@click.option("--layer-in-file", "source_layer", help="Layer of FILE, where it has several.")
@click.option("--layer-in-reference", "reference_source", help="Layer of REFERENCE, where it has several.")
@_as_json
def doctor(
    file: Path, reference: Path, layer: str, reference_layer: str, datum: str, source_layer: str | None,
    reference_source: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Tell in which datum FILE probably is, by how it lies on REFERENCE; nothing is changed."""
    from layers.doctor import diagnose
    from layers.read import read_layer

    known, _ = read_layer(reference, reference_layer, source_layer=reference_source)
    asked, _ = read_layer(file, layer, datum=datum, source_layer=source_layer)
    found = diagnose(asked, known, stated=datum)
    if as_json:
        click.echo(json.dumps({**asdict(found), "doubtful": found.doubtful}))
        return
    click.echo(found.sentence())
    if found.doubtful:
        click.echo(f"Read it again with --datum {found.datum}, or write datum = \"{found.datum}\" in city.toml.")
