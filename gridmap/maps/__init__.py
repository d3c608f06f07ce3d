"""Maps without internet: `draw` a Folium map, `write_page` it, `install_assets` for a web server; a `picture`."""

from gridmap.maps.assets import install_assets
from gridmap.maps.folium_map import draw
from gridmap.maps.page import write_page

__all__ = ["draw", "install_assets", "write_page"]
