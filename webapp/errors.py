"""Each error to its status, as a page or as JSON: one sentence, never a traceback."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from layers.errors import GridmapError, MoveNotAllowed, NotFound, NotYourArea, StoreBusy
from webapp.guard import DATA_PATHS
from webapp.language import say, translations
from webapp.refusals import say_refusal

__all__ = ["STATUS", "init_app", "status_of"]

#: Error class -> HTTP status; the first that fits, so children come before parents.
STATUS: dict[type[GridmapError], int] = {
    NotFound: 404, NotYourArea: 403, MoveNotAllowed: 409, StoreBusy: 503, GridmapError: 422,
}

_log = logging.getLogger(__name__)


def status_of(error: GridmapError) -> int:
    """The HTTP status of an error.

    Examples
    --------
    >>> status_of(NotFound("there is no layer")), status_of(GridmapError("no"))
    (404, 422)
    """
    return next(status for kind, status in STATUS.items() if isinstance(error, kind))


def init_app(app: Flask) -> None:
    """Turn every error into an answer."""

    @app.errorhandler(GridmapError)
    def ours(error: GridmapError) -> Response:
        return _answer(status_of(error), say_refusal(error))

    @app.errorhandler(CSRFError)
    def forged(error: CSRFError) -> Response:
        answer = _answer(400, say("error.form_expired"))
        answer.headers["X-Gridmap-Form"] = "expired"  # a script that sends a form may fetch a token and send it again
        return answer

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        answer = _answer(error.code or 500, "")
        if error.code == 405 and "Allow" in error.get_response().headers:
            answer.headers["Allow"] = error.get_response().headers["Allow"]
        return answer

    @app.errorhandler(Exception)
    def bug(error: Exception) -> Response:
        # the log has the traceback; the reader gets a sentence
        _log.exception("%s %s", request.method, request.path)
        return _answer(500, "")


def _answer(status: int, message: str) -> Response:
    key = f"error.{status}"
    title = say(key if key in translations()["en"] else "error.other")
    if request.path.startswith(DATA_PATHS) or request.accept_mimetypes.best == "application/json":
        answer = jsonify(error=title, message=message)
        answer.status_code = status
        return answer
    return make_response(render_template("error.html", status=status, title=title, message=message), status)
