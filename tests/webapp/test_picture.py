"""The map as a picture over the web: within one's area, and nothing of another's."""

from __future__ import annotations

import io

import numpy as np
from flask.testing import FlaskClient
from PIL import Image

from tests.webapp.small_city import CODES, GRIDS, STREETS


def test_a_leader_gets_the_picture_of_the_own_grid(clients: dict[str, FlaskClient]) -> None:
    answer = clients["grid_leader"].get("/picture.png?measure=households")
    assert answer.status_code == 200 and answer.content_type == "image/png"
    whole = clients["planner"].get("/picture.png?measure=households")
    own = clients["planner"].get(f"/picture.png?measure=households&within={GRIDS[0]}")
    as_pixels = [np.asarray(Image.open(io.BytesIO(each.data)).convert("RGB")) for each in (answer, whole, own)]
    assert (as_pixels[0] != as_pixels[1]).any()
    assert "private" in answer.headers["Cache-Control"]


def test_a_unit_elsewhere_is_not_drawn(clients: dict[str, FlaskClient]) -> None:
    for asked in (GRIDS[1], STREETS[1], CODES[-1], "990102"):
        assert clients["grid_leader"].get(f"/picture.png?within={asked}").status_code == 404, asked
    assert clients["grid_leader"].get(f"/picture.svg?within={CODES[0]}&chosen={CODES[-1]}").status_code == 422
    assert clients["street_office"].get(f"/picture.svg?within={STREETS[0]}").status_code == 200


def test_what_cannot_be_drawn_is_said(clients: dict[str, FlaskClient]) -> None:
    answer = clients["planner"].get("/picture.png?measure=luck")
    assert answer.status_code == 422 and "Traceback" not in answer.text
    assert clients["planner"].get("/picture.gif").status_code == 404


def test_a_picture_names_its_unit_and_its_day(clients: dict[str, FlaskClient]) -> None:
    """What is asked for is what is drawn: another unit, another day give another picture, and not of another's area."""
    planner = clients["planner"]
    named = planner.get(f"/picture.svg?within={GRIDS[0]}&measure=households")
    old = planner.get(f"/picture.svg?within={GRIDS[0]}&measure=households&day=2026-11-20")
    assert named.status_code == old.status_code == 200 and named.data != old.data
    assert planner.get(f"/picture.svg?within={GRIDS[0]}&day=2026-02-30").status_code == 422
    # the city was built on the first of November; what was before it is not drawn as if it had been
    assert planner.get(f"/picture.svg?within={GRIDS[0]}&day=2026-10-30").status_code == 404
    assert clients["grid_leader"].get(f"/picture.svg?within={GRIDS[1]}&day=2026-11-20").status_code == 404
