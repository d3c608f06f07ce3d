"""Pages of the street office and of the administrator, and an export of one street, on a city of 14,000 micro-grids.

    python benchmarks/tile_city.py CITY.gpkg --incidents 200000
    python benchmarks/offices.py CITY.gpkg [--times N]

Prints milliseconds of each page for a street office and an administrator: cold (the first after a change), and median
and 95th percentile of the next ones, one client, on the clock and of the processor; and how long an export of all
layers of one street as a checked shapefile takes, with the server of exports warm.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from gridmap.accounts import add_account
from gridmap.delivery import export_layers
from gridmap.stores import migrate, open_store
from layers.errors import WrongCall
from webapp import create_app

PASSWORD = "bench-mark-1"
PAGES = {
    "office": ("/street", "/roster", "/border", "/export"),
    "admin": ("/street", "/roster", "/border", "/export", "/admin", "/admin/jobs", "/admin/norms", "/admin/audit"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("city")
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    migrate(options.city)
    with open_store(options.city) as store:
        units = store.read("micro_grids")["code"]
        street = units.str[:9].value_counts().index[0]
        print(f"{len(units):,} micro-grids, {store.count('incidents'):,} incidents; street {street} has "
              f"{int((units.str[:9] == street).sum()):,} micro-grids")
    for name, role, area in (("office", "street_office", street), ("boss", "admin", "")):
        with contextlib.suppress(WrongCall):  # there from an earlier run
            add_account(options.city, name, password=PASSWORD, role=role, area=area)
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(options.city, INSTANCE=folder, TILE_JOBS=False)
        for name, pages in (("office", PAGES["office"]), ("boss", PAGES["admin"])):
            client = app.test_client()
            page = client.get("/login").text
            token = re.search(r'csrf_token"[^>]*value="([^"]+)"', page).group(1)
            client.post("/login", data={"name": name, "password": PASSWORD, "csrf_token": token})
            for path in pages:
                took, spent = [], []
                for _ in range(options.times + 1):
                    begun, used = time.perf_counter(), time.process_time()
                    assert client.get(path).status_code == 200, path
                    took.append((time.perf_counter() - begun) * 1000)
                    spent.append((time.process_time() - used) * 1000)
                warm, busy = took[1:], spent[1:]
                print(f"{name:7} {path:12} cold {took[0]:7.0f} ms ({spent[0]:5.0f}), then {np.median(warm):5.0f} "
                      f"({np.median(busy):4.0f}), p95 {np.percentile(warm, 95):5.0f} ({np.percentile(busy, 95):4.0f})")
            if name == "office":
                export(app, client, street)  # the clock says what else the machine does; in brackets the processor


def export(app, client, street: str) -> None:
    """One street, every layer that it has, from the button to the file; then the work alone."""
    page = client.get("/export").text
    layers = re.findall(r'name="layers" value="(\w+)"', page)
    token = re.search(r'csrf_token"[^>]*value="([^"]+)"', page).group(1)
    time.sleep(20)  # whoever fills in the form gives the server of exports time to load
    begun = time.perf_counter()
    answer = client.post("/export/jobs", data={"csrf_token": token, "layers": layers})
    while client.get(f"{answer.location}/state").json["state"] in ("waiting", "running"):
        time.sleep(0.05)
    wall = time.perf_counter() - begun
    job = app.extensions["export_jobs"].listed(by="office")[0]
    print(f"export  {len(layers)} layers, {job.total:,} rows of one street, {job.state}: {wall:.1f} s")
    with tempfile.TemporaryDirectory() as folder, open_store(app.config["CITY"]) as store:
        used = resource.getrusage(resource.RUSAGE_SELF)
        export_layers(store, layers, Path(folder) / "x.zip", within=(street,))
        after = resource.getrusage(resource.RUSAGE_SELF)
        spent = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
        print(f"        the work alone: {spent:.1f} s of a processor")


if __name__ == "__main__":
    main()
