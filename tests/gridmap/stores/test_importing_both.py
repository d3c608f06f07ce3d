"""The same file brought into either store, twice, newer, and taken back: the same answers in both."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pandas as pd

from gridmap.importing import import_file, imports, undo_import
from gridmap.pipeline import build
from gridmap.stores import open_store
from layers.sample import town


def test_a_file_comes_in_and_goes_out_of_either_store(url: str, tmp_path: Path) -> None:
    for name, frame in town().items():
        if isinstance(frame, gpd.GeoDataFrame):
            frame.to_file(tmp_path / f"{name}.gpkg")
    build(tmp_path, url)
    with open_store(url) as store:
        before = store.read("facilities")
    degrees = before.to_crs(4326).geometry
    sent = pd.DataFrame({
        "编号": before["code"], "名称": before["name"], "类别": before["kind"], "经度": degrees.x.round(9),
        "纬度": degrees.y.round(9),
    })
    path = tmp_path / "设施.csv"
    sent.to_csv(path, index=False, encoding="gb18030")
    for _ in range(2):
        same = import_file(url, "facilities", path, datum="wgs84", by="li").record
        assert (same.new, same.changed, same.ended, same.unchanged) == (0, 0, 0, len(before))
    newer = pd.concat([sent.iloc[1:], sent.iloc[:1].assign(编号="X1", 名称="新食堂")], ignore_index=True)
    newer.assign(容量="300人").to_csv(path, index=False, encoding="gb18030")
    done = import_file(url, "facilities", path, datum="wgs84", complete=True).record
    assert (done.new, done.changed, done.ended) == (1, len(before) - 1, 1)
    with open_store(url) as store:
        after = store.read("facilities").set_index("code")
    assert after.loc["X1", "capacity"] == 300 and pd.notna(after.loc["X1", "micro_grid"])
    assert pd.notna(after.loc[before["code"].iloc[0], "valid_to"])
    undo_import(url, done.code)
    with open_store(url) as store:
        back = store.read("facilities")
    shared = [name for name in before.columns if name in back.columns]
    pd.testing.assert_frame_equal(back[shared], before[shared], check_dtype=False)
    assert imports(url)["undone_at"].notna().tolist() == [True, False, False]


def test_buildings_change_the_plan_of_either_store_and_back(url: str, tmp_path: Path) -> None:
    for name, frame in town().items():
        if isinstance(frame, gpd.GeoDataFrame):
            frame.to_file(tmp_path / f"{name}.gpkg")
    build(tmp_path, url)

    def plan() -> dict[str, pd.DataFrame]:
        with open_store(url) as store:
            frames = {layer: pd.DataFrame(store.read(layer)) for layer in ("micro_grids", "cells", "buildings")}
        return {layer: frame.sort_values("code", ignore_index=True) for layer, frame in frames.items()}

    before = plan()
    homes = before["buildings"]
    homes = homes[homes["part_of"].isna()]
    path = tmp_path / "楼栋.csv"
    sent = pd.DataFrame({"楼栋编码": homes["code"], "户数": homes["households"]})
    sent.to_csv(path, index=False, encoding="gb18030")
    same = import_file(url, "buildings", path, complete=False).record
    assert (same.new, same.changed, same.unchanged) == (0, 0, len(sent))
    sent.iloc[0, 1] += 2
    sent.to_csv(path, index=False, encoding="gb18030")
    done = import_file(url, "buildings", path, complete=False).record
    assert (done.new, done.changed, done.ended) == (0, 1, 0)
    after = plan()
    assert after["micro_grids"]["households"].sum() == before["micro_grids"]["households"].sum() + 2
    undo_import(url)
    back = plan()
    for layer, frame in before.items():
        shared = [name for name in frame.columns if frame[name].notna().any()]
        pd.testing.assert_frame_equal(back[layer][shared], frame[shared], check_dtype=False)
