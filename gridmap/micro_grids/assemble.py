"""The chunks of a city put together again: one numbering of cells and units, borders that fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gridmap.micro_grids.cell_places import join_told
from gridmap.micro_grids.cells import Cells, join_graphs
from gridmap.micro_grids.chunks import Chunk
from gridmap.micro_grids.community import ChunkSplit
from gridmap.micro_grids.given import Given
from gridmap.micro_grids.levels import LEVELS, Plan
from gridmap.micro_grids.stitch import onto_outline, stitch

__all__ = ["assemble"]


def assemble(
    chunks: Sequence[Chunk], done: Sequence[ChunkSplit], given: Given
) -> tuple[Cells, Plan, dict[int, float]]:
    """One plan of all chunks.

    Parameters
    ----------
    chunks, done
        What was split, and what came out, in the same order.
    given
        The units that the city has.

    Returns
    -------
    cells, plan, cut
        Cells of the city, the plan over them, and the building pieces that a given boundary crosses, with the square
        metres on the other side.
    """
    counts = np.array([len(split.cells) for split in done], dtype=np.int64)
    chunk = np.repeat(np.arange(len(done)), counts)
    fitted = stitch(
        np.array([item.outline for item in chunks], dtype=object),
        np.concatenate([split.cells for split in done]),
        chunk,
        [split.border for split in done],
    )
    cells = Cells(
        geometry=onto_outline(fitted.cells, fitted.outer, given.outline),
        atom=np.concatenate([split.atom for split in done]).astype(np.int64),
        chunk=chunk,
        graph=join_graphs([split.graph for split in done]),
        border=(fitted.length, fitted.bare),
        told=join_told([split.told for split in done]),
    )
    cut: dict[int, float] = {}
    for split in done:
        for atom, lost in split.cut.items():
            cut[atom] = cut.get(atom, 0.0) + lost
    return cells, _one_plan(chunks, done, chunk), cut


def _one_plan(chunks: Sequence[Chunk], done: Sequence[ChunkSplit], chunk: np.ndarray) -> Plan:
    units: dict[str, np.ndarray] = {}
    origin: dict[str, np.ndarray] = {}
    mother = np.zeros(len(chunks), dtype=np.int64)
    for level in LEVELS[:2]:
        known = np.array([item.given[level] for item in chunks], dtype=np.int64)
        # A given unit once under each mother; all that is not given there is one derived unit.
        pairs, mother = np.unique(np.column_stack([mother, known]), axis=0, return_inverse=True)
        mother = mother.ravel()
        units[level] = mother[chunk]
        origin[level] = pairs[:, 1]
    # Communities: pieces of one given community under one street are one unit, what is derived counts by chunk.
    keys: list[tuple[int, int, int]] = []
    for number, split in enumerate(done):
        for label, known in enumerate(split.plan.given["communities"].tolist()):
            keys.append((int(mother[number]), known, -1) if known >= 0 else (int(mother[number]), number, label))
    number_of: dict[tuple[int, int, int], int] = {}
    community = np.array([number_of.setdefault(key, len(number_of)) for key in keys], dtype=np.int64)
    begin = 0
    labels = []
    for split in done:
        labels.append(community[begin : begin + len(split.plan.given["communities"])][split.plan.units["communities"]])
        begin += len(split.plan.given["communities"])
    units["communities"] = np.concatenate(labels)
    origin["communities"] = np.array(
        [known if label == -1 else -1 for (_, known, label) in number_of], dtype=np.int64
    )
    for level in LEVELS[3:]:
        sizes = np.array([len(split.plan.given[level]) for split in done], dtype=np.int64)
        first = np.cumsum(sizes) - sizes
        units[level] = np.concatenate([split.plan.units[level] + n for split, n in zip(done, first, strict=True)])
        origin[level] = np.concatenate([split.plan.given[level] for split in done])
    return Plan(
        units,
        origin,
        opened=np.concatenate([split.plan.opened for split in done]),
        unpeopled=np.concatenate([split.plan.unpeopled for split in done]),
        sorts={level: [sort for split in done for sort in split.plan.sorts[level]] for level in LEVELS[3:]},
    )
