"""Files out: shapefile, GeoPackage, GeoJSON, KML, CSV and XLSX, each read back before it is handed over."""

from gridmap.exports.delivered import Delivered
from gridmap.exports.files import write_layer, write_layers
from gridmap.exports.notices import Notice
from gridmap.exports.order import Order
from gridmap.exports.shapefile import write_shapefile

__all__ = ["Delivered", "Notice", "Order", "write_layer", "write_layers", "write_shapefile"]
