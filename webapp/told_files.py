"""Findings and refused rows as files in the reader's language."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd

from layers.finding_words import in_words, say_reason
from layers.schema import LAYERS
from layers.tally import REASON, REASON_ZH
from layers.text import cell_text

__all__ = ["findings_file", "findings_in_words", "refused_file"]


def findings_in_words(frame: pd.DataFrame, lang: str) -> pd.DataFrame:
    """A table of findings with headings and sentences in a language; no cell runs as a formula."""
    told = in_words(frame, lang).drop(columns=["rule"])
    spec = LAYERS["findings"]
    titles = {column.name: str(getattr(column, lang)) for column in spec}
    titles["kind"] = {"zh": "问题类型"}.get(lang, "Kind")
    return told.map(cell_text).rename(columns=titles)


def findings_file(path: Path, lang: str) -> io.BytesIO:
    """The findings of an upload as CSV for Excel and WPS."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return io.BytesIO(findings_in_words(frame, lang).to_csv(index=False).encode("utf-8-sig"))


def refused_file(path: Path, ending: str, lang: str) -> io.BytesIO:
    """Refused rows under their own headings, their reasons in a language, as CSV or as a workbook.

    Parameters
    ----------
    path
        The rows as CSV, as `layers.tally.Tally.write_refused` writes them: made harmless already.
    ending
        csv or xlsx.
    """
    rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    rows[REASON] = [say_reason(text, lang) for text in rows[REASON]]
    if lang == "zh":
        rows = rows.rename(columns={REASON: REASON_ZH})
    out = io.BytesIO()
    if ending == "xlsx":
        rows.to_excel(out, index=False)
    else:
        out.write(rows.to_csv(index=False).encode("utf-8-sig"))
    out.seek(0)
    return out
