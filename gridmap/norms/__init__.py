"""Norms as data: how far a facility may be, who says so, and whether anybody has checked it."""

from gridmap.norms.load import Circle, Norm, Norms, load_norms

__all__ = ["Circle", "Norm", "Norms", "load_norms"]
