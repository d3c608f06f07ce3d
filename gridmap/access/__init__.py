"""Who reaches what on foot: the walking network, metres to the nearest facility, coverage against norms, and gaps.

The doors are `access.walk.walk_distances`, `access.coverage.coverage` and `access.gaps.find_gaps`.
"""
