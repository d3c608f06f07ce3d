"""The scripts and styles of a map page, kept on this machine.

Leaflet comes from the `offlinefolium` wheel, which holds what Folium links to on public servers; the rest is our own
(`gridmap/maps/static`). A page needs no other file and asks no other host: in a town hall there is none.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import folium
from folium import plugins

from gridmap.maps.documents import page_facts
from layers.errors import WrongCall

__all__ = [
    "PAINTER", "PLAN_PAGE", "TILES", "TILE_PAGE", "WHOLE", "WORKER", "Asset", "asset", "assets", "install_assets",
    "kept_text", "outside_links", "tool_assets",
]  # fmt: skip

#: Our own files in the order in which a page loads them, after Leaflet. What every page of ours has;
_COMMON = ("gridmap.css", "gridmap-geo.js", "gridmap-style.js")
_APP = ("gridmap-labels.js", "gridmap-points.js", "gridmap-card.js", "gridmap-panel.js", "gridmap-app.js")
#: what draws layers that come whole, as GeoJSON;
WHOLE = (*_COMMON, "gridmap-tiles.js", "gridmap-near.js", *_APP)
#: what draws vector tiles on any Leaflet map;
TILES = (
    *_COMMON, "gridmap-tilestore.js", "gridmap-paint.js", "gridmap-painter.js", "gridmap-painters.js",
    "gridmap-vector.js", "gridmap-pick.js", "gridmap-keys.js", "gridmap-values.js",
)
#: the page of a city in tiles, with the words of all pages as a script, so that browsers keep them;
TILE_PAGE = (
    "gridmap-words.js", *TILES, *_APP, "gridmap-citypanel.js", "gridmap-city.js", "gridmap-tilelabels.js",
    "gridmap-time.js", "gridmap-past.js", "gridmap-picture.js", "gridmap-tools.js",
    "gridmap-choose.js", "gridmap-base.js",
)
#: the page on which a plan is edited;
PLAN_PAGE = (*_COMMON, "gridmap-card.js", "gridmap-plan.css", "gridmap-planmap.js", "gridmap-plan.js")
#: and what unpacks tiles: not loaded by a page, but started by it as a worker.
WORKER = "gridmap-mvt.js"
#: What paints them: one file for a worker, whose policy lets it load no other, of what the page has too.
PAINTER = "gridmap-tile-painter.js"
_PAINTER = ("gridmap-style.js", "gridmap-paint.js", "gridmap-painter.js")
#: The page of two plans.
CHANGE = "gridmap-change.js"
OWN = (*dict.fromkeys((*WHOLE, *TILE_PAGE[1:], *PLAN_PAGE)), CHANGE, WORKER)

#: Folium's elements that stand in the panel as tools, off until somebody wants them.
_TOOLS: dict[str, Any] = {
    "fullscreen": plugins.Fullscreen, "mouse_position": plugins.MousePosition, "mini_map": plugins.MiniMap,
    "heat": plugins.HeatMap, "draw": plugins.Draw,
}

STATIC = Path(__file__).parent / "static"

# what makes a browser fetch: attributes of tags, and urls in styles. Text and data may name any address.
_FETCHED = re.compile(
    r"""(?:<(?:script|img|iframe|source|video|audio|embed)\b[^>]*?\ssrc|<link\b[^>]*?\shref|<object\b[^>]*?\sdata)"""
    r"""\s*=\s*["']?\s*((?:[a-z]+:)?//[^"'\s>]+)""",
    re.IGNORECASE,
)
_STYLE_URL = re.compile(r"""(?:url\(\s*["']?|@import\s+["'])((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)
_BESIDE = re.compile(r"""url\(\s*["']?(?!["']?(?:data:|\#|(?:https?:)?//))[^)]+\)""")
_STYLE_BLOCK = re.compile(r"<style\b[^>]*>(.*?)</style>", re.IGNORECASE | re.DOTALL)
_DATA_BLOCK = re.compile(r"""(<script\b[^>]*>).*?</script>""", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Asset:
    """One script or style: `name` as Folium or we call it, `kind` js or css, and its whole text."""

    name: str
    kind: str
    text: str

    @cached_property
    def file_name(self) -> str:
        """Its name on disk and in addresses, with a hash of its content: a new text is a new address."""
        stem = self.name.removesuffix(f".{self.kind}").removesuffix(f"_{self.kind}")
        return f"{stem}.{hashlib.sha256(self.text.encode()).hexdigest()[:12]}.{self.kind}"


@lru_cache(maxsize=1)
def assets() -> tuple[Asset, ...]:
    """Every script and style that map pages need, in the order in which they load them; the workers last.

    Examples
    --------
    >>> [asset.name for asset in assets()][:3]
    ['leaflet', 'leaflet_css', 'gridmap.css']
    """
    links = {**dict(folium.folium._default_js), **dict(folium.folium._default_css)}
    leaflet = (
        Asset("leaflet", "js", kept_text(links["leaflet"])),
        Asset("leaflet_css", "css", kept_text(links["leaflet_css"])),
    )
    own = tuple(Asset(name, name.rsplit(".", 1)[1], (STATIC / name).read_text(encoding="utf-8")) for name in OWN)
    text = json.dumps(page_facts(), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    facts = Asset(TILE_PAGE[0], "js", f"window.gridmap = window.gridmap || {{}};\nwindow.gridmap.facts = {text};\n")
    texts = "".join((STATIC / name).read_text(encoding="utf-8") for name in _PAINTER)
    painter = Asset(PAINTER, "js", f"self.window = self;\nself.gridmap = {{}};\n{texts}")
    return (*leaflet, *own, facts, painter)


@lru_cache(maxsize=1)
def tool_assets() -> dict[str, tuple[Asset, ...]]:
    """Scripts and styles of the tools that a page loads only when they are wanted, by tool.

    Examples
    --------
    >>> [item.file_name.split(".")[0] for item in tool_assets()["fullscreen"]]
    ['tool-fullscreen', 'tool-fullscreen']
    """
    return {
        name: tuple(
            Asset(f"tool-{name}.{kind}", kind, kept_text(url))
            for kind, links in (("js", plugin.default_js), ("css", plugin.default_css)) for _, url in links
        )
        for name, plugin in _TOOLS.items()
    }


def asset(name: str) -> Asset:
    """One of our scripts or styles by its name.

    Examples
    --------
    >>> asset("gridmap-mvt.js").file_name.startswith("gridmap-mvt.")
    True
    """
    return next(found for found in assets() if found.name == name)


def kept_text(url: str) -> str:
    """Text of a script or style that Folium would link to at this public address.

    Raises
    ------
    WrongCall
        Where the offline copy has no such address.

    Examples
    --------
    >>> kept_text("https://cdn.jsdelivr.net/npm/leaflet@1.9.3/dist/leaflet.js")[:39]
    '/* @preserve\\n * Leaflet 1.9.3, a JS lib'
    """
    try:
        text = _offline_copy()[url]
    except KeyError:
        raise WrongCall(
            f"{url} is not among the scripts kept for work without internet; leave the plugin that needs it out"
        ) from None
    if url.endswith(".css"):
        # a picture or a font that the copy does not hold would be asked for beside the page, and not found
        text = _BESIDE.sub('url("data:,")', text)
    # a map back to the source, for developers, would be asked for and not found
    return re.sub(r"\n?//# sourceMappingURL=\S+\s*\Z", "\n", text.replace("\r\n", "\n").lstrip())


@lru_cache(maxsize=1)
def _offline_copy() -> dict[str, str]:
    """Address -> text. The wheel is 3.5 MB of Python and takes half a second, so only when asked for."""
    from offlinefolium.elements import _res

    return _res


def install_assets(folder: str | os.PathLike[str]) -> dict[str, str]:
    """Write the scripts and styles of a map page to a folder, once; running twice changes nothing.

    Parameters
    ----------
    folder
        Made where it does not exist. A web server may let browsers keep its files for ever: the names change with
        the content.

    Returns
    -------
    Manifest: asset name -> file name. The same is written to `manifest.json` in the folder.

    Examples
    --------
    >>> import tempfile
    >>> manifest = install_assets(tempfile.mkdtemp())
    >>> manifest["leaflet"].startswith("leaflet.") and manifest["leaflet"].endswith(".js")
    True
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    all_of_them = (*assets(), *(asset for found in tool_assets().values() for asset in found))
    manifest = {asset.name: asset.file_name for asset in all_of_them}
    texts = {asset.file_name: asset.text for asset in all_of_them}
    texts["manifest.json"] = json.dumps(manifest, indent=2)
    for name, text in texts.items():
        _write_whole(folder / name, text.encode())
    return manifest


def _write_whole(path: Path, content: bytes) -> None:
    """Write so that a reader sees the old file or the new one, never half of it."""
    if path.is_file() and path.read_bytes() == content:
        return
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(content)
    partial.replace(path)


def outside_links(html: str) -> list[str]:
    """Addresses on other hosts that a browser would fetch when it opens the page.

    Looks at what tags and styles load, not at text: a city's data may well hold an address.

    Examples
    --------
    >>> outside_links('<script src="https://cdn.example.org/x.js"></script><p>see https://example.org</p>')
    ['https://cdn.example.org/x.js']
    >>> outside_links('<script src="assets/leaflet.js"></script>')
    []
    """
    # what stands inside scripts is not markup; style blocks load what they name
    markup = _DATA_BLOCK.sub(r"\1</script>", html)
    styles = "\n".join(_STYLE_BLOCK.findall(markup))
    return [*_FETCHED.findall(markup), *_STYLE_URL.findall(styles)]
