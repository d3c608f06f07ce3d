"""A small site with vector tiles, written by GDAL and served without gridmap's own server, to try the element alone.

A city of 400 micro-grids (Voronoi cells, in 25 grids and 4 communities), streets between them, 900 houses, 300 things.
Half of the names hold hostile text.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pyogrio
import shapely
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from gridmap.maps import install_assets
from gridmap.maps.page import page_parts

HOSTILE = "<script>window.hacked=1</script> ${window.hacked=1} `x` \"'<img src=x onerror=window.hacked=1> {{ 7*7 }}"
VERSION = "00c0ffee"
POLICY = (
    "default-src 'none'; script-src 'nonce-N'; worker-src 'self'; style-src 'self' 'nonce-N'; img-src 'self' data:; "
    "font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
#: One grey pixel.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
#: layer -> zooms in tiles
ZOOMS = {
    "communities": (8, 14), "grids": (10, 14), "micro_grids": (11, 15), "roads": (9, 15), "buildings": (13, 15),
    "facilities": (11, 15), "incidents": (11, 15),
}
CRS = "EPSG:4547"


def frames() -> dict[str, gpd.GeoDataFrame]:
    """The layers; the order of rows is the order of ids."""
    rng = np.random.default_rng(11)
    corner = np.array([512000.0, 3381000.0])
    seeds = shapely.points(rng.uniform(0, 2000, (400, 2)) + corner)
    outline = shapely.box(512000, 3381000, 514000, 3383000)
    cells = shapely.intersection(shapely.get_parts(shapely.voronoi_polygons(shapely.multipoints(seeds))), outline)
    middle = shapely.centroid(cells)
    places = ((shapely.get_coordinates(middle) - corner) // 400).astype(int)  # column and row of the grid
    code = [f"990101001{1 + c // 3 + 2 * (r // 3):03d}{1 + c + 5 * r:03d}" for c, r in places.tolist()]
    micro_grids = gpd.GeoDataFrame({
        "code": [f"{parent}{n + 1:03d}" for n, parent in enumerate(code)],
        "name": [HOSTILE if n % 2 else f"微网格{n}" for n in range(len(cells))],
        "households": rng.integers(15, 41, len(cells)),
    }, geometry=cells, crs=CRS)

    def level(digits: int) -> gpd.GeoDataFrame:
        units = micro_grids.assign(code=micro_grids["code"].str[:digits])
        joined = units.dissolve("code", aggfunc={"households": "sum"})
        return joined.reset_index().assign(name=HOSTILE)

    houses = shapely.buffer(shapely.points(rng.uniform(20, 1980, (900, 2)) + corner), 8, cap_style="square")
    streets = [shapely.LineString([(512000, 3381000 + y), (514000, 3381000 + y)]) for y in range(200, 2000, 400)]
    things = shapely.points(rng.uniform(20, 1980, (300, 2)) + corner)

    def named(geometry: Any, start: str, **columns: Any) -> gpd.GeoDataFrame:
        codes = [f"{start}{n}" for n in range(len(geometry))]
        return gpd.GeoDataFrame({"code": codes, "name": HOSTILE, **columns}, geometry=geometry, crs=CRS)

    return {
        "communities": level(12), "grids": level(15), "micro_grids": micro_grids,
        "roads": named(streets, "R", **{"class": "secondary"}), "buildings": named(houses, "B"),
        "facilities": named(things[:100], "F", kind=["canteen", HOSTILE] * 50),
        "incidents": named(things[100:], "E", category=HOSTILE),
    }


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object, **__: object) -> None:
        """Nothing: a page asks for dozens of files."""


class Site:
    """Serves pages with a strict policy, tiles, values and cards; `requests` are the paths that were asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.frames = frames()
        self.requests: list[str] = []
        self.page: Callable[[], folium.Map] | None = None
        self.files: dict[str, bytes] = {}
        install_assets(folder / "assets")
        self.document = self._build()
        self.server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _build(self) -> dict[str, Any]:
        layers = []
        for name, frame in self.frames.items():
            degrees = frame.to_crs(4326)
            ids = gpd.GeoDataFrame({"id": np.arange(1, len(frame) + 1)}, geometry=degrees.geometry, crs=4326)
            low, high = ZOOMS[name]
            options = {"MINZOOM": low, "MAXZOOM": high, "COMPRESS": "NO", "BUFFER": 64, "MAX_SIZE": 2_000_000}
            pyogrio.write_dataframe(ids, str(self.folder / name), driver="MVT", layer=name, dataset_options=options)
            names = {"codes": frame["code"].tolist(), "names": frame["name"].tolist()}
            self._put(f"values/{VERSION}/{name}/names.json", names)
            measures = self._values(name, frame)
            bounds = [float(value) for value in degrees.total_bounds]
            layers.append({
                "name": name, "zh": name, "en": name, "minzoom": low, "maxzoom": high, "bounds": bounds,
                "count": len(frame), "show": True, "measures": measures,
                "group": "base" if name in ("roads", "buildings") else "units",
            })
            for number, code in enumerate(frame["code"], 1):
                row = frame.iloc[number - 1]
                card = {
                    "layer": name, "id": number, "code": code, "name": row["name"],
                    "bounds": [float(value) for value in degrees.geometry.iloc[number - 1].bounds],
                    "facts": {"name": row["name"], "note": HOSTILE},
                    "columns": [{"name": "note", "zh": HOSTILE, "en": HOSTILE, "unit": None, "type": "text"}],
                }
                self._put(f"feature/{VERSION}/{name}/{number}.json", card)
                self._put(f"feature/{VERSION}/{name}/code/{code}.json", card)
        order = ["roads", "buildings", "communities", "grids", "micro_grids", "facilities", "incidents"]
        layers.sort(key=lambda layer: order.index(layer["name"]))
        bounds = next(layer["bounds"] for layer in layers if layer["name"] == "communities")
        return {"version": VERSION, "bounds": bounds, "layers": layers}

    def _values(self, name: str, frame: gpd.GeoDataFrame) -> list[dict[str, Any]]:
        documents = {}
        if "households" in frame:
            counts = frame["households"].to_numpy()
            breaks = [int(value) for value in np.quantile(counts, [0, 0.2, 0.4, 0.6, 0.8, 1])]
            colours = ("#e2efe9", "#b3d8cf", "#78b9b2", "#3b8f8e", "#12595f")
            classes = [{"zh": "", "en": "", "colour": colour, "hatch": False} for colour in colours]
            documents["households"] = {
                "kind": "number", "scale": 1, "unit": "households", "values": counts.tolist(), "breaks": breaks,
                "classes": classes, "zh": "户数", "en": "Households", "group": "people",
            }
            documents["even"] = {
                "kind": "class", "scale": 1, "unit": None, "values": [int(value) % 2 for value in counts], "breaks": [],
                "classes": [{"zh": HOSTILE, "en": HOSTILE, "colour": "#3b8f8e", "hatch": False, "key": "even"},
                            {"zh": "单", "en": "odd", "colour": "#c9a6d8", "hatch": True, "key": "odd"}],
                "zh": HOSTILE, "en": HOSTILE, "group": "shape",
            }
        for column in ("class", "kind", "category"):
            if column in frame:
                keys = sorted(set(frame[column]))
                documents[column] = {
                    "kind": "class", "scale": 1, "unit": None, "values": [keys.index(key) for key in frame[column]],
                    "breaks": [], "zh": column, "en": column, "group": "base",
                    "classes": [
                        {"zh": key, "en": key, "colour": "#888888", "hatch": False, "key": key} for key in keys
                    ],
                }
        if name == "incidents":
            # 2 a week for 80 weeks, the last 40 without a date
            weeks = [number // 2 if number < 160 else None for number in range(len(frame))]
            documents["week"] = {
                "kind": "number", "scale": 1, "unit": None, "values": weeks, "breaks": [0, 79], "classes": [],
                "origin": "2025-01-06", "zh": "周", "en": "Week", "group": "events",
            }
        for measure, document in documents.items():
            self._put(f"values/{VERSION}/{name}/{measure}.json", {"layer": name, "measure": measure, **document})
        facts = ("zh", "en", "group", "kind", "unit")
        return [{"name": key, **{fact: document[fact] for fact in facts}} for key, document in documents.items()]

    def _put(self, path: str, document: Any) -> None:
        self.files[path] = json.dumps(document, ensure_ascii=False).encode()

    def _answer(self, environ: Any, start: Any) -> Any:
        request = Request(environ)
        path = request.path.strip("/")
        self.requests.append(path)
        content, kind = self._content(path)
        status = 200 if content else 204 if path.startswith("tiles/") else 404
        answer = Response(content, status=status, content_type=kind)
        answer.headers["Content-Security-Policy"] = POLICY
        answer.headers["Cache-Control"] = "max-age=3600"
        return answer(environ, start)

    def _content(self, path: str) -> tuple[bytes, str]:
        if path == "":
            return self._page(), "text/html; charset=utf-8"
        if path.startswith("assets/"):
            file = self.folder / path
            kind = "text/javascript" if file.suffix == ".js" else "text/css"
            return file.read_bytes() if file.is_file() else b"", f"{kind}; charset=utf-8"
        if path.startswith("base/"):
            return PICTURE, "image/png"
        if path.startswith("tiles/"):
            _, _, names, z, x, y = path.split("/")
            files = [self.folder / name / z / x / y for name in names.split(",")]
            # tiles laid end to end are a tile of all their layers
            return b"".join(file.read_bytes() for file in files if file.is_file()), "application/vnd.mapbox-vector-tile"
        return self.files.get(path, b""), "application/json"

    def _page(self) -> bytes:
        assert self.page is not None
        parts = page_parts(self.page())
        links = []
        for link in parts.links:
            (self.folder / "assets" / link.file_name).write_text(link.text, encoding="utf-8")
            address = f"/assets/{link.file_name}"
            tag = f'<script nonce="N" src="{address}"></script>'
            links.append(tag if link.kind == "js" else f'<link rel="stylesheet" href="{address}">')
        # the head is Folium's own and holds no data
        head = parts.head.replace("<style", '<style nonce="N"').replace("<script", '<script nonce="N"')
        return (
            '<!DOCTYPE html><html lang="zh-CN"><head><meta charset="utf-8"><link rel="icon" href="data:,">'
            f'{head}{"".join(links)}</head><body class="gm-page">{parts.body}'
            f'<script nonce="N">{parts.script}</script></body></html>'
        ).encode()
