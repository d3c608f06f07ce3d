"""An OpenStreetMap extract becomes a city folder that builds; counts against the bundles made by another tool."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pyogrio
import pytest

from gridmap.from_osm import from_osm
from gridmap.norms import load_norms
from layers.errors import BadFile, WrongCall
from layers.read import read_city

XML = """<?xml version="1.0"?><osm version="0.6"><bounds minlat="31.0" minlon="121.0" maxlat="31.01" maxlon="121.01"/>
{nodes}
<node id="90" lat="31.002" lon="121.002"><tag k="amenity" v="kindergarten"/><tag k="name" v="桂花幼儿园"/></node>
<way id="1"><nd ref="1"/><nd ref="2"/><nd ref="3"/><nd ref="4"/><nd ref="1"/><tag k="building" v="apartments"/>
<tag k="building:levels" v="6"/><tag k="name" v="1号楼"/></way>
<way id="2"><nd ref="5"/><nd ref="6"/><tag k="highway" v="footway"/></way>
<way id="3"><nd ref="5"/><nd ref="7"/><tag k="barrier" v="wall"/></way></osm>"""


def extract(folder: Path, name: str = "town.osm.gz") -> Path:
    corners = {1: (0, 0), 2: (30, 0), 3: (30, 15), 4: (0, 15), 5: (0, 50), 6: (90, 50), 7: (0, 90)}
    nodes = "".join(
        f'<node id="{n}" lat="{31.004 + y / 110_900:.8f}" lon="{121.004 + x / 95_500:.8f}"/>'
        for n, (x, y) in corners.items()
    )
    path = folder / name
    data = XML.format(nodes=nodes).encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


@pytest.mark.parametrize("name", ["town.osm", "town.osm.gz"])
def test_a_small_extract(tmp_path: Path, name: str) -> None:
    made = from_osm(extract(tmp_path, name), tmp_path / "city")
    assert made.rows == {"districts": 1, "buildings": 1, "roads": 1, "barriers": 1, "facilities": 1}
    city = read_city(made.folder)
    building = city.layers["buildings"].iloc[0]
    assert (building["levels"], building["households"], building["households_basis"]) == (6, 30, "home")
    assert city.layers["facilities"].loc[0, ["name", "kind"]].tolist() == ["桂花幼儿园", "kindergarten"]
    assert [item for item in city.findings if item.level == "error"] == []
    assert "ODbL" in (made.folder / "city.toml").read_text(encoding="utf-8")


def test_wrong_calls(tmp_path: Path) -> None:
    path = extract(tmp_path)
    from_osm(path, tmp_path / "city")
    with pytest.raises(WrongCall, match="already"):
        from_osm(path, tmp_path / "city")
    with pytest.raises(WrongCall, match="no area 'Nowhere'"):
        from_osm(path, tmp_path / "other", within="Nowhere")
    with pytest.raises(BadFile, match="no such file"):
        from_osm(tmp_path / "none.osm", tmp_path / "x")
    bad = tmp_path / "bad.osm.pbf"
    bad.write_bytes(b"nothing of the kind" * 50)
    with pytest.raises(BadFile, match=r"cannot read bad\.osm\.pbf"):
        from_osm(bad, tmp_path / "x")


@pytest.mark.district
@pytest.mark.parametrize(
    ("name", "file", "households"),
    [("monaco", "monaco-latest.osm.pbf", 15703), ("nanjing_xinjiekou", "nanjing_xinjiekou.osm.gz", 19568),
     ("liechtenstein", "liechtenstein-latest.osm.pbf", 43164)],
)  # fmt: skip
def test_real_extracts_agree_with_the_bundles(
    shared_data: Path, tmp_path: Path, name: str, file: str, households: int
) -> None:
    made = from_osm(shared_data / name / file, tmp_path / name)
    bundle = pyogrio.read_dataframe(shared_data / name / f"{name}.gpkg", layer="buildings", read_geometry=False)
    mine = pyogrio.read_dataframe(made.folder / "buildings.gpkg", read_geometry=False)
    assert len(mine) >= 0.98 * len(bundle)  # some stand outside the outline
    assert made.households == pytest.approx(households, rel=0.03)
    both = mine.merge(bundle.assign(code=bundle["osm_id"].astype("str")), on="code", suffixes=("", "_there"))
    assert (both["households"] == both["households_there"]).mean() > 0.97
    kinds = set(pd.Series(pyogrio.read_dataframe(made.folder / "facilities.gpkg")["kind"]))
    assert kinds <= set(load_norms(None).keys()) and len(kinds) > 10
    if name == "liechtenstein":
        assert made.outline == "Liechtenstein" and made.rows["streets"] == 11
