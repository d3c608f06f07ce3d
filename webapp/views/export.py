"""Take one's own area away as files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from flask import Blueprint, Response, render_template, request, send_file
from flask.typing import ResponseReturnValue

from gridmap.delivery import export_layers
from layers.errors import WrongCall
from layers.schema import LAYERS
from webapp.guard import get_seen, get_user, needs
from webapp.language import current, say

__all__ = ["bp"]

bp = Blueprint("export", __name__)

#: What may be chosen, besides layers, and in which words; "" is the city's own coordinates.
_CHOICES = {
    "format": {
        "shapefile": "Shapefile", "geopackage": "GeoPackage", "geojson": "GeoJSON", "csv": "CSV", "xlsx": "Excel",
        "kml": "KML",
    },
    "encoding": {"gb18030": "GB18030", "utf-8": "UTF-8"},
    "datum": {"": "", "wgs84": "WGS 84", "cgcs2000": "CGCS2000", "gcj02": "GCJ-02", "bd09": "BD-09"},
    "names": {"zh": "中文", "en": "English"},
}


@bp.get("/export")
@needs("export.make")
def show() -> ResponseReturnValue:
    """The form."""
    return _form({"names": current(), "layers": ["micro_grids"]})


@bp.post("/export")
@needs("export.make")
def make() -> ResponseReturnValue:
    """A .zip with the layers, within the asker's reach, rights and columns."""
    chosen = {name: request.form.get(name, next(iter(choices))) for name, choices in _CHOICES.items()}
    for name, choices in _CHOICES.items():
        if chosen[name] not in choices:
            raise WrongCall(f"{name} is one of {', '.join(filter(None, choices))}, not {chosen[name][:40]!r}")
    layers = request.form.getlist("layers")
    if not layers:
        return _form({**chosen, "layers": []}, problem=say("export.none_chosen"))
    return _delivery(layers, chosen)


def _form(chosen: dict[str, object], problem: str = "") -> str:
    seen = get_seen()
    counts = {name: seen.count(name) for name in seen.layers() if name != "findings"}
    present = {name: count for name, count in counts.items() if count}
    choices = {**_CHOICES, "datum": {**_CHOICES["datum"], "": say("export.datum_city")}}
    return render_template(
        "export.html", present=present, choices=choices, chosen=chosen, problem=problem, user=get_user(), titles=LAYERS
    )


def _delivery(layers: list[str], chosen: dict[str, str]) -> Response:
    seen = get_seen()
    with tempfile.TemporaryDirectory(prefix="gridmap-") as folder:
        made = export_layers(
            seen,  # type: ignore[arg-type]  # reads as a store does, within what the person may see
            layers, Path(folder) / "gridmap.zip", within=seen.reach, format=chosen["format"],
            encoding=chosen["encoding"], datum=chosen["datum"] or None, names=chosen["names"],
        )
        # open before the folder goes; the file is gone with its last reader
        content = made.path.open("rb")
    name = f"gridmap-{'-'.join(layers)[:60]}.zip"
    return send_file(content, mimetype="application/zip", as_attachment=True, download_name=name)
