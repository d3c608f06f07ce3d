"""How fast tiles are made and served, beside a peer tile server on the same data, in one run.

    python benchmarks/tile_city.py big.gpkg
    python benchmarks/tiles.py big.gpkg [--seconds 8] [--clients 8] [--server waitress|gunicorn] \\
        [--peer PYTHON --postgres postgresql://localhost/city]

The peer is tipg (`PYTHON -m pip install tipg uvicorn` in an environment of its own), which cuts tiles from PostGIS at
each request; it is asked for the same micro-grids, with one attribute. Both are asked for the
same tiles of zoom 12 to 15 in the same shuffled order, by clients that keep their connections; ours are asked with a
session, so that each answer includes finding out who asks and what they may see. On a machine that is shared, the
processor time of an answer (the peer's with its database) says more than the clock; the load is printed beside it.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from http.client import HTTPConnection
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import psycopg

from gridmap.city_tiles import make_tiles
from gridmap.maps.tiles.shelf import Shelf
from gridmap.stores import open_store

PASSWORD = "bench-mark-1"
LAYER = "micro_grids"


def built(city: Path, folder: Path) -> None:
    """Time and size of making all tiles from nothing."""
    began, used = time.time(), resource.getrusage(resource.RUSAGE_SELF)
    made = make_tiles(city, folder=folder)
    now = resource.getrusage(resource.RUSAGE_SELF)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    size = sum(made.bytes.values())
    spent = f"{time.time() - began:.0f} s ({cpu:.0f} CPU s)"
    print(f"made in {spent}, {size / 1e6:.1f} MB, {now.ru_maxrss // 1024} MB memory")
    for name, rows in made.rows.items():
        print(f"    {name:12} {rows:>8,} rows {made.bytes[name] / 1e3:>8,.0f} KB")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def waiting(address: str, seconds: float = 180.0) -> None:
    until = time.time() + seconds
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).read()
            return
        except OSError:
            if time.time() > until:
                raise
            time.sleep(0.3)


def logged_in(root: str, name: str) -> str:
    """The cookie of a session."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar := CookieJar()))
    page = opener.open(f"{root}/login").read().decode()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert token is not None
    form = urlencode({"name": name, "password": PASSWORD, "csrf_token": token.group(1)}).encode()
    opener.open(f"{root}/login", form).read()
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


def asked(
    port: int, paths: list[str], headers: dict[str, str], clients: int, seconds: float, server: int = 0,
    helpers: tuple[str, ...] = (),
) -> dict[str, float]:
    """Requests a second and times of answers, from so many clients that ask one after the other."""
    times: list[list[float]] = [[] for _ in range(clients)]
    bytes_in, wrong = [0] * clients, [0] * clients
    until = time.perf_counter() + seconds
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    def client(number: int) -> None:
        order = paths[:]
        random.Random(number).shuffle(order)
        with socket.create_connection(("127.0.0.1", port)) as line:
            file = line.makefile("rb")
            at = 0
            while (began := time.perf_counter()) < until:
                path = order[at % len(order)]
                at += 1
                line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n".encode())
                status = file.readline()
                size, chunked = 0, False
                while (row := file.readline()) not in (b"\r\n", b""):
                    low = row.lower()
                    if low.startswith(b"content-length:"):
                        size = int(row[15:])
                    chunked |= low.startswith(b"transfer-encoding:")
                if chunked:
                    while (part := int(file.readline(), 16)) > 0:
                        size += len(file.read(part + 2)) - 2
                    file.readline()
                elif size:
                    file.read(size)
                times[number].append(time.perf_counter() - began)
                bytes_in[number] += size
                wrong[number] += not status.startswith((b"HTTP/1.1 200", b"HTTP/1.1 204"))

    before = cpu_seconds(server, helpers)
    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    used = cpu_seconds(server, helpers) - before
    spent = np.array([one for row in times for one in row]) * 1000
    return {
        "req/s": len(spent) / seconds, "p50": float(np.percentile(spent, 50)), "p95": float(np.percentile(spent, 95)),
        "p99": float(np.percentile(spent, 99)), "CPU ms": used * 1000 / max(len(spent), 1),
        "KB": sum(bytes_in) / max(len(spent), 1) / 1024, "wrong": sum(wrong),
    }  # fmt: skip


def cpu_seconds(root: int, names: tuple[str, ...] = ()) -> float:
    """Processor time of a process with all its children, and of all processes of these names."""
    parents, spent, called = {}, {}, {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                head, _, rest = (path / "stat").read_text().rpartition(")")
            except OSError:
                continue
            number, row = int(path.name), rest.split()
            parents[number], called[number] = int(row[1]), head.partition("(")[2]
            spent[number] = (int(row[11]) + int(row[12])) / os.sysconf("SC_CLK_TCK")

    def within(number: int) -> bool:
        while number > 1:
            if number == root:
                return True
            number = parents.get(number, 0)
        return False

    return sum(time for number, time in spent.items() if within(number) or called[number] in names)


def said(what: str, found: dict[str, float]) -> None:
    load = f"load {os.getloadavg()[0]:.1f}"
    print(f"{what:34}" + "".join(f"{name} {value:8.1f}  " for name, value in found.items()) + load, flush=True)


def allowed(port: int, paths: list[str], headers: dict[str, str]) -> list[str]:
    """The addresses that are not refused: what the map of this person asks for."""
    line, kept = HTTPConnection("127.0.0.1", port), []
    for path in paths:
        line.request("GET", path, headers=headers)
        answer = line.getresponse()
        answer.read()
        kept += [path] if answer.status < 300 else []
    line.close()
    return kept


def our_server(city: Path, folder: Path, server: str) -> tuple[subprocess.Popen, int]:
    port = free_port()
    environment = {**os.environ, "GRIDMAP_TILES": str(folder), "GRIDMAP_CITY": str(city)}
    environment["GRIDMAP_INSTANCE"] = str(folder.parent / "instance")
    command = [sys.executable, "-m", "webapp", str(city), "--port", str(port)]
    if server == "gunicorn":
        command = [sys.executable, "-m", "gunicorn", "-w", "2", "--threads", "4", "-b", f"127.0.0.1:{port}",
                   "--keep-alive", "30", "webapp:create_app()"]
    started = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waiting(f"http://127.0.0.1:{port}/login")
    return started, port


def to_postgis(city: Path, url: str) -> None:
    """The layer in a database, in the projection of the tiles, which is the quickest for the peer."""
    with open_store(city) as store:
        rows = store.read(LAYER).to_crs(3857)
    with psycopg.connect(url, autocommit=True) as line:
        line.execute("CREATE EXTENSION IF NOT EXISTS postgis")
        line.execute("DROP TABLE IF EXISTS public.bench")
        line.execute("CREATE TABLE public.bench (id integer PRIMARY KEY, geom geometry(Geometry, 3857))")
        with line.cursor() as cursor, cursor.copy("COPY public.bench FROM STDIN") as copy:
            for number, place in enumerate(rows.geometry.to_wkb(hex=True), start=1):
                copy.write_row((number, place))
        line.execute("CREATE INDEX ON public.bench USING gist (geom)")
        line.execute("ANALYZE public.bench")


def peer_server(python: str, url: str) -> tuple[subprocess.Popen, int]:
    port = free_port()
    environment = {**os.environ, "DATABASE_URL": url.split("?")[0], "TIPG_DB_SCHEMAS": '["public"]'}
    command = [python, "-m", "uvicorn", "tipg.main:app", "--port", str(port), "--workers", "2", "--log-level", "error"]
    started = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    waiting(f"http://127.0.0.1:{port}/healthz")
    return started, port


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("city", type=Path)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--server", choices=["waitress", "gunicorn"], default="waitress")
    parser.add_argument("--peer", help="Python that has tipg and uvicorn")
    parser.add_argument("--postgres", help="database that the city is copied to for the peer")
    parser.add_argument("--keep", type=Path, help="folder of tiles already made; they are not made again")
    options = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="gridmap-bench-"))
    folder = options.keep or work / "tiles"
    if options.keep is None:
        built(options.city, folder)
    version = Shelf(folder).current()
    assert version is not None
    tiles = [tile for tile in version.layers[LAYER].archive if tile[0] >= 12]
    print(f"{len(tiles)} tiles of {LAYER}, {options.clients} clients, {options.seconds:.0f} s each; times in ms")
    started, port = our_server(options.city, folder, options.server)
    try:
        root, rows = f"http://127.0.0.1:{port}", {}
        for name in ("admin", "leader"):
            cookie = {"Cookie": logged_in(root, name), "Accept-Encoding": "gzip"}
            paths = [f"/tiles/{version.name}/{LAYER}/{z}/{x}/{y}.pbf" for z, x, y in tiles]
            paths = paths if name == "admin" else allowed(port, paths, cookie)
            asked(port, paths, cookie, options.clients, 2.0)
            ours = asked(port, paths, cookie, options.clients, options.seconds, started.pid)
            said(f"gridmap ({options.server}), {name}", ours)
            rows[name] = ours
    finally:
        started.terminate()
        started.wait()
    if options.peer:
        to_postgis(options.city, options.postgres)
        started, port = peer_server(options.peer, options.postgres)
        try:
            address = "/collections/public.bench/tiles/WebMercatorQuad"
            paths = [f"{address}/{z}/{x}/{y}?limit=10000" for z, x, y in tiles]
            asked(port, paths, {}, options.clients, 2.0)
            theirs = asked(port, paths, {"Accept-Encoding": "gzip"}, options.clients, options.seconds, started.pid,
                           ("postgres",))
            said("tipg (uvicorn, 2 workers), one column", theirs)
            times, processor = rows["admin"]["req/s"] / theirs["req/s"], theirs["CPU ms"] / rows["admin"]["CPU ms"]
            print(f"requests a second: {times:.1f} times as many; processor time of one: 1/{processor:.1f}")
        finally:
            started.terminate()
            started.wait()
    shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
