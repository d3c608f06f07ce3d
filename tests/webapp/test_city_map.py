"""The map in pieces: what is kept is what would be drawn, and nobody is given what was drawn for another."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from flask import Flask
from flask_login import login_user

from gridmap.city_tiles import make_tiles
from gridmap.maps.page import page_parts
from gridmap.stores import open_store
from webapp import create_app, incident_parts
from webapp.auth import LoggedIn
from webapp.city_map import Link, Parts, city_map, city_parts
from webapp.guard import get_seen
from webapp.incident_parts import small_map
from webapp.store import get_account

#: Folium numbers its elements anew in each drawing.
_NUMBER = re.compile(r"[0-9a-f]{32}")


@pytest.fixture
def site(built: Path, tmp_path: Path) -> Flask:
    """The service of a copy of the sample town."""
    with open_store(built):
        shutil.copy(built, tmp_path / "city.gpkg")
    return create_app(tmp_path / "city.gpkg", INSTANCE=tmp_path, TESTING=True, PROPAGATE_EXCEPTIONS=False)


def _parts(site: Flask, who: str, kind: str = "", *, plainly: bool = False, lang: str = "zh") -> Parts:
    """The pieces for one account: kept, or drawn plainly."""
    with site.test_request_context(f"/?lang={lang}"):
        account = get_account(who)
        assert account is not None
        login_user(LoggedIn(account))
        seen, measure = get_seen(), f"coverage:{kind}" if kind else None
        if not plainly:
            return city_parts(seen, measure=measure, past="/past/")
        drawn = page_parts(city_map(seen, measure=measure, past="/past/"))
        links = tuple(Link(link.kind, link.file_name) for link in drawn.links)
        return Parts(links, drawn.head, drawn.body, drawn.script)



def _same(one: Parts, other: Parts) -> bool:
    names = ("head", "body", "script")
    return one.links == other.links and all(
        _NUMBER.sub("", getattr(one, name)) == _NUMBER.sub("", getattr(other, name)) for name in names
    )


@pytest.mark.parametrize("who", ["planner", "office", "leader"])
@pytest.mark.parametrize("kind", ["", "canteen", "clinic"])
def test_kept_pieces_are_those_that_would_be_drawn(site: Flask, who: str, kind: str) -> None:
    plain, kept = _parts(site, who, kind, plainly=True), _parts(site, who, kind)
    assert _same(plain, kept)
    assert kept == _parts(site, who, kind)  # to the number: it was not drawn again
    assert not _same(kept, _parts(site, who, kind, lang="en"))


def test_each_kind_and_each_fact_has_its_own_pieces(site: Flask) -> None:
    canteen = _parts(site, "planner", "canteen")
    assert "coverage:canteen" in canteen.script + canteen.body
    assert not _same(canteen, _parts(site, "planner", "clinic"))
    with open_store(site.config["CITY"]) as store:
        store.set_meta(name="新名")
    renamed = _parts(site, "planner", "canteen")
    assert "新名" in renamed.script + renamed.body and _same(renamed, _parts(site, "planner", "canteen", plainly=True))



@pytest.mark.parametrize("name", ["place", "incident"])
def test_a_small_map_is_the_one_that_would_be_drawn(site: Flask, name: str) -> None:
    make_tiles(site.config["CITY"])
    for who in ("leader", "office"):
        with site.test_request_context("/"):
            account = get_account(who)
            assert account is not None
            login_user(LoggedIn(account))
            kept, facts = small_map(name)
            drawn, told = incident_parts._small_map(name)
            links = tuple(Link(link.kind, link.file_name) for link in drawn.links)
            assert facts == json.loads(json.dumps(told)) and facts["bounds"] and f"map_{name}" in kept.body
            assert _same(kept, Parts(links, drawn.head, drawn.body, drawn.script))
            assert small_map(name) == (kept, facts)  # to the number: it was not drawn again
            assert small_map("other")[0].body != kept.body
