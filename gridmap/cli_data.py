"""Commands that bring data in, on the same group as `gridmap.cli`."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["register"]


def register(main: click.Group) -> None:
    """Put the commands of this page on the group."""
    for command in (new,):
        main.add_command(command)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def new(folder: Path, quiet: bool) -> None:
    """Write an empty city folder: city.toml with comments, and a workbook to fill in."""
    from gridmap.template import write_new

    made = write_new(folder)
    if not quiet:
        click.echo(f"Fill in {made.workbook} and {made.city_toml}; next: gridmap check {folder}")
