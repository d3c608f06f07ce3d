"""Kinds told from tags."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd
import pytest
import yaml

from gridmap.norms import load_norms
from layers.errors import BadSettings
from layers.findings import Findings
from layers.kinds import OTHER, kind_rules, kinds_of
from layers.schema import LAYERS, layer


def kinds(frame: pd.DataFrame, rules: object, name: str = "facilities") -> tuple[list[str], Findings]:
    findings = Findings()
    frame = frame.assign(source_row=range(1, len(frame) + 1))
    found = kinds_of(frame, layer(name), kind_rules(rules, layer(name)), findings=findings)  # type: ignore[arg-type]
    return found.tolist(), findings


def test_first_rule_wins_and_a_star_means_any_value() -> None:
    frame = pd.DataFrame({"amenity": ["pharmacy", None, "pharmacy"], "shop": ["chemist", "books", None]})
    assert kinds(frame, {"amenity=pharmacy": "pharmacy", "shop=*": "shops"})[0] == ["pharmacy", "shops", "pharmacy"]
    assert kinds(frame, {"shop=*": "shops", "amenity=pharmacy": "pharmacy"})[0] == ["shops", "shops", "pharmacy"]


def test_what_fits_nothing_is_other_and_counted() -> None:
    frame = pd.DataFrame({"amenity": ["bench"] * 30 + ["clinic;dentist"]})
    found, findings = kinds(frame, "osm")
    assert found == [OTHER] * 30 + ["clinic"]
    assert [(item.rule, item.level) for item in findings] == [("kind_other", "note")]
    assert findings.items[0].what == "30 rows: no rule says what kind it is (rows 1-30)"


@pytest.mark.parametrize(
    ("tags", "kind"),
    [({"amenity": "doctors"}, "clinic"), ({"highway": "bus_stop"}, "bus_stop"), ({"leisure": "park"}, "public_green"),
     ({"amenity": "restaurant", "shop": "bakery"}, "restaurant"), ({"shop": "supermarket"}, "shops"),
     ({"kind": "bus_stop"}, "bus_stop"), ({"amenity": "recycling"}, "recycling")],
)  # fmt: skip
def test_tags_of_openstreetmap_and_tilezen(tags: dict[str, str], kind: str) -> None:
    assert kinds(pd.DataFrame([tags]), "osm")[0] == [kind]


def test_every_packaged_kind_is_one_that_the_norms_know() -> None:
    rules = yaml.safe_load((files("layers") / "osm_kinds.yaml").read_text(encoding="utf-8"))
    known = {norm.key for norm in load_norms()}
    assert {kind for _, kind in rules["facilities"]} <= known
    assert set(rules) <= set(LAYERS)
    for name, entries in rules.items():
        tags = [tag for tag, _ in entries]
        assert len(tags) == len(set(tags)), name
        # a rule behind the star of its own column could never fit
        for position, tag in enumerate(tags):
            assert f"{tag.split('=')[0]}=*" not in tags[:position], tag


def test_wrong_rules_say_how_they_should_read() -> None:
    with pytest.raises(BadSettings, match=r"'overture'.*\"osm\""):
        kind_rules("overture", layer("facilities"))
    with pytest.raises(BadSettings, match="column=value"):
        kind_rules({"amenity": "x"}, layer("facilities"))
    with pytest.raises(BadSettings, match="roads has no kinds"):
        kind_rules("osm", layer("roads"))
    with pytest.raises(BadSettings, match="not known for grids"):
        kind_rules("osm", layer("grids"))
    with pytest.raises(BadSettings, match=r"columns amenity.*it has 类别"):
        kinds(pd.DataFrame({"类别": ["x"]}), {"amenity=x": "y"})
