"""Strips: blocks without buildings along a street, a wall or a bank, and whose buildings divide them."""

from __future__ import annotations

import numpy as np
import shapely

from gridmap.micro_grids.noding import Faces

__all__ = ["REACH_M", "STRIP_M", "sources_of_blocks"]

#: A block without buildings that is narrower than this on average is a strip along a street or a wall, not a place.
STRIP_M = 14.0
#: Buildings this near divide a strip, metres.
REACH_M = 60.0


def sources_of_blocks(
    ground: Faces,
    home: np.ndarray,
    samples: np.ndarray,
    sample_atom: np.ndarray,
    streets: np.ndarray | None,
    bars: np.ndarray,
) -> dict[int, np.ndarray]:
    """Sample points that divide each block: those of its own buildings; in a strip without any, of its neighbours.

    Neighbours over a wall or an estate's outline come before those over a street; none count over a line that bars the
    way.

    Parameters
    ----------
    ground
        Blocks, from `gridmap.micro_grids.noding.faces_of`.
    home
        Block of each building piece.
    samples, sample_atom
        Points along the footprints, (n, 2) in metres, and the building piece of each.
    streets
        Street centre lines, None where there are none.
    bars
        Lines that bar the way.

    Returns
    -------
    Block -> positions of its sample points.

    Examples
    --------
    >>> from gridmap.micro_grids.noding import faces_of, node
    >>> outline = shapely.box(0, 0, 90, 80)
    >>> blocks = faces_of(node([outline.exterior, shapely.LineString([(0, 10), (90, 10)])]), outline)
    >>> nothing = np.empty(0, dtype=object)
    >>> found = sources_of_blocks(blocks, np.array([1]), np.array([[40.0, 30.0]]), np.array([0]), None, nothing)
    >>> {block: points.tolist() for block, points in found.items()}
    {1: [0], 0: [0]}
    """
    if not len(samples):
        return {}
    block = home[sample_atom]
    order = np.argsort(block, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(block[order]) > 0])
    own = {int(block[here[0]]): here for here in np.split(order, starts[1:]) if block[here[0]] >= 0}
    blocks = ground.areas
    width = 2.0 * shapely.area(blocks) / np.maximum(shapely.length(blocks), 1e-9)
    strips = [number for number in np.flatnonzero(width < STRIP_M).tolist() if number not in own]
    if not strips:
        return own
    edges = ground.edges
    segment = np.flatnonzero(edges.inner)
    lines = streets if streets is not None else np.empty(0, dtype=object)
    segment = segment[edges.strengths(segment, bars, np.ones(len(bars))) == 0]
    on_street = edges.strengths(segment, lines, np.ones(len(lines))) > 0
    a = np.concatenate([edges.left[segment], edges.right[segment]])
    b = np.concatenate([edges.right[segment], edges.left[segment]])
    street = np.concatenate([on_street, on_street])
    peopled = np.isin(b, np.fromiter(own, dtype=np.int64))
    reach = shapely.bounds(blocks) + np.array([-REACH_M, -REACH_M, REACH_M, REACH_M])
    found = dict(own)
    for number in strips:  # few neighbours each
        here = (a == number) & peopled
        hosts = np.unique(b[here & ~street]) if (here & ~street).any() else np.unique(b[here])
        if not len(hosts):
            continue
        near = np.concatenate([own[int(host)] for host in hosts])
        west, south, east, north = reach[number]
        x, y = samples[near, 0], samples[near, 1]
        near = near[(x >= west) & (x <= east) & (y >= south) & (y <= north)]
        if len(near):
            found[number] = near
    return found
