"""Pictures of maps: the colours of the page, text as typed, the same bytes each time, a font that is there."""

from __future__ import annotations

import io
import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from gridmap.maps import fonts
from gridmap.maps.colouring import SEQUENTIAL
from gridmap.maps.picture import picture, picture_bytes
from layers.errors import CrsMismatch, NoChineseFont, WrongCall

SIZE = (700, 400)


def pixels(content: bytes) -> np.ndarray:
    """Colours of a PNG, rows from the top."""
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)


def colour_at(image: np.ndarray, across: float, up: float) -> np.ndarray:
    """Median colour around a place of the map, given as shares of the town's 300 m x 200 m without its margin."""
    scale = max((300 + 18) / SIZE[0], (200 + 18) / SIZE[1])
    x = SIZE[0] / 2 + (across * 300 - 150) / scale
    y = SIZE[1] / 2 - (up * 200 - 100) / scale
    around = image[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4].reshape(-1, 3)
    return np.median(around, axis=0)


def test_a_micro_grid_has_the_colour_of_its_class(micro_grids: gpd.GeoDataFrame) -> None:
    image = pixels(picture_bytes(micro_grids, measure="households", size=SIZE, key=False))
    few = colour_at(image, 0.1, 0.1)  # 18 households, the lowest class
    most = colour_at(image, 0.1, 0.9)  # 52 households, the highest
    land = np.array([0xF4, 0xF2, 0xEC])
    for seen, colour in ((few, SEQUENTIAL[0]), (most, SEQUENTIAL[-1])):
        wanted = np.array(to_rgb(colour)) * 255 * 0.72 + land * 0.28
        assert np.abs(seen - wanted).max() <= 4, (seen, wanted)


def test_gaps_are_hatched_and_told_apart_from_what_nobody_knows(
    micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame]
) -> None:
    codes = micro_grids["code"].tolist()
    coverage = pd.DataFrame({
        "micro_grid": codes[:3], "kind": "canteen", "coverage": [0.0, 1.0, np.nan], "norm_m": 500.0,
        "status": ["gap", "covered", "no_data"], "verified": False,
    })  # fmt: skip
    image = pixels(picture_bytes(micro_grids, measure="coverage:canteen", layers={"coverage": coverage}, size=SIZE,
                                 key=False))  # fmt: skip
    def spread(across: float) -> float:
        scale = max((300 + 18) / SIZE[0], (200 + 18) / SIZE[1])
        x, y = int(SIZE[0] / 2 + (across * 300 - 150) / scale), int(SIZE[1] / 2 + 75 / scale)
        return float(image[y - 12 : y + 13, x - 12 : x + 13].reshape(-1, 3).std(axis=0).max())

    assert spread(0.08) > 15 and spread(0.75) > 8  # hatched
    assert spread(0.42) < 3  # covered: one colour
    orange = image[..., 0] - image[..., 2]
    assert (orange > 100).sum() > 200, "the gap's orange is seen"


@pytest.mark.parametrize("format_", ["png", "svg"])
def test_equal_input_gives_equal_bytes(
    micro_grids: gpd.GeoDataFrame, layers: dict[str, pd.DataFrame], format_: str
) -> None:
    one, two = (picture_bytes(micro_grids, format=format_, measure="households", layers=layers) for _ in range(2))
    assert one == two


def test_text_is_drawn_as_typed_and_nothing_of_it_stands_in_an_svg(micro_grids: gpd.GeoDataFrame) -> None:
    hostile = "<script>alert(1)</script> $\\frac{1}{0}$ ${x} `y` \"z\""
    grids = micro_grids.dissolve("parent").reset_index().assign(code=micro_grids["parent"].iloc[0], name="$x_1$ <b>")
    content = picture_bytes(micro_grids, format="svg", title=hostile, layers={"grids": grids}, attribution=hostile)
    text = content.decode()
    assert "<script" not in text.lower().split("<metadata>")[0] and not re.search(r"<script[\s>]", text)
    # a formula would draw the name with other glyphs than its letters: dollar signs are among those drawn
    plain = picture_bytes(micro_grids, format="svg", title="x", layers={"grids": grids.assign(name="x1 <b>")}).decode()
    assert len(text) > len(plain)


def test_a_dollar_in_a_name_is_no_formula(micro_grids: gpd.GeoDataFrame) -> None:
    with_dollars = pixels(picture_bytes(micro_grids, title="$a$"))
    without = pixels(picture_bytes(micro_grids, title="a"))
    assert (with_dollars != without).any()
    picture_bytes(micro_grids, title="$\\frac{$")  # a broken formula does not break the picture


def test_chinese_is_drawn_with_real_letters(micro_grids: gpd.GeoDataFrame) -> None:
    """Two titles of one length differ; a font without the letters would draw the same empty boxes for both."""
    one, two = (pixels(picture_bytes(micro_grids, title=title)) for title in ("网格", "社区"))
    assert (one != two).any()


def test_the_key_counts_every_micro_grid(micro_grids: gpd.GeoDataFrame) -> None:
    from gridmap.maps.colouring import measures
    from gridmap.maps.picture_key import key_rows

    for measure in measures(micro_grids):
        assert sum(count for *_, count in key_rows(measure, "zh")) == len(micro_grids), measure.name


def test_a_value_on_an_edge_is_in_the_class_above_it_but_the_last() -> None:
    from gridmap.maps.colouring import Measure
    from gridmap.maps.picture_parts import fill_of

    measure = Measure(
        name="n", zh="", en="", group="", kind="classes", values=[0, 5, 9], breaks=(0.0, 5.0, 9.0), colours=("a", "b")
    )
    assert [fill_of(measure, [i]).colour for i in range(3)] == ["a", "b", "b"]


def test_the_chosen_one_has_a_border_of_its_own(micro_grids: gpd.GeoDataFrame) -> None:
    plain = pixels(picture_bytes(micro_grids, size=SIZE, key=False))
    chosen = pixels(picture_bytes(micro_grids, size=SIZE, key=False, chosen=micro_grids["code"].iloc[0]))
    assert (plain != chosen).any()
    with pytest.raises(WrongCall, match="not among those drawn"):
        picture_bytes(micro_grids, chosen="990101001001001999")


def test_a_map_in_degrees_is_drawn_in_metres(micro_grids: gpd.GeoDataFrame) -> None:
    image = pixels(picture_bytes(micro_grids.to_crs(4326), measure="households", size=SIZE, key=False))
    assert np.abs(colour_at(image, 0.1, 0.9) - colour_at(image, 0.2, 0.8)).max() < 6


def test_bad_calls_are_refused_with_the_next_step(micro_grids: gpd.GeoDataFrame, tmp_path: Path) -> None:
    with pytest.raises(WrongCall, match="png or svg"):
        picture_bytes(micro_grids, format="gif")
    with pytest.raises(WrongCall, match="200 to 8000 pixels"):
        picture_bytes(micro_grids, size=(100, 20_000))
    with pytest.raises(WrongCall, match=r"cannot be coloured by 'luck'.*households"):
        picture_bytes(micro_grids, measure="luck")
    with pytest.raises(WrongCall, match="no micro-grid"):
        picture_bytes(micro_grids.iloc[:0])
    with pytest.raises(WrongCall, match="no folder"):
        picture(micro_grids, tmp_path / "none" / "map.png")
    with pytest.raises(CrsMismatch):
        picture_bytes(micro_grids.set_crs(None, allow_override=True))


def test_without_a_font_one_sentence_says_what_to_do(
    micro_grids: gpd.GeoDataFrame, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fonts._installed.cache_clear()
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", list)
    try:
        with pytest.raises(NoChineseFont, match="apt-get install fonts-noto-cjk"):
            picture_bytes(micro_grids)
        assert (fonts.font_notice() or "").count(". ") == 0 and "GRIDMAP_FONT" in (fonts.font_notice() or "")
    finally:
        fonts._installed.cache_clear()


def test_a_font_that_cannot_write_chinese_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    latin = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
    with pytest.raises(NoChineseFont, match="cannot write Chinese"):
        fonts.chinese_font(latin)
    monkeypatch.setenv("GRIDMAP_FONT", str(latin))
    assert "cannot write Chinese" in (fonts.font_notice() or "")


def test_the_simplified_face_of_a_collection_is_taken() -> None:
    from fontTools.ttLib import TTFont

    found = fonts.chinese_font()
    if found.suffix == ".ttc":
        pytest.skip("the first face of this machine's collection is the simplified one")
    with TTFont(found, lazy=True) as font:
        assert not str(font["name"].getDebugName(1)).endswith((" JP", " KR"))
