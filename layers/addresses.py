"""Chinese addresses taken apart: 省市区街道社区路号小区栋单元室, as offices write them, whole or in part.

The parts that libraries know (province, city, county) are the ones that a city's own file does not need; what places a
report is road and number, estate and building, and those no maintained library takes apart. So a small reader of our
own: suffixes from the left, numbers from the right, nothing looked up.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, fields

__all__ = ["Address", "parse_address"]

_DIGITS = {c: n for n, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_CHINESE_NUMBER = re.compile(r"[零〇一二两三四五六七八九十百]+(?=号|弄|栋|幢|座|单元|层|楼|室|门)")
_NOISE = re.compile(r"[\s,，。;；、|]+|中国(?=.{2,3}(?:省|市))")
_BRACKETS = re.compile(r"[(\[（【〔].*?[)\]）】〕]")

#: From the left: what ends a part, and what only looks like it.
_LEFT = (
    ("province", re.compile(r"^[^\d市县区]{2,7}?(?:省|自治区|特别行政区)")),
    ("city", re.compile(r"^[^\d省区县路街号]{1,8}?(?:自治州|地区|盟|市)")),
    ("district", re.compile(r"^[^\d市路街号]{1,8}?(?:(?<![小社园校厂片])区|县|旗|市)(?!政府|委)")),
    ("street", re.compile(r"^[^\d路号区]{1,8}?(?:街道(?:办事处|办)?|镇|乡)(?![东西南北中]?路|街)")),
    ("community", re.compile(
        r"^[^\d路号]{1,12}?(?:社区(?:居委会)?|居委会|居民委员会|村委会|"
        r"(?<!新)村(?=\D|$)(?![东西南北中]*(?:大街|大道|路|街|巷|道)))"
    )),
)
_ROAD = re.compile(
    r"^([^\d号]{1,12}?(?:大道|大街|公路|胡同|路|街|巷|道|径))(?:([东西南北中一二三四五六]{1,2})段)?"
)
#: What stands right before a house number is a lane, whatever it is called: 石桥里3号.
_ANY_ROAD = re.compile(r"^([^\d号]{2,12}?)()(?=\d+(?:[-－之]\d+)?号(?!楼|房))")
_LANE = re.compile(r"^(\d+)弄")
_NUMBER = re.compile(r"^(?:甲|乙|丙|附)?(\d+)(?:[-－之](\d+))?号(?!楼|房)(?:附\d+号)?(?:院|大院|旁|附近|对面|门口)?")
#: From the right.
_ROOM = re.compile(r"(?<![\d-])(\d{2,5})(?:室|房|户)?$")
_FLOOR = re.compile(r"(\d+)(?:层|楼)$")
_UNIT = re.compile(r"(\d+|[A-Za-z]|[甲乙丙丁])(?:单元|门)$")
_BUILDING = re.compile(r"(\d+|[A-Za-z]\d*|[甲乙丙丁])(?:号楼|号栋|栋|幢|座|#楼?|号房)$")
_DASHED = re.compile(r"(?<!\d)(\d{1,3})[-－](\d{1,2})[-－](\d{2,4})$")


@dataclass(frozen=True)
class Address:
    """Parts of an address as text, numbers in plain digits; None for what it does not say.

    `estate` is what stands between the road's number and the building: an estate, a compound or a name.
    """

    province: str | None = None
    city: str | None = None
    district: str | None = None
    street: str | None = None
    community: str | None = None
    road: str | None = None
    number: str | None = None
    estate: str | None = None
    building: str | None = None
    unit: str | None = None
    floor: str | None = None
    room: str | None = None

    def said(self) -> dict[str, str]:
        """The parts that are there."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}


def parse_address(text: object) -> Address:
    """Take an address apart.

    Parameters
    ----------
    text
        As typed: full-width forms, Chinese numerals, remarks in brackets and spaces do no harm.

    Returns
    -------
    Address. A lane of Shanghai (`120弄5号`) is a number `120弄5`; `3-2-501` is building, unit and room.

    Examples
    --------
    >>> told = parse_address("浙江省杭州市西湖区北山街道友谊社区曙光路１２号金都花园三号楼2单元501室").said()
    >>> list(told.values())
    ['浙江省', '杭州市', '西湖区', '北山街道', '友谊社区', '曙光路', '12', '金都花园', '3', '2', '501']
    >>> parse_address("中山北路120弄5号").said(), parse_address("龙南小区3-2-501").said()
    ({'road': '中山北路', 'number': '120弄5'}, {'estate': '龙南小区', 'building': '3', 'unit': '2', 'room': '501'})
    """
    if not isinstance(text, str):
        return Address()
    rest = unicodedata.normalize("NFKC", text)
    rest = _NOISE.sub("", _BRACKETS.sub("", rest))
    rest = _CHINESE_NUMBER.sub(_arabic, rest)
    parts: dict[str, str] = {}
    for name, pattern in _LEFT:
        found = pattern.match(rest)
        if found and len(found[0]) < len(rest) + (name != "city"):
            parts[name], rest = found[0], rest[found.end() :]
    rest = _road(rest, parts)
    rest = _home(rest, parts)
    if rest:
        parts["estate"] = rest
    return Address(**parts)


def _road(rest: str, parts: dict[str, str]) -> str:
    """Road, lane and number from the left."""
    found = _ROAD.match(rest) or _ANY_ROAD.match(rest)
    if not found:
        return rest
    parts["road"] = found[1] + (f"{found[2]}段" if found[2] else "")
    rest = rest[found.end() :]
    lane = _LANE.match(rest)
    if lane:
        rest = rest[lane.end() :]
    number = _NUMBER.match(rest)
    if number:
        rest = rest[number.end() :]
    said = (f"{lane[1]}弄" if lane else "") + (number[1] + (f"-{number[2]}" if number[2] else "") if number else "")
    if said:
        parts["number"] = said
    return rest


def _home(rest: str, parts: dict[str, str]) -> str:
    """Building, unit, floor and room from the right."""
    dashed = _DASHED.search(rest)
    if dashed:
        parts["building"], parts["unit"], parts["room"] = dashed.groups()
        return rest[: dashed.start()]
    whole = rest
    for name, pattern in (("room", _ROOM), ("floor", _FLOOR), ("unit", _UNIT), ("building", _BUILDING)):
        found = pattern.search(rest)
        if found:
            parts[name], rest = found[1].upper(), rest[: found.start()]
    bare = not re.search(r"[室房户]$", whole)
    if "room" in parts and rest and bare and not {"unit", "building", "floor"} & parts.keys():
        # a bare number after a name is a building or part of the name: nobody knows
        del parts["room"]
        return whole
    return rest


def _arabic(found: re.Match[str]) -> str:
    """Chinese numerals up to 999 as digits; digits in a row as they stand."""
    text = found[0]
    if not re.search("[十百]", text):
        return "".join(str(_DIGITS[c]) for c in text)
    total = last = 0
    for c in text:
        if c in "十百":
            total += (last or 1) * (10 if c == "十" else 100)
            last = 0
        else:
            last = _DIGITS[c]
    return str(total + last)
