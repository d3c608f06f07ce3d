"""What every test may ask for; a missing tool or data set is a skip with its reason, or a failure in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def absent(reason: str) -> None:
    """Skip with the reason, or fail where GRIDMAP_NO_SKIPS says that nothing may be missing."""
    if os.environ.get("GRIDMAP_NO_SKIPS"):
        pytest.fail(f"{reason} (GRIDMAP_NO_SKIPS is set)")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real districts, beside the checkout or where GRIDMAP_SHARED_DATA says."""
    folder = Path(os.environ.get("GRIDMAP_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "README.md").is_file():
        absent(f"no real districts at {folder}; set GRIDMAP_SHARED_DATA")
    return folder


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium that Playwright can drive."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        absent("no Chromium on this machine; apt-get install chromium")
    assert path is not None
    return path
