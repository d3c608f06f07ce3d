"""All that can go wrong, on one page.

Bad *data* becomes a finding (`layers.findings`); a bad *call* raises one of these. Each message names the
thing, the rule and the next step, in one sentence that a clerk can act on; no message holds a traceback.
"""

from __future__ import annotations

__all__ = [
    "AmbiguousHeading",
    "BadFile",
    "BadSettings",
    "CrsMismatch",
    "DataBroken",
    "GridmapError",
    "MissingLayer",
    "MoveNotAllowed",
    "NoChineseFont",
    "NoDatum",
    "NotACity",
    "NotFound",
    "NotYourArea",
    "StoreBusy",
    "StoreTooNew",
    "StoreTooOld",
    "TooManyCodes",
    "UnknownDatum",
    "UnknownLayer",
    "WrongCall",
]


class GridmapError(Exception):
    """Root of every error that gridmap raises on purpose.

    `exit_code` is what the command line returns: 2 where the call was wrong, 1 where the data broke a promise.
    """

    exit_code = 2


class WrongCall(GridmapError):
    """An argument that the function or command cannot work with."""


class BadSettings(GridmapError):
    """A value in `city.toml` (or in the environment) that breaks its rule."""


class NotACity(GridmapError):
    """A folder or a store that does not hold a city."""


class BadFile(GridmapError):
    """A file that cannot be read: corrupt, of another kind than its name says, or not there."""


class AmbiguousHeading(GridmapError):
    """Two headings of a file that have the same claim to one column."""


class UnknownLayer(GridmapError):
    """A layer name that the schema does not have."""


class MissingLayer(GridmapError):
    """A layer that the work needs and the folder or store does not have."""


class UnknownDatum(GridmapError):
    """Coordinates whose datum nobody has named, or a datum name that does not exist."""


class NoDatum(UnknownDatum):
    """Coordinates of a file whose datum nobody has named; `what` says which file and coordinates."""

    def __init__(self, what: str, choices: str) -> None:
        super().__init__(f"{what} and no datum; say which it is, datum = one of {choices}")
        self.what = what


class CrsMismatch(GridmapError):
    """Two layers in different coordinate systems, or degrees where metres are needed."""


class TooManyCodes(GridmapError):
    """More units under one parent than three digits can number."""


class StoreTooNew(GridmapError):
    """A store written by a newer gridmap."""


class StoreTooOld(GridmapError):
    """A store written by an older gridmap, which `gridmap migrate` brings up to date."""


class StoreBusy(GridmapError):
    """A store that another process is writing to."""


class NotFound(GridmapError):
    """A thing that does not exist, or that the asker may not know to exist."""


class NotYourArea(GridmapError):
    """A thing outside the area that the user's role reaches."""


class MoveNotAllowed(GridmapError):
    """A move that the state of a thing, or the role of the user, does not allow."""


class NoChineseFont(GridmapError):
    """No font on this machine can draw Chinese."""


class DataBroken(GridmapError):
    """Data that breaks a promise so that the work cannot end well."""

    exit_code = 1
