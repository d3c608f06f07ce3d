"""What Python raises for a zip that is cut off, damaged, locked or packed in a way it does not know; names in zips."""

from __future__ import annotations

import contextlib
import lzma
import struct
import zipfile
import zlib

__all__ = ["ZIP_ERRORS", "member_name"]

#: `zipfile` lets the errors of the packers below it through.
ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, OSError,
    OverflowError, RuntimeError, ValueError,
)  # fmt: skip


def member_name(member: zipfile.ZipInfo) -> str:
    """Name of a file in a zip with its folders; Windows writes it in GBK without saying so.

    Examples
    --------
    >>> member_name(zipfile.ZipInfo("社区.shp".encode("gb18030").decode("cp437")))
    '社区.shp'
    """
    name = member.filename
    if not member.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):  # a tongue that nobody said
            name = name.encode("cp437").decode("gb18030")
    return name
