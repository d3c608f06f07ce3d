"""What belongs to this installation and to no other: the key that signs sessions."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["secret_key"]


def secret_key(folder: Path) -> str:
    """The key of this installation, made at the first start and readable by its owner alone.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> secret_key(folder) == secret_key(folder), oct((folder / "secret_key").stat().st_mode & 0o777)
    (True, '0o600')
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "secret_key"
    try:
        # two services that start at once agree on the key of the first
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        key = secrets.token_hex(32)
        file.write(key)
    return key
