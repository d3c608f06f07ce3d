"""The web service: log in, see one's own area on a map, take data away. `create_app` is where the parts meet."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask
from flask_bootstrap import Bootstrap5
from flask_wtf import CSRFProtect

from gridmap.maps import install_assets
from gridmap.stores import open_store
from layers.errors import BadSettings
from webapp import (
    admin_jobs,
    auth,
    drafts,
    errors,
    exporting,
    grounds,
    guard,
    language,
    navigation,
    open_door,
    past,
    replies,
    scenarios,
    searches,
    security,
    store,
    telling,
    tile_door,
    tile_job,
    tile_values,
    tiles,
    walks,
)
from webapp.instance import secret_key
from webapp.views import (
    admin,
    admin_audit,
    admin_norms,
    assets,
    base,
    border,
    cards,
    coverage,
    equity,
    export,
    findings,
    incidents,
    maps,
    mine,
    planning,
    plans,
    public,
    quality,
    roster,
    search,
    siting,
    street,
    uploads,
    users,
    ways,
    what_if,
)
from webapp.views import data as data_views
from webapp.views import past as past_views
from webapp.views import tiles as tile_views

__all__ = ["create_app"]


def create_app(city: str | os.PathLike[str] | None = None, **config: Any) -> Flask:
    """The web service of one city, for any WSGI server.

    Parameters
    ----------
    city
        Store URL: a path ending in `.gpkg` or a `postgresql://` URL; None takes it from GRIDMAP_CITY.
    config
        Settings of Flask, and of ours: `INSTANCE` (a folder for the secret key and the scripts; else
        GRIDMAP_INSTANCE, else Flask's instance folder), `HTTPS` (True where browsers come by https: cookies are then
        for https only; else GRIDMAP_HTTPS), `PROXIES` (how many proxies stand before the service and may say where a
        request comes from), `CACHE_BYTES` (memory for answers), `NEAR_ROWS` (layers of more rows
        come to the map piece by piece), `TILES` (folder of the city's vector tiles; else GRIDMAP_TILES, else beside
        the city, as `gridmap.city_tiles.tiles_folder` says), `UPLOAD_BYTES` and `UPLOAD_SECONDS` (the largest upload,
        the longest reading), `PHOTO_BYTES` (the largest report with its photos),
        `REPORTS_SECONDS` (how old counts of incidents on the map may be), `UPLOADS` and `SITING`
        (where files that were sent and answers about sites lie; else beside the secret key),
        `ADDRESS` (where people reach the service, for QR codes, such as "http://10.0.0.8:8000"; else
        GRIDMAP_ADDRESS, else as whoever asks reached it),
        `PUBLIC_PAGE` (whether `/public` is open to everyone; else GRIDMAP_PUBLIC; off by default), `MAP_APPROVAL` (the
        number under which its map may be shown, 审图号; else GRIDMAP_MAP_APPROVAL),
        `EXPORT_SECONDS` and `EXPORT_DAYS` (the longest export, and how long its file is kept), `EXPORTS` (where such
        files lie; else beside the secret key), `BACKUPS` (copies of the city), `EXPORT_WARM`
        (whether the process that exports is made ready by whoever
        opens the form),
        `SEARCH_AHEAD` (whether the index of the search is made at the first visit, or when somebody searches),
        `TILE_JOBS` (whether tiles are made anew after a change), `FOUR_EYES` (whether a plan is adopted by somebody
        else than who proposed it; else GRIDMAP_FOUR_EYES; off by default),
        `BACKGROUND`, `BACKGROUND_KEY`, `BACKGROUND_DATUM` and `BACKGROUND_ATTRIBUTION` (a background map, see
        `gridmap.maps.underlay.background`; else GRIDMAP_BACKGROUND and so on; none by default).

    Raises
    ------
    BadSettings
        Where no city is named.
    GridmapError
        Where the city cannot be opened: not there, no city, too new.

    Examples
    --------
    >>> create_app()
    Traceback (most recent call last):
        ...
    layers.errors.BadSettings: no city to serve; name one, or set GRIDMAP_CITY to its path or URL
    """
    url = os.fspath(city) if city is not None else os.environ.get("GRIDMAP_CITY", "")
    if not url:
        raise BadSettings("no city to serve; name one, or set GRIDMAP_CITY to its path or URL")
    open_store(url).close()  # now rather than at the first visit
    instance = config.pop("INSTANCE", None) or os.environ.get("GRIDMAP_INSTANCE")
    app = Flask(__name__, instance_path=None if instance is None else str(Path(instance).resolve()))
    folder = Path(app.instance_path)
    https = bool(config.get("HTTPS", os.environ.get("GRIDMAP_HTTPS", "") not in ("", "0")))
    app.config.update(
        CITY=url,
        HTTPS=https,
        PROXIES=0,
        CACHE_BYTES=64 * 1024 * 1024,
        TILES=os.environ.get("GRIDMAP_TILES") or None,
        TILE_JOBS=not config.get("TESTING", False),
        BACKGROUND=os.environ.get("GRIDMAP_BACKGROUND", ""),
        BACKGROUND_KEY=os.environ.get("GRIDMAP_BACKGROUND_KEY", ""),
        BACKGROUND_DATUM=os.environ.get("GRIDMAP_BACKGROUND_DATUM", ""),
        BACKGROUND_ATTRIBUTION=os.environ.get("GRIDMAP_BACKGROUND_ATTRIBUTION", ""),
        ADDRESS=os.environ.get("GRIDMAP_ADDRESS", ""),
        PUBLIC_PAGE=os.environ.get("GRIDMAP_PUBLIC", "") not in ("", "0"),
        MAP_APPROVAL=os.environ.get("GRIDMAP_MAP_APPROVAL", ""),
        NEAR_ROWS=12_000,
        FOUR_EYES=os.environ.get("GRIDMAP_FOUR_EYES", "") not in ("", "0"),
        MAX_CONTENT_LENGTH=64 * 1024,  # forms only; the upload page takes more from who may import
        UPLOAD_BYTES=200 * 1024 * 1024,
        PHOTO_BYTES=48 * 1024 * 1024,
        REPORTS_SECONDS=60.0,
        UPLOAD_SECONDS=300.0,
        EXPORT_SECONDS=900.0,
        EXPORT_DAYS=7.0,
        EXPORT_WARM=not config.get("TESTING", False),
        SEARCH_AHEAD=not config.get("TESTING", False),
        SESSION_COOKIE_NAME="gridmap",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=https,
        PERMANENT_SESSION_LIFETIME=timedelta(hours=12),
        BOOTSTRAP_SERVE_LOCAL=True,
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=7),  # styles; their addresses change with their content
        WTF_CSRF_TIME_LIMIT=None,  # a form left open over lunch still works; the token dies with the session
    )
    app.config.update(config)
    if not app.config.get("SECRET_KEY"):
        app.config["SECRET_KEY"] = secret_key(folder)
    app.config["ASSETS"] = folder / "assets"
    app.config.setdefault("UPLOADS", folder / "uploads")  # beside what is served, never in it
    app.config.setdefault("SITING", folder / "siting")
    app.config.setdefault("EXPORTS", folder / "exports")
    app.config.setdefault("BACKUPS", folder / "backups")
    install_assets(app.config["ASSETS"])

    Bootstrap5(app)
    for large in (uploads, incidents, siting):  # before the token is looked at, which reads the whole form
        large.init_app(app)
    CSRFProtect(app)
    for part in (security, language, errors, store, auth, guard, navigation, replies):
        part.init_app(app)
    for part in (walks, searches, open_door, drafts, grounds, scenarios):
        part.init_app(app)
    for part in (exporting, telling, admin_jobs):
        part.init_app(app)
    for part in (tiles, tile_values, tile_door, tile_job, base, past):
        part.init_app(app)
    for view in (
        maps, data_views, tile_views, past_views, base,
        incidents, export, findings, uploads,
        quality, planning, plans, equity, ways,
        coverage, what_if, siting,
        search, cards, public, users, assets, mine,
        street, roster, border, admin, admin_audit, admin_norms,
    ):
        app.register_blueprint(view.bp)
    return app
