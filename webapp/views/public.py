"""The public page: which parts of the city each kind of facility reaches. No people, no small numbers."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from gridmap.maps.colouring import packaged_norms
from gridmap.maps.geojson import plain_records
from gridmap.publishing import LEAST
from webapp.guard import public
from webapp.language import current
from webapp.open_door import get_published, kept_picture

__all__ = ["bp"]

bp = Blueprint("public", __name__, url_prefix="/public")

#: The most facilities that are listed.
_MOST = 300
#: Kinds that stand first.
_FIRST = ("canteen", "health_station")


@bp.get("")
@public
def show() -> ResponseReturnValue:
    """Coverage by grid of one kind, and its facilities."""
    _, published, facts = get_published()
    norms = packaged_norms()
    kinds = sorted(published.coverage["kind"].unique(), key=lambda kind: getattr(norms.get(kind), current(), kind))
    if not kinds:
        raise NotFound
    kind = _asked(kinds)
    rows = published.coverage[published.coverage["kind"] == kind]
    names = dict(zip(published.grids["code"], published.grids["name"], strict=True))
    facilities = published.facilities[published.facilities["kind"] == kind].drop(columns="geometry")
    return render_template(
        "public.html", kind=kind, norm=norms.get(kind), titles={kind: _title(kind) for kind in kinds}, least=LEAST,
        rows=plain_records(rows.assign(name=rows["micro_grid"].map(names))), total=published.total(kind),
        facilities=plain_records(facilities.head(_MOST)), more=max(0, len(facilities) - _MOST), facts=facts,
        approval=current_app.config["MAP_APPROVAL"],
    )


@bp.get("/<kind>.png")
@public
def image(kind: str) -> Response:
    """The map of one kind."""
    version, published, facts = get_published()
    if kind not in set(published.coverage["kind"]):
        raise NotFound
    lang = current()

    def make() -> bytes:
        from gridmap.maps.picture import picture_bytes

        rows = published.coverage[published.coverage["kind"] == kind]
        shown = rows.assign(status=rows["status"].replace("hidden", "no_data"))
        facilities = published.facilities[published.facilities["kind"] == kind]
        return picture_bytes(
            published.grids, measure=f"coverage:{kind}" if rows["coverage"].notna().any() else None,
            layers={**published.ground, "coverage": shown, "facilities": facilities, "grids": published.grids},
            lang=lang, size=(1300, 820), sharpness=1.5, title=facts["name"],
            attribution=facts["attribution"],
        )

    answer = Response(kept_picture(f"{version} {kind} {lang}", make), mimetype="image/png")
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def _asked(kinds: list[str]) -> str:
    asked = request.args.get("kind", "")
    return asked if asked in kinds else next((kind for kind in _FIRST if kind in kinds), kinds[0])


def _title(kind: str) -> str:
    norm = packaged_norms().get(kind)
    return str(getattr(norm, current())) if norm is not None else kind
