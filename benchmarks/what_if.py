"""How fast what if answers over HTTP at the size of a city, and how long the city takes to be ready for it.

    python benchmarks/what_if.py CITY.gpkg [--facilities 4500] [--kinds 30] [--rounds 5] [--clients 4] [--cover]

CITY is a built store, such as the invented one of `split_city.py --write` and `gridmap build`, or that of
`tile_city.py --cover`. A copy of it is given so many facilities of so many kinds at corners of its streets, if it has
none, and an administrator; with `--cover` coverage is computed too, and the pages of coverage are timed. The service is
started as a user would start it; then a browser's requests are made: until the city is ready, then changes of every
sort, each with another place. Seconds are those of the clock from request to the last byte; `CPU s an answer` is
processor time of the service. The load is printed beside them: on a shared machine processor seconds say more.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlencode

import geopandas as gpd
import numpy as np
import shapely
from scipy.spatial import cKDTree

sys.path[:0] = [str(Path(__file__).resolve().parent)]

from tiles import PASSWORD, cpu_seconds, logged_in, our_server  # noqa: E402

from gridmap.accounts import add_account  # noqa: E402
from gridmap.norms import load_norms  # noqa: E402
from gridmap.rework import cover_again  # noqa: E402
from gridmap.stores import open_store  # noqa: E402
from layers.errors import WrongCall  # noqa: E402


def prepare(city: Path, copy: Path, *, facilities: int, kinds: int, cover: bool) -> np.ndarray:
    """A copy with facilities and an administrator; places in degrees where one more may stand."""
    shutil.copy(city, copy)
    rng = np.random.default_rng(0)
    with open_store(copy) as store:
        homes, roads = store.read("buildings"), store.read("roads")
        corners = np.unique(shapely.get_coordinates(shapely.get_point(roads.geometry.to_numpy(), 0)), axis=0)
        middles = shapely.get_coordinates(shapely.centroid(homes.geometry.to_numpy()))
        away, nearest = cKDTree(middles).query(corners)
        corners, nearest = corners[away < 80], nearest[away < 80]
        if not len(store.read("facilities")):
            chosen = rng.integers(0, len(corners), facilities)
            known = [norm.key for norm in load_norms() if norm.metres is not None][:kinds]
            units = homes["micro_grid"].to_numpy()[nearest[chosen]]
            store.write("facilities", gpd.GeoDataFrame(
                {"code": [f"F{n:05d}" for n in range(facilities)], "name": [f"设施{n}" for n in range(facilities)],
                 "kind": rng.choice(known, facilities), "micro_grid": units, "grid": [u[:15] for u in units],
                 "community": [u[:12] for u in units], "attached_by": "within"},
                geometry=shapely.points(corners[chosen]), crs=store.crs,
            ))  # fmt: skip
        places = gpd.GeoSeries(shapely.points(corners[rng.integers(0, len(corners), 400)]), crs=store.crs)
    with contextlib.suppress(WrongCall):  # the city of `tile_city.py` has one
        add_account(copy, "admin", password=PASSWORD, role="admin", area="")
    if cover:
        began, used = time.time(), time.process_time()
        cover_again(copy)
        print(f"covered in {time.time() - began:.0f} s ({time.process_time() - used:.0f} CPU s)")
    return shapely.get_coordinates(places.to_crs(4326).to_numpy())


class Browser:
    """Requests with a session, and how long each took."""

    def __init__(self, port: int) -> None:
        self.root = f"http://127.0.0.1:{port}"
        self.cookie = logged_in(self.root, "admin")

    def get(self, path: str) -> tuple[bytes, float]:
        request = urllib.request.Request(f"{self.root}{path}", headers={"Cookie": self.cookie})
        began = time.perf_counter()
        content = urllib.request.urlopen(request, timeout=300).read()
        return content, time.perf_counter() - began

    def ask(self, *steps: str) -> tuple[dict, float]:
        content, took = self.get(f"/what-if/answer?{urlencode([('do', step) for step in steps])}")
        return json.loads(content), took


def memory_mb(process: int) -> int:
    """Memory that a process holds, MB."""
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20


def said(name: str, times: list[float], cpu: float) -> None:
    print(f"{name:24} {np.median(times):>6.2f} {max(times):>6.2f} {cpu / len(times):>6.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("city", type=Path)
    parser.add_argument("--facilities", type=int, default=4500)
    parser.add_argument("--kinds", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--cover", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "city.gpkg"
        places = prepare(asked.city, copy, facilities=asked.facilities, kinds=asked.kinds, cover=asked.cover)
        with open_store(copy) as store:
            counts = {name: store.count(name) for name in ("micro_grids", "buildings", "roads", "facilities")}
            there = store.read("facilities")
            there = there[there["kind"].isin(load_norms().with_distance().keys())]
            codes, kinds = there["code"].tolist(), sorted(set(there["kind"]))
        print(", ".join(f"{count:,} {name}" for name, count in counts.items()), f"load {os.getloadavg()[0]:.1f}")
        service, port = our_server(copy, Path(place) / "tiles", "waitress")
        try:
            measure(Browser(port), service.pid, places, codes, kinds, asked)
        finally:
            service.terminate()
            service.wait()


def measure(browser: Browser, process: int, places: np.ndarray, codes: list, kinds: list, asked) -> None:
    at = iter([f"{lon:.6f},{lat:.6f}" for lon, lat in places])
    before, began = memory_mb(process), time.perf_counter()
    while not json.loads(browser.get("/what-if/ready")[0])["ready"]:
        time.sleep(0.2)
    print(f"ready after {time.perf_counter() - began:.1f} s, memory {before} -> {memory_mb(process)} MB")
    questions = {
        "add, kind asked first": lambda n: [f"add:{kinds[n % len(kinds)]}@{next(at)}"],
        "add": lambda n: [f"add:{kinds[n % len(kinds)]}@{next(at)}"],
        "move": lambda n: [f"move:{codes[n]}@{next(at)}"],
        "close": lambda n: [f"close:{codes[10 + n]}"],
        "add, move and close": lambda n: [
            f"add:{kinds[n % len(kinds)]}@{next(at)}", f"move:{codes[20 + n]}@{next(at)}", f"close:{codes[30 + n]}"
        ],
    }
    print(f"{'':24} {'median':>6} {'worst':>6} {'CPU s an answer':>6}")
    for name, make in questions.items():
        used = cpu_seconds(process)
        told = [browser.ask(*make(n)) for n in range(asked.rounds)]
        refused = [answer for answer, _ in told if not answer["ready"] or "kinds" not in answer]
        assert not refused, refused[0]
        said(name, [took for _, took in told], cpu_seconds(process) - used)
    times: list[float] = []
    work = [[questions["add"](n)[0] for n in range(asked.rounds)] for _ in range(asked.clients)]

    def client(steps: list[str]) -> None:
        times.extend(browser.ask(step)[1] for step in steps)

    used = cpu_seconds(process)
    threads = [threading.Thread(target=client, args=(steps,)) for steps in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said(f"add, {asked.clients} at a time", times, cpu_seconds(process) - used)
    if asked.cover:
        for name, path in (("/coverage", "/coverage"), ("/coverage, one kind", f"/coverage?kind={kinds[0]}")):
            first = browser.get(path)[1]
            again = [browser.get(path)[1] for _ in range(asked.rounds)]
            print(f"{name:24} first {first:.2f}, then {np.median(again):.2f}")
    print(f"memory {memory_mb(process)} MB, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
