"""What Python raises for a zip that is cut off, damaged, locked or packed in a way it does not know."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib

__all__ = ["ZIP_ERRORS"]

#: `zipfile` lets the errors of the packers below it through.
ZIP_ERRORS = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, OSError,
    OverflowError, RuntimeError, ValueError,
)  # fmt: skip
