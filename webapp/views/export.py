"""Take one's own area away as files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from flask import Blueprint, Response, render_template, send_file
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import SelectField, SelectMultipleField, SubmitField
from wtforms.widgets import CheckboxInput, ListWidget

from gridmap.delivery import export_layers
from layers.schema import LAYERS
from webapp.guard import get_seen, get_user, needs
from webapp.language import current, say

__all__ = ["bp"]

bp = Blueprint("export", __name__)

_FORMATS = ("shapefile", "geopackage", "geojson", "csv", "xlsx", "kml")


class ExportForm(FlaskForm):
    """Which layers, and how written."""

    layers = SelectMultipleField(widget=ListWidget(prefix_label=False), option_widget=CheckboxInput())
    format = SelectField(choices=[(name, name) for name in _FORMATS])
    encoding = SelectField(choices=[("gb18030", "GB18030"), ("utf-8", "UTF-8")])
    datum = SelectField()
    names = SelectField(choices=[("zh", "中文"), ("en", "English")])
    submit = SubmitField()


@bp.route("/export", methods=["GET", "POST"])
@needs("export.make")
def show() -> ResponseReturnValue:
    """The form; then a .zip with the layers, within the asker's reach and columns."""
    seen = get_seen()
    form = ExportForm()
    lang = current()
    present = [name for name in seen.layers() if name != "findings"]
    form.layers.choices = [(name, getattr(LAYERS[name], lang)) for name in present]
    form.datum.choices = [
        ("", say("export.datum_city")), ("wgs84", "WGS 84"), ("cgcs2000", "CGCS2000"), ("gcj02", "GCJ-02"),
        ("bd09", "BD-09"),
    ]
    if not form.is_submitted():
        form.layers.data = [name for name in ("micro_grids",) if name in present]
        form.names.data = lang
    if form.validate_on_submit() and form.layers.data:
        return _delivery(form)
    if form.is_submitted() and not form.layers.data:
        form.layers.errors = [say("export.none_chosen")]
    counts = {name: seen.count(name) for name in present}
    return render_template("export.html", form=form, counts=counts, user=get_user())


def _delivery(form: ExportForm) -> Response:
    seen = get_seen()
    with tempfile.TemporaryDirectory(prefix="gridmap-") as folder:
        path = Path(folder) / "gridmap.zip"
        made = export_layers(
            seen,  # type: ignore[arg-type]  # reads as a store does, within what the person may see
            form.layers.data, path, within=seen.reach, format=form.format.data, encoding=form.encoding.data,
            datum=form.datum.data or None, names=form.names.data,
        )
        # open before the folder goes; the file is gone with the last reader
        content = made.path.open("rb")
    name = f"gridmap-{'-'.join(form.layers.data)[:60]}.zip"
    return send_file(content, mimetype="application/zip", as_attachment=True, download_name=name)
