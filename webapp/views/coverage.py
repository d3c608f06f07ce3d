"""Whom each kind of facility reaches: a map, the households and groups beyond the norm, units, gaps by rank."""

from __future__ import annotations

import json
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from flask.typing import ResponseReturnValue

from gridmap.ask_coverage import UNITS, coverage_kinds, coverage_of, coverage_table
from gridmap.ask_what_if import Step
from gridmap.maps.assets import outside_links
from gridmap.table_file import TABLE_TYPES, table_file
from layers.errors import MissingLayer, NotFound
from webapp.city_map import city_parts, lived_in, made_at
from webapp.guard import get_seen, get_user, needs
from webapp.language import current
from webapp.replies import data_answer, kept_text

__all__ = ["bp"]

bp = Blueprint("coverage", __name__)

#: Rows of the table by unit, and gaps, on the page; the files have all.
_MOST, _MOST_GAPS = 60, 20


def _kinds() -> str:
    try:
        return _json(coverage_kinds(get_seen(), norms=get_seen().norms()))
    except MissingLayer:
        return "[]"


def _one(kind: str) -> str:
    found = coverage_of(get_seen(), kind, norms=get_seen().norms())
    return _json({
        "kind": found.kind, "norm": found.norm, "needs": found.needs,
        "units": json.loads(found.units.to_json(orient="records", force_ascii=False)),
        "gaps": json.loads(found.gaps.to_json(orient="records", force_ascii=False)),
    })  # fmt: skip


def _shown(kind: str) -> str:
    """Of a kind what the page shows: the first rows of each table, and how many there are."""
    told = json.loads(kept_text(f"coverage {kind}", lambda: _one(kind)))
    by_level: dict[str, list[Any]] = {name: [] for name in UNITS}
    for row in told.pop("units"):
        by_level[row["level"]].append(row)
    gaps = told.pop("gaps")
    for gap in gaps[:_MOST_GAPS]:
        if gap.get("lon") is not None:
            gap["step"] = Step(what="add", name=kind, place=(gap["lon"], gap["lat"])).text()
    return _json({
        **told, "gaps": gaps[:_MOST_GAPS], "n_gaps": len(gaps),
        "tables": {name: {"rows": rows[:_MOST], "n_rows": len(rows)} for name, rows in by_level.items() if rows},
    })  # fmt: skip


@bp.get("/coverage")
@needs("coverage.view")
def show() -> ResponseReturnValue:
    """All kinds, or `kind` in full with the table of the units of a `level`."""
    kinds = json.loads(kept_text("coverage kinds", _kinds))
    kind, told, level = request.args.get("kind", ""), None, ""
    if kind:
        told = json.loads(kept_text(f"coverage page {kind}", lambda: _shown(kind)))
        tables = told.pop("tables")
        present = list(tables)
        level = request.args.get("level", "")
        level = level if level in present else next((name for name in ("communities", *present) if name in present), "")
        told |= {"levels": present, "rows": [], "n_rows": 0, **tables.get(level, {})}
    seen = get_seen()
    meta = seen.meta()
    known = [row for row in kinds if row["households"] > row["unknown"]]
    # without a choice the map shows the kind that reaches fewest
    drawn = kind or (known[0]["kind"] if known else "")
    parts = city_parts(seen, measure=f"coverage:{drawn}" if drawn else None)
    page = render_template(
        "coverage.html", parts=parts, city=meta.get("name", ""), made=made_at(meta),
        lived=lived_in(seen), kinds=kinds, kind=kind, told=told,
        level=level, user=get_user(),
        known=known, drawn=drawn,
        unknown=[row for row in kinds if row["households"] <= row["unknown"]],
    )
    assert not outside_links(page), "the map page must ask no other host"
    return page


@bp.get("/coverage.json")
@needs("coverage.view")
def figures() -> Response:
    """The same as JSON: the list of kinds, or one `kind` with units and gaps."""
    kind = request.args.get("kind", "")
    return data_answer(f"coverage {kind}", lambda: _one(kind)) if kind else data_answer("coverage kinds", _kinds)


@bp.get("/coverage.<any(csv, xlsx):table>")
@needs("coverage.view")
def table(table: str) -> Response:
    """Every unit of a `kind` as a table to take away."""
    kind = request.args.get("kind", "")
    try:
        frame = coverage_table(get_seen(), kind, lang=current())
    except MissingLayer as error:
        raise NotFound(str(error)) from error
    answer = make_response(table_file(frame, table))
    answer.headers["Content-Type"] = TABLE_TYPES[table]
    name = "".join(letter for letter in kind if letter.isascii() and (letter.isalnum() or letter == "_"))
    answer.headers["Content-Disposition"] = f"attachment; filename=coverage-{name or 'kind'}.{table}"
    return answer


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
