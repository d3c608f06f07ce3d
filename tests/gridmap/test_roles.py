"""Rights are a table and reach is one function: every cell and every slip is walked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridmap.roles import RIGHTS, ROLE_TITLES, ROLES, User, check_area, may, reach
from layers.errors import WrongCall
from layers.schema import LAYERS

DISTRICT, STREET, COMMUNITY = "510504", "510504001", "510504001001"
GRID, MICRO_GRID = "510504001001001", "510504001001001007"


@pytest.mark.parametrize(
    ("role", "area", "expected"),
    [
        ("grid_leader", GRID, (GRID,)),
        ("grid_leader", MICRO_GRID, (MICRO_GRID,)),
        ("grid_leader", COMMUNITY, (COMMUNITY,)),
        ("grid_member", f"{GRID},510504001001002", (GRID, "510504001001002")),
        ("grid_member", f"{GRID}，{MICRO_GRID}", (GRID,)),          # the second lies in the first
        ("street_office", STREET, (STREET,)),
        ("planner", DISTRICT, (DISTRICT,)),
        ("planner", STREET, (STREET,)),
        ("admin", "", ("",)),
        ("admin", STREET, ("",)),
        # slips show too little, never too much
        ("grid_leader", "", ()),
        ("grid_leader", "   ", ()),
        ("grid_leader", STREET, ()),
        ("grid_member", COMMUNITY, ()),
        ("street_office", DISTRICT, ()),
        ("street_office", "51050400", ()),
        ("planner", "5105", ()),
        ("planner", "%", ()),
        ("planner", "五一〇五〇四", ()),
        ("mayor", DISTRICT, ()),
        ("", "", ()),
    ],
)
def test_reach(role: str, area: str, expected: tuple[str, ...]) -> None:
    assert reach(User(name="somebody", role=role, area=area)) == expected


@given(role=st.sampled_from(ROLES), area=st.text(alphabet="0123456789,，; ab%_", max_size=60))
def test_nobody_but_the_admin_reaches_a_whole_city(role: str, area: str) -> None:
    prefixes = reach(User(name="somebody", role=role, area=area))
    if role == "admin":
        assert prefixes == ("",)
    else:
        assert all(len(prefix) >= 6 and prefix.isdigit() and prefix in area for prefix in prefixes)


@given(role=st.sampled_from([role for role in ROLES if role != "admin"]), area=st.text(max_size=40))
def test_what_check_area_lets_through_is_what_the_user_reaches(role: str, area: str) -> None:
    try:
        kept = check_area(role, area)
    except WrongCall:
        return
    user = User(name="somebody", role=role, area=kept)
    assert reach(user)
    assert all(any(code.startswith(prefix) for prefix in reach(user)) for code in kept.split(","))


@pytest.mark.parametrize(("role", "area", "words"), [
    ("grid_leader", "", "needs an area"),
    ("grid_leader", "51050400100100", "no unit code"),
    ("street_office", DISTRICT, "wider than"),
    ("mayor", DISTRICT, "no role"),
])
def test_check_area_says_what_is_wrong(role: str, area: str, words: str) -> None:
    with pytest.raises(WrongCall, match=words):
        check_area(role, area)


def test_every_layer_has_a_right_that_the_admin_holds() -> None:
    assert {f"layer.{name}.view" for name in LAYERS} <= RIGHTS["admin"]


def test_rights_are_known_words_and_only_grow_towards_the_admin() -> None:
    assert set(RIGHTS) == set(ROLES) == set(ROLE_TITLES)
    for role in ROLES:
        assert RIGHTS[role] <= RIGHTS["admin"]
        assert may(User(name="x", role=role), "map.view")
        assert not may(User(name="x", role=role), "map.burn")
    assert RIGHTS["grid_member"] < RIGHTS["grid_leader"] < RIGHTS["street_office"] < RIGHTS["admin"]


@pytest.mark.parametrize(("right", "roles"), [
    ("users.manage", {"admin"}),
    ("findings.view", {"street_office", "planner", "admin"}),
    ("layer.findings.view", {"street_office", "planner", "admin"}),
    ("export.make", {"grid_leader", "street_office", "planner", "admin"}),
    ("contact.view", {"grid_leader", "street_office", "admin"}),
    ("incident.text.view", {"grid_member", "grid_leader", "street_office", "admin"}),
    ("layer.staff.view", {"grid_leader", "street_office", "admin"}),
])
def test_who_holds_a_right(right: str, roles: set[str]) -> None:
    assert {role for role in ROLES if may(User(name="x", role=role), right)} == roles


def test_a_role_that_does_not_exist_may_nothing() -> None:
    assert not may(User(name="x", role="mayor"), "map.view")
