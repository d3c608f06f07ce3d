"""A page's scripts and styles are on this machine, whole, and named by their content."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest
from folium.elements import JSCSSMixin

from gridmap.maps.assets import OWN, PAINTER, STATIC, assets, install_assets, kept_text, outside_links
from gridmap.maps.plan_editor import plan_words
from gridmap.maps.words import LANGUAGES, words
from layers.errors import WrongCall


def _every_class(cls: type) -> list[type]:
    return [cls, *(found for child in cls.__subclasses__() for found in _every_class(child))]


def test_every_address_that_folium_links_to_is_in_the_offline_copy() -> None:
    import folium.plugins

    classes = {cls for cls in [folium.Map, *_every_class(JSCSSMixin)] if cls.__module__.startswith("folium")}
    links = {url for cls in classes for _, url in [*cls.default_js, *cls.default_css]}
    assert len(links) > 50
    for url in links:
        assert kept_text(url).strip(), url


def test_an_address_that_is_not_kept_is_refused_by_name() -> None:
    with pytest.raises(WrongCall, match=r"cdn\.example\.org/x\.js"):
        kept_text("https://cdn.example.org/x.js")


def test_a_page_needs_leaflet_and_our_own_files_and_nothing_else() -> None:
    assert [asset.name for asset in assets()] == ["leaflet", "leaflet_css", *OWN, "gridmap-words.js", PAINTER]
    assert sorted(path.name for path in STATIC.iterdir()) == sorted(OWN)


def test_no_asset_asks_for_another_file() -> None:
    for asset in assets():
        tag = "script" if asset.kind == "js" else "style"
        assert outside_links(f"<{tag}>{asset.text}</{tag}>") == []
        assert "sourceMappingURL" not in asset.text
        if asset.kind == "css":
            urls = [url.strip("\"'") for url in re.findall(r"url\(([^)]*)\)", asset.text)]
            loaded = [url for url in urls if not url.startswith("data:")]
            assert loaded in ([], ["#default#VML"])  # Leaflet's line for Internet Explorer, no file


def test_installing_writes_each_file_under_the_hash_of_its_content(tmp_path: Path) -> None:
    manifest = install_assets(tmp_path / "assets")
    assert json.loads((tmp_path / "assets" / "manifest.json").read_text()) == manifest
    for name, file_name in manifest.items():
        content = (tmp_path / "assets" / file_name).read_bytes()
        assert hashlib.sha256(content).hexdigest()[:12] in file_name, name
    assert len(list((tmp_path / "assets").iterdir())) == len(manifest) + 1


def test_installing_twice_changes_nothing_and_mends_a_torn_file(tmp_path: Path) -> None:
    manifest = install_assets(tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert install_assets(tmp_path) == manifest
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    torn = tmp_path / manifest["leaflet"]
    torn.write_text("half")
    install_assets(tmp_path)
    assert torn.read_text(encoding="utf-8") == assets()[0].text


@pytest.mark.parametrize(("markup", "asked"), [
    ('<link href="//cdn.example.org/a.css" rel="stylesheet">', ["//cdn.example.org/a.css"]),
    ("<img alt=x src='http://example.org/a.png'>", ["http://example.org/a.png"]),
    ("<style>@import \"https://example.org/a.css\";</style>", ["https://example.org/a.css"]),
    ("<style>a{background:url( 'https://example.org/b.png')}</style>", ["https://example.org/b.png"]),
    ("<script type=module src=https://example.org/m.js></script>", ["https://example.org/m.js"]),
    ('<script>const text = "<img src=https://example.org/a.png>";</script>', []),
    ('<script type="application/json">{"name":"https://example.org"}</script>', []),
    ('<a href="https://example.org">a link is not fetched</a>', []),
    ('<script src="map_files/leaflet.js"></script><img src="data:image/png;base64,AA//">', []),
])
def test_what_a_browser_would_fetch_is_found(markup: str, asked: list[str]) -> None:
    assert outside_links(markup) == asked


def test_every_word_that_the_scripts_ask_for_stands_in_both_languages() -> None:
    scripts = [name for name in OWN if name.endswith(".js") and not name.startswith("gridmap-plan")]
    texts = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in scripts)
    asked = set(re.findall(r"""\b(?:gm\.)?t\((?:app|this|this\.app|this\._app), ?"([\w.]+)\"""", texts))
    asked |= set(re.findall(r"""\bt\("([\w.]+)"\)""", texts))
    asked |= set(re.findall(r"""(?:section|fold)\((?:app, )?"(\w+)\"""", texts))
    assert len(asked) > 40
    assert asked <= set(words())
    # the editor of plans has words of its own; those of its modes and answers are put together
    editor = (STATIC / "gridmap-plan.js").read_text(encoding="utf-8")
    own = set(re.findall(r"""\bt\("([\w.]+)\"""", editor))
    own |= {f"mode.{mode}" for mode in ("building", "cell", "block", "micro_grid", "lasso")}
    own |= {"good", "warned", "refused", "said.move", "said.merge", "said.divide", "keys"}
    own |= {"lock", "unlock", "locks", "unlocks"}
    assert own == set(plan_words())
    for key, texts_of in {**words(), **plan_words()}.items():
        assert set(texts_of) == set(LANGUAGES) and all(texts_of.values()), key
        names = {lang: set(re.findall(r"\{(\w+)\}", text)) for lang, text in texts_of.items()}
        assert names["zh"] == names["en"], key


def test_no_own_script_writes_markup_or_runs_text() -> None:
    barred = (
        "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "bindPopup",
        "bindTooltip",
    )
    for name in OWN:
        text = (STATIC / name).read_text(encoding="utf-8")
        assert not [word for word in barred if word in text], name
