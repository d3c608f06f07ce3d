"""Districts into micro-grids: fabric, towers, balance, levels, codes; and attaching things to them."""
