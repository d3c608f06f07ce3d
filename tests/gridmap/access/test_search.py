"""The search along the streets beside networkx, where its arrays must grow: hubs, many seeds, narrow buckets."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from gridmap.access.kernels import reach_from


def wheel(spokes: int) -> nx.Graph:
    """A hub with very many streets, a ring around it and chords, from 10 cm to 900 m long."""
    rng = np.random.default_rng(spokes)
    rim = np.arange(1, spokes + 1)
    graph = nx.Graph()
    chords = np.column_stack([rng.permutation(rim), rng.permutation(rim)])
    for ends, low, high in (
        (np.column_stack([0 * rim, rim]), 400, 900), (np.column_stack([rim, np.roll(rim, 1)]), 0.1, 80),
        (chords[chords[:, 0] != chords[:, 1]], 0.1, 80),
    ):
        metres = rng.uniform(low, high, len(ends))
        graph.add_weighted_edges_from(zip(*ends.T.tolist(), metres.tolist(), strict=True), weight="metres")
    return graph


@pytest.mark.parametrize(("spokes", "seeds", "limit", "width"), [
    (5000, 1, np.inf, 20.0), (5000, 1, 600.0, 0.5), (300, 40, np.inf, 1e4), (6000, 4000, 90.0, 1.0),
])
def test_metres_and_the_nearest_seed_are_those_of_dijkstra(
    spokes: int, seeds: int, limit: float, width: float
) -> None:
    graph = wheel(spokes)
    rng = np.random.default_rng(3)
    # one seed stands on the hub, so that all its streets wait at once
    at = rng.permutation(spokes + 1)[:seeds] if seeds > 1 else np.zeros(1, dtype=np.intp)
    start = rng.uniform(0, 100, seeds)
    matrix = nx.to_scipy_sparse_array(graph, nodelist=range(spokes + 1), weight="metres", format="csr")
    state = np.full((spokes + 1, 2), np.inf)
    state[:, 1] = -1.0
    touched = reach_from(
        matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data, at, start,
        np.arange(seeds, dtype=np.int32), limit, width, float(matrix.data.max()), state,
    )
    # a node before all others, joined to every seed
    graph.add_weighted_edges_from(
        zip([-1] * seeds, at.tolist(), (start + 1.0).tolist(), strict=True), weight="metres"
    )
    expected, ways = nx.single_source_dijkstra(graph, -1, cutoff=limit + 1.0, weight="metres")
    del expected[-1]
    label = dict(zip(at.tolist(), range(seeds), strict=True))
    assert sorted(touched.tolist()) == sorted(expected)
    nodes = np.array(list(expected))
    np.testing.assert_allclose(state[nodes, 0], np.array(list(expected.values())) - 1.0, atol=1e-9)
    # ways through the node before all do not occur: it is the source
    assert state[nodes, 1].tolist() == [label[ways[node][1]] for node in expected]
    beyond = np.setdiff1d(np.arange(spokes + 1), nodes)
    assert np.isinf(state[beyond, 0]).all()
    assert (state[beyond, 1] == -1).all()
