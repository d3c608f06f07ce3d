"""The units that a city already has, read off its layers: what is kept, and the outline that all of it fills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from gridmap.micro_grids.codes import LENGTHS
from gridmap.micro_grids.levels import LEVELS
from layers.errors import BadSettings, MissingLayer
from layers.findings import Findings

__all__ = ["Given", "find_given", "report_crowded"]

#: First six digits of codes where a city gives none: no province has 99 (GB/T 2260).
MADE_UP_DISTRICT = "990101"


@dataclass
class Given:
    """Given units by level, each frame ordered by code, with codes that are right or None.

    `areas` are the geometries in the order of `levels`, for the fabric.
    """

    frames: dict[str, gpd.GeoDataFrame]
    outline: shapely.Geometry
    crs: pyproj.CRS | None
    root: str
    name: str

    @property
    def levels(self) -> list[str]:
        """Levels that are given, from the top down."""
        return [level for level in LEVELS if level in self.frames]

    @property
    def areas(self) -> list[np.ndarray]:
        """Geometry of each given level."""
        return [self.frames[level].geometry.to_numpy() for level in self.levels]

    def of_cells(self, units: np.ndarray) -> dict[str, np.ndarray]:
        """Position of the given unit of each cell by level; upper levels follow from the codes of lower ones.

        Where a street (or another level) is not given, or only some of it, but the codes of lower units tell it apart,
        units of one street are kept together: their number counts on after the given ones, by their code.
        """
        found = {level: units[:, number] for number, level in enumerate(self.levels)}
        for number in range(len(LEVELS) - 2, -1, -1):
            level, below = LEVELS[number], LEVELS[number + 1]
            if below not in found:
                continue
            given = found.get(level, np.full(len(units), -1, dtype=np.int64))
            lower = found[below]
            if ((given < 0) & (lower >= 0)).any():
                given = np.where((given < 0) & (lower >= 0), self.implied(level)[np.maximum(lower, 0)], given)
            if level in found or (given >= 0).any():
                found[level] = given
        return found

    def implied(self, level: str) -> np.ndarray:
        """Number of the unit of a level that the code of each unit below it implies, -1 where none does.

        Units of the level that are given keep to their own ground: only codes that none of them has count, on from
        the given ones.
        """
        prefixes = [None if code is None else code[: LENGTHS[level]] for code in self.codes(_below(level))]
        known = self._own_codes(level)
        names = sorted({prefix for prefix in prefixes if prefix is not None} - set(known))
        if names:
            self._derived[level] = names
        number_of = {name: len(known) + place for place, name in enumerate(names)}
        return np.array([number_of.get(str(prefix), -1) for prefix in prefixes], dtype=np.int64)

    def __post_init__(self) -> None:
        self._derived: dict[str, list[str]] = {}

    def codes(self, level: str) -> list[str | None]:
        """Codes of the given units of a level, then of those that only lower codes imply."""
        return [*self._own_codes(level), *self._derived.get(level, [])]

    def _own_codes(self, level: str) -> list[str | None]:
        frame = self.frames.get(level)
        return [] if frame is None else [None if code is None else str(code) for code in frame["code"]]

    def code(self, level: str, position: int) -> str | None:
        """Code of a given unit, or of a unit that lower codes imply; None where it has none."""
        codes = self.codes(level)
        return codes[position] if 0 <= position < len(codes) else None

    def row(self, level: str, position: int) -> pd.Series | None:
        """The given row of a unit; None for one that only lower codes imply."""
        if level not in self.frames or not 0 <= position < len(self.frames[level]):
            return None
        return self.frames[level].iloc[position]


def _below(level: str) -> str:
    return LEVELS[LEVELS.index(level) + 1]


def find_given(
    layers: Mapping[str, gpd.GeoDataFrame], *, code: str | None, name: str, findings: Findings
) -> Given:
    """Read the given units off the layers.

    Parameters
    ----------
    layers
        Frames by name, metric CRS.
    code
        Code of the city, street or community as a whole, for a single unit without one.
    name
        Name of the city.
    findings
        Codes that cannot be kept are written down.

    Raises
    ------
    MissingLayer
        Where no level is given: there is no outline.
    BadSettings
        Where `code` is not 6, 9 or 12 digits.
    """
    if code is not None and not (code.isascii() and code.isdigit() and len(code) in (6, 9, 12)):
        raise BadSettings(f"[city] code must be 6, 9 or 12 digits as text, not {code!r}")
    frames: dict[str, gpd.GeoDataFrame] = {}
    for level in LEVELS:
        frame = layers.get(level)
        if frame is None or not len(frame):
            continue
        frame = frame[~(frame.geometry.isna() | frame.geometry.is_empty)]
        if len(frame):
            frames[level] = _with_codes(level, frame, code, findings)
    if not frames:
        raise MissingLayer(
            "there is no outline to split; add one of the layers districts, streets, communities, grids with the area"
        )
    top = next(iter(frames))
    outline = shapely.union_all(shapely.force_2d(frames[top].geometry.to_numpy()))
    parts = [part for part in shapely.get_parts(outline) if part.geom_type == "Polygon" and part.area > 0]
    outline = shapely.multipolygons(parts) if len(parts) > 1 else parts[0]
    root = (code or "")[:6] or MADE_UP_DISTRICT
    if code is None and not any(frame["code"].notna().any() for frame in frames.values()):
        findings.add(
            top, "code_made_up", "no unit has a code, and city.toml has no [city] code",
            f"codes begin with {MADE_UP_DISTRICT}, which no district has", level="note", field="code",
        )  # fmt: skip
    return Given(frames, outline, frames[top].crs, root, name)


def _with_codes(level: str, frame: gpd.GeoDataFrame, code: str | None, findings: Findings) -> gpd.GeoDataFrame:
    """The frame ordered by code and place, with codes of the right length or None."""
    length = LENGTHS[level]
    frame = frame.copy()
    codes = frame["code"].astype("object") if "code" in frame else pd.Series(None, index=frame.index, dtype="object")
    codes = codes.where(codes.notna(), None)
    if len(frame) == 1 and codes.iloc[0] is None and code is not None and len(code) >= length:
        codes.iloc[0] = code[:length]
    for index, value in codes.items():
        if value is not None and not (str(value).isascii() and str(value).isdigit() and len(str(value)) == length):
            findings.add(
                level, "code_not_kept", f"code {value} of {frame['name'].get(index, '') if 'name' in frame else ''} "
                f"is not {length} digits", "a new code is given; the old one stays in given_code",
                code=value, field="code",
            )  # fmt: skip
    valid = codes.map(lambda value: value is not None and str(value).isdigit() and len(str(value)) == length)
    valid &= ~codes.duplicated().where(codes.notna(), False)
    if (codes.notna() & ~valid).any():
        frame["given_code"] = codes.where(codes.notna() & ~valid, None)
    frame["code"] = codes.where(valid, None)
    centre = frame.geometry.centroid
    order = np.lexsort((np.round(centre.x, 3), -np.round(centre.y, 3), frame["code"].fillna("~").astype(str)))
    return frame.iloc[order].reset_index(drop=True)


def report_crowded(communities: gpd.GeoDataFrame, *, households: int, residents: int, findings: Findings) -> None:
    """A finding for each given community of more households or residents than the norm; derived ones keep it.

    Parameters
    ----------
    communities
        Rows with `code`, `name`, `households`, `residents` and `derived`.
    households, residents
        The most that a community should hold.
    findings
        Where it is written down.
    """
    for row in communities[~communities["derived"].astype(bool)].to_dict("records"):  # few
        people = 0 if pd.isna(row["residents"]) else int(row["residents"])
        over = [
            f"{count:,} {what} (the norm is at most {most:,})"
            for count, most, what in ((row["households"], households, "households"), (people, residents, "residents"))
            if count > most
        ]
        if over:
            findings.add(
                "communities", "community_over_norm", f"{row['name']} has {' and '.join(over)}",
                "kept as given; think of dividing it", level="warning", code=row["code"],
            )  # fmt: skip
