"""Where every row of a file went: kept, refused with its reason, or merged into an earlier one; none is lost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers.cells import repeated_rows
from layers.errors import BadFile
from layers.findings import Finding, Findings
from layers.places import points_of
from layers.rows import tell_rows
from layers.schema import Layer
from layers.text import cell_text

__all__ = ["REASON", "REASON_ZH", "Tally", "merge_same_rows", "refuse", "tally_of"]

#: Heading of the column that refused rows get, and what a Chinese reader is given in its place.
REASON, REASON_ZH = "gridmap_reason", "退回原因"


@dataclass(frozen=True)
class Tally:
    """What became of the rows of one file: `rows` = `kept` + len(`refused`) + `merged`.

    `refused` holds the refused rows under the file's own headings with the reason, and geometry as WKT, ready to be
    corrected and sent again.
    """

    layer: str
    file: str
    rows: int
    kept: int
    merged: int = 0
    refused: pd.DataFrame = field(default_factory=pd.DataFrame)

    def write_refused(self, path: str | Path) -> None:
        """Write the refused rows as CSV (UTF-8 with a byte-order mark) or, by the ending, as a workbook.

        Raises
        ------
        BadFile
            The file cannot be written.
        """
        path = Path(path)
        safe = self.refused.map(cell_text)
        try:
            if path.suffix.lower() == ".xlsx":
                safe.to_excel(path, index=False)
            else:
                safe.to_csv(path, index=False, encoding="utf-8-sig")
        except OSError as error:
            raise BadFile(f"cannot write {path.name}: {error.strerror}; check its folder and rights") from None


def merge_same_rows(
    frame: pd.DataFrame,
    layer: Layer,
    *,
    findings: Findings,
    file: str | None = None,
    points: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """Leave out rows that repeat an earlier one in every cell and in their place.

    Only rows with a code, or else with a name and a place, are merged: two reports without a number from one address
    may be two reports, and two footprints on one another may be two floors.

    Parameters
    ----------
    points
        Places of the rows as numbers, NaN for nowhere, where the frame has no geometry.

    Returns
    -------
    (frame, merged): the rows kept on their index, and a mask over the rows given.

    Examples
    --------
    >>> from layers.schema import layer
    >>> frame = pd.DataFrame({"code": ["1", "1", "1"], "name": ["a", "a", "b"], "source_row": [2, 3, 4]})
    >>> findings = Findings()
    >>> kept, merged = merge_same_rows(frame, layer("staff"), findings=findings)
    >>> kept["source_row"].tolist(), merged.tolist(), findings.items[0].rule
    ([2, 4], [False, True, False], 'same_row')
    """
    none = np.zeros(len(frame), dtype=bool)
    keys = [name for name in ("code", "name") if name in frame.columns]
    if not keys or frame.empty:
        return frame, none
    key = frame[keys[0]]
    if len(keys) == 2 and key.isna().any():
        key = key.astype("object").where(key.notna(), frame["name"])
    suspects = repeated_rows(key)
    if not suspects.any():
        return frame, none
    part = frame[suspects]
    if points is not None:
        part = gpd.GeoDataFrame(part, geometry=points_of(points[0][suspects], points[1][suspects]))
    columns = [name for name in part.columns if name not in ("source_row", "source_file", "geometry")]
    cells = part[columns].astype("object").where(part[columns].notna(), None).map(str)
    if isinstance(part, gpd.GeoDataFrame):
        shapes = part.geometry.array
        cells["shape"] = shapely.to_wkb(shapely.normalize(shapes), hex=True)
        placed = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
        coded = part["code"].notna().to_numpy() if "code" in part.columns else np.zeros(len(part), dtype=bool)
        same = cells.duplicated().to_numpy() & (placed | coded)
    else:
        same = cells.duplicated().to_numpy()
    merged = none.copy()
    merged[suspects] = same
    if merged.any():
        tell_rows(
            findings, layer.name, "same_row", "the same as an earlier row in every cell", "merged with it",
            frame["source_row"][merged], level="note", file=file,
        )  # fmt: skip
    return frame[~merged], merged


def tally_of(
    original: pd.DataFrame, kept: pd.Series, merged: int, layer: str, file: str, findings: Iterable[Finding]
) -> Tally:
    """Count the rows of a file, and gather those refused with their reasons.

    Parameters
    ----------
    original
        Rows as read, under the file's headings, with `source_row`.
    kept
        `source_row` of the rows kept or merged.
    findings
        Those of level error on a row of this file say why it was refused.

    Examples
    --------
    >>> original = pd.DataFrame({"名称": ["甲", "乙"], "source_row": [2, 3]})
    >>> told = Findings()
    >>> told.add("buildings", "no_geometry", "row 3: no geometry", "row left out", level="error", row=3, file="a.csv")
    >>> done = tally_of(original, pd.Series([2]), 0, "buildings", "a.csv", told)
    >>> done.rows, done.kept, done.refused.to_dict("list")
    (2, 1, {'名称': ['乙'], 'gridmap_reason': ['row 3: no geometry']})
    """
    rows = original["source_row"]
    if len(kept) == len(rows) and np.array_equal(kept.to_numpy(), rows.to_numpy()):
        refused = original.iloc[:0]
    else:
        refused = original[~rows.isin(kept)]
    table = _refused(refused, layer, file, findings)
    return Tally(layer, file, len(original), len(original) - len(refused) - merged, merged, table)


def refuse(
    tally: Tally, original: pd.DataFrame, rows: Iterable[int], findings: Iterable[Finding], *, merged: int = 0
) -> Tally:
    """A tally in which rows that were kept are refused after all, with the reasons that the findings give.

    Parameters
    ----------
    original
        Rows as read, under the file's headings, with `source_row`.
    rows
        Numbers of the rows (`source_row`).
    merged
        So many more of the kept rows are merged.

    Examples
    --------
    >>> original = pd.DataFrame({"名称": ["甲", "乙"], "source_row": [2, 3]})
    >>> told = Findings()
    >>> told.add("estates", "outside_area", "outside your area", "refused", level="error", row=3, file="a.csv")
    >>> done = refuse(Tally("estates", "a.csv", 2, 2), original, [3], told)
    >>> done.kept, done.refused.to_dict("list")
    (1, {'名称': ['乙'], 'gridmap_reason': ['outside your area']})
    """
    out = original[original["source_row"].isin(set(rows))]
    table = _refused(out, tally.layer, tally.file, findings)
    parts = [part for part in (tally.refused, table) if len(part)]
    whole = pd.concat(parts, ignore_index=True) if parts else tally.refused
    return replace(tally, kept=tally.kept - len(out) - merged, merged=tally.merged + merged, refused=whole)


def _refused(refused: pd.DataFrame, layer: str, file: str, findings: Iterable[Finding]) -> pd.DataFrame:
    """Refused rows under the file's own headings, with the reason."""
    reasons: dict[int, list[str]] = {}
    whole: list[str] = []
    if len(refused):
        for item in findings:
            if item.level == "error" and item.layer == layer and item.file == file:
                if item.row is None:
                    whole.append(item.what)
                else:
                    reasons.setdefault(item.row, []).append(item.what)
    rows = refused["source_row"].tolist()
    text = ["; ".join(reasons.get(int(row), whole)) or "left out" for row in rows]
    table = pd.DataFrame(refused.drop(columns=["source_row", "geometry"], errors="ignore"))
    if "geometry" in refused.columns:
        shapes = np.asarray(refused["geometry"].array, dtype=object)
        table["wkt"] = [None if shape is None or shape.is_empty else shape.wkt for shape in shapes]
    return table.reset_index(drop=True).assign(**{REASON: pd.Series(text, dtype="str")})
