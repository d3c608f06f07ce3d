"""Serve a city: `python -m webapp CITY`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

import waitress

from gridmap.maps.fonts import font_notice
from layers.errors import GridmapError
from webapp import create_app

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and serve until stopped; 2 where the call was wrong."""
    parser = argparse.ArgumentParser(prog="python -m webapp", description="Serve a city to browsers.")
    parser.add_argument("city", metavar="CITY", help="a path ending in .gpkg, or a postgresql:// URL")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (127.0.0.1: this machine alone)")
    parser.add_argument("--port", type=int, default=8000, help="port (8000)")
    parser.add_argument("--workers", type=int, default=8, help="requests answered side by side (8)")
    parser.add_argument("--https", action="store_true", help="browsers come by https, through a proxy that ends it")
    parser.add_argument("--proxies", type=int, default=0, help="proxies before the service that may be believed (0)")
    options = parser.parse_args(arguments)
    if options.workers < 1:
        parser.error("--workers is at least 1")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # a browser that asks for ten files at once is no reason to warn
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    try:
        app = create_app(options.city, HTTPS=options.https, PROXIES=options.proxies)
    except GridmapError as error:
        print(f"gridmap: {error}", file=sys.stderr)
        return error.exit_code
    notice = font_notice()
    if notice:
        logging.getLogger("gridmap").warning(notice)
    print(f"gridmap: http://{options.host}:{options.port}/", flush=True)
    waitress.serve(app, host=options.host, port=options.port, threads=options.workers, ident=None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
