"""Figures about a city: how evenly a service is spread, and where low and high values cluster."""

from gridmap.measures.equity import equity_table, gini, lorenz, say_equity, theil
from gridmap.measures.hot_spots import hot_spots, neighbours

__all__ = ["equity_table", "gini", "hot_spots", "lorenz", "neighbours", "say_equity", "theil"]
