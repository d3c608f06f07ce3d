"""The card of a micro-grid: on the page, as PDF, for whom."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import numpy as np
import pypdf
import pytest
import zxingcpp
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from gridmap.maps.notice import qr_png, qr_svg
from gridmap.stores import open_store
from tests.webapp.small_city import AREAS, CODES, GRIDS, in_reach, log_in


@pytest.mark.parametrize("role", list(AREAS))
def test_cards_are_given_within_the_area_alone(clients: dict[str, FlaskClient], role: str) -> None:
    for code in (CODES[0], CODES[5], CODES[-1]):
        for ending in ("", ".pdf", ".png"):
            answer = clients[role].get(f"/card/{code}{ending}")
            assert answer.status_code == (200 if in_reach(role, code) else 403), (role, code, ending)
    assert clients[role].get("/card/nothing").status_code in (403, 404)
    assert clients["nobody"].get(f"/card/{CODES[0]}.pdf").status_code == 302


def test_who_sees_no_numbers_finds_none_on_the_card(clients: dict[str, FlaskClient]) -> None:
    code = CODES[0]
    assert "13900000000" in clients["grid_leader"].get(f"/card/{code}").text
    for role in ("planner",):
        page = clients[role].get(f"/card/{code}").text
        assert "13900000000" not in page and f"员{code}" not in page


def test_the_card_names_units_above_that_the_reader_may_not_enter(clients: dict[str, FlaskClient]) -> None:
    page = clients["grid_leader"].get(f"/card/{CODES[0]}").text
    assert f"街道{CODES[0][:9]} · 社区{CODES[0][:12]} · 网格{GRIDS[0]}" in page


def test_the_pdf_is_one_sheet_with_the_words_of_the_page(clients: dict[str, FlaskClient]) -> None:
    code = CODES[3]  # its nearest canteen lies across the street, in another area
    content = clients["grid_leader"].get(f"/card/{code}.pdf").data
    made = pypdf.PdfReader(io.BytesIO(content))
    assert len(made.pages) == 1
    width, height = (round(float(side) / 72 * 25.4) for side in made.pages[0].mediabox[2:])
    assert (width, height) == (210, 297)
    text = made.pages[0].extract_text().replace("\x00", "")
    people = (f"微网格{code}"[:8], "网格员", f"员{code}"[:6], "13900000000")
    for word in (*people, "社区食堂", "附近服务", "步行约 240 米 · 4 分钟"):
        assert word in text, word
    assert content == clients["grid_leader"].get(f"/card/{code}.pdf").data


def test_a_telephone_reads_the_code_as_the_page_of_reports(clients: dict[str, FlaskClient]) -> None:
    address = f"http://localhost/incidents/new?micro_grid={CODES[0]}"
    picture = np.asarray(Image.open(io.BytesIO(qr_png(address))).convert("L"))
    assert [code.text for code in zxingcpp.read_barcodes(picture)] == [address]
    page = clients["grid_leader"].get(f"/card/{CODES[0]}").text
    drawn = re.search(r'<path[^>]* d="([^"]+)"', page)
    assert drawn is not None and drawn.group(1) in qr_svg(address)


def test_a_card_that_was_asked_before_follows_people_words_and_address(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client, planner = log_in(app, "grid_leader"), log_in(app, "planner")
    page = f"/card/{CODES[0]}"
    before = client.get(page).text
    # kept, and only for the same role, language and address
    assert "13900000000" in before and "13900000000" not in planner.get(page).text
    assert "附近服务" in before and "Services nearby" in client.get(f"{page}?lang=en").text
    client.get(f"{page}?lang=zh")
    app.config["ADDRESS"] = "http://10.0.0.8:8000/"
    assert qr_svg(f"http://10.0.0.8:8000/incidents/new?micro_grid={CODES[0]}") in client.get(page).text
    with open_store(app.config["CITY"]) as store:
        staff = store.read("staff")
        store.write("staff", staff.assign(name=staff["name"].str.replace("员", "新")))
    after = client.get(page).text
    assert f"新{CODES[0]}" in after and f"员{CODES[0]}" not in after
