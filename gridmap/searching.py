"""Finding things by what people type: codes, names, addresses, pinyin and its initials.

Everything of a city that has a name, a code or an address stands in one table of a few columns, compared column by
column: 165,000 things take some tens of milliseconds. Pinyin is that of `pypinyin`, which knows words with more than
one reading (重庆 is chongqing).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from pypinyin import lazy_pinyin

from gridmap.stores import Store
from gridmap.stores.scope import CODE_OF
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
        words = things["words"].map(plain).reset_index(drop=True) if "words" in things else ""
        self._things = things[[field.name for field in fields(Found)]].reset_index(drop=True)
        texts = {name: self._things[name].map(plain) for name in ("name", "code", "address")}
        sounds = {name: _sound(name) for name in texts["name"].unique()}
        full = texts["name"].map({name: sound for name, (sound, _) in sounds.items()})
        first = texts["name"].map({name: initials for name, (_, initials) in sounds.items()})
        self._texts = {name: _strings(values) for name, values in texts.items()}
        self._all = _strings(texts["name"] + "\n" + texts["code"] + "\n" + texts["address"] + "\n" + words)
        self._full, self._first = _strings(full), _strings(first)
        self._area = _strings(self._things["area"])
        self._order = pd.Categorical(self._things["layer"], categories=list(SEARCHED)).codes.astype("int64")
        self._length = texts["name"].str.len().to_numpy()

    def __len__(self) -> int:
        return len(self._things)

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
        hit = self._seen(within, layers, roads)
        for word in words:
            hit &= self._fits(word)
        rows = np.flatnonzero(hit)
        rank = self._rank(rows, " ".join(words))
        rows = rows[np.lexsort((self._length[rows], self._order[rows], rank))]
        found: dict[tuple[str, str, str], Found] = {}
        for record in self._things.iloc[rows[: most * 40]].to_dict("records"):
            key = (record["layer"], "" if record["layer"] == "roads" else record["code"], record["name"])
            if key not in found:
                found[key] = Found(**{str(name): _given(value) for name, value in record.items()})
            if len(found) == most:
                break
        return list(found.values())

    def _seen(self, within: Sequence[str], layers: Collection[str], roads: Collection[str] | None) -> np.ndarray:
        named = self._things["layer"].isin(list(layers)).to_numpy()
        streets = (self._things["layer"] == "roads").to_numpy()
        own = np.zeros(len(self._things), dtype=bool)
        for code in within:
            own |= _true(pc.starts_with(self._area, code)) if code else ~streets
        shown = streets if roads is None else streets & self._things["name"].isin(list(roads)).to_numpy()
        return named & (own & ~streets | shown)

    def _fits(self, word: str) -> np.ndarray:
        hit = _true(pc.match_substring(self._all, word))
        if word.isascii() and word.isalnum():
            hit |= _true(pc.match_substring(self._first, word)) | _true(pc.match_substring(self._full, word))
        return hit

    def _rank(self, rows: np.ndarray, text: str) -> np.ndarray:
        """The smaller the better."""
        rank = np.full(len(rows), 7)
        at = pa.array(rows)
        tests = (
            (6, pc.match_substring, self._texts["address"]), (5, pc.match_substring, self._full),
            (4, pc.match_substring, self._first), (3, pc.starts_with, self._first),
            (3, pc.starts_with, self._full), (3, pc.starts_with, self._texts["code"]),
            (2, pc.equal, self._full), (2, pc.match_substring, self._texts["name"]),
            (1, pc.starts_with, self._texts["name"]),
        )
        for value, test, column in tests:
            rank[_true(test(column.take(at), text))] = value
        for name in ("name", "code"):
            rank[_true(pc.equal(self._texts[name].take(at), text))] = 0
        return rank


def build_index(store: Store, *, today: date | None = None) -> SearchIndex:
    """Read everything that can be found.

    Parameters
    ----------
    store
        An open store; the whole city is read, who may see what is asked when searching.
    today
        Leaves out what is not in force that day.
    """
    present = set(store.layers())
    micro_grids = store.read("micro_grids", as_of=today) if "micro_grids" in present else None
    parts = [_things(name, store.read(name, as_of=today), micro_grids) for name in SEARCHED if name in present]
    empty = pd.DataFrame(columns=[field.name for field in fields(Found)])
    return SearchIndex(pd.concat(parts) if parts else empty)


def _things(layer: str, frame: Any, micro_grids: Any) -> pd.DataFrame:
    west, south, east, north = np.full((4, len(frame)), np.nan)
    if isinstance(frame, gpd.GeoDataFrame) and len(frame):
        west, south, east, north = shapely.bounds(frame.geometry.to_crs(4326).to_numpy()).T
    made = pd.DataFrame({
        "layer": layer, "code": _text(frame, "code"), "name": _text(frame, "name"), "address": _text(frame, "address"),
        "area": _text(frame, CODE_OF.get(layer, "")), "lon": (west + east) / 2, "lat": (south + north) / 2,
    })  # fmt: skip
    called = {kind: " ".join(said) for kind, said in kind_words().get(layer, {}).items()}
    made["words"] = [f"{kind} {called.get(kind, '')}" for kind in _text(frame, "kind")]
    if layer in _BY_PLACE and micro_grids is not None and len(frame):
        near, unit = micro_grids.sindex.query(frame.geometry.to_numpy(), predicate="intersects")
        made = made.iloc[near].assign(area=micro_grids["code"].astype("object").to_numpy()[unit])
    named = made["name"] != ""
    if layer == "roads":
        # a street of many pieces is one thing
        return made[named].drop_duplicates("name")
    return made[named | (made["code"] != "") | (made["address"] != "")]


def _text(frame: Any, column: str) -> np.ndarray:
    if column not in frame:
        return np.full(len(frame), "", dtype=object)
    values = frame[column].astype("object")
    return values.where(values.notna(), "").map(str).to_numpy()


def _sound(name: str) -> tuple[str, str]:
    """Pinyin of a name and its initials; "" where there is nothing Chinese in it."""
    if not _CHINESE.search(name):
        return "", ""
    syllables = lazy_pinyin(name)
    return "".join(syllables), "".join(syllable[:1] if syllable.isalpha() else syllable for syllable in syllables)


def _strings(values: pd.Series) -> pa.Array:
    return pa.array(values.to_numpy(dtype=object), type=pa.large_string())


def _true(mask: Any) -> np.ndarray:
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=bool)


def _given(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value
