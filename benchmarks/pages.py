"""Every page and list of the service with 8 clients at a time, on a city of 14,000 micro-grids.

    python benchmarks/tile_city.py CITY.gpkg --incidents 200000 --facilities 4500 --kinds 30 --cover
    python benchmarks/pages.py CITY.gpkg [--clients 8] [--times 12] [--workers 8]

Serves the city as `python -m webapp` does and asks each page `clients` x `times` times over HTTP, each client logged in
by itself; prints median and 95th percentile in milliseconds after one first visit, which is printed as well. A page
that answers anything but 200 is printed with its status, and the run fails. The page `/login` is the peer: it reads
nothing of the city, so its time is what the machine and the clients take by themselves.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlencode

import numpy as np

from gridmap.accounts import add_account
from gridmap.city_tiles import make_tiles, tiles_folder
from gridmap.stores import migrate, open_store
from layers.errors import WrongCall

PASSWORD, PORT = "bench-mark-1", 8971
#: Role -> digits of its area, and the pages that are asked.
ROLES = {
    "grid_leader": (15, ("/mine", "/mine/unit/{code}.json", "/incidents", "/search/found.json?q=楼", "/card/{code}",
                         "/", "/incidents/new", "/incidents/{incident}")),
    "street_office": (9, ("/", "/street", "/roster", "/border", "/incidents", "/incidents?state=closed&page=3",
                          "/export", "/findings", "/upload", "/incidents?q=灯", "/search?q=路")),
    "planner": (6, ("/", "/coverage", "/coverage?kind=canteen", "/what-if", "/siting", "/equity", "/quality", "/plan/",
                    "/street", "/incidents?category=environment")),
    "admin": (0, ("/", "/admin", "/admin/jobs", "/admin/norms", "/admin/audit", "/admin/backups",
                  "/admin/settings", "/users", "/roster",
                  "/search?q=路")),
}  # fmt: skip


class Client:
    """A browser without a window."""

    def __init__(self, name: str) -> None:
        self.cookie = self.own = ""
        page = self.ask("/login")[1].decode()
        token = re.search(r'csrf_token"[^>]*value="([^"]+)"', page)
        assert token is not None
        form = urlencode({"name": name, "password": PASSWORD, "csrf_token": token.group(1)})
        status, _ = self.ask("/login", form)
        assert status == 302, (name, status)

    def ask(self, path: str, form: str | None = None) -> tuple[int, bytes]:
        """Status and content of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
        headers = {"Cookie": self.cookie}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection.request("GET" if form is None else "POST", path, body=form, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        kept = answer.getheader("Set-Cookie")
        if kept:
            self.cookie = kept.partition(";")[0]
        connection.close()
        return answer.status, content


def measure(clients: list[Client], path: str, times: int) -> tuple[float, list[float], int]:
    """Milliseconds of the first visit and of the others, and the size of an answer."""
    begun = time.perf_counter()
    status, content = clients[0].ask(path)
    first = (time.perf_counter() - begun) * 1000
    if status != 200:  # told at the end, when all pages were asked
        return first, [], status

    def visits(client: Client) -> list[float]:
        took = []
        for _ in range(times):
            begun = time.perf_counter()
            status, _ = client.ask(path)
            took.append((time.perf_counter() - begun) * 1000)
            assert status == 200, (path, status)
        return took

    with ThreadPoolExecutor(len(clients)) as pool:
        return first, [one for some in pool.map(visits, clients) for one in some], len(content)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("city")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--times", type=int, default=12)
    parser.add_argument("--workers", type=int, default=8)
    options = parser.parse_args()
    migrate(options.city)
    with open_store(options.city) as store:
        codes, told = store.read("micro_grids")["code"], store.read("incidents").sort_values("code")
        code = str(codes[codes.isin(set(told["micro_grid"].dropna()))].iloc[100])
        incident = str(told.loc[told["micro_grid"] == code, "code"].iloc[0])
    for role, (digits, _) in ROLES.items():
        with contextlib.suppress(WrongCall):  # there from an earlier run
            add_account(options.city, f"pages-{role}", password=PASSWORD, role=role, area=code[:digits])
    if not Path(tiles_folder(options.city)).is_dir():
        make_tiles(options.city)
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "webapp", options.city, "--port", str(PORT), "--workers", str(options.workers)],
            env={**os.environ, "GRIDMAP_INSTANCE": folder}, stdout=subprocess.DEVNULL,
        )
        try:
            for _ in range(120):
                with contextlib.suppress(OSError):
                    http.client.HTTPConnection("127.0.0.1", PORT, timeout=2).request("GET", "/login")
                    break
                time.sleep(0.5)
            print(f"{'role':14} {'page':34} {'first':>8} {'median':>8} {'p95':>8} {'KB':>7}")
            late, failed = 0, []
            for role, (_, pages) in ROLES.items():
                clients = [Client(f"pages-{role}") for _ in range(options.clients)]
                for path in ("/login", *pages) if role == "grid_leader" else pages:
                    if path == "/login":
                        for client in clients:
                            client.cookie, client.own = "", client.cookie
                    address = quote(path.format(code=code, incident=incident), safe="/?=&")
                    first, took, size = measure(clients, address, options.times)
                    if path == "/login":
                        for client in clients:
                            client.cookie = client.own
                    if not took:
                        print(f"{role:14} {path:34} ANSWERS {size}", flush=True)
                        failed.append(f"{role} {path} answers {size}")
                        continue
                    late += float(np.percentile(took, 95)) > 200
                    print(f"{role:14} {path:34} {first:8.0f} {np.median(took):8.0f} {np.percentile(took, 95):8.0f} "
                          f"{size / 1000:7.1f}", flush=True)  # fmt: skip
            print(f"{late} pages beyond 200 ms at the 95th percentile")
            if failed:
                raise SystemExit(f"{len(failed)} pages gave no page: {'; '.join(failed)}; was the city covered?")
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
