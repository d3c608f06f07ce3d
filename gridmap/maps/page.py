"""A Folium map to a page of its own that opens anywhere: by double click, from a stick, behind a strict server."""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
from dataclasses import dataclass
from pathlib import Path

import folium
from branca.element import CssLink, Figure, JavascriptLink

from gridmap.maps.assets import Asset, install_assets, kept_text, outside_links
from gridmap.maps.elements import AssetTag, GridmapApp
from layers.errors import WrongCall

__all__ = ["PageParts", "page_parts", "write_page"]


@dataclass(frozen=True)
class PageParts:
    """A rendered map in pieces, for a page of one's own.

    `links` are the scripts and styles in the order of loading; `head` is what else elements put into the head, `body`
    the map's markup and data blocks, `script` what starts it.
    """

    links: tuple[Asset, ...]
    head: str
    body: str
    script: str


def page_parts(folium_map: folium.Map) -> PageParts:
    """The pieces of a map, each where a template with a content security policy can put its nonce.

    Raises
    ------
    WrongCall
        Where an element needs a script that is not in the offline copy.

    Examples
    --------
    >>> import geopandas
    >>> from gridmap.maps import draw
    >>> parts = page_parts(draw(layers=["roads"], data="/data/", assets="/assets/"))
    >>> [link.kind for link in parts.links][:2], "<script" in parts.script
    (['js', 'css'], False)
    """
    figure = folium_map.get_root()
    assert isinstance(figure, Figure), "a map is rendered in its figure"
    for child in figure._children.values():
        child.render()
    links: list[Asset] = []
    head: list[str] = []
    for name, child in figure.header._children.items():
        if isinstance(child, AssetTag):
            links.append(child.asset)
        elif isinstance(child, JavascriptLink | CssLink):
            kind = "js" if isinstance(child, JavascriptLink) else "css"
            links.append(Asset(re.sub(r"[^\w.-]", "-", name), kind, kept_text(child.url)))
        elif name != "meta_http":
            head.append(child.render())
    return PageParts(tuple(links), "\n".join(head), figure.html.render(), figure.script.render())


def write_page(folium_map: folium.Map, path: str | os.PathLike[str], *, self_contained: bool = False) -> Path:
    """Write a map as a page that opens from a file and asks no other host.

    Parameters
    ----------
    folium_map
        From `draw`, with its data in it; any other Folium map without tiles will do too.
    path
        The page, ending in .html; its folder must exist.
    self_contained
        True puts scripts and styles into the page: one file to send. False writes them beside it, into the folder
        `<name>_files`.

    Returns
    -------
    The path.

    Raises
    ------
    WrongCall
        Where the folder does not exist, the page would ask another host, or the map fetches its data from a server.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise WrongCall(f"there is no folder {path.parent} for the map page; make it first")
    for child in folium_map._children.values():
        if isinstance(child, GridmapApp) and not child.data:
            raise WrongCall("a page in a file cannot fetch its data; draw the map with data='inline'")
    parts = page_parts(folium_map)
    if self_contained:
        links = "\n".join(_inline(asset) for asset in parts.links)
    else:
        folder = path.with_name(f"{path.stem}_files")
        install_assets(folder)
        links = "\n".join(_linked(asset, folder) for asset in parts.links)
    page = _PAGE.format(
        title=html.escape(_title(folium_map)), policy=_policy(parts, self_contained), links=links,
        head=parts.head, body=parts.body, script=parts.script,
    )
    asked = outside_links(page)
    if asked:
        raise WrongCall(f"the page would ask another host for {asked[0]}; leave out what needs it")
    path.write_text(page, encoding="utf-8")
    return path


_PAGE = """<!DOCTYPE html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:,">
{policy}
<title>{title}</title>
{links}
{head}
</head>
<body class="gm-page">
{body}
<script>{script}</script>
</body>
</html>
"""


def _inline(asset: Asset) -> str:
    tag = {"js": "script", "css": "style"}[asset.kind]
    if f"</{tag}" in asset.text.lower():
        raise WrongCall(f"{asset.name} holds the end of its own tag and cannot stand in a page")
    return f"<{tag}>{asset.text}</{tag}>"


def _linked(asset: Asset, folder: Path) -> str:
    file = folder / asset.file_name
    if not file.is_file():
        file.write_bytes(asset.text.encode())
    address = html.escape(f"{folder.name}/{asset.file_name}")
    return f'<script src="{address}"></script>' if asset.kind == "js" else f'<link rel="stylesheet" href="{address}">'


def _policy(parts: PageParts, self_contained: bool) -> str:
    """A content security policy for our own pages: only scripts that we wrote run, nothing is fetched.

    Pages with elements of others in the head get none, since what those need is not known.
    """
    if "<script" in parts.head:
        return ""
    texts = [parts.script, *(asset.text for asset in parts.links if asset.kind == "js" and self_contained)]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
    scripts = " ".join(f"'sha256-{digest}'" for digest in hashes)
    where = "" if self_contained else " 'self' file:"
    policy = (
        f"default-src 'none'; script-src {scripts}{where}; style-src 'unsafe-inline'{where}; img-src data:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">'


def _title(folium_map: folium.Map) -> str:
    titles = [child.config["title"] for child in folium_map._children.values() if isinstance(child, GridmapApp)]
    return titles[0] if titles and titles[0] else "gridmap"
