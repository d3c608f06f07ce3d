"""Headers that keep a page to itself: a strict content security policy with a nonce, and what goes with it."""

from __future__ import annotations

import secrets

from flask import Flask, Response, g
from werkzeug.middleware.proxy_fix import ProxyFix

__all__ = ["init_app", "nonce", "policy"]


def nonce() -> str:
    """The number used once with which this answer's own scripts and styles are marked."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    return g.nonce


def policy(mark: str) -> str:
    """The content security policy: nothing but our own files and marked tags, no frame, no other host."""
    return (
        f"default-src 'none'; script-src 'nonce-{mark}'; worker-src 'self'; style-src 'self' 'nonce-{mark}'; "
        "img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    )


def init_app(app: Flask) -> None:
    """Put the headers on every answer."""
    hops = int(app.config["PROXIES"])
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.jinja_env.globals["nonce"] = nonce

    @app.after_request
    def protect(answer: Response) -> Response:
        answer.headers["Content-Security-Policy"] = policy(nonce())
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "same-origin"
        answer.headers["X-Frame-Options"] = "DENY"
        answer.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        answer.headers["Permissions-Policy"] = "geolocation=(self), camera=(), microphone=()"
        if app.config["HTTPS"]:
            answer.headers["Strict-Transport-Security"] = "max-age=31536000"
        # what was shown to one person is kept by nobody else
        answer.headers.setdefault("Cache-Control", "private, no-store")
        return answer
