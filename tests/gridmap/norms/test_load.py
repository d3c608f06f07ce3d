"""Norms: the packaged table against a list typed from the design's table, and every broken file in one sentence."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from importlib.resources import files

import pytest
import yaml

from gridmap.norms import Norm, Norms, load_norms
from gridmap.norms.load import GROUPS
from layers.errors import BadFile, BadSettings, WrongCall

#: Typed from the table of facilities, not read from the YAML: kind, circle, radius (None where it has a dash).
TABLE = """
junior_school 15 1000 | primary_school 10 500 | sports_center 15 1000 | sports_ground_l 15 1000
sports_ground_m 10 500 | health_center 15 1000 | clinic 15 - | care_home 15 - | nursing_home 15 -
culture_center 15 1000 | street_service_center 15 1000 | street_office 15 1000 | justice_office 15 -
police_station 15 800 | mall 10 500 | market 10 500 | gym 15 1000 | bus_stop 10 500 | rail_station 15 800
community_service_station 5 300 | culture_station 5 500 | ball_court_s 5 300 | fitness_ground 5 300
kindergarten 5 300 | nursery 5 300 | canteen 5 - | day_care_elderly 5 300 | health_station 5 300 | shops 5 -
recycling 5 - | waste_station 5 400 | toilet 5 - | play_ground block - | convenience_store block - | parcel block -
waste_point block 70 | public_green 5 300 | charging block - | parking block - | neighborhood_center community -
party_service_center community - | social_work_station community - | volunteer_station community -
micro_fire_station community - | police_room community -
"""
ROWS = [row.split() for line in TABLE.strip().splitlines() for row in line.split("|")]


@pytest.fixture(scope="module")
def norms() -> Norms:
    return load_norms()


@pytest.mark.parametrize(("key", "circle", "radius"), ROWS)
def test_the_packaged_table_holds_every_row_of_the_design(norms, key, circle, radius):
    norm = norms[key]
    assert norm.circle == circle
    assert norm.distance_m == (None if radius == "-" else float(radius))


def test_areas_of_a_few_rows_are_those_of_the_design(norms):
    assert norms["kindergarten"].building_m2 == (3150, 4550)
    assert norms["kindergarten"].land_m2 == (5240, 7580)
    assert norms["police_station"].people == (25000, 50000)
    assert norms["public_green"].land_m2 == (4000, None)
    assert norms["health_station"].building_m2 == (120, 270)


def test_needs_and_area_for_a_thousand_residents(norms):
    assert norms["kindergarten"].needs == "aged_3_6" and norms["market"].needs is None
    assert norms["public_green"].m2_per_1000 == (1000, None)
    assert norms.to_frame().set_index("key").loc["public_green", "m2_per_1000_from"] == 1000


def test_nothing_is_called_verified_that_nobody_has_checked(norms):
    assert not any(norm.verified or norm.distance_verified for norm in norms)
    assert not any(circle.verified for circle in norms.circles)
    assert all(norm.source for norm in norms)


def test_every_kind_has_titles_and_a_group_that_maps_can_draw(norms):
    assert {norm.group for norm in norms} == set(GROUPS)
    assert all(norm.zh and norm.en for norm in norms)
    assert len({norm.zh for norm in norms}) == len(norms)


def test_a_proposal_never_stands_in_for_a_given_distance(norms):
    assert not [norm.key for norm in norms if norm.distance_m is not None and norm.proposed_m is not None]
    assert norms["canteen"].metres == norms["canteen"].proposed_m == 300
    assert not norms["canteen"].distance_verified


def test_only_and_with_distance_choose_and_keep_the_order(norms):
    chosen = norms.only(["toilet", "market", "toilet", "parking"])
    assert chosen.keys() == ("toilet", "market", "parking")
    assert chosen.with_distance().keys() == ("toilet", "market")
    with pytest.raises(WrongCall, match=r"no norm for 'moon_base'.*kindergarten"):
        norms.only(["moon_base"])


def test_frame_has_one_row_a_kind_and_ranges_in_two_columns(norms):
    frame = norms.to_frame().set_index("key")
    assert tuple(frame.index) == norms.keys()
    assert frame.loc["market", "distance_m"] == 500
    assert frame.loc["canteen", ["distance_m"]].isna().all()
    assert tuple(frame.loc["market", ["building_m2_from", "building_m2_to"]]) == (750, 2500)
    assert frame["proposed_m"].dtype == "float64"


def test_norms_cannot_be_changed_by_hand(norms):
    with pytest.raises(FrozenInstanceError):
        norms["market"].distance_m = 10_000


def test_a_file_of_a_citys_own_is_read_alone(tmp_path):
    path = tmp_path / "ours.yaml"
    path.write_text(
        "norms:\n- {key: market, zh: 菜场, en: Market, group: daily, distance_m: 800,\n"
        "   source: 市规〔2024〕3号, verified: true}\n",
        encoding="utf-8",
    )
    ours = load_norms(path)
    assert ours.keys() == ("market",)
    assert ours["market"] == Norm(
        key="market", zh="菜场", en="Market", group="daily", distance_m=800.0, source="市规〔2024〕3号", verified=True
    )


def test_a_file_laid_over_the_standard_changes_only_what_it_names(tmp_path, norms):
    path = tmp_path / "ours.yaml"
    path.write_text(
        "extends: gb50180\nnorms:\n"
        "- {key: kindergarten, distance_m: 500, source: 本市幼儿园布局规划}\n"
        "- {key: book_corner, zh: 书屋, en: Book corner, group: learning, distance_m: 200, source: ours}\n",
        encoding="utf-8",
    )
    ours = load_norms(path)
    assert ours.keys() == (*norms.keys(), "book_corner")
    assert ours["kindergarten"].metres == 500
    assert ours["kindergarten"].building_m2 == norms["kindergarten"].building_m2
    # what backed the 300 m does not back the 500 m
    assert (ours["kindergarten"].clause, ours["kindergarten"].corroboration) == (None, None)
    assert ours["market"] == norms["market"]


MARKET = "norms: [{key: market, zh: 菜场, en: M, group: daily, source: x, "
BROKEN = {
    "norms: [": r"line \d+.*correct",
    "": "the file must be a mapping",
    "norms: 3": "norms must be a list",
    "norms: []": "there are no norms",
    "rules: []": "'rules' is not known; use standard, extends",
    "extends: gb99999": "extends must be gb50180, not 'gb99999'",
    "norms: [{zh: 菜场}]": "row 1 of norms: key must be text",
    "norms: [{key: 5}]": "row 1 of norms: key must be text.*not 5",
    "norms: [{key: market, en: Market, group: daily, source: x}]": "market: zh is missing",
    "norms: [{key: market, zh: '', en: Market, group: daily, source: x}]": "market: zh must be text, not ''",
    "norms: [{key: market, zh: 菜场, en: Market, group: food, source: x}]": "market: group must be one of care",
    "norms: [{key: market, zh: 菜场, en: Market, group: daily}]": "market: source is missing",
    MARKET + "radius: 5}]": "market: 'radius' is not known",
    MARKET + "distance_m: far}]":
        "market: distance_m must be metres above 0, not 'far'",
    MARKET + "distance_m: -3}]": "metres above 0, not -3",
    MARKET + "distance_m: true}]": "metres above 0, not True",
    MARKET + "distance_m: .nan}]": "metres above 0, not nan",
    MARKET + "land_m2: [9, 3]}]": r"land_m2 must be \[from, to\]",
    MARKET + "needs: cats}]": "market: needs must be one of aged_60.*not 'cats'",
    MARKET + "m2_per_1000: 5}]": r"m2_per_1000 must be \[from, to\]",
    MARKET + "verified: 是}]": "verified must be true or false",
    MARKET + "circle: '20'}]": "circle must be one of .*'20'",
    "extends: gb50180\nnorms: [{key: market, distance_m: 800}]": "market: a distance of one's own needs its source",
    "extends: gb50180\nnorms: [{key: market, note: a}, {key: market, note: b}]": "market stands twice under norms",
}


@pytest.mark.parametrize(("text", "message"), BROKEN.items())
def test_a_broken_file_is_refused_with_its_name_and_the_rule(tmp_path, text, message):
    path = tmp_path / "ours.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadSettings, match=message) as caught:
        load_norms(path)
    assert str(caught.value).startswith("ours.yaml")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(BadFile, match=r"cannot read the norms.*name a YAML file"):
        load_norms(tmp_path / "none.yaml")
    (tmp_path / "gb.yaml").write_bytes("norms: [{key: a, zh: 菜场}]".encode("gb18030"))
    with pytest.raises(BadFile, match="save it as UTF-8"):
        load_norms(tmp_path / "gb.yaml")


def test_every_facility_kind_that_map_data_becomes_has_a_title_here(norms):
    kinds = yaml.safe_load(files("layers").joinpath("osm_kinds.yaml").read_text(encoding="utf-8"))["facilities"]
    assert {kind for _, kind in kinds} <= set(norms.keys())
