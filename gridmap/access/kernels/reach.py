"""The search along the streets, compiled by numba: metres from the nearest of many seeds, and from each of them.

Nodes wait in buckets of equal width instead of a heap (Dial 1969; Meyer and Sanders 2003, "delta-stepping", walked by
one worker): a node that becomes nearer within its bucket is looked at again, so the answer is exact for every width.
"""
# Loops over nodes and edges are the point of this file: numba compiles them.

from __future__ import annotations

import numpy as np

from gridmap.compiling import compiled

__all__ = ["reach_all", "reach_from", "reach_places"]


@compiled
def reach_from(begins, heads_of, metres, seeds, seed_m, seed_label, limit, width, longest, state):  # type: ignore[no-untyped-def]
    """Metres to every node from the nearest seed, and that seed's label, into the columns of `state`; nodes touched.

    `begins`, `heads_of`, `metres` are the graph, node by node. Of two labels equally near the smaller one counts.
    `longest` is at least the longest edge. Nodes beyond `limit` stay at infinity and -1, as all must be before.
    """
    # seeds of very different metres would ask for more buckets than are open at a time: they come in when it is time
    order = np.argsort(seed_m, kind="mergesort")
    buckets = 1
    while buckets < int(longest / width) + 3:  # a power of two, so that the place in the ring is told without dividing
        buckets *= 2
    ring = buckets - 1
    heads = np.full(buckets, -1, dtype=np.int32)
    # entries that wait: the node, and the next entry of its bucket, or the next one free. Arrays grow before a node is
    # looked at, not arc by arc: to hand them to a function and back at every arc takes most of the time
    room = max(1024, 2 * len(seeds))
    held, nexts, free = np.empty(room, dtype=np.int32), np.arange(1, room + 1).astype(np.int32), 0
    touched = np.empty(room, dtype=np.int32)
    waiting, seen, came = 0, 0, 0
    per = 1.0 / width
    at = 0
    while True:
        if waiting == 0:
            if came == len(order):
                break
            at = max(at, int(seed_m[order[came]] * per))
        slot = at & ring
        # seeds of this bucket
        while came < len(order) and int(seed_m[order[came]] * per) <= at:
            s = order[came]
            came += 1
            u, d, mark = seeds[s], seed_m[s], seed_label[s]
            if d <= limit and (d < state[u, 0] or (d == state[u, 0] and mark < state[u, 1])):
                if state[u, 0] == np.inf:
                    touched[seen] = u
                    seen += 1
                state[u, 0], state[u, 1] = d, mark
                entry = free
                free = nexts[entry]
                held[entry], nexts[entry], heads[slot] = u, heads[slot], entry
                waiting += 1
        while heads[slot] >= 0:
            entry = heads[slot]
            heads[slot] = nexts[entry]
            waiting -= 1
            u = held[entry]
            nexts[entry] = free
            free = entry
            d = state[u, 0]
            if int(d * per) != at:
                continue  # it was reached on a shorter way meanwhile, and looked at then
            mark = state[u, 1]
            low, high = begins[u], begins[u + 1]
            if waiting + high - low + len(order) - came > room:
                # the new entries stand before those that were free; room is kept for the seeds to come
                size = 2 * room + high - low
                more_held, more_nexts = np.empty(size, dtype=np.int32), np.arange(1, size + 1).astype(np.int32)
                more_held[:room], more_nexts[:room] = held, nexts
                more_nexts[size - 1] = free
                held, nexts, free, room = more_held, more_nexts, room, size
            if seen + high - low + len(order) - came > len(touched):
                more = np.empty(2 * len(touched) + high - low, dtype=np.int32)
                more[:seen] = touched[:seen]
                touched = more
            for e in range(low, high):
                v = heads_of[e]
                far = d + metres[e]
                before = state[v, 0]
                if far > before or far > limit:
                    continue
                if far < before or mark < state[v, 1]:
                    if before == np.inf:
                        touched[seen] = v
                        seen += 1
                    state[v, 0], state[v, 1] = far, mark
                    bucket = int(far * per) & ring
                    entry = free
                    free = nexts[entry]
                    held[entry], nexts[entry], heads[bucket] = v, heads[bucket], entry
                    waiting += 1
        at += 1
    return touched[:seen]


@compiled
def reach_places(  # type: ignore[no-untyped-def]
    begins, heads_of, metres, limit, width, longest,
    kind_begins, seed_begins, seeds, seed_m, site_stretch, site_at, site_leg,
    stretches, door_stretch, door_at, door_leg, door_ends, door_to_ends, out_m, out_site,
):
    """Metres from every door to the nearest site of each kind, and which site, kind by kind into the rows of `out_*`.

    Sites stand kind by kind (`kind_begins`), each with its seeds (`seed_begins`). A door reaches the network at two
    nodes (`door_ends`), or meets a site on its own stretch between two nodes without passing either.
    """
    nodes = len(begins) - 1
    state = np.full((nodes, 2), np.inf)
    state[:, 1] = -1.0
    first = np.full(stretches, -1, dtype=np.int32)
    behind = np.full(len(site_stretch), -1, dtype=np.int32)
    seed_label = np.empty(len(seeds), dtype=np.int32)
    for site in range(len(site_stretch)):
        for s in range(seed_begins[site], seed_begins[site + 1]):
            seed_label[s] = site
    for kind in range(len(kind_begins) - 1):
        low, high = kind_begins[kind], kind_begins[kind + 1]
        for site in range(high - 1, low - 1, -1):  # so that the smallest stands first
            behind[site] = first[site_stretch[site]]
            first[site_stretch[site]] = site
        one, other = seed_begins[low], seed_begins[high]
        touched = reach_from(
            begins, heads_of, metres, seeds[one:other], seed_m[one:other], seed_label[one:other], limit, width,
            longest, state,
        )
        for door in range(len(door_stretch)):
            best, mark = np.inf, -1
            for end in range(2):
                u = door_ends[door, end]
                d = state[u, 0] + door_to_ends[door, end]
                if d < best or (d == best and d < np.inf and state[u, 1] < mark):
                    best, mark = d, state[u, 1]
            site = first[door_stretch[door]]
            while site >= 0:
                d = site_leg[site] + abs(site_at[site] - door_at[door])
                if d < best or (d == best and site < mark):
                    best, mark = d, site
                site = behind[site]
            best += door_leg[door]
            if best <= limit:
                out_m[kind, door], out_site[kind, door] = best, mark
        for u in touched:
            state[u, 0], state[u, 1] = np.inf, -1.0
        for site in range(low, high):
            first[site_stretch[site]] = -1


@compiled
def reach_all(  # type: ignore[no-untyped-def]
    begins, heads_of, metres, limit, width, longest,
    seed_begins, seeds, seed_m, site_stretch, site_at, site_leg,
    node_begins, node_door, node_to_door, stretch_begins, stretch_door, door_at, door_leg,
):
    """Every pair of a site and a door within the limit: site, door, metres; sites in order.

    `node_begins`, `node_door`, `node_to_door` tell which doors hang on a node, `stretch_begins`, `stretch_door` which
    doors lie on a stretch.
    """
    nodes, doors = len(begins) - 1, len(door_at)
    state = np.full((nodes, 2), np.inf)
    state[:, 1] = -1.0
    best = np.full(doors, np.inf)
    met = np.empty(doors, dtype=np.int32)
    size, count = 1024, 0
    pair_site, pair_door = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.int32)
    pair_m = np.empty(size)
    for site in range(len(seed_begins) - 1):
        one, other = seed_begins[site], seed_begins[site + 1]
        if one == other:
            continue
        mark = np.zeros(other - one, dtype=np.int32)
        touched = reach_from(
            begins, heads_of, metres, seeds[one:other], seed_m[one:other], mark, limit, width, longest, state
        )
        found = 0
        for u in touched:
            for e in range(node_begins[u], node_begins[u + 1]):
                door = node_door[e]
                d = state[u, 0] + node_to_door[e]
                if d < best[door]:
                    if best[door] == np.inf:
                        met[found] = door
                        found += 1
                    best[door] = d
            state[u, 0], state[u, 1] = np.inf, -1.0
        for e in range(stretch_begins[site_stretch[site]], stretch_begins[site_stretch[site] + 1]):
            door = stretch_door[e]
            d = site_leg[site] + abs(site_at[site] - door_at[door])
            if d < best[door]:
                if best[door] == np.inf:
                    met[found] = door
                    found += 1
                best[door] = d
        near = np.sort(met[:found])
        if count + found > size:
            size = max(2 * size, count + found)
            more_site, more_door, more_m = np.empty(size, np.int32), np.empty(size, np.int32), np.empty(size)
            more_site[:count], more_door[:count], more_m[:count] = pair_site[:count], pair_door[:count], pair_m[:count]
            pair_site, pair_door, pair_m = more_site, more_door, more_m
        for door in near:
            d = best[door] + door_leg[door]
            best[door] = np.inf
            if d <= limit:
                pair_site[count], pair_door[count], pair_m[count] = site, door, d
                count += 1
    return pair_site[:count].copy(), pair_door[:count].copy(), pair_m[:count].copy()
