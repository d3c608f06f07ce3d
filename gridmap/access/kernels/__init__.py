"""The inner loops of walking, compiled by numba: the search along streets, the nearest piece of street, crossings."""

from gridmap.access.kernels.near import fill_cells, first_crossed, free_place, nearest_pieces
from gridmap.access.kernels.reach import reach_all, reach_from, reach_places

__all__ = ["fill_cells", "first_crossed", "free_place", "nearest_pieces", "reach_all", "reach_from", "reach_places"]
