"""What an edit means for special sites, villages, estates and groups: warnings, never refusals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gridmap.micro_grids.edit_answers import Breach
from gridmap.micro_grids.edit_ground import Ground

__all__ = ["place_rules"]

#: Column of a cell -> the rule, and how its members are called.
_NAMES = {
    "settlement": ("village", "the village", "自然村"), "estate": ("estate", "estate", "小区"),
    "resident_group": ("group", "residents' group", "居民小组"), "old_grid": ("old_grid", "old grid", "原网格"),
}  # fmt: skip


def place_rules(
    ground: Ground,
    targets: Mapping[int, int],
    zone: Sequence[int],
    code: Sequence[str],
    after: Mapping[int, str],
    kinds: Mapping[str, str],
) -> Iterable[Breach]:
    """What a move does to what belongs together.

    Parameters
    ----------
    ground
        Cells with their labels.
    targets
        Zone that each cell goes to.
    zone, code
        Zone of each cell before, and the code of each zone.
    after
        Code of each zone that is touched, new ones too.
    kinds
        Codes of special sites and villages.
    """
    lived = [cell for cell in targets if ground.load[cell]]
    for name in sorted({after[targets[cell]] for cell in lived if kinds.get(after[targets[cell]]) == "special"}):
        yield Breach(
            "special", f"{name} is a special grid; households would join it", f"{name}是专属网格，将有住户并入", False
        )
    for name in sorted({code[zone[cell]] for cell in targets if kinds.get(code[zone[cell]]) == "special"}):
        yield Breach(
            "special", f"{name} is a special grid; a part of it would go to others",
            f"{name}是专属网格，其一部分将划出", False,
        )  # fmt: skip
    for column, labels in ground.labels.items():
        for label in sorted({text for cell in lived if (text := labels[cell]) is not None}):
            homes = [cell for cell in ground.together[column][label] if ground.load[cell]]
            before = {zone[cell] for cell in homes}
            now = {targets.get(cell, zone[cell]) for cell in homes}
            if len(now) > len(before):
                rule, en, zh = _NAMES[column]
                called = "" if column == "settlement" else f" {label}"
                yield Breach(
                    rule, f"{en}{called} would be parted among {len(now)} micro-grids",
                    f"{zh}{called.strip()}将分属{len(now)}个微网格", False,
                )  # fmt: skip
