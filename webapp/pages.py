"""One page of a long list: which rows, and the addresses of the pages around it."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import request

__all__ = ["Page"]


class Page:
    """The part of a list that `?page=N` asks for, from 1 on; the last one where there are not so many.

    Parameters
    ----------
    rows
        Of the whole list.
    size
        Rows of a page.
    """

    def __init__(self, rows: int, size: int) -> None:
        asked = request.args.get("page", "1")
        self.rows, self.last = rows, max(1, -(-rows // size))
        number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 8 else 1
        self.number = min(max(1, number), self.last)
        self.skip = (self.number - 1) * size

    def address(self, number: int) -> str:
        """The same page of the service at another part of the list."""
        asked = {name: value for name, value in request.args.items() if name not in ("page", "done")}
        return f"{request.path}?{urlencode({**asked, 'page': number})}"
