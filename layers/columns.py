"""What a column and a layer are: the words in which `layers.schema` is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["NEEDS", "Column", "Layer", "column", "history"]


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a layer.

    `type` is one of text, integer, number, boolean, date, datetime. `short` is its shapefile name. `aliases` are
    headings met in the wild, compared without spaces, case and full-width forms.
    """

    name: str
    type: str
    zh: str
    en: str
    short: str
    unit: str | None = None
    required: bool = False
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (self.short.isascii() and 0 < len(self.short) <= 10):
            raise ValueError(f"shapefile name of {self.name} must be ASCII of at most 10 bytes, not {self.short!r}")


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer: its titles, its geometry and its columns.

    `geometry` holds the kinds allowed (area, line, point; empty for a plain table); `source` is `given` for what
    comes from files, `made` for what gridmap computes; `key` names the columns that tell two rows apart.
    """

    name: str
    zh: str
    en: str
    geometry: tuple[str, ...]
    columns: tuple[Column, ...]
    source: str = "given"
    key: tuple[str, ...] = ("code",)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __contains__(self, name: object) -> bool:
        return any(column.name == name for column in self.columns)

    def column(self, name: str) -> Column | None:
        """The column of that name, or None for one that the file brought along."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that a file must have."""
        return tuple(column.name for column in self.columns if column.required)


def column(
    name: str,
    type: str,
    zh: str,
    en: str,
    short: str | None = None,
    *aliases: str,
    unit: str | None = None,
    required: bool = False,
) -> Column:
    """A column in one line; its shapefile name is the beginning of its name unless another is given."""
    return Column(
        name=name, type=type, zh=zh, en=en, short=short or name[:10], unit=unit, required=required, aliases=aliases
    )


def history(level: str, zh: str, en: str, columns: tuple[Column, ...]) -> Layer:
    """The layer that keeps the rows of a level of units that ended or changed."""
    return Layer(
        name=f"{level}_history", zh=f"{zh}沿革", en=f"{en} of the past", geometry=("area",), source="made",
        key=("code", "valid_from"), columns=columns,
    )  # fmt: skip


#: Needs, as counts per building or micro-grid; never lists of people.
NEEDS = (
    column("aged_60", "integer", "60岁以上", "Aged 60 and over", None, "60岁及以上", unit="people"),
    column("aged_80", "integer", "80岁以上", "Aged 80 and over", None, "80岁及以上", "高龄老人", unit="people"),
    column("living_alone", "integer", "独居老人", "Aged living alone", "liv_alone", "独居", unit="people"),
    column("disabled", "integer", "残疾人", "Disabled", None, "残疾", unit="people"),
    column("low_income", "integer", "低保户", "Low-income households", None, "低保", unit="households"),
    column("aged_0_3", "integer", "0-3岁", "Aged 0-3", None, "0-3岁婴幼儿", unit="people"),
    column("aged_3_6", "integer", "3-6岁", "Aged 3-6", None, "3-6岁儿童", unit="people"),
)
