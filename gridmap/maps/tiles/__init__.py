"""Vector tiles of a city: cut by GDAL, kept in PMTiles under the hash of their content, read by mapping the file."""
