"""Each role's own pages and what each comes for, on a desk and on a phone, in Monaco: nobody drew it for tests."""

from __future__ import annotations

import pytest

from tests.webapp.test_roles_walk import (  # noqa: F401 - its tests, here in another town
    browser,
    test_the_pages_of_a_role,
    test_what_a_role_comes_for,
    town,
)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def which() -> str:
    """Name of the town."""
    return "monaco"
