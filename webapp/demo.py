"""The demo city in a browser with one command: `python -m webapp.demo FOLDER`.

The first start writes the demo's input files, builds the city from them and adds an account for each role; later
starts serve what is there.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import waitress

from gridmap.accounts import add_account
from gridmap.city_tiles import make_tiles
from gridmap.compiling import telling
from gridmap.maps.fonts import font_notice
from gridmap.pipeline import build
from gridmap.stores import Store, open_store
from layers.errors import GridmapError, NotFound
from layers.sample import write_demo
from webapp import create_app

__all__ = ["add_accounts", "area_of", "main", "prepare"]

#: `pick` of an account -> digits of the area's code.
_DIGITS = {"micro_grid": 18, "grid": 15, "community": 12, "street": 9, "district": 6}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, make the city where it is not there, serve it."""
    parser = argparse.ArgumentParser(prog="python -m webapp.demo", description="Serve the demo city.")
    parser.add_argument("folder", metavar="FOLDER", nargs="?", default="demo", help="where the demo lives (demo)")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine alone)")
    parser.add_argument("--port", type=int, default=8000, help="port (8000)")
    options = parser.parse_args(arguments)
    folder = Path(options.folder)
    try:
        city, accounts = prepare(folder, tell=lambda text: print(f"gridmap demo: {text}", flush=True))
        app = create_app(city, INSTANCE=folder / "instance")
    except GridmapError as error:
        print(f"gridmap demo: {error}", file=sys.stderr)
        return error.exit_code
    notice = font_notice()
    if notice is not None:
        print(f"gridmap demo: {notice}", file=sys.stderr)
    print(f"\n  http://{options.host}:{options.port}/\n\n{_table(accounts)}\n\n  Ctrl+C 停止 to stop\n", flush=True)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        waitress.serve(app, host=options.host, port=options.port, threads=8, ident=None, _quiet=True)
    except OSError as error:
        message = f"port {options.port} cannot be used ({error.strerror}); give another --port"
        print(f"gridmap demo: {message}", file=sys.stderr)
        return 2
    return 0


def prepare(folder: Path, *, tell: Callable[[str], None] = lambda text: None) -> tuple[Path, list[dict[str, str]]]:
    """Make what of the demo is not there yet.

    Parameters
    ----------
    folder
        Gets `files` (the input files), `city.gpkg`, `accounts.json` (what to log in with) and, once it is served,
        `instance` (what the web service keeps).
    tell
        Called with a sentence on what is being done.

    Returns
    -------
    city, accounts
        Path of the store, and accounts as dicts of name, password, role and area.

    Raises
    ------
    GridmapError
        Where the folder holds something else.
    """
    city, told = folder / "city.gpkg", folder / "accounts.json"
    if not city.is_file() or not told.is_file():
        tell("writing the input files")
        demo = write_demo(folder / "files")
        done = [-1.0]

        def progress(doing: str, share: float) -> None:
            if share > done[0]:
                done[0] = share
                tell(f"{share:4.0%} {doing}")

        with telling(tell):
            built = build(folder / "files", city, progress=progress)
        tell(f"{built.micro_grids} micro-grids, {built.households} households")
        with open_store(city) as store:
            accounts = [{**_texts(account), "area": area_of(store, account)} for account in demo.accounts]
        add_accounts(city, accounts)
        tell("making the tiles of the map")
        make_tiles(city)
        # last, so that a start that was broken off begins anew
        told.write_text(json.dumps(accounts, ensure_ascii=False, indent=2), encoding="utf-8")
    return city, json.loads(told.read_text(encoding="utf-8"))


def _texts(account: Mapping[str, str | None]) -> dict[str, str]:
    return {name: str(account[name]) for name in ("name", "password", "role")}


def area_of(store: Store, account: Mapping[str, str | None]) -> str:
    """The area of an account: its own, or, where it names a level to pick from, a unit with much going on.

    Raises
    ------
    NotFound
        Where the city has no micro-grid to pick.
    """
    if account.get("area") is not None:
        return str(account["area"])
    digits = _DIGITS[str(account["pick"])]
    micro_grids = store.read("micro_grids")
    if micro_grids.empty:
        raise NotFound("the demo city has no micro-grids; remove its folder and start again")
    incidents = store.read("incidents")["micro_grid"].astype("object").str[:digits].value_counts()
    units = micro_grids.assign(unit=micro_grids["code"].str[:digits]).groupby("unit")["compactness"].mean().to_frame()
    units["incidents"] = incidents.reindex(units.index).fillna(0)
    # of the livelier half the most compact: something to see, in a shape that shows well
    lively = units[units["incidents"] >= units["incidents"].median()]
    return str(lively["compactness"].astype("float64").idxmax())


def add_accounts(city: Path, accounts: Sequence[Mapping[str, str]]) -> None:
    """Add the accounts that are not there; those that are keep what has been changed in them."""
    with open_store(city) as store:
        known = {account.name for account in store.accounts()}
    for account in accounts:
        if account["name"] not in known:
            add_account(
                city, account["name"], password=account["password"], role=account["role"], area=account["area"]
            )


def _table(accounts: Sequence[Mapping[str, str]]) -> str:
    """The accounts as lines for a person to read."""
    rows = [("账号 name", "密码 password", "角色 role", "区域 area")]
    rows += [(a["name"], a["password"], a["role"], a["area"] or "全市 whole city") for a in accounts]
    return "\n".join(f"  {name:<12} {password:<16} {role:<16} {area}" for name, password, role, area in rows)


if __name__ == "__main__":
    sys.exit(main())
