"""Texts of many things, each text compared once however many things bear it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["TextColumn", "begins", "holds", "same"]

Test = Callable[[Any, str], Any]

#: How a text is compared with what was typed.
begins: Test = pc.starts_with
holds: Test = pc.match_substring
same: Test = pc.equal


class TextColumn:
    """One text of every thing.

    Parameters
    ----------
    texts
        The texts that there are; one that stands there twice does no harm.
    at
        For every thing the place of its text in `texts`.

    Examples
    --------
    >>> names = TextColumn(["食堂", "公厕"], np.array([1, 0, 1]))
    >>> names.fits(holds, "公", np.array([0, 1, 2])).tolist(), names.fits(same, "食", np.array([1])).tolist()
    ([True, False, True], [False])
    """

    def __init__(self, texts: Sequence[str], at: np.ndarray) -> None:
        self._texts = pa.array(texts, type=pa.large_string())
        self._at = at.astype(np.int32)
        self._letters = frozenset("".join(texts))

    def fits(self, test: Test, text: str, rows: np.ndarray) -> np.ndarray:
        """Whether the texts of some things, given by their numbers, stand the test."""
        if not self._letters.issuperset(text):
            return np.zeros(len(rows), dtype=bool)
        at = self._at[rows]
        if len(at) < len(self._texts):
            return _true(test(self._texts.take(pa.array(at)), text))
        return _true(test(self._texts, text))[at]


def _true(mask: Any) -> np.ndarray:
    return np.asarray(mask.to_numpy(zero_copy_only=False), dtype=bool)
