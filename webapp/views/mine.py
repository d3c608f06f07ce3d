"""The grid leader's page, what it keeps for where there is no network, and what makes it an app on a phone."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, make_response, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from gridmap.maps.assets import assets, outside_links
from gridmap.roles import may
from layers.incidents import CATEGORIES
from webapp.city_map import city_parts, made_at
from webapp.guard import get_seen, get_user, needs, public
from webapp.language import current, say, translations
from webapp.mine import account_key, still_document, today, unit_document, unit_list
from webapp.replies import data_answer, kept_text
from webapp.seen import Seen
from webapp.views.assets import static_url

__all__ = ["bp"]

bp = Blueprint("mine", __name__)

#: Scripts of the page, after those of the map; the worker holds the first of them too.
SCRIPTS = (
    "gw-queue.js", "gw-mine-place.js", "gw-mine-cards.js", "gw-mine-report.js", "gw-mine-sheet.js", "gw-mine-keep.js",
    "gw-mine.js",
)
WORKER = ("gw-queue.js", "gw-worker.js")
_ICONS = (("icon-192.png", "192x192", "any"), ("icon-512.png", "512x512", "any"),
          ("icon-maskable.png", "512x512", "maskable"))  # fmt: skip


@bp.get("/mine")
@needs("mine.view")
def show() -> ResponseReturnValue:
    """The person's own micro-grid; the data come by themselves."""
    seen = get_seen()
    meta = seen.meta()
    parts = city_parts(seen)
    page = render_template(
        "mine.html", parts=parts, city=meta.get("name", ""), made=made_at(meta), facts=_facts(seen, meta),
        scripts=SCRIPTS,
    )  # fmt: skip
    assert not outside_links(page), "the page must ask no other host"
    return _for_account(make_response(page))


@bp.get("/mine/session")
@needs("mine.view")
def session() -> Response:
    """Who is logged in, and a token to send a report with: what a phone asks that was away for hours."""
    user = get_user()
    told = {"csrf": generate_csrf(), "account": account_key(user), "name": user.name}
    return _for_account(_json_answer(told))


@bp.get("/mine/units.json")
@needs("mine.view")
def units() -> Response:
    """The micro-grids of the person."""
    seen, day = get_seen(), today()
    return _for_account(data_answer(f"mine units {day}", lambda: _json({"units": unit_list(seen, day)})))


@bp.get("/mine/unit/<code>.json")
@needs("mine.view")
def unit(code: str) -> Response:
    """Everything that the page says of one micro-grid."""
    seen, day = get_seen(), today()
    # what is not theirs is refused before anything is looked up
    still = kept_text(f"mine unit still {code} {day}", lambda: _json(still_document(seen, code, day)))
    return _for_account(
        data_answer(
            f"mine unit {code} {day}", lambda: _json(unit_document(seen, code, day, json.loads(still))), incidents=True,
        )
    )


@bp.get("/sw.js")
@public
def worker() -> Response:
    """The service worker: the same for everyone, another one with every release."""
    answer = make_response(_worker_text())
    answer.headers["Content-Type"] = "text/javascript; charset=utf-8"
    answer.headers["Cache-Control"] = "no-cache"
    return answer


@bp.get("/app.webmanifest")
@public
def manifest() -> Response:
    """What a phone must know to put the page among its apps."""
    lang = current()
    told = {
        "id": "/mine", "name": say("mine.app_name"), "short_name": say("mine.app_short"),
        "description": say("mine.app_about"), "lang": "zh-CN" if lang == "zh" else "en", "dir": "ltr",
        "start_url": url_for("mine.show"), "scope": "/", "display": "standalone", "orientation": "any",
        "background_color": "#f7f8f6", "theme_color": "#0b6e69",
        "icons": [
            {"src": static_url(name), "sizes": sizes, "type": "image/png", "purpose": purpose}
            for name, sizes, purpose in _ICONS
        ],
    }  # fmt: skip
    answer = make_response(_json(told))
    answer.headers["Content-Type"] = "application/manifest+json; charset=utf-8"
    answer.headers["Cache-Control"] = "no-cache"
    return answer


def _facts(seen: Seen, meta: dict[str, str]) -> dict[str, Any]:
    """What the scripts are told."""
    user, lang = get_user(), current()
    return {
        "account": account_key(user), "name": user.name, "report": may(user, "incident.report"),
        "staff": may(user, "layer.staff.view"),
        "session": url_for("mine.session"), "units": url_for("mine.units"), "unit": "/mine/unit/",
        "send": "/incidents", "login": url_for("auth.login", next=url_for("mine.show")),
        "page": url_for("mine.show"), "worker": url_for("mine.worker"), "categories": list(CATEGORIES),
        "made": made_at(meta),
        "words": {key[5:]: text for key, text in translations()[lang].items() if key.startswith("mine.")},
    }  # fmt: skip


@lru_cache(maxsize=1)
def _release() -> str:
    """A piece of the hash of everything that the page is made of: another one with every release."""
    here = Path(current_app.static_folder or "")
    files = [*sorted(here.glob("*.*")), Path(current_app.root_path) / "templates" / "mine.html"]
    texts = [file.read_bytes() for file in files] + [asset.text.encode() for asset in assets()]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:12]


@lru_cache(maxsize=1)
def _worker_text() -> str:
    folder = Path(current_app.static_folder or "")
    texts = [(folder / name).read_text(encoding="utf-8") for name in WORKER]
    return "\n".join([f'self.gwRelease = "{_release()}";', *texts])


def _for_account(answer: Response) -> Response:
    """Say whose answer it is, so that a phone keeps it under that account and under no other."""
    answer.headers["X-Gridmap-Account"] = account_key(get_user())
    answer.headers["X-Gridmap-At"] = datetime.now().astimezone().isoformat(timespec="seconds")
    return answer


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _json_answer(value: Any) -> Response:
    answer = make_response(_json(value))
    answer.headers["Content-Type"] = "application/json"
    return answer
