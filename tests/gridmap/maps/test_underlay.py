"""A background map: its address, and how far the overlay moves to lie on one that is drawn in GCJ-02."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest

from gridmap.maps.underlay import Background, background, overlay_shift
from layers.datum import shift
from layers.errors import BadSettings


def test_addresses_are_filled_in() -> None:
    made = background("https://a.example/{z}/{x}/{-y}?tk={key}", key="k1")
    assert made is not None and made.address(3, 5, 2) == "https://a.example/3/5/5?tk=k1"
    tianditu = background("tianditu", key="k2")
    assert tianditu is not None and tianditu.datum == "cgcs2000" and tianditu.attribution == "天地图"
    address = tianditu.address(12, 3346, 1682)
    assert address.startswith("https://t4.tianditu.gov.cn/vec_w/wmts?")
    assert all(part in address for part in ("TILEMATRIX=12", "TILEROW=1682", "TILECOL=3346", "tk=k2"))
    assert "{" not in address


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"url": "ftp://a.example/{z}/{x}/{y}"}, "https"), ({"url": "file:///etc/{z}/{x}/{y}"}, "https"),
        ({"url": "https://a.example/{z}/{x}"}, "lacks"), ({"url": "tianditu"}, "key"), ({"url": "moon"}, "no address"),
        ({"url": "https://a.example/{z}/{x}/{y}", "datum": "bd09"}, "bd09"),
        ({"url": "https://a.example/{z}/{x}/{y}", "maxzoom": 30}, "22"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_used_are_named(settings: dict, told: str) -> None:
    with pytest.raises(BadSettings, match=told):
        background(**settings)


@pytest.mark.parametrize("centre", [(113.6, 29.3), (121.4, 31.2), (87.6, 43.8), (116.4, 39.9)])
@pytest.mark.parametrize("span", [0.05, 0.2])
def test_one_move_serves_a_whole_city(centre: tuple[float, float], span: float) -> None:
    """Places anywhere in the bounds, moved by it, lie where GCJ-02 has them, to the distance that is told."""
    west, south = centre[0] - span / 2, centre[1] - span / 2
    east_m, north_m, off_m = overlay_shift((west, south, west + span, south + span))
    rng = np.random.default_rng(3)
    lon, lat = west + rng.uniform(0, span, 400), south + rng.uniform(0, span, 400)
    to_metres = pyproj.Transformer.from_crs(4326, 3857, always_xy=True).transform
    x, y = to_metres(lon, lat)
    wanted_x, wanted_y = to_metres(*shift(lon, lat, source="wgs84", target="gcj02"))
    off = np.hypot(x + east_m - wanted_x, y + north_m - wanted_y)
    assert off.max() <= 1.3 * off_m + 0.5
    # without the move they would be off by hundreds of metres
    assert np.hypot(x - wanted_x, y - wanted_y).min() > 10 * off.max() or span > 0.1
    assert off_m < (25 if span < 0.1 else 90)


def test_nothing_moves_outside_the_mainland() -> None:
    assert overlay_shift((7.40, 43.72, 7.44, 43.75)) == (0.0, 0.0, 0.0)


def test_a_page_is_told_neither_address_nor_key() -> None:
    bounds = (113.59, 29.29, 113.61, 29.31)
    below = Background("https://secret.example/{z}/{x}/{y}?{key}", key="k9", datum="gcj02", attribution="某图")
    told = below.facts(bounds)
    assert "secret" not in str(told) and "k9" not in str(told)
    assert told["shift"]["east_m"] == overlay_shift(bounds)[0] and told["datum"] == "gcj02"
    assert "shift" not in Background("https://x/{z}/{x}/{y}").facts(bounds)
