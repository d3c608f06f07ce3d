"""The map page of a big city beside a naive Folium page of the same micro-grids, in one run of one browser.

    python benchmarks/city.py 358000                         # is what `gridmap build` reads: see its --help
    gridmap build FOLDER -o CITY.gpkg
    python benchmarks/map_page.py CITY.gpkg [--points 50000] [--json FILE]

Works on a copy: invented incidents are added, tiles are made, the web service is started on a free port. The naive page
is `folium.GeoJson` with a style function and a tooltip, its scripts served from this machine too, all files gzipped.
Three screens: 1440x900; 390x844 at two pixels a point with the processor slowed four times, by the browser's own
switch, which slows the page's main thread alone; and the same with the workers that unpack and paint slowed as much,
each by waiting three times as long as it worked. Every page is opened cold in a fresh context, `--rounds` times; the
middle value is told, and the load of the machine beside it: times of the clock grow with the load, CPU times (of the
page's main thread, and of the painters) and ratios much less.
Drags of a Leaflet map with nothing on it tell what the machine allows. Other hosts are counted: there are none.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pandas as pd

from gridmap.accounts import add_account
from gridmap.city_tiles import make_tiles
from gridmap.maps import write_page
from gridmap.stores import open_store

PASSWORD = "bench-mark-1"
MEASURES = ("residents", "compactness", "area_m2", "households")
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
#: Screen -> options of the context, how often slower its main thread is, and its workers.
SCREENS = {
    "desktop": ({"viewport": {"width": 1440, "height": 900}}, 1, 1),
    "phone": (PHONE, 4, 1),
    "phone with slow workers": (PHONE, 4, 4),
}
#: What makes a worker of ours slower: after each stretch of work, and before each answer, it waits.
SLOWED = """
(() => {
  const post = self.postMessage.bind(self);
  let begun = 0;
  const idle = () => {
    const until = performance.now() + (SLOWER - 1) * (performance.now() - begun);
    while (performance.now() < until);
    begun = performance.now();
  };
  self.postMessage = (message, handed) => { if (begun) idle(); post(message, handed); };
  const content = Response.prototype.arrayBuffer;
  Response.prototype.arrayBuffer = async function () {
    const found = await content.call(this);
    begun = performance.now();
    return found;
  };
  if (!self.gridmap) return;
  const work = gridmap.Painter.prototype.work;
  gridmap.Painter.prototype.work = function () { begun = performance.now(); work.call(this); idle(); begun = 0; };
})();
"""
#: Frames between the browser's pictures, in milliseconds, while the mouse drags.
FRAMES = """() => { window.frames_ = []; let last = performance.now(); const step = (now) => {
  window.frames_.push(now - last); last = now; window.rolling = requestAnimationFrame(step); };
  window.rolling = requestAnimationFrame(step) }"""


def add_incidents(path: Path, number: int) -> None:
    """Incidents at the doors of random buildings over 80 weeks, the same each time."""
    rng = np.random.default_rng(0)
    with open_store(path) as store:
        buildings = store.read("buildings")
        at = buildings.iloc[rng.integers(0, len(buildings), number)]
        points = at.geometry.representative_point().translate(0.5, 0.5)
        code = at["micro_grid"].astype("object").reset_index(drop=True)
        frame = gpd.GeoDataFrame(
            {
                "code": [f"E{n:06d}" for n in range(number)],
                "category": rng.choice(["environment", "street_order", "safety_hazard", "dispute"], number),
                "status": rng.choice(["closed", "reported", "in_progress"], number, p=[0.8, 0.1, 0.1]),
                "reported_at": pd.Timestamp("2025-01-06") + pd.to_timedelta(rng.integers(0, 13440, number), unit="h"),
                "micro_grid": code, "grid": code.str[:15], "community": code.str[:12], "attached_by": "within",
            },
            geometry=points.to_numpy(), crs=buildings.crs,
        )  # fmt: skip
        store.write("incidents", frame)


def naive_page(path: Path, folder: Path) -> Path:
    """What one writes first: all micro-grids into the page."""
    with open_store(path) as store:
        frame = store.read("micro_grids").to_crs(4326)[["code", "name", "households", "geometry"]]
    colours = ("#e2efe9", "#b3d8cf", "#78b9b2", "#3b8f8e", "#12595f")
    edges = frame["households"].quantile([0.2, 0.4, 0.6, 0.8]).to_numpy()

    def style(feature: dict[str, Any]) -> dict[str, Any]:
        at = int(np.searchsorted(edges, feature["properties"]["households"], side="right"))
        return {"fillColor": colours[at], "fillOpacity": 0.7, "color": "#0b4f4b", "weight": 1}

    west, south, east, north = frame.total_bounds
    page = folium.Map(tiles=None, max_zoom=20)
    tooltip = folium.GeoJsonTooltip(fields=["code", "name", "households"])
    folium.GeoJson(frame, style_function=style, tooltip=tooltip).add_to(page)
    page.fit_bounds([[south, west], [north, east]])
    return write_page(page, folder / "naive.html")


class Packed(BaseHTTPRequestHandler):
    """Files of a folder, gzipped once and kept."""

    folder: Path
    kept: dict[str, bytes]

    def do_GET(self) -> None:
        """One file."""
        file = (self.folder / self.path.lstrip("/")).resolve()
        if not (file.is_file() and file.is_relative_to(self.folder)):
            self.send_error(404)
            return
        if self.path not in self.kept:
            self.kept[self.path] = gzip.compress(file.read_bytes(), 6)
        body = self.kept[self.path]
        kinds = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
        self.send_response(200)
        self.send_header("Content-Type", f"{kinds.get(file.suffix, 'application/octet-stream')}; charset=utf-8")
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Visit:
    """One cold visit: a fresh context, its bytes, times and frames."""

    def __init__(self, browser: Any, screen: str, state: Any, url: str, ready: str) -> None:
        options, slower, workers = SCREENS[screen]
        self.context = browser.new_context(**options, storage_state=state, locale="zh-CN")
        if workers > 1:
            self.longer = SLOWED.replace("SLOWER", str(workers))
            for script in ("gridmap-mvt", "gridmap-tile-painter"):
                self.context.route(f"**/{script}.*.js", self._slow)
        self.page = self.context.new_page()
        self.page.set_default_timeout(180_000)
        self.talk = self.context.new_cdp_session(self.page)
        self.bytes = self.requests = self.foreign = 0
        home = url.split("/", 3)[2]
        self.talk.on("Network.loadingFinished", self._finished)
        self.talk.on("Network.requestWillBeSent", lambda event: self._sent(event, home))
        self.talk.send("Network.enable")
        if slower > 1:
            self.talk.send("Emulation.setCPUThrottlingRate", {"rate": slower})
        self.page.add_init_script(
            f"""(() => {{ const ready = {ready}; const look = () => {{ if (ready()) requestAnimationFrame(() =>
              {{ window.painted_ = performance.now(); }}); else requestAnimationFrame(look); }};
              requestAnimationFrame(look); }})()""")
        self.page.goto(url, wait_until="commit")
        self.page.wait_for_function("() => window.painted_ !== undefined")
        self.paint = float(self.page.evaluate("() => window.painted_"))

    def _finished(self, event: dict[str, Any]) -> None:
        self.bytes += event["encodedDataLength"]

    def _sent(self, event: dict[str, Any], home: str) -> None:
        url = event["request"]["url"]
        if not url.startswith(("data:", "blob:")):
            self.requests += 1
            self.foreign += home not in url

    def _slow(self, route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text() + self.longer)

    def heap(self) -> float:
        """Megabytes of the JavaScript heap after a collection."""
        self.talk.send("HeapProfiler.enable")
        self.talk.send("HeapProfiler.collectGarbage")
        return float(self.talk.send("Runtime.getHeapUsage")["usedSize"]) / 1e6

    def drag(self) -> float:
        """The 95th percentile of the time between frames over six drags, in milliseconds."""
        size = self.page.viewport_size
        x, y = size["width"] * 0.6, size["height"] * 0.45
        self.page.evaluate(FRAMES)
        for dx, dy in ((-160, 0), (0, -120), (160, 60), (-120, 90), (140, -80), (-60, 120)):
            self.page.mouse.move(x, y)
            self.page.mouse.down()
            for step in range(1, 25):
                self.page.mouse.move(x + dx * step / 24, y + dy * step / 24)
                time.sleep(0.012)
            self.page.mouse.up()
            time.sleep(0.25)
        frames = self.page.evaluate("() => { cancelAnimationFrame(window.rolling); return window.frames_ }")
        return float(np.percentile(frames, 95))

    def cpu(self) -> float:
        """Milliseconds that the page's main thread has worked."""
        self.talk.send("Performance.enable", {"timeDomain": "threadTicks"})
        facts = self.talk.send("Performance.getMetrics")["metrics"]
        return 1000 * float(next(fact["value"] for fact in facts if fact["name"] == "TaskDuration"))

    def switches(self, where: str) -> dict[str, float]:
        """How long other colours take, from the choice to what is in view painted: by the clock, and of the CPU."""
        clock, cpu, painters = [], [], []
        for name in MEASURES * 2:
            before, spent = self.cpu(), self.page.evaluate("() => gridmap.app.tiles.painters.spent")
            self.page.evaluate("name => gridmap.app.setMeasure(name)", name)
            cpu.append(self.cpu() - before)
            painters.append(self.page.evaluate("() => gridmap.app.tiles.painters.spent") - spent)
            clock.append(self.page.evaluate("() => gridmap.app.switched"))
            settle(self.page)
        return {
            f"switch ms, {where}": statistics.median(clock), f"switch CPU ms, {where}": statistics.median(cpu),
            f"switch painters' ms, {where}": statistics.median(painters),
        }

    def close(self) -> None:
        self.context.close()


#: How many of the units that are coloured lie in the window.
IN_VIEW = """() => {
  const { map, tiles, level } = gridmap.app, { min, max } = map.getPixelBounds();
  return [...tiles.middles(level).values()].filter(([x, y]) => x > min.x && x < max.x && y > min.y && y < max.y).length;
}"""
TILE_READY = "() => performance.getEntriesByName('gridmap:first').length > 0"
#: A polygon on the screen: Folium draws them as paths of an SVG.
NAIVE_READY = "() => document.querySelectorAll('path.leaflet-interactive').length > 100"


def settle(page: Any) -> None:
    """Until nothing is being painted or fetched, and the words are written."""
    page.wait_for_selector(".gm-app[data-loaded=yes]", state="attached")
    page.wait_for_function(
        "() => gridmap.painting() === 0 && gridmap.app.tiles.store.waiting.size === 0 && !gridmap.app._words")


def measure_tiles(browser: Any, screen: str, state: Any, url: str) -> dict[str, float]:
    visit = Visit(browser, screen, state, url, TILE_READY)
    page = visit.page
    settle(page)
    found: dict[str, float] = {
        "first paint ms": visit.paint, "all painted ms": page.evaluate("() => performance.now()"),
        "first view KB": visit.bytes / 1000, "requests": visit.requests, "heap MB, first view": visit.heap(),
    }
    found |= visit.switches("first view")
    page.evaluate("() => gridmap.app.map.setZoom(15, {animate: false})")
    page.wait_for_function("() => gridmap.app.shownLevel === 'micro_grids'")
    settle(page)
    found["micro-grids in view"] = page.evaluate(IN_VIEW)
    found |= visit.switches("micro-grids")
    found["drag p95 ms"] = visit.drag()
    settle(page)
    found["heap MB, after a tour"] = visit.heap()
    # more than the page ever shows at once: micro-grids as far out as tiles hold them
    page.evaluate("""() => {
      const { map, tiles } = gridmap.app;
      tiles.options.unitPixels = 1;
      map.setZoom(tiles.info.get("micro_grids").minzoom + 1, {animate: false});
      return gridmap.app.followLevel();
    }""")
    page.wait_for_function("() => gridmap.app.shownLevel === 'micro_grids'")
    page.evaluate("() => gridmap.app.tiles.reload()")
    settle(page)
    found["micro-grids in view, all at once"] = page.evaluate(IN_VIEW)
    found |= visit.switches("all at once")
    page.evaluate("() => [gridmap.app.tiles, gridmap.app.labels, gridmap.app.points].forEach(layer => layer.remove())")
    found["drag p95 ms, nothing on the map"] = visit.drag()
    found["other hosts"] = visit.foreign
    visit.close()
    return found


def measure_naive(browser: Any, screen: str, url: str) -> dict[str, float]:
    visit = Visit(browser, screen, None, url, NAIVE_READY)
    found: dict[str, float] = {
        "first paint ms": visit.paint, "first view KB": visit.bytes / 1000, "requests": visit.requests,
        "heap MB, first view": visit.heap(), "drag p95 ms": visit.drag(), "other hosts": visit.foreign,
    }
    visit.close()
    return found


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def middle(rounds: list[dict[str, float]]) -> dict[str, float]:
    """The median of every figure."""
    return {name: statistics.median(found[name] for found in rounds) for name in rounds[0]}


def main() -> None:
    """Measure and print."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("city", type=Path)
    parser.add_argument("--points", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gridmap-map-page-"))
    path = folder / "city.gpkg"
    shutil.copy(options.city, path)
    print("preparing: incidents, tiles, the naive page", file=sys.stderr, flush=True)
    add_incidents(path, options.points)
    begun = time.process_time()
    make_tiles(path)
    tiles_s = time.process_time() - begun
    add_account(str(path), "bench", role="admin", area="", password=PASSWORD)
    begun = time.process_time()
    page_file = naive_page(path, folder)
    naive_s = time.process_time() - begun
    port = free_port()
    service = subprocess.Popen(
        [sys.executable, "-m", "webapp", str(path), "--port", str(port)],
        env={**os.environ, "GRIDMAP_INSTANCE": str(folder / "instance")}, stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    Packed.folder, Packed.kept = folder.resolve(), {}
    files = ThreadingHTTPServer(("127.0.0.1", 0), Packed)
    threading.Thread(target=files.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{port}/"
    try:
        with sync_playwright() as playwright:
            chromium = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"])
            state = log_in(browser, url)
            html = page_size(browser, state, url)
            found: dict[str, Any] = {}
            for screen in SCREENS:
                ours, naive = [], []
                for _ in range(options.rounds):  # by turns, so that both meet the same machine
                    ours.append(measure_tiles(browser, screen, state, url))
                    if SCREENS[screen][2] == 1:  # the naive page has no workers
                        naive.append(
                            measure_naive(browser, screen, f"http://127.0.0.1:{files.server_port}/{page_file.name}"))
                found[screen] = {"gridmap": middle(ours), "naive": middle(naive) if naive else {}}
                print(f"load average {os.getloadavg()[0]:.1f} after the {screen}", file=sys.stderr, flush=True)
            browser.close()
    finally:
        service.terminate()
        files.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
    naive_html = len(Packed.kept[f"/{page_file.name}"]) / 1000
    print(f"page HTML, gzipped: gridmap {html:.1f} KB, naive {naive_html:.0f} KB")
    print(f"made beforehand, CPU s: tiles {tiles_s:.0f}, naive page {naive_s:.0f}")
    print(f"load average {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores")
    for screen, both in found.items():
        print(f"\n| {screen} | gridmap | naive folium.GeoJson |\n|---|---|---|")
        for name, value in both["gridmap"].items():
            other = both["naive"].get(name)
            print(f"| {name} | {value:,.1f} | {'-' if other is None else f'{other:,.1f}'} |")
    if options.json:
        options.json.write_text(json.dumps({"html_kb": html, "naive_html_kb": naive_html, **found}, indent=1))


def log_in(browser: Any, url: str) -> Any:
    """Cookies of somebody who is logged in; waits until the service answers."""
    context = browser.new_context()
    page = context.new_page()
    for _ in range(120):
        try:
            page.goto(f"{url}login")
            break
        except Exception:  # the service is still starting
            time.sleep(0.5)
    page.fill("#name", "bench")
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector(".gm-app[data-loaded=yes]", state="attached", timeout=180_000)
    for level in ("grids", "micro_grids"):  # the first who asks waits for the service's arithmetic; everyone after, not
        for name in MEASURES:
            page.evaluate("([level, name]) => gridmap.app.valuesOf(level, name)", [level, name])
    state = context.storage_state()
    context.close()
    return state


def page_size(browser: Any, state: Any, url: str) -> float:
    """Kilobytes of the page's own HTML, gzipped."""
    context = browser.new_context(storage_state=state)
    body = context.request.get(url).body()
    context.close()
    return len(gzip.compress(body, 6)) / 1000


if __name__ == "__main__":
    main()
