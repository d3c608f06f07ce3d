"""What an export form says, checked; what it offers; what it would give. Both ways of exporting ask here."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
from flask import Flask, current_app
from werkzeug.datastructures import MultiDict

from gridmap.audit import AuditLog
from gridmap.export_jobs import ExportJobs, Wishes
from gridmap.exports import Order
from layers.errors import NotFound, NotYourArea, WrongCall
from layers.schema import LAYERS, layer
from webapp.guard import get_seen
from webapp.language import current, say
from webapp.own_tables import get_sql
from webapp.replies import kept_text
from webapp.seen import Seen

__all__ = ["CHOICES", "LEVELS", "get_audit", "get_jobs", "init_app", "offered", "preview", "scopes", "wishes_of"]

#: What may be chosen, besides layers, and in which words; "" is the city's own coordinates.
CHOICES: dict[str, dict[str, str]] = {
    "format": {
        "shapefile": "Shapefile", "geopackage": "GeoPackage", "geojson": "GeoJSON", "csv": "CSV", "xlsx": "Excel",
        "kml": "KML",
    },
    "encoding": {"gb18030": "GB18030", "utf-8": "UTF-8"},
    "datum": {"": "", "wgs84": "WGS 84", "cgcs2000": "CGCS2000", "gcj02": "GCJ-02", "bd09": "BD-09"},
    "names": {"zh": "中文", "en": "English"},
}
#: Digits of a code -> the layer of such units.
LEVELS = {6: "districts", 9: "streets", 12: "communities", 15: "grids", 18: "micro_grids"}
#: Rows of a preview, and columns of them at most.
_ROWS = 5


def init_app(app: Flask) -> None:
    """Make room for export jobs and the audit log, beside what is served, never in it."""
    folder = Path(app.instance_path)
    app.extensions["audit"] = audit = AuditLog(app.config["CITY"], folder)
    app.extensions["export_jobs"] = ExportJobs(
        app.config["CITY"], Path(app.config["EXPORTS"]), kept_days=float(app.config["EXPORT_DAYS"]), audit=audit
    )


def get_jobs() -> ExportJobs:
    """The export jobs of the city that is served, read through this request's store."""
    jobs: ExportJobs = current_app.extensions["export_jobs"]
    return jobs.over(get_sql())


def get_audit() -> AuditLog:
    """The audit log of the city that is served."""
    audit: AuditLog = current_app.extensions["audit"]
    return audit


def wishes_of(form: MultiDict[str, str]) -> Wishes:
    """What a form asks for, within the asker's reach and rights.

    Raises
    ------
    NotYourArea
        An area or a layer that the asker may not see, whether or not it exists.
    NotFound
        The asker has no area, or there is no such unit.
    WrongCall, UnknownLayer
        A layer, format, encoding, date, datum or CRS that there is not, or two that do not go together.
    """
    seen = get_seen()
    chosen = {name: form.get(name, next(iter(choices))) for name, choices in CHOICES.items()}
    for name, choices in CHOICES.items():
        if chosen[name] not in choices:
            raise WrongCall(f"{name} is one of {', '.join(filter(None, choices))}, not {chosen[name][:40]!r}")
    layers = tuple(dict.fromkeys(layer(name).name for name in form.getlist("layers")))
    for name in layers:
        if not seen.sees(name):
            raise NotYourArea(f"a {seen.user.role} may not see {name}; ask the administrator of the city")
    crs, as_of = form.get("crs", "").strip()[:80], form.get("as_of", "").strip()[:10]
    Order(
        format=chosen["format"], encoding=chosen["encoding"], crs=crs or None, datum=chosen["datum"] or None,
        names=chosen["names"],
    )  # refuses what does not go together
    if as_of:
        try:
            date.fromisoformat(as_of)
        except ValueError:
            raise WrongCall(f"{as_of!r} is no date; write it as 2026-11-01") from None
    return Wishes(layers=layers, scope=_scope(seen, form.get("scope", "").strip()[:18]), as_of=as_of, crs=crs, **chosen)


def _scope(seen: Seen, code: str) -> tuple[str, ...]:
    if not seen.reach:
        raise NotFound("you have no area yet, so there is nothing to export; ask the administrator of the city")
    if not code:
        return seen.reach
    if not any(code.startswith(own) for own in seen.reach):
        raise NotYourArea(f"area {code} is not yours; ask the administrator of the city")
    level = LEVELS.get(len(code))
    found = seen.read(level, within=(code,), most=1) if level and code.isdigit() else ()
    if not len(found) or found["code"].iloc[0] != code:
        raise NotFound(f"there is no unit {code}; give a code of 6, 9, 12, 15 or 18 digits that the map shows")
    return (code,)


def scopes() -> list[tuple[str, list[tuple[str, str]]]]:
    """Levels with the units in the asker's reach, as code and name: what the form offers besides a code typed."""
    told = kept_text("export-scopes", lambda: json.dumps(_scopes(get_seen()), ensure_ascii=False))
    return [(level, [(code, name) for code, name in units]) for level, units in json.loads(told)]


def _scopes(seen: Seen) -> list[tuple[str, list[tuple[str, str]]]]:
    found = []
    for level in list(LEVELS.values())[:-1]:
        rows = seen.read(level)
        if not len(rows) or len(rows) > 400:
            continue
        names = rows["name"].astype("object").where(rows["name"].notna(), "") if "name" in rows else [""] * len(rows)
        found.append((level, [(str(code), str(name)) for code, name in zip(rows["code"], names, strict=True)]))
    return found


def offered(scope: tuple[str, ...]) -> dict[str, int]:
    """Layers that the asker may take and that have rows in the scope, with their number."""
    def made() -> str:
        seen = get_seen()
        counts = {name: seen.count(name, within=scope) for name in seen.layers() if name != "findings"}
        return json.dumps({name: count for name, count in counts.items() if count})

    found: dict[str, int] = json.loads(kept_text(f"export-layers {','.join(scope)}", made))
    return found


def preview(wishes: Wishes) -> list[dict[str, Any]]:
    """Fields and first rows of each layer, as the file will have them, without geometry."""
    seen, lang = get_seen(), current()
    found = []
    for name in wishes.layers:
        as_of = date.fromisoformat(wishes.as_of) if wishes.as_of else None
        frame = seen.read(name, within=wishes.scope, as_of=as_of, most=_ROWS).head(_ROWS)
        table = frame.drop(columns="geometry") if isinstance(frame, gpd.GeoDataFrame) else frame
        fields = []
        for column in map(str, table.columns):
            known = LAYERS[name].column(column)
            fields.append({
                "name": column, "title": str(getattr(known, lang)) if known else column,
                "short": known.short if known else "", "type": known.type if known else "",
                "unit": (known.unit or "") if known else "",
            })
        rows = [[_told(value) for value in row] for row in table.itertuples(index=False, name=None)]
        found.append({
            "layer": name, "title": str(getattr(LAYERS[name], lang)), "fields": fields, "rows": rows,
            "geometry": isinstance(frame, gpd.GeoDataFrame),
        })
    return found


def _told(value: Any) -> str:
    """A value as the preview shows it."""
    if pd.isna(value):
        return ""
    if isinstance(value, bool):
        return say("export.yes") if value else say("export.no")
    if isinstance(value, float):
        return f"{value:.6g}" if abs(value) < 1e6 else f"{value:.1f}"
    text = str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
