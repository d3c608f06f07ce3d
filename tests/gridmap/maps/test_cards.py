"""A card says everything about one micro-grid and nothing about another."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd

from gridmap.maps.cards import MOST, micro_grid_cards

GRID = "990101001001001"


def test_a_card_holds_what_lies_in_its_micro_grid(
    micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]
) -> None:
    cards = micro_grid_cards(micro_grids, layers_of(layers))
    assert list(cards) == micro_grids["code"].tolist()
    first = cards[f"{GRID}001"]
    assert first["facts"]["leader"] == "王秀英"
    assert first["needs"] == {"aged_80": 2}
    assert [row["code"] for row in first["lists"]["buildings"]] == ["B1", "B2"]
    assert [row["code"] for row in first["lists"]["incidents"]] == ["E2", "E1"]  # newest first
    assert first["lists"]["organizations"][0]["phone"] == "0830-1234567"
    assert cards[f"{GRID}002"]["counts"] == {"buildings": 0, "organizations": 0, "facilities": 0, "incidents": 0}


def layers_of(layers: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {name: frame for name, frame in layers.items() if "micro_grid" in frame}


def test_services_are_gaps_first_with_metres_and_their_mark(
    micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]
) -> None:
    canteen, kindergarten = micro_grid_cards(micro_grids, layers_of(layers))[f"{GRID}001"]["services"]
    assert (canteen["kind"], canteen["status"], canteen["nearest_name"]) == ("canteen", "gap", "柳岸食堂")
    assert (kindergarten["kind"], kindergarten["walk_m_mean"], kindergarten["norm_m"]) == ("kindergarten", 90.0, 300.0)
    assert kindergarten["verified"] is False


def test_a_stack_lists_its_floors_from_the_ground(
    micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]
) -> None:
    cards = micro_grid_cards(micro_grids.iloc[::-1], layers_of(layers))
    for number in (5, 6):
        stack = cards[f"{GRID}00{number}"]["stack"]
        floors = [(row["code"][-3:], row["floor_from"], row["floor_to"]) for row in stack]
        assert floors == [("005", 1, 8), ("006", 9, 16)]
    assert cards[f"{GRID}001"]["stack"] == []


def test_what_the_frames_lack_is_not_on_the_card(
    micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]
) -> None:
    layers["organizations"] = layers["organizations"].drop(columns="phone")
    layers["facilities"] = layers["facilities"].iloc[:0]
    card = micro_grid_cards(micro_grids, layers_of(layers))[f"{GRID}001"]
    assert "phone" not in card["lists"]["organizations"][0]
    assert "nearest_name" not in card["services"][0]  # the nearest one is not among what the reader may see


def test_long_lists_are_cut_and_counted(micro_grids: gpd.GeoDataFrame) -> None:
    many = pd.DataFrame({"code": [f"B{n:03d}" for n in range(MOST + 7)], "micro_grid": f"{GRID}002"})
    card = micro_grid_cards(micro_grids, {"buildings": many})[f"{GRID}002"]
    assert len(card["lists"]["buildings"]) == MOST
    assert card["counts"]["buildings"] == MOST + 7


def test_frames_of_any_index_do(micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]) -> None:
    expected = micro_grid_cards(micro_grids, layers_of(layers))
    moved = {name: frame.set_index(frame.index + 100) for name, frame in layers_of(layers).items()}
    assert micro_grid_cards(micro_grids.set_index(micro_grids.index * 7 + 3), moved) == expected
