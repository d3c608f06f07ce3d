"""The inner loops of the balance, compiled by numba."""

from gridmap.micro_grids.kernels.search import improve
from gridmap.micro_grids.kernels.trees import plant

__all__ = ["improve", "plant"]
