"""Other partitioners on the same cells: METIS, GerryChain and spopt's max-p (`pip install pymetis gerrychain spopt`).

Each gets the cells of gridmap with their households and common boundaries; cells that stay alone by nature (stacks of
floors, a building too big) keep a unit of their own, as in gridmap.
"""

from __future__ import annotations

import contextlib
import random
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from types import FrameType

import numpy as np
from scipy.sparse import coo_matrix

from gridmap.micro_grids.band import Band
from gridmap.micro_grids.graph import ALONE, CellGraph

Partitioner = Callable[[CellGraph, Band], np.ndarray]


class TooLong(Exception):
    """A method did not finish in its time."""


@contextlib.contextmanager
def within(seconds: int) -> Iterator[None]:
    """Stop what takes longer, in seconds of the clock."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def parts_for(households: int, cells: int, band: Band) -> int:
    """Parts that an area of so many households needs."""
    parts = max(-(-households // band.high), min(round(households / band.target), households // band.low))
    return max(1, min(parts, cells))


def _pieces(graph: CellGraph) -> Iterator[tuple[np.ndarray, CellGraph]]:
    """The connected pieces of the cells that may share a unit, with their positions."""
    free = np.flatnonzero(graph.weight < ALONE)
    part = graph.part(free)
    piece = part.pieces()
    for number in range(int(piece.max()) + 1 if len(piece) else 0):
        here = np.flatnonzero(piece == number)
        yield free[here], part.part(here)


def _by_piece(graph: CellGraph, band: Band, cut: Callable[[CellGraph, int], np.ndarray]) -> np.ndarray:
    unit = np.full(len(graph), -1, dtype=np.int64)
    alone = np.flatnonzero(graph.weight >= ALONE)
    unit[alone] = np.arange(len(alone))
    made = len(alone)
    for cells, sub in _pieces(graph):
        parts = parts_for(int(sub.weight.sum()), len(cells), band)
        label = cut(sub, parts) if parts > 1 else np.zeros(len(cells), dtype=np.int64)
        unit[cells] = made + np.unique(label, return_inverse=True)[1]
        made = int(unit.max()) + 1
    return unit


def metis(graph: CellGraph, band: Band) -> np.ndarray:
    """Recursive bisection; the cut is minimised, balance is a side condition."""
    import pymetis

    def cut(sub: CellGraph, parts: int) -> np.ndarray:
        keep = sub.open
        cost = np.maximum(1, np.rint(sub.bare[keep]))
        matrix = coo_matrix((cost, (sub.a[keep], sub.b[keep])), shape=(len(sub),) * 2)
        matrix = (matrix + matrix.T).tocsr()
        _, label = pymetis.part_graph(
            parts, xadj=matrix.indptr, adjncy=matrix.indices, vweights=sub.weight.tolist(),
            eweights=matrix.data.astype(int).tolist(), recursive=True,
        )  # fmt: skip
        return np.array(label)

    return _by_piece(graph, band, cut)


def gerrychain(graph: CellGraph, band: Band) -> np.ndarray:
    """Recursive tree partition within +-20 % of the mean; it raises or runs on where lumps do not fit."""
    import networkx as nx
    from gerrychain import Graph
    from gerrychain.tree import recursive_tree_part

    random.seed(0)

    def cut(sub: CellGraph, parts: int) -> np.ndarray:
        net = nx.Graph()
        net.add_nodes_from((n, {"pop": int(w)}) for n, w in enumerate(sub.weight))
        net.add_edges_from(np.column_stack([sub.a[sub.open], sub.b[sub.open]]).tolist())
        try:
            made = Graph.from_networkx(net)
        except AttributeError:
            made = net
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = recursive_tree_part(made, range(parts), sub.weight.sum() / parts, "pop", 0.2)
        return np.array([answer[n] for n in range(len(sub))])

    return _by_piece(graph, band, cut)


def max_p(graph: CellGraph, band: Band) -> np.ndarray:
    """spopt's max-p: as many connected units as hold the minimum; households are its one attribute."""
    import geopandas as gpd
    import shapely
    from libpysal.weights import W
    from spopt.region import MaxPHeuristic

    np.random.seed(0)

    def cut(sub: CellGraph, parts: int) -> np.ndarray:
        near: dict[int, list[int]] = {n: [] for n in range(len(sub))}
        for a, b in zip(sub.a[sub.open].tolist(), sub.b[sub.open].tolist(), strict=True):
            near[a].append(b)
            near[b].append(a)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            weights = W(near, silence_warnings=True)
            frame = gpd.GeoDataFrame({"households": sub.weight}, geometry=[shapely.Point(0, 0)] * len(sub))
            model = MaxPHeuristic(
                frame, weights, ["households"], "households", band.wish_low, 2,
                max_iterations_construction=5, max_iterations_sa=3,
            )  # fmt: skip
            model.solve()
        return np.array(model.labels_)

    return _by_piece(graph, band, cut)


PEERS: dict[str, Partitioner] = {"METIS": metis, "GerryChain": gerrychain, "max-p": max_p}


def timed(method: Partitioner, graphs: list[CellGraph], band: Band, limit: int) -> tuple[list[np.ndarray], float] | str:
    """Units of each graph and the CPU seconds of all; or why there are none."""
    start = time.process_time()
    try:
        with within(limit):
            units = [method(graph, band) for graph in graphs]
    except TooLong:
        return f"did not finish in {limit} s"
    except ImportError as error:
        return f"not installed: {error.name}"
    except Exception as error:
        return f"gave up: {type(error).__name__}: {str(error)[:80]}"
    return units, time.process_time() - start


def shares(graphs: list[CellGraph], units: list[np.ndarray], band: Band) -> dict[str, float]:
    """Share in the band, share in the wish of units of several inhabited cells, share connected; stacks left out."""
    held, wished, whole, count = [], [], [], 0
    for graph, unit in zip(graphs, units, strict=True):
        size = int(unit.max()) + 1
        load = np.bincount(unit, weights=graph.households, minlength=size)
        stack = np.bincount(unit, weights=graph.weight >= ALONE, minlength=size) > 0
        several = np.bincount(unit, weights=graph.households > 0, minlength=size) > 1
        keep = ~stack & (load > 0)
        piece = graph.pieces(among=unit)
        first = np.full(size, len(graph), dtype=np.int64)
        np.minimum.at(first, unit, piece)
        last = np.full(size, -1, dtype=np.int64)
        np.maximum.at(last, unit, piece)
        held += list(((load >= band.low) & (load <= band.high))[keep])
        wished += list(((load >= band.wish_low) & (load <= band.wish_high))[keep & several])
        whole += list((first == last)[keep])
        count += int(keep.sum())
    return {"units": count, "in_band": float(np.mean(held)), "in_wish": float(np.mean(wished or [1.0])),
            "connected": float(np.mean(whole))}  # fmt: skip
