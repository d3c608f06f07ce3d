"""Finding things by what people type: codes, names, addresses, pinyin and its initials.

Everything of a city that has a name, a code or an address stands in one table of a few columns, in the order of its
areas: who asks for an area has its part of the table looked at, each text once. 118,000 things take a few
milliseconds. Pinyin is that of `pypinyin`, which knows words with more than
one reading (重庆 is chongqing).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pyproj
import shapely
from pypinyin import lazy_pinyin

from gridmap.search_columns import Test, TextColumn, begins, holds, same
from gridmap.stores.scope import CODE_OF, after_prefix, covering
from gridmap.stores.sql_store import SqlStore
from gridmap.stores.texts import Texts, texts_of
from layers.kinds import kind_words

__all__ = ["SEARCHED", "Found", "SearchIndex", "build_index", "plain"]

#: Layers that are searched, the likeliest answer first.
SEARCHED = (
    "micro_grids", "grids", "communities", "streets", "districts", "facilities", "organizations", "estates",
    "buildings", "roads",
)
#: Layers that are found by where they lie: each is listed once for every micro-grid that it touches.
_BY_PLACE = ("estates",)
#: The most that is compared of a text.
_LONGEST = 200
_CHINESE = re.compile(r"[\u3400-\u9fff]")
_SPACES = re.compile(r"\s+")
_ROADS = SEARCHED.index("roads")


@dataclass(frozen=True, kw_only=True)
class Found:
    """One answer.

    Parameters
    ----------
    layer, code, name, address
        What it is; "" for what it has not.
    area
        Code of the unit that it belongs to; "" for streets, which belong to everyone.
    lon, lat
        The middle of its box, in degrees of WGS 84 (as far as the city's CRS is of that datum); None without one.
    """

    layer: str
    code: str
    name: str
    address: str
    area: str
    lon: float | None
    lat: float | None


def plain(text: str) -> str:
    """A text as it is compared: full-width digits and letters made narrow, lower case, single spaces.

    Examples
    --------
    >>> plain(" ＬＵ 12号 ")
    'lu 12号'
    """
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip().lower()[:_LONGEST]


class SearchIndex:
    """Everything of a city that can be found by a text.

    Parameters
    ----------
    things
        One row a thing, with `layer`, `code`, `name`, `address`, `area`, `lon`, `lat` and, where there are such,
        `words`: what its kind is called.

    Examples
    --------
    >>> things = pd.DataFrame({
    ...     "layer": ["facilities", "facilities"], "code": ["f1", "f2"], "name": ["龙南食堂", "重庆路卫生站"],
    ...     "address": ["", "重庆路12号"], "area": ["510504001001001001", "510504001001002001"],
    ...     "lon": [105.4, 105.4], "lat": [28.9, 28.9],
    ... })
    >>> index = SearchIndex(things)
    >>> [hit.name for hit in index.find("lnst")], [hit.name for hit in index.find("chongqing")]
    (['龙南食堂'], ['重庆路卫生站'])
    >>> [hit.code for hit in index.find("１２号 卫生")], index.find("lnst", within=["510504001001002"])
    (['f2'], [])
    """

    def __init__(self, things: pd.DataFrame) -> None:
        things = things.reset_index(drop=True)
        area, self._layer = things["area"].to_numpy(dtype=str), _layer_numbers(things["layer"])
        # what belongs to an area stands together; streets, which belong to none, come last
        order = np.lexsort((area, self._layer == _ROADS))
        things, self._layer = things.iloc[order].reset_index(drop=True), self._layer[order]
        self._count = int((self._layer != _ROADS).sum())
        self._area = area[order][: self._count]
        self._told = {field.name: things[field.name].to_numpy() for field in fields(Found)}
        at, names = pd.factorize(things["name"])
        texts = [plain(name) for name in names]
        sounds = [_sound(name) for name in texts]
        self._name = TextColumn(texts, at)
        self._full, self._first = (TextColumn([sound[part] for sound in sounds], at) for part in (0, 1))
        self._code, self._address, self._words = (_column(things, name) for name in ("code", "address", "words"))
        # among equals by layer, length of the name, and the order in which they were given
        length = np.array([len(name) for name in texts], dtype=np.int64)[at]
        self._place = np.argsort(np.lexsort((order, length, self._layer)))

    def __len__(self) -> int:
        return len(self._layer)

    def find(
        self, text: str, *, within: Sequence[str] = ("",), layers: Collection[str] = SEARCHED,
        most: int = 12, roads: Collection[str] | None = None,
    ) -> list[Found]:
        """What fits a text best.

        Every word of it must stand in the name, the code, the address or what its kind is called; letters may also be
        the pinyin of the name or its initials.

        Parameters
        ----------
        text
            What was typed.
        within
            Area codes: what belongs to none of them is not found; ("",) is everything.
        layers
            Names of the layers that may be found.
        most
            The most answers.
        roads
            Names of streets that may be found; None for all.

        Returns
        -------
        Answers: names that are the text, then that begin with it, then that hold it, then by code, sound, address;
        among equals by layer and length of the name. A thing of several rows is given once.
        """
        words = plain(text).split(" ")
        if not words[0]:
            return []
        rows = self._seen(within, layers, roads)
        for word in words:
            rows = rows[self._fits(word, rows)]
        found: dict[tuple[str, str, str], Found] = {}
        for row in self._best(rows, " ".join(words), most * 40):
            told = {name: _given(values[row]) for name, values in self._told.items()}
            key = (told["layer"], "" if told["layer"] == "roads" else told["code"], told["name"])
            if key not in found:
                found[key] = Found(**told)
            if len(found) == most:
                break
        return list(found.values())

    def _seen(self, within: Sequence[str], layers: Collection[str], roads: Collection[str] | None) -> np.ndarray:
        """Numbers of the things that may be found."""
        parts = []
        for code in covering(within):
            after = after_prefix(code)
            first = np.searchsorted(self._area, code)
            last = len(self._area) if after is None else np.searchsorted(self._area, after)
            parts.append(np.arange(first, last))
        streets = np.arange(self._count, len(self))
        if roads is not None:
            shown = set(roads)
            streets = streets[[name in shown for name in self._told["name"][streets]]]
        rows = np.concatenate([*parts, streets]).astype(np.int64)
        hidden = [number for number, name in enumerate(SEARCHED) if name not in layers]
        return rows[~np.isin(self._layer[rows], hidden)] if hidden else rows

    def _fits(self, word: str, rows: np.ndarray) -> np.ndarray:
        columns = [self._name, self._code, self._address, self._words]
        if word.isascii() and word.isalnum():
            columns += [self._first, self._full]
        hit = np.zeros(len(rows), dtype=bool)
        for column in columns:
            hit |= column.fits(holds, word, rows)
        return hit

    def _best(self, rows: np.ndarray, text: str, most: int) -> list[int]:
        """The best of some things, the best first."""
        levels: tuple[tuple[tuple[TextColumn, Test], ...], ...] = (
            ((self._name, same), (self._code, same)), ((self._name, begins),),
            ((self._name, holds), (self._full, same)),
            ((self._first, begins), (self._full, begins), (self._code, begins)),
            ((self._first, holds),), ((self._full, holds),), ((self._address, holds),),
        )  # fmt: skip
        kept: list[int] = []
        for tests in levels:
            hit = np.zeros(len(rows), dtype=bool)
            for column, test in tests:
                hit |= column.fits(test, text, rows)
            kept += self._in_order(rows[hit], most - len(kept))
            rows = rows[~hit]
            if len(kept) == most:  # what stands the later tests only comes after these
                return kept
        return kept + self._in_order(rows, most - len(kept))

    def _in_order(self, rows: np.ndarray, most: int) -> list[int]:
        place = self._place[rows]
        if len(rows) > most:
            first = np.argpartition(place, most)[:most]
            rows, place = rows[first], place[first]
        found: list[int] = rows[np.argsort(place)].tolist()
        return found


def build_index(store: SqlStore, *, today: date | None = None) -> SearchIndex:
    """Read everything that can be found.

    Parameters
    ----------
    store
        An open store; the whole city is read, who may see what is asked when searching.
    today
        Leaves out what is not in force that day.
    """
    present = [name for name in SEARCHED if name in store.layers()]
    parts = []
    for name in present:
        told = texts_of(store, name, ("code", "name", "address", "kind", CODE_OF.get(name, "")), as_of=today)
        parts.append(_by_place(store, name, told, today) if name in _BY_PLACE else _things(name, told))
    if not parts:
        return SearchIndex(pd.DataFrame(columns=[field.name for field in fields(Found)]))
    things = pd.concat(parts, ignore_index=True)
    middle = things[["x", "y"]].to_numpy(dtype=float)
    placed = np.isfinite(middle).all(axis=1)
    to_degrees = pyproj.Transformer.from_crs(store.crs, 4326, always_xy=True)
    degrees = np.full((2, len(things)), np.nan)
    degrees[:, placed] = to_degrees.transform(*middle[placed].T)
    return SearchIndex(things.assign(lon=degrees[0], lat=degrees[1]))


def _things(layer: str, told: Texts) -> pd.DataFrame:
    texts, (x, y) = told.texts, told.middles().T
    made = pd.DataFrame({
        "layer": layer, "code": texts["code"], "name": texts["name"], "address": texts["address"],
        "area": texts[CODE_OF.get(layer, "")], "x": x, "y": y,
    }, dtype="object")  # fmt: skip
    called = {kind: " ".join(said) for kind, said in kind_words().get(layer, {}).items()}
    made["words"] = [f"{kind} {called.get(kind, '')}" for kind in texts["kind"]]
    named = made["name"] != ""
    if layer == "roads":
        # a street of many pieces is one thing
        return made[named].drop_duplicates("name")
    return made[named | (made["code"] != "") | (made["address"] != "")]


def _by_place(store: SqlStore, layer: str, told: Texts, today: date | None) -> pd.DataFrame:
    """The same for things that belong to every micro-grid that they touch."""
    units = texts_of(store, "micro_grids", ("code",), as_of=today)
    near, unit = shapely.STRtree(units.shapes).query(told.shapes, predicate="intersects")
    texts = {name: [said[row] for row in near] for name, said in told.texts.items()}
    codes = [units.texts["code"][row] for row in unit]
    return _things(layer, Texts({**texts, CODE_OF.get(layer, ""): codes}, told.shapes[near]))


def _column(things: pd.DataFrame, name: str) -> TextColumn:
    if name not in things:
        return TextColumn([""], np.zeros(len(things), dtype=np.int32))
    at, texts = pd.factorize(things[name])
    return TextColumn([plain(text) for text in texts], at)


def _layer_numbers(layers: pd.Series) -> np.ndarray:
    return pd.Categorical(layers, categories=list(SEARCHED)).codes.astype(np.int64)


@lru_cache(maxsize=1 << 17)  # most names are those of the last time
def _sound(name: str) -> tuple[str, str]:
    """Pinyin of a name and its initials; "" where there is nothing Chinese in it."""
    if not _CHINESE.search(name):
        return "", ""
    syllables = lazy_pinyin(name)
    return "".join(syllables), "".join(syllable[:1] if syllable.isalpha() else syllable for syllable in syllables)


def _given(value: Any) -> Any:
    return value if not isinstance(value, float) else None if np.isnan(value) else float(value)
