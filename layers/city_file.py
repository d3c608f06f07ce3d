"""A city folder: which file is which layer, by file name and by `city.toml`.

Without `city.toml` each file named after a layer is that layer, and layers (or sheets) of such names in any other file
are too. `city.toml` says the rest; what it says wins over file names.
"""

from __future__ import annotations

import codecs
import sqlite3
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from layers.datum import DATUMS
from layers.errors import BadFile, BadSettings, MissingLayer, NotACity
from layers.findings import Findings
from layers.headings import check_mapping, normal
from layers.kinds import kind_rules
from layers.schema import LAYERS
from layers.tables import TABLES, WORKBOOKS, sheets
from layers.vectors import VECTORS, source_layers

__all__ = ["CITY_TOML", "CityFile", "LayerSource", "parts_of", "read_city_file"]

CITY_TOML = "city.toml"

_READABLE = (*VECTORS, *TABLES)
_MANY_LAYERS = (".gpkg", ".zip", ".kml", ".kmz", *WORKBOOKS)
#: Files that hold data but that nobody reads: said, so that nothing stays away in silence.
_NOT_READ = (".dwg", ".dxf", ".gdb", ".tab", ".mif", ".mdb", ".rar", ".7z", ".gml", ".sqlite", ".pbf", ".osm")
_CITY_KEYS = ("name", "code", "crs", "datum", "encoding")
_LAYER_KEYS = ("file", "layer", "where", "datum", "source_crs", "encoding", "skip", "kinds", "columns", "values")
GIVEN = {name: layer for name, layer in LAYERS.items() if layer.source == "given"}


@dataclass(frozen=True, kw_only=True)
class LayerSource:
    """Where a layer comes from and how to read it.

    `source_layer` names a layer of a file with several (a sheet of a workbook), `source_crs` the CRS of a file that
    does not say it, `columns` is {ours: theirs}, `values` {ours: constant}, `kinds` "osm" or {"column=value": kind}.
    `ignore` are headings that mean nothing here and are left out; `unplaced` keeps rows without a place in layers of
    areas too, for whoever knows where they lie.
    """

    layer: str
    file: Path
    source_layer: str | None = None
    where: str | None = None
    datum: str | None = None
    source_crs: str | None = None
    encoding: str | None = None
    kinds: str | Mapping[str, str] | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    unplaced: bool = False


@dataclass(frozen=True, kw_only=True)
class CityFile:
    """What a folder says about its city. `sources` stand in the order of `layers.schema.LAYERS`, several files of one
    layer in the order of their names.
    """

    folder: Path
    name: str
    code: str | None = None
    crs: str | None = None
    datum: str | None = None
    encoding: str | None = None
    sources: tuple[LayerSource, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)


def read_city_file(folder: str | Path) -> CityFile:
    """Find out what a folder holds.

    Parameters
    ----------
    folder
        With or without a `city.toml`.

    Returns
    -------
    CityFile; its findings name files and layers that are not read.

    Raises
    ------
    NotACity
        No such folder, or no layer in it.
    BadFile
        Two files for one layer, or a file that `city.toml` names and that is not there.
    BadSettings
        `city.toml` does not hold to its rules; the message names the key.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "staff.csv").write_text("name,role,area\\n")
    >>> _ = (folder / "city.toml").write_text('[city]\\nname = "Longmatan"\\n[split]\\nseed = 7\\n')
    >>> city = read_city_file(folder)
    >>> city.name, [source.layer for source in city.sources], city.options
    ('Longmatan', ['staff'], {'split': {'seed': 7}})
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotACity(f"there is no folder {folder}; give a folder with one file a layer ({', '.join(GIVEN)})")
    settings = _toml(folder / CITY_TOML)
    city = _section(settings, "city", _CITY_KEYS)
    told: dict[str, dict[str, Any]] = settings.get("layers", {})
    if not isinstance(told, dict):
        raise BadSettings(f"{CITY_TOML}: layers must be sections [layers.NAME]")
    for name, value in settings.items():
        if not isinstance(value, dict):
            raise BadSettings(f"{CITY_TOML}: {name} stands outside any section; put it under [city]")
    for name in told:
        if name not in GIVEN:
            raise BadSettings(f"{CITY_TOML}: [layers.{name}] is no layer; the layers are {', '.join(GIVEN)}")
        _check_layer(told[name], name)
    findings = Findings()
    found = _discover(folder, told, findings)
    sources = [
        source for name in GIVEN for source in _sources(name, told.get(name, {}), found.get(name), folder)
    ]
    if not sources:
        raise NotACity(
            f"{folder} holds no layer; looked for files (or layers of a file) named {', '.join(GIVEN)} ending in "
            f"{', '.join(_READABLE)}, and for [layers.NAME] in {CITY_TOML}"
        )
    return CityFile(
        folder=folder,
        name=city.get("name") or folder.resolve().name,
        code=city.get("code"),
        crs=city.get("crs"),
        datum=city.get("datum"),
        encoding=city.get("encoding"),
        sources=tuple(sources),
        options={name: value for name, value in settings.items() if name not in ("city", "layers")},
        findings=findings,
    )


def _toml(path: Path) -> dict[str, Any]:
    """The settings; an empty table where there is no file."""
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise BadSettings(f"{path.name} is not UTF-8; save it as UTF-8 in the editor") from None
    except tomllib.TOMLDecodeError as error:
        hint = "; write Windows paths with / or in single quotes" if "escape" in str(error) else ""
        raise BadSettings(f"{path.name} cannot be read: {error}{hint}") from None


def _section(settings: Mapping[str, Any], name: str, keys: Iterable[str]) -> dict[str, Any]:
    """[city], with its values judged."""
    section = settings.get(name, {})
    if not isinstance(section, dict):
        raise BadSettings(f"{CITY_TOML}: {name} must be a section [{name}]")
    _check_keys(section, keys, f"[{name}]")
    for key, value in section.items():
        where = f"{CITY_TOML}: [{name}] {key}"
        if not isinstance(value, str) or not value.strip():
            raise BadSettings(f"{where} = {value!r} must be text in quotes")
        if key == "code" and not (value.isdecimal() and value.isascii() and len(value) in (6, 9, 12)):
            raise BadSettings(f"{where} = {value!r} must be 6, 9 or 12 digits (district, street or community)")
        _check_value(key, value, where)
    return section


def _check_layer(section: Any, layer: str) -> None:
    """[layers.NAME], its keys and values judged."""
    if not isinstance(section, dict):
        raise BadSettings(f"{CITY_TOML}: layers.{layer} must be a section [layers.{layer}]")
    _check_keys(section, _LAYER_KEYS, f"[layers.{layer}]")
    for key, value in section.items():
        where = f"{CITY_TOML}: [layers.{layer}] {key}"
        if key == "skip":
            if not isinstance(value, bool):
                raise BadSettings(f"{where} = {value!r} must be true or false")
        elif key in ("columns", "values"):
            if not isinstance(value, dict):
                raise BadSettings(f"{where} must be a section [layers.{layer}.{key}]")
            if key == "columns":
                check_mapping(GIVEN[layer], value, where=where)
            else:
                _check_constants(value, layer, where)
        elif key == "kinds":
            if not isinstance(value, (str, dict)):
                raise BadSettings(f'{where} = {value!r} must be "osm" or a table of "column=value" = "kind"')
            kind_rules(value, GIVEN[layer], where=where)
        elif key == "file" and isinstance(value, list):
            if not value or not all(isinstance(item, str) and item.strip() for item in value):
                raise BadSettings(f'{where} = {value!r} must be a file, or a list of files ["a.csv", "b.csv"]')
        elif not isinstance(value, str) or not value.strip():
            raise BadSettings(f"{where} = {value!r} must be text in quotes")
        else:
            _check_value(key, value, where)


def _check_keys(section: Mapping[str, Any], allowed: Iterable[str], where: str) -> None:
    for key in section:
        if key not in allowed:
            raise BadSettings(f"{CITY_TOML}: {where} has no key {key!r}; its keys are {', '.join(allowed)}")


def _check_value(key: str, value: str, where: str) -> None:
    """Rules of single words."""
    if key == "datum" and value not in DATUMS:
        raise BadSettings(f"{where} = {value!r} is no datum; take one of {', '.join(DATUMS)}")
    if key == "encoding":
        try:
            codecs.lookup(value)
        except LookupError:
            raise BadSettings(f"{where} = {value!r} is no encoding; take one such as utf-8, gb18030 or big5") from None
    if key in ("crs", "source_crs") and not value.upper().startswith("EPSG:"):
        raise BadSettings(f'{where} = {value!r} must read "EPSG:N", such as "EPSG:4549"')


def _check_constants(values: Mapping[str, Any], layer: str, where: str) -> None:
    for ours, constant in values.items():
        if ours not in GIVEN[layer]:
            allowed = ", ".join(column.name for column in GIVEN[layer])
            raise BadSettings(f"{where}: {layer} has no column {ours!r}; its columns are {allowed}")
        if isinstance(constant, (dict, list)):
            raise BadSettings(f"{where}: {ours} must be one value, not {constant!r}")


def _layer_named(name: str) -> str | None:
    """The layer that a file, layer or sheet is named after, in English or Chinese."""
    return next((key for key, layer in GIVEN.items() if normal(name) in (normal(key), normal(layer.zh))), None)


def _discover(folder: Path, told: Mapping[str, Mapping[str, Any]], findings: Findings) -> dict[str, LayerSource]:
    """Layers by file names; layers whose file `city.toml` names are not looked for."""
    named = {path for section in told.values() if "file" in section for path in _files(folder, section["file"])}
    settled = {name for name, section in told.items() if "file" in section or section.get("skip")}
    found: dict[str, LayerSource] = {}
    for path in sorted(folder.iterdir()):
        suffix = path.suffix.lower()
        if path.name.startswith((".", "~$")) or (suffix in _READABLE and path.is_dir()):
            continue
        if suffix in _NOT_READ:
            _tell_unread(findings, path, "its kind of file is not read")
        if suffix not in _READABLE:
            continue
        if suffix == ".gpkg" and _is_built(path):
            if path.resolve() not in named:
                _tell_unread(findings, path, "it is a city that gridmap built, not input")
            continue
        mine, empty = _layer_named(path.stem), False
        if mine is not None:
            taken = [(mine, LayerSource(layer=mine, file=path))]
        elif suffix in _MANY_LAYERS:
            taken, empty = _inside(path, findings, quiet=path.resolve() in named)
        else:
            taken = []
        if not taken and empty and path.resolve() not in named:
            findings.add("", "not_read", "nothing is filled in yet", "passed over", level="note", file=path)
        elif not taken and path.resolve() not in named:
            _tell_unread(findings, path, "it is not named after a layer and holds none of such a name")
        for name, source in taken:
            if name in settled:
                if path.resolve() not in named:
                    _tell_unread(findings, path, f"{CITY_TOML} takes {name} from elsewhere or skips it", layer=name)
            elif name in found:
                raise BadFile(
                    f"{found[name].file.name} and {path.name} both hold {name}; keep one, or name it in {CITY_TOML}: "
                    f'[layers.{name}] file = "..."'
                )
            else:
                found[name] = source
    return found


def _is_built(path: Path) -> bool:
    """Whether a GeoPackage is a store of ours, which may lie beside the files that it was built from."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
            return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'gridmap_meta'").fetchone() is not None
    except sqlite3.Error:
        return False  # what it is instead, its reader says


def _inside(path: Path, findings: Findings, *, quiet: bool) -> tuple[list[tuple[str, LayerSource]], bool]:
    """Layers of a file that are named after ours, and whether there are such without a row; these do not count."""
    book = path.suffix.lower() in WORKBOOKS
    counts = sheets(path) if book else dict.fromkeys(source_layers(path), 2)
    taken, others, empty = [], [], False
    for inner, rows in counts.items():
        mine = _layer_named(inner)
        if mine is None:
            others.append(inner)
        elif rows >= 2:  # the heading and something below it
            taken.append((mine, LayerSource(layer=mine, file=path, source_layer=inner)))
        else:
            empty = True
    if taken and others and not quiet:
        _tell_unread(findings, path, f"of its layers {', '.join(others)} are not named after one of ours")
    return taken, empty


def _tell_unread(findings: Findings, path: Path, why: str, *, layer: str = "") -> None:
    findings.add(
        layer, "not_read", f"{path.name}: {why}", f"not read; name it in {CITY_TOML} if it should be", level="note",
        file=path,
    )  # fmt: skip


def _files(folder: Path, said: str | list[str]) -> list[Path]:
    """Files that `file = ...` names: one, a list, or those that a pattern such as "311_*.csv" fits."""
    paths: list[Path] = []
    for text in [said] if isinstance(said, str) else said:
        path = folder / Path(text).expanduser()
        if set("*?[") & set(path.name) and not path.is_file():
            paths += sorted(path.parent.glob(path.name))
        else:
            paths.append(path)
    return list(dict.fromkeys(path.resolve() for path in paths))


def _sources(
    name: str, section: Mapping[str, Any], found: LayerSource | None, folder: Path
) -> list[LayerSource]:
    """The sources of one layer: what was found, with what `city.toml` says over it."""
    if section.get("skip"):
        return []
    if "file" in section:
        sources = []
        for path in _files(folder, section["file"]):
            if not path.is_file():
                raise BadFile(
                    f"{CITY_TOML}: [layers.{name}] file = {section['file']!r} is not there; looked for {path}"
                )
            if path.suffix.lower() not in _READABLE:
                endings = ", ".join(_READABLE)
                raise BadFile(f"{CITY_TOML}: [layers.{name}] {path.name} is not read; its ending may be {endings}")
            sources.append(LayerSource(layer=name, file=path))
        if not sources:
            raise BadFile(f"{CITY_TOML}: [layers.{name}] file = {section['file']!r} fits no file in {folder}")
    elif found is None:
        if section:
            raise BadSettings(
                f"{CITY_TOML}: [layers.{name}] belongs to no file; add file = \"...\", or put {name}.gpkg in the folder"
            )
        return []
    else:
        sources = [found]
    settled = [
        replace(
            source,
            source_layer=section.get("layer", source.source_layer),
            where=section.get("where"),
            datum=section.get("datum"),
            source_crs=section.get("source_crs"),
            encoding=section.get("encoding"),
            kinds=section.get("kinds"),
            columns=section.get("columns", {}),
            values=section.get("values", {}),
        )
        for source in sources
    ]
    return [part for source in settled for part in parts_of(source)]


def parts_of(source: LayerSource) -> list[LayerSource]:
    """A source whose `layer` is a pattern ("*", "2024*"), as one for each sheet or layer that it fits.

    Raises
    ------
    MissingLayer
        It fits none.
    """
    wanted = source.source_layer
    if wanted is None or not set("*?[") & set(wanted) or source.file.suffix.lower() not in _MANY_LAYERS:
        return [source]
    book = source.file.suffix.lower() in WORKBOOKS
    inner = [n for n, rows in sheets(source.file).items() if rows >= 2] if book else source_layers(source.file)
    fits = [name for name in dict.fromkeys(inner) if name == wanted or fnmatchcase(name, wanted)]
    if not fits:
        raise MissingLayer(f"{source.file.name} has no layer like {wanted!r}; its layers are {', '.join(inner[:20])}")
    return [replace(source, source_layer=name) for name in fits]
