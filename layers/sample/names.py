"""Invented names: none is meant to be a real person, firm or place."""

from __future__ import annotations

from collections.abc import Iterator

from numpy.random import Generator

__all__ = ["COMMUNITY", "DISTRICT", "ESTATES", "MANAGED", "STREET", "brands", "people", "phones"]

DISTRICT = ("990101", "澄川区")
STREET = ("990101001", "榆溪街道")
COMMUNITY = ("990101001001", "老埠社区")

#: Estates without management, and with, in the order in which plots are drawn.
ESTATES = (
    "麦场南院", "粮站宿舍", "教工新村", "建设里小区", "柘林苑", "榆荫小区", "二轻宿舍", "石榴小院", "供销社宿舍",
    "水泵厂宿舍",
    "藕池新村", "搪瓷厂宿舍", "东圃小区", "桂子里小区", "针织厂宿舍", "菱角塘小区", "木行宿舍", "航运新村",
    "蒲塘小区",
)
MANAGED = ("望溪花园", "临溪名邸")

_SURNAMES = (
    "陈林黄周吴徐孙胡朱高何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟"
    "汪田任姜范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
_GIVEN = (
    "安澜", "秋禾", "长河", "明岫", "素心", "望舒", "守拙", "云起", "若溪", "见山", "知微", "听雨", "怀瑾", "远志",
    "青禾", "晓棠",
    "立冬", "春生", "石生", "水清", "采薇", "子衿", "沐阳", "念慈", "承泽", "乐山", "雨田", "映雪", "小满", "谷雨",
    "松年", "竹君",
)
_FIRST = "禾榆澄桂溪埠石岸舟渡橹帆汀洲竹荷菱藕莲梧桐枫杉榕槐柳桑麦稻粟穗果茶醇鼎盛裕丰泰和顺兴隆瑞祥恒昌"
_SECOND = "记园居坊斋堂馆轩阁号芳香味源春来缘家悦美佳康达信诚利通汇聚乐巧匠艺阳明光"


def brands(rng: Generator, count: int) -> list[str]:
    """
    Two-character names for shops, all different.

    Examples
    --------
    >>> from numpy.random import default_rng
    >>> names = brands(default_rng(0), 700)
    >>> len(set(names)), {len(name) for name in names}
    (700, {2})
    """
    numbers = rng.choice(len(_FIRST) * len(_SECOND), count, replace=False)
    return [_FIRST[number // len(_SECOND)] + _SECOND[number % len(_SECOND)] for number in numbers]


def people(rng: Generator, count: int) -> list[str]:
    """
    Names of people who do not exist, all different.

    Examples
    --------
    >>> from numpy.random import default_rng
    >>> len(set(people(default_rng(0), 50)))
    50
    """
    numbers = rng.choice(len(_SURNAMES) * len(_GIVEN), count, replace=False)
    return [_SURNAMES[number // len(_GIVEN)] + _GIVEN[number % len(_GIVEN)] for number in numbers]


def phones(rng: Generator) -> Iterator[str]:
    """
    Telephone numbers under the area code 0000, which no place has.

    Examples
    --------
    >>> from numpy.random import default_rng
    >>> next(phones(default_rng(0)))
    '0000-86556179'
    """
    while True:
        yield f"0000-{rng.integers(10_000_000, 99_999_999)}"
