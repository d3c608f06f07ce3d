"""README.txt beside the files: what they are, where their coordinates lie, and what they could not hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gridmap.exports.delivered import Staged
from gridmap.exports.order import ENCODINGS, Order
from layers.schema import layer as layer_of

__all__ = ["FILES_HEADING", "readme"]

#: The heading under which every file of the folder stands, one a line: `gridmap.exports.placing` reads it back.
FILES_HEADING = "文件 / Files"

_FORMAT_NOTES = {
    "shapefile": (
        "字段名为 ASCII，最长 10 字节;全称见字段说明 {fields}。是否型字段：T 是，F 否。日期为 ISO 8601 文字。",
        "Field names are ASCII of at most 10 bytes; full names are in {fields}. Truth values are T and F. "
        "Dates are ISO 8601 text.",
    ),
    "csv": (
        "UTF-8（带 BOM）。编码（code）是文字：用 Excel 打开时请按“文本”导入，否则长数字会变。",
        "UTF-8 with a byte-order mark. Codes are text: import them into Excel as text, or long digits change.",
    ),
}


def readme(staged: Sequence[Staged], files: Sequence[str], order: Order, *, fields: str) -> str:
    """The text of README.txt, Chinese first, for the staged layers and all file names of the folder.

    `fields` is the file name of the dictionary. A shifted datum (GCJ-02, BD-09) is named at once below the layer.
    """
    made_on = order.made_on or datetime.now().astimezone().date()
    scope = ", ".join(code for code in order.scope if code)
    lines = [
        "gridmap 数据导出 / gridmap export",
        "",
        f"制作日期 / made on: {made_on.isoformat()}",
        f"范围 / scope: {scope or '全市 / whole city'}",
        f"数据日期 / valid on: {order.as_of.isoformat() if order.as_of else '当前 / as stored'}",
        f"格式 / format: {order.format}",
        f"编码 / encoding: {_encoding(order)}",
        f"字段说明 / columns: {fields}",
    ]
    if order.attribution:
        lines.append(f"数据来源 / source: {order.attribution}")
    for note in _FORMAT_NOTES.get(order.format, ()):
        lines.append(note.format(fields=fields))
    for part in staged:
        lines += ["", *_about(part)]
    lines += ["", FILES_HEADING, *sorted(files), ""]
    return "\r\n".join(lines)


def _encoding(order: Order) -> str:
    return ENCODINGS[order.encoding] if order.format == "shapefile" else "UTF-8"


def _about(part: Staged) -> list[str]:
    known = layer_of(part.layer)
    lines = [
        f"图层 / layer: {part.layer} ({known.zh}, {known.en})",
        f"  行数 / rows: {part.rows}",
        f"  文件 / main files: {', '.join(part.main)}",
        f"  坐标系 / coordinates: {part.position.label}",
    ]
    if part.position.shifted:
        name = part.position.label.split(" ")[0]
        lines += [
            f"  注意：坐标已按 {name} 偏移，不是 WGS 84，也不是 CGCS2000，不可与其直接叠加。",
            f"  Mind: the coordinates are shifted to {name}; they lie on neither WGS 84 nor CGCS2000 data.",
        ]
    if part.notices:
        lines.append("  提示 / warnings:")
        lines += [f"  - {notice.zh}\r\n    {notice.en}" for notice in part.notices]
    return lines
