"""Commands that change the plan of a built city, on the same group as `gridmap.cli`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from gridmap.cli_tiles import refresh
from gridmap.progress import silent

if TYPE_CHECKING:
    from gridmap.micro_grids.obstacles import Feasible
    from gridmap.replan import Replanned

__all__ = ["register", "say_wish"]


def register(main: click.Group) -> None:
    """Put the commands of this page on the group."""
    main.add_command(split)
    main.add_command(compare)


@click.command()
@click.argument("city")
@click.option(
    "--level", type=click.Choice(["grids", "micro_grids"]), default="micro_grids",
    help="What is split again; with grids, their micro-grids follow.",
)
@click.option("--within", default="", metavar="CODE", help="Only this district, street, community or grid.")
@click.option("--households", type=int, nargs=3, metavar="MIN TARGET MAX", help="Another band, kept for the next time.")
@click.option("--keep-old", is_flag=True, help="Change as little as possible: mend only what is out of order.")
@click.option("--dry-run", is_flag=True, help="Print figures and the move list; write nothing.")
@click.option("--lock", multiple=True, metavar="CODE", help="A micro-grid that must not change, from now on.")
@click.option("--unlock", multiple=True, metavar="CODE", help="A micro-grid that may change again.")
@click.option("--moves", type=click.Path(path_type=Path, dir_okay=False), help="Write the move list to this CSV file.")
@click.option(
    "--map", "drawn", multiple=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Draw old plan against new plan: a page (.html) or a picture (.png, .svg); may be given several times.",
)
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", help="Language of the page or picture.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def split(
    city: str, level: str, within: str, households: tuple[int, int, int] | None, keep_old: bool, dry_run: bool,
    lock: tuple[str, ...], unlock: tuple[str, ...], moves: Path | None, drawn: tuple[Path, ...], lang: str, quiet: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Split CITY again: old plan against new plan in figures, and a list of the buildings that move."""
    from gridmap.replan import split_again

    done = split_again(
        city, level=level, within=within, households=households, keep_old=keep_old, dry_run=dry_run, lock=lock,
        unlock=unlock,
    )  # fmt: skip
    if done.written:
        refresh(city, lambda work: work(silent))
    if moves is not None:
        done.write_moves(moves)
    if drawn:
        from gridmap.plan_change import change_of, write_change
        from gridmap.stores import open_store

        with open_store(city) as store:
            write_change(store, change_of(done), drawn, lang=lang)
    if as_json:
        click.echo(json.dumps(done.to_dict(), ensure_ascii=False))
    elif not quiet:
        _print(done)


@click.command()
@click.argument("city")
@click.option("--from", "old", metavar="DATE", help="Day of the old plan; the day before the last change without it.")
@click.option("--to", "new", metavar="DATE", help="Day of the new plan; the present one without it.")
@click.option("--within", default="", metavar="CODE", help="Only this district, street, community or grid.")
@click.option(
    "-o", "--output", "drawn", multiple=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="A page (.html) or a picture (.png, .svg); may be given several times.",
)
@click.option("--lang", type=click.Choice(["zh", "en"]), default="zh", help="Language of the page or picture.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print figures and moves as JSON.")
def compare(
    city: str, old: str | None, new: str | None, within: str, drawn: tuple[Path, ...], lang: str, quiet: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Old plan of CITY against new plan, in figures and as a map of the borders and the buildings that moved."""
    from gridmap.plan_change import change_between, write_change
    from gridmap.stores import open_store

    with open_store(city) as store:
        change = change_between(store, old, new, within=within)
        written = write_change(store, change, drawn, lang=lang) if drawn else []
    if as_json:
        click.echo(json.dumps(change.to_dict(), ensure_ascii=False))
    elif not quiet:
        _print_figures(change.figures, f"{city} {within}".strip())
        for path in written:
            click.echo(f"Old plan against new plan is in {path}")


def _print(done: Replanned) -> None:
    console = Console()
    _print_figures(done.figures, f"{done.city} {done.within}".strip())
    shown = done.moves.head(20)
    for row in shown.itertuples():
        part = f" {row.part}" if isinstance(row.part, str) else ""
        console.print(
            f"  {row.building}{part}: {row.households} households, {row.from_micro_grid} -> {row.to_micro_grid}",
            highlight=False, markup=False,
        )  # fmt: skip
    if len(done.moves) > len(shown):
        console.print(f"  and {len(done.moves) - len(shown):,} more; --moves FILE.csv writes them all")
    say_wish(done.wish)
    if not done.written:
        console.print("Nothing was written (--dry-run).")
    sys.stdout.flush()


def _print_figures(figures: dict[str, Any], title: str) -> None:
    """Figures of both plans side by side, and what the change means for people."""
    console = Console()
    table = Table("", "before", "after", title=title)
    for name in figures["before"]:
        table.add_row(name.replace("_", " "), _text(figures["before"][name]), _text(figures["after"][name]))
    console.print(table)
    console.print(
        f"{figures['share_kept']:.1%} of the households keep their micro-grid; {figures['households_moved']:,} move. "
        f"Micro-grids: {figures['micro_grids_kept']:,} kept, {figures['micro_grids_new']:,} new, "
        f"{figures['micro_grids_ended']:,} ended; {len(figures['leaders_affected']):,} leaders affected, "
        f"{figures['leaders_kept']:,} of {figures['leaders_before']:,} kept."
    )


def say_wish(wish: Feasible) -> None:
    """Print what keeps a plan out of its band and the nearest band that works, in both languages; nothing where it is
    kept."""
    if wish.obstacles:
        click.echo(wish.sentence)
        click.echo(wish.sentence_zh)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}"
