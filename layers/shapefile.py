"""The text of a shapefile: in which encoding it is, and decoding it without losing a cut character.

A `.dbf` holds bytes and mostly does not say which; a `.cpg` beside it should, and is often missing or wrong. GDAL
then takes Western European, and its readers fail on names that were cut inside a character at 10 bytes.
"""

from __future__ import annotations

import codecs
import re
import struct
from pathlib import Path

import numpy as np
import pandas as pd

from layers.errors import BadFile, BadSettings
from layers.findings import Findings

__all__ = ["decode_columns", "shapefile_encoding"]

_BIG5_DRIVER = 0x4F  # language driver of a .dbf written in Taiwan


def shapefile_encoding(
    path: Path,
    *,
    encoding: str | None,
    fallback: str | None = None,
    layer: str,
    findings: Findings,
    name: str | None = None,
) -> str:
    """Encoding of the `.dbf` of a shapefile.

    The argument wins; else the `.cpg`, if every text of the table can be read by it; else UTF-8 or GB18030 (or
    `fallback`), whichever every text can be read by.

    Parameters
    ----------
    path
        Of the `.shp`.
    name
        Name to use in findings and errors.

    Raises
    ------
    BadSettings
        `encoding` is no encoding.
    BadFile
        No candidate can read the text.
    """
    name = name or path.name
    texts, driver = _texts(path)
    if encoding is not None:
        return _known(encoding)
    said = _cpg(path)
    if said is not None:
        if _readable(texts, said):
            return said
        findings.add(
            layer, "wrong_cpg", f"the .cpg says {said}, which the text is not", "encoding found from the text instead",
            file=name,
        )  # fmt: skip
    candidates = ["utf-8", *(["big5hkscs"] if driver == _BIG5_DRIVER else []), fallback or "gb18030"]
    for candidate in candidates:
        if _readable(texts, candidate):
            return candidate
    raise BadFile(f'cannot read the text of {name}: neither UTF-8 nor {candidates[-1]}; name it (encoding = "big5")')


def decode_columns(
    frame: pd.DataFrame, encoding: str, *, layer: str, findings: Findings, name: str
) -> pd.DataFrame:
    """Decode headings and text columns that were read as raw bytes (ISO-8859-1).

    A character cut at the end of a heading or cell is dropped, with a finding.

    Examples
    --------
    >>> raw = pd.DataFrame({"名称".encode().decode("latin-1"): ["王府井".encode()[:-1].decode("latin-1")]})
    >>> findings = Findings()
    >>> decode_columns(raw, "utf-8", layer="roads", findings=findings, name="a.shp").to_dict("list")
    {'名称': ['王府']}
    >>> findings.items[0].rule
    'text_cut'
    """
    cut = 0
    renamed: list[str] = []
    decoded: dict[int, pd.Series] = {}
    for position, heading in enumerate(frame.columns):
        text, broken = _decode(str(heading), encoding)
        cut += broken
        while text in renamed:
            text += "_2"
        renamed.append(text)
        column = frame.iloc[:, position]
        if not (pd.api.types.is_string_dtype(column.dtype) or column.dtype == object):
            continue
        distinct = {value: _decode(value, encoding) for value in column.dropna().unique() if isinstance(value, str)}
        cut += int(column.isin([value for value, (_, broken) in distinct.items() if broken]).sum())
        decoded[position] = column.map({value: text for value, (text, _) in distinct.items()}).astype("str")
    if cut:
        findings.add(
            layer, "text_cut", f"{cut} headings or cells end inside a character", "the piece of a character dropped",
            file=name,
        )  # fmt: skip
    for position, column in decoded.items():
        frame.isetitem(position, column)
    frame.columns = pd.Index(renamed)
    return frame


def _decode(raw: str, encoding: str) -> tuple[str, bool]:
    """Text of bytes carried as ISO-8859-1, and whether it was cut at its end."""
    if raw.isascii():
        return raw, False
    try:
        data = raw.encode("latin-1")
    except UnicodeEncodeError:
        return raw, False  # never was raw bytes
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    text = decoder.decode(data, final=False)
    return text, bool(decoder.getstate()[0])


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise BadSettings(f"{encoding!r} is not an encoding; take one such as utf-8, gb18030 or big5") from None


def _cpg(path: Path) -> str | None:
    """What the `.cpg` says, as a name that Python knows; None where there is none."""
    file = next((path.with_suffix(ending) for ending in (".cpg", ".CPG") if path.with_suffix(ending).is_file()), None)
    if file is None:
        return None
    said = file.read_bytes().decode("ascii", errors="ignore").strip().casefold()
    number = re.search(r"\d{3,5}$", said)
    if re.fullmatch(r"(gbk|gb2312|gb18030|euc-cn|(ansi |oem |cp|ms)?936|54936)", said):
        return "gb18030"  # holds them all
    for name in (said, {"65001": "utf-8"}.get(said, said), f"cp{number[0]}" if number else said):
        try:
            return codecs.lookup(name).name
        except LookupError:
            continue
    return None


def _readable(texts: list[tuple[bytes, bool]], encoding: str) -> bool:
    """Whether every text can be read; one that fills its field may end inside a character."""
    try:
        for text, full in texts:
            codecs.getincrementaldecoder(encoding)().decode(text, final=not full)
    except UnicodeDecodeError:
        return False
    return True


def _texts(path: Path) -> tuple[list[tuple[bytes, bool]], int]:
    """Headings and distinct texts beyond ASCII of the `.dbf`, whether each fills its field, and its language driver."""
    file = next((path.with_suffix(ending) for ending in (".dbf", ".DBF") if path.with_suffix(ending).is_file()), None)
    if file is None:
        return [], 0
    data = file.read_bytes()
    if len(data) < 32:
        return [], 0
    count, start, width = struct.unpack("<IHH", data[4:12])
    fields = [data[at : at + 32] for at in range(32, start - 1, 32) if data[at : at + 1] not in (b"\r", b"")]
    headings = (field[:11].split(b"\0")[0] for field in fields)
    texts = {(heading, len(heading) >= 10) for heading in headings}
    count = min(count, (len(data) - start) // width if width else 0)
    if count > 0:
        records = np.frombuffer(data, dtype=np.uint8, count=count * width, offset=start).reshape(count, width)
        at = 1  # the first byte of a record says whether it is deleted
        for field in fields:
            length = field[16]
            if field[11:12] == b"C" and length:
                column = np.ascontiguousarray(records[:, at : at + length])
                high = (column >= 0x80).any(axis=1)
                if high.any():
                    distinct = np.unique(np.ascontiguousarray(column[high]).view(f"S{length}").ravel())
                    found = (bytes(text).rstrip(b" \0") for text in distinct)
                    # GDAL keeps a few bytes free when it cuts at 254
                    texts.update((text, len(text) > length - 4) for text in found)
            at += length
    return [(text, full) for text, full in texts if not text.isascii()], data[29]
