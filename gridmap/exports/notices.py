"""What a file could not hold exactly as it was: every rule has a name, and counts its rows.

A shapefile, a workbook or a KML page each loses something in silence. Here each loss has a name and a sentence in
both languages; a delivery carries one `Notice` a rule and column, and its README.txt repeats them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["RULES", "Notice", "Notices"]

#: Rule -> (English, Chinese). `{rows}`, `{field}` and `{detail}` are filled in.
RULES: dict[str, tuple[str, str]] = {
    "long_text": (
        "{rows} texts of {field} are too long for a cell: the cell holds the beginning, {detail} the whole text",
        "{field} 有 {rows} 条文字超出单元格长度：单元格内为开头部分，全文见 {detail}",
    ),
    "empty_text_as_null": (
        "{rows} empty texts of {field} became empty cells, which the format cannot tell apart",
        "{field} 有 {rows} 条空字符串写为空值（此格式不区分二者）",
    ),
    "outer_spaces_lost": (
        "{rows} texts of {field} lost the spaces at their ends, which the format does not keep",
        "{field} 有 {rows} 条文字首尾空格丢失（此格式不保留）",
    ),
    "characters_removed": (
        "{rows} texts of {field} lost control characters or half characters that the format cannot hold",
        "{field} 有 {rows} 条文字去掉了此格式无法保存的控制字符或残缺字符",
    ),
    "characters_mapped": (
        "{rows} texts of {field} held characters at old private places, now written as the Unicode characters meant",
        "{field} 有 {rows} 条文字含旧编码自定义区字符，已改写为对应的标准字符",
    ),
    "line_breaks_unified": (
        "{rows} texts of {field} had Windows or Mac line breaks, now plain ones",
        "{field} 有 {rows} 条文字的换行符统一为 LF",
    ),
    "integer_as_text": (
        "{field} holds whole numbers of more than 15 digits ({rows} rows), so the column is kept as text",
        "{field} 含超过 15 位的整数（{rows} 行），该列按文字保存",
    ),
    "number_as_text": (
        "{field} holds infinite or huge numbers ({rows} rows), so the column is kept as text",
        "{field} 含无穷大或过大的数（{rows} 行），该列按文字保存",
    ),
    "number_rounded": (
        "{rows} numbers of {field} were rounded to 15 decimals, all that the format keeps",
        "{field} 有 {rows} 个数只保留到小数点后 15 位",
    ),
    "value_as_text": (
        "{rows} values of {field} are neither text, number, truth value nor date, and were written as text",
        "{field} 有 {rows} 个值不是文字、数字、是否或日期，已写为文字",
    ),
    "time_rounded": (
        "{rows} times of {field} were cut to milliseconds",
        "{field} 有 {rows} 个时间截至毫秒",
    ),
    "column_renamed": (
        "column {field} is written as {detail}, because its name is taken or cannot stand as it is",
        "列 {field} 写为 {detail}，因为该名称已被占用或不能原样使用",
    ),
    "table_only": (
        "{rows} rows without geometry: a table is written, not a map layer",
        "{rows} 行没有图形：只写表格，不是图层",
    ),
    "empty_geometry_as_null": (
        "{rows} empty geometries became rows without geometry",
        "{rows} 个空图形写为无图形的行",
    ),
    "split_by_kind": (
        "the layer mixes areas, lines and points ({rows} rows), so it is split into {detail}",
        "图层混有面、线、点（{rows} 行），已拆分为 {detail}",
    ),
    "collection_split": (
        "{rows} geometry collections were taken apart; such a row stands in each file that one of its parts is of",
        "{rows} 个几何集合已拆开，该行出现在其各部分所属的每个文件中",
    ),
    "points_as_multipoints": (
        "{rows} single points are written as multipoints, because others in the layer are",
        "{rows} 个单点写为多点，因为图层中另有多点",
    ),
    "height_filled": (
        "{rows} geometries without height got height 0, because others in the layer have one",
        "{rows} 个图形没有高程，因图层中另有带高程者而补 0",
    ),
    "measure_dropped": (
        "{rows} geometries lost their M values (and with them their heights)",
        "{rows} 个图形的 M 值（连同高程）已去掉",
    ),
    "invalid_geometry": (
        "{rows} geometries are invalid (a line crosses itself, or the like) and were written as they are",
        "{rows} 个图形无效（如自相交），按原样写出",
    ),
    "invalid_geometry_changed": (
        "{rows} invalid geometries read back in another shape than they were given",
        "{rows} 个无效图形读回后形状与原来不同",
    ),
    "invalid_after_rounding": (
        "{rows} geometries became invalid by rounding the coordinates to {detail} decimals",
        "{rows} 个图形因坐标保留 {detail} 位小数而变为无效",
    ),
    "shifted_datum": (
        "the coordinates of {rows} rows are shifted to {detail}, which has no EPSG code: do not lay them over "
        "WGS 84 or CGCS2000 data",
        "{rows} 行坐标已偏移到 {detail}（没有 EPSG 代码）：不要与 WGS 84 或 CGCS2000 数据叠加",
    ),
    "datum_not_standard": (
        "the coordinates of {rows} rows are in {detail}, while the format's standard says WGS 84",
        "{rows} 行坐标为 {detail}，而此格式的标准规定为 WGS 84",
    ),
    "formula_quoted": (
        "{rows} texts of {field} start like a formula and got a leading apostrophe",
        "{field} 有 {rows} 条文字以公式符号开头，前面加了单引号",
    ),
    "digits_lost_in_excel": (
        "{rows} values of {field} are long or zero-led digits, right in the file; Excel rounds them unless the "
        "column is imported as text (or take xlsx)",
        "{field} 有 {rows} 个值为长数字或以 0 开头，文件中正确;Excel 直接打开会改变，请按文本导入或改用 xlsx",
    ),
    "empty_layer": (
        "the layer has no rows within the scope: the file holds its columns only",
        "范围内该图层没有数据：文件只有字段",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One named warning of a delivery.

    Parameters
    ----------
    rule
        A key of `RULES`.
    layer
        Layer name of `layers.schema.LAYERS`.
    rows
        How many rows it concerns.
    field
        Column concerned, by its own (long) name; None where it is about the whole layer.
    detail
        What the sentence adds: a file name, a new column name.

    Examples
    --------
    >>> print(Notice(rule="outer_spaces_lost", layer="buildings", rows=2, field="address"))
    buildings: 2 texts of address lost the spaces at their ends, which the format does not keep
    """

    rule: str
    layer: str
    rows: int
    field: str | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"a notice's rule is one of {', '.join(RULES)}, not {self.rule!r}")

    def _sentence(self, language: int) -> str:
        return RULES[self.rule][language].format(rows=self.rows, field=self.field, detail=self.detail)

    @property
    def en(self) -> str:
        """The sentence in English."""
        return self._sentence(0)

    @property
    def zh(self) -> str:
        """The sentence in Chinese."""
        return self._sentence(1)

    def __str__(self) -> str:
        return f"{self.layer}: {self.en}"


class Notices:
    """A growing list of notices about one layer; a rule that concerns no row is not noted.

    Examples
    --------
    >>> notices = Notices("roads")
    >>> notices.add("invalid_geometry", 0)
    >>> notices.add("measure_dropped", 3)
    >>> [notice.rule for notice in notices]
    ['measure_dropped']
    """

    def __init__(self, layer: str) -> None:
        self.layer = layer
        self.items: list[Notice] = []

    def add(self, rule: str, rows: int, *, field: str | None = None, detail: str = "") -> None:
        """Note that `rows` rows met the rule."""
        if rows:
            self.items.append(Notice(rule=rule, layer=self.layer, rows=int(rows), field=field, detail=detail))

    def note(self, rule: str, *, field: str | None = None, detail: str = "") -> None:
        """Note a rule that is not about rows."""
        self.items.append(Notice(rule=rule, layer=self.layer, rows=0, field=field, detail=detail))

    def __iter__(self) -> Iterator[Notice]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
