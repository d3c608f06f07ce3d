"""Stops along lines, and the graph that a search along them walks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

__all__ = ["Arcs", "Stops", "make_arcs", "shortest"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Stops:
    """Where nodes lie along lines, ordered by line and metres; neighbours on a line are joined by an edge."""

    line: Ints
    metres: Floats
    node: Ints

    @cached_property
    def edges(self) -> tuple[Ints, Ints, Floats]:
        """From node, to node, metres: one edge between each two neighbours on a line."""
        same = self.line[1:] == self.line[:-1]
        return self.node[:-1][same], self.node[1:][same], np.diff(self.metres)[same]

    def around(self, line: Ints, metres: Floats) -> Ints:
        """Number of the last stop at or before each place on a line; the next number is the stop behind it."""
        opens = np.flatnonzero(np.diff(self.line, prepend=-1))
        closes = np.append(opens[1:], len(self.line)) - 1
        # all lines one behind the other, a metre apart, so that one sorted search does for all
        base = np.concatenate([[0.0], np.cumsum(self.metres[closes] + 1.0)[:-1]])
        found = np.searchsorted(base[self.line] + self.metres, base[line] + metres, side="right") - 1
        return np.clip(found, opens[line], closes[line] - 1)

    @classmethod
    def ordered(cls, line: Ints, metres: Floats, node: Ints) -> Stops:
        """Stops brought into order."""
        order = np.lexsort((metres, line))
        return cls(line=line[order], metres=metres[order], node=node[order])


@dataclass(frozen=True, kw_only=True)
class Arcs:
    """The network as a search sees it that begins at the facilities: `heads` and `metres` of the arcs, node by node.

    Private ways are walked to and from, and never through. So a node on private ways is there more than once: a
    facility on such a way begins at the copy `arriving`, from there ways lead to the public streets, and from these
    to the copy `leaving`, which the doors on private ways read. Elsewhere both are the node itself.
    """

    begins: NDArray[np.int64]
    heads: NDArray[np.int32]
    metres: Floats
    arriving: Ints
    leaving: Ints

    @cached_property
    def longest(self) -> float:
        """Metres of the longest arc."""
        return float(self.metres.max(initial=1.0))

    @cached_property
    def width(self) -> float:
        """Metres of a bucket of the search: a quarter of a usual arc, where few nodes are looked at twice."""
        return max(float(np.median(self.metres)) / 4 if len(self.metres) else 1.0, self.longest / 100_000, 0.01)


def make_arcs(
    stops: Stops, links: tuple[Ints, Ints, Floats], nodes: int, private: NDArray[np.bool_]
) -> Arcs:
    """The graph of the stops and the links between them; of several arcs between two nodes the shortest counts.

    Parameters
    ----------
    stops
        Where nodes lie along lines.
    links
        From node, to node, metres: short gaps that were bridged.
    nodes
        How many nodes there are.
    private
        Whether a line is walked only to and from the doors on it.
    """
    one, other, metres = (np.concatenate(pair) for pair in zip(stops.edges, links, strict=True))
    open_, shut = np.zeros(nodes, dtype=np.bool_), np.zeros(nodes, dtype=np.bool_)
    open_[stops.node[~private[stops.line]]] = True
    # a link is private where an end of it lies on private ways only
    closed = np.concatenate([
        private[stops.line[:-1][stops.line[1:] == stops.line[:-1]]], ~(open_[links[0]] & open_[links[1]])
    ])
    shut[one[closed]] = shut[other[closed]] = True
    inner, mixed = np.flatnonzero(shut & ~open_), np.flatnonzero(shut & open_)
    total = nodes + len(inner) + 2 * len(mixed)
    arriving, leaving = np.arange(nodes), np.arange(nodes)
    leaving[inner] = nodes + np.arange(len(inner))
    arriving[mixed] = nodes + len(inner) + np.arange(len(mixed))
    leaving[mixed] = arriving[mixed] + len(mixed)

    public = [(one[~closed], other[~closed], metres[~closed])]
    within = [(copy[one[closed]], copy[other[closed]], metres[closed]) for copy in (arriving, leaving)]
    both_ways = [(head, tail, length) for tail, head, length in public + within]
    # out onto the street, in from the street, and from a facility to a door of the same private way
    steps = [
        (tail, head, np.zeros(len(tail)))
        for tail, head in ((arriving[mixed], mixed), (mixed, leaving[mixed]), (inner, leaving[inner]))
    ]
    tails, heads, lengths = zip(*public, *within, *both_ways, *steps, strict=True)
    tail, head, length = shortest(np.concatenate(tails), np.concatenate(heads), np.concatenate(lengths))
    begins = np.concatenate([[0], np.cumsum(np.bincount(tail, minlength=total))])
    return Arcs(
        begins=begins.astype(np.int64), heads=head.astype(np.int32), metres=length, arriving=arriving, leaving=leaving
    )


def shortest(tail: Ints, head: Ints, metres: Floats) -> tuple[Ints, Ints, Floats]:
    """Of the edges from one node to another the shortest, in the order of nodes; none from a node to itself."""
    order = np.lexsort((metres, head, tail))
    tail, head, metres = tail[order], head[order], metres[order]
    first = tail != head
    first[1:] &= (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])
    return tail[first], head[first], metres[first]
