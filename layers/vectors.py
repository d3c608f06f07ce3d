"""Vector files in: GeoPackage, shapefile (also zipped), GeoJSON, FlatGeobuf, GeoParquet, KML, KMZ, MapInfo, DXF.

GDAL reads through pyogrio. What it would lose in silence is handled here: shapefiles without `.cpg` or with a wrong
one, Chinese text cut inside a character, whole numbers of more than 15 digits beside empty cells, files without CRS.
"""

from __future__ import annotations

import re
import tempfile
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyproj
import shapely

from layers.archives import ZIP_ERRORS, member_name
from layers.datum import CHOICES, DATUMS
from layers.drawings import closed_lines
from layers.errors import BadFile, BadSettings, CrsMismatch, MissingLayer, NoDatum, UnknownDatum
from layers.findings import Findings
from layers.headings import normal
from layers.places import shift_geometry
from layers.schema import Layer
from layers.shapefile import decode_columns, shapefile_encoding
from layers.tables import decode

__all__ = ["VECTORS", "place_vector", "read_vector", "source_layers"]

#: Endings of files that this page reads.
VECTORS = (
    ".gpkg", ".shp", ".zip", ".geojson", ".json", ".fgb", ".parquet", ".kml", ".kmz", ".tab", ".mif", ".dxf",
)  # fmt: skip

_IN_ZIP = (".shp", ".gpkg", ".geojson", ".json", ".fgb", ".kml")
_ZIP_BYTES = 4 << 30  # unpacked; more is a mistake or an attack
# what GDAL adds to every KML
_KML_EXTRAS = (
    "timestamp", "begin", "end", "altitudeMode", "tessellate", "extrude", "visibility", "drawOrder", "icon", "snippet",
)  # fmt: skip
_KML_BYTES = 512 << 20  # unpacked
_ENTITY = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_OLD_DATUMS = ("beijing", "xian", "xi'an")


def source_layers(path: str | Path) -> list[str]:
    """Names of the layers in a file (of the files in a zip); a file of one layer has one name.

    Raises
    ------
    BadFile
        Not readable as its ending says.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.geojson"
    >>> _ = path.write_text('{"type": "FeatureCollection", "features": []}')
    >>> source_layers(path)
    ['a']
    """
    path = Path(path)
    if path.suffix.lower() == ".zip":
        with _zip(path) as archive:
            return [_stem(member) for member in _members(archive, path)]
    if path.suffix.lower() == ".kmz":
        with _kml_of(path) as inner:
            return source_layers(inner)
    if path.suffix.lower() in (".gpkg", ".kml"):
        _no_entities(path)
        with _gdal_errors(path):
            return [str(name) for name in pyogrio.list_layers(path)[:, 0]]
    return [path.stem]


def read_vector(
    path: str | Path,
    layer: Layer,
    *,
    source_layer: str | None = None,
    where: str | None = None,
    encoding: str | None = None,
    fallback: str | None = None,
    findings: Findings,
) -> pd.DataFrame:
    """Read one layer of a vector file, geometry and CRS as they stand.

    Parameters
    ----------
    source_layer
        Layer of a file with several (file of a zip); None for the only one, or the one named after `layer`.
    where
        OGR attribute filter, such as "fclass = 'primary'".
    encoding
        Of a shapefile; None for its `.cpg` where that fits, else strict UTF-8, else strict GB18030.
    fallback
        Tried instead of GB18030.

    Returns
    -------
    GeoDataFrame with `geometry` (two-dimensional; CRS None where the file names none) and `source_row`, the number of
    the feature in the file from 1; a DataFrame where the layer has no geometry.

    Raises
    ------
    BadFile, MissingLayer, BadSettings
        The file cannot be read; it has no such layer; the filter is wrong.

    Examples
    --------
    >>> import tempfile
    >>> from layers.schema import layer
    >>> path = Path(tempfile.mkdtemp()) / "a.gpkg"
    >>> gpd.GeoDataFrame({"name": ["x"]}, geometry=[shapely.Point(1, 2)], crs=4326).to_file(path)
    >>> read_vector(path, layer("facilities"), findings=Findings()).drop(columns="geometry").to_dict("list")
    {'name': ['x'], 'source_row': [1]}
    """
    path = Path(path)
    if not path.is_file():
        raise BadFile(f"cannot read {path.name}: there is no such file in {path.parent}; check its path")
    if path.suffix.lower() == ".parquet":
        frame = _read_parquet(path, where)
    elif path.suffix.lower() == ".zip":
        with _zip(path) as archive, tempfile.TemporaryDirectory(prefix="gridmap") as folder:
            members = _members(archive, path)
            wanted = _choose([_stem(member) for member in members], source_layer, layer, path)
            unpacked = _unpack(archive, members[wanted], Path(folder), path)
            frame = _read_gdal(unpacked, None, where, (encoding, fallback), layer, findings, path)
    elif path.suffix.lower() == ".kmz":
        with _kml_of(path) as inner:
            names = source_layers(inner)
            inside = names[_choose(names, source_layer, layer, path)]
            frame = _read_gdal(inner, inside, where, (encoding, fallback), layer, findings, path)
    else:
        names = source_layers(path)
        chosen = names[_choose(names, source_layer, layer, path)] if path.suffix.lower() in (".gpkg", ".kml") else None
        frame = _read_gdal(path, chosen, where, (encoding, fallback), layer, findings, path)
    if path.suffix.lower() == ".dxf":
        frame = closed_lines(frame, layer, path.name, findings)
    return _tidy(frame, layer, path.name, findings)


def _no_entities(path: Path) -> None:
    """Refuse a KML that declares entities: they fetch other files, or grow without end, and no map needs them."""
    if path.suffix.lower() == ".kml" and _ENTITY.search(_bytes(path).replace(b"\0", b"")):
        raise BadFile(f"cannot read {path.name}: it declares entities (<!DOCTYPE ...>); export it from the map again")


@contextmanager
def _kml_of(path: Path) -> Iterator[Path]:
    """The KML inside a KMZ, unpacked for the time of reading."""
    with _zip(path) as archive, tempfile.TemporaryDirectory(prefix="gridmap") as folder:
        inner = [item for item in archive.infolist() if item.filename.lower().endswith(".kml")]
        if not inner:
            raise BadFile(f"cannot read {path.name}: no .kml in it; export it again")
        # the first one at the top is the map, whatever lies beside it
        item = min(inner, key=lambda one: one.filename.count("/"))
        if item.file_size > _KML_BYTES:
            raise BadFile(f"cannot read {path.name}: it unpacks to {item.file_size >> 20:,} MB; send it in parts")
        unpacked = Path(folder) / f"{path.stem}.kml"
        try:
            with archive.open(item) as content:
                data = content.read(_KML_BYTES + 1)  # a header may lie about the size
        except ZIP_ERRORS as error:
            raise BadFile(f"cannot read {path.name}: {error}; export it again") from None
        if len(data) > _KML_BYTES:
            raise BadFile(f"cannot read {path.name}: it unpacks to more than {_KML_BYTES >> 20:,} MB; send it in parts")
        unpacked.write_bytes(data)
        _no_entities(unpacked)
        yield unpacked


def _choose(names: list[str], wanted: str | None, layer: Layer, path: Path) -> int:
    """Number of the layer to read."""
    if not names:
        raise MissingLayer(f"{path.name} holds no layer; export it again")
    words = {normal(wanted)} if wanted is not None else {normal(layer.name), normal(layer.zh)}
    if wanted in names:
        return names.index(wanted)
    if wanted is None and len(names) == 1:
        return 0
    found = [number for number, name in enumerate(names) if normal(name) in words]
    if not found:
        what = repr(wanted) if wanted is not None else f"named {layer.name}"
        raise MissingLayer(f"{path.name} has no layer {what}; its layers are {_some(names)}; say layer = ...")
    return found[0]


def _some(names: list[str]) -> str:
    """Names for a sentence, the first twenty."""
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


@contextmanager
def _gdal_errors(path: Path, where: str | None = None) -> Iterator[None]:
    """What GDAL and pyarrow raise, as one sentence."""
    try:
        yield
    except (RuntimeError, ValueError, OSError, MemoryError) as error:
        said = str(error).split("; It might help")[0].replace(str(path.parent) + "/", "").strip()
        if where is not None and not isinstance(error, pyogrio.errors.DataSourceError):  # the file did open
            raise BadSettings(f"where = {where!r} fails on {path.name}: {said}; check the column names") from None
        if ".shx" in said:
            raise BadFile(f"cannot read {path.name}: its part .shx is missing; copy all parts along") from None
        raise BadFile(f"cannot read {path.name}: {said}; open it in QGIS or export it again") from None


def _read_gdal(
    file: Path,
    chosen: str | None,
    where: str | None,
    encodings: tuple[str | None, str | None],
    layer: Layer,
    findings: Findings,
    path: Path,
) -> pd.DataFrame:
    """One layer through GDAL; its warnings become findings."""
    encoding, fallback = encodings
    shape = file.suffix.lower() == ".shp"
    options: dict[str, Any] = {"layer": chosen, "where": where, "on_invalid": "ignore", "fid_as_index": True}
    source: Any = file
    text_encoding = None
    if shape:
        text_encoding = shapefile_encoding(
            file, encoding=encoding, fallback=fallback, layer=layer.name, findings=findings, name=path.name
        )
        # A filter must be put in GDAL's own tongue; without one the raw bytes are taken and decoded here.
        options |= {"ENCODING": text_encoding} if where is not None else {"encoding": "ISO-8859-1"}
    elif file.suffix.lower() in (".tab", ".mif"):
        options |= {"encoding": "ISO-8859-1"}  # GDAL does not know every charset of MapInfo: decoded below
    else:
        options |= {"use_arrow": True, "arrow_to_pandas_kwargs": {"integer_object_nulls": True}}
        if file.suffix.lower() in (".geojson", ".json"):
            source = decode(_bytes(file), encoding=encoding, fallback=fallback, name=path.name).encode()
    with _gdal_errors(path, where), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frame = pyogrio.read_dataframe(source, **options)
    for text in dict.fromkeys(str(item.message) for item in caught):
        findings.add(layer.name, "gdal_warning", text[:300], "read all the same", level="note", file=path.name)
    if file.suffix.lower() in (".tab", ".mif"):
        text_encoding = encoding or _mapinfo_encoding(frame, fallback)
    if ((shape and where is None) or file.suffix.lower() in (".tab", ".mif")) and text_encoding is not None:
        frame = decode_columns(frame, text_encoding, layer=layer.name, findings=findings, name=path.name)
    # features count from 1; only a GeoPackage does so itself, and a filter leaves gaps
    if where is None:
        numbers = np.arange(1, len(frame) + 1)
    else:
        numbers = frame.index.to_numpy(dtype=np.int64) + (0 if file.suffix.lower() == ".gpkg" else 1)
    frame = frame.reset_index(drop=True)
    if "source_row" in frame.columns:
        frame = frame.rename(columns={"source_row": "given_source_row"})
    return frame.assign(source_row=pd.array(numbers, dtype="Int64"))


def _mapinfo_encoding(frame: pd.DataFrame, fallback: str | None) -> str:
    """UTF-8 where all text is that, else what is told, else GB18030."""
    texts = [frame[name].dropna() for name in frame.columns if pd.api.types.is_string_dtype(frame[name].dtype)]
    data = "\n".join(str(text) for column in texts for text in column).encode("latin-1", errors="replace")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return fallback or "gb18030"
    return "utf-8"


def _read_parquet(path: Path, where: str | None) -> pd.DataFrame:
    """GeoParquet, or a plain Parquet table."""
    if where is not None:
        raise BadSettings(f"where does not work on {path.name}; filter before exporting, or use a GeoPackage")
    with _gdal_errors(path):
        try:
            frame: pd.DataFrame = gpd.read_parquet(path)
        except ValueError as error:
            if "geo metadata" not in str(error):
                raise
            frame = pd.read_parquet(path)
    frame = frame.reset_index(drop=isinstance(frame.index, pd.RangeIndex) or frame.index.name is None)
    if "source_row" in frame.columns:
        frame = frame.rename(columns={"source_row": "given_source_row"})
    return frame.assign(source_row=pd.array(range(1, len(frame) + 1), dtype="Int64"))


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFile(f"cannot read {path.name}: {error.strerror}; check its path and rights") from None


def _zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except ZIP_ERRORS as error:
        raise BadFile(f"cannot read {path.name}: {error}; zip the parts of the shapefile again") from None


def _members(archive: zipfile.ZipFile, path: Path) -> list[zipfile.ZipInfo]:
    """The files in a zip that hold a layer."""
    found = [
        item for item in archive.infolist()
        if Path(item.filename).suffix.lower() in _IN_ZIP and not item.filename.startswith("__MACOSX/")
    ]  # fmt: skip
    if not found:
        raise BadFile(f"cannot read {path.name}: no shapefile or other layer in it; it may hold {', '.join(_IN_ZIP)}")
    return found


def _stem(member: zipfile.ZipInfo) -> str:
    """Name of a file in a zip without folder and ending."""
    return Path(member_name(member)).stem


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, path: Path) -> Path:
    """Copy a layer's parts out under a plain name (never under one that the zip says)."""
    start = member.filename[: -len(Path(member.filename).suffix)]
    parts = [item for item in archive.infolist() if item.filename.startswith(start + ".")]
    if sum(item.file_size for item in parts) > _ZIP_BYTES:
        raise BadFile(f"cannot read {path.name}: unpacked it is larger than 4 GB; give the file unzipped")
    try:
        for item in parts:
            suffix = item.filename[len(start) :].lower().replace("/", "_")
            (folder / f"layer{suffix}").write_bytes(archive.read(item))
    except ZIP_ERRORS as error:
        raise BadFile(f"cannot read {path.name}: {error}; zip it again without a password") from None
    return folder / f"layer{Path(member.filename).suffix.lower()}"


def _tidy(frame: pd.DataFrame, layer: Layer, file: str, findings: Findings) -> pd.DataFrame:
    """Geometry in two dimensions under its usual name; lists as text; what GDAL adds to a KML dropped."""
    idle = [name for name in _KML_EXTRAS if name in frame.columns and frame[name].nunique() <= 1]
    if file.lower().endswith((".kml", ".kmz")):
        frame = frame.drop(columns=idle)
    for name in [name for name in frame.columns if frame[name].dtype == object]:
        nested = frame[name].map(lambda value: isinstance(value, (list, dict, tuple, np.ndarray)))
        if nested.any():
            frame[name] = frame[name].where(~nested, frame[name].map(str))
    if not isinstance(frame, gpd.GeoDataFrame) or frame.active_geometry_name is None:
        return pd.DataFrame(frame)
    if frame.active_geometry_name != "geometry":
        frame = frame.rename_geometry("geometry")
    high = shapely.has_z(frame.geometry.array)
    if high.any():
        # KML writes a height of 0 everywhere, which says nothing
        if np.nan_to_num(shapely.get_coordinates(frame.geometry.array[high], include_z=True)[:, 2]).any():
            findings.add(
                layer.name, "heights_dropped", f"{int(high.sum())} geometries have heights", "heights dropped",
                level="note", file=file,
            )  # fmt: skip
        frame = frame.set_geometry(shapely.force_2d(frame.geometry.array), crs=frame.crs)
    return frame


def place_vector(
    frame: gpd.GeoDataFrame,
    layer: Layer,
    *,
    datum: str | None,
    default_datum: str | None = None,
    findings: Findings,
    file: str,
) -> gpd.GeoDataFrame:
    """Settle where a frame lies: shifted to WGS 84 where its datum asks for it, else in its own CRS.

    Parameters
    ----------
    datum
        Datum that the user names for this file; it wins over the file's own CRS, since a file of shifted coordinates
        mostly calls itself WGS 84.
    default_datum
        Datum of files that name no CRS.

    Raises
    ------
    UnknownDatum
        Degrees, no CRS, and nobody named a datum.
    CrsMismatch
        No CRS, and the coordinates are not degrees; or metres asked for (bd09mc) where there are degrees.

    Examples
    --------
    >>> from layers.schema import layer
    >>> frame = gpd.GeoDataFrame(geometry=[shapely.Point(116.384047, 39.913345)])
    >>> placed = place_vector(frame, layer("facilities"), datum="gcj02", findings=Findings(), file="a.shp")
    >>> placed.crs.to_epsg(), placed.geometry.x.round(5).tolist()
    (4326, [116.37782])
    """
    crs = frame.crs
    if crs is not None and not (crs.is_geographic or crs.is_projected):
        crs = None  # "undefined Cartesian" and the like
    said = datum if datum is not None or crs is not None else default_datum
    if said is not None and said not in DATUMS:
        raise UnknownDatum(f"{said!r} is not a datum that gridmap knows; take one of {', '.join(DATUMS)}")
    degrees = crs.is_geographic if crs is not None else _looks_like_degrees(frame)
    if said == "bd09mc":
        if degrees:
            raise CrsMismatch(f"{file} holds degrees, and bd09mc is Baidu's metres; the datum is bd09 rather")
        return frame.set_geometry(shift_geometry(frame.geometry.array, said)).set_crs(4326, allow_override=True)
    if crs is None and not degrees and len(frame):
        raise CrsMismatch(
            f"{file} names no CRS and its coordinates are not degrees; give the CRS in QGIS (Set Layer CRS) and export "
            "again, or add the .prj of the shapefile"
        )
    if crs is None and said is None:
        raise NoDatum(f"{file} names no CRS for its degrees", CHOICES)
    if degrees:
        frame = _swap_axes(frame, layer, findings, file)
    if crs is not None and any(word in str(crs.geodetic_crs).casefold() for word in _OLD_DATUMS):
        findings.add(
            layer.name, "old_datum", f"the file is in {crs.name}", "brought over, right to some metres", level="note",
            file=file,
        )  # fmt: skip
    if said is None or (crs is not None and not degrees and said in ("wgs84", "cgcs2000")):
        return frame
    if crs is not None and not degrees:
        frame = frame.to_crs(pyproj.CRS(crs.geodetic_crs))
    return frame.set_geometry(shift_geometry(frame.geometry.array, said)).set_crs(4326, allow_override=True)


def _looks_like_degrees(frame: gpd.GeoDataFrame) -> bool:
    """Whether most features lie within the numbers that degrees can be, in either order."""
    bounds = frame.geometry.bounds.dropna().abs()
    return bool(len(bounds) == 0 or (bounds.max(axis=1) <= 180.0).mean() > 0.5)


def _swap_axes(frame: gpd.GeoDataFrame, layer: Layer, findings: Findings, file: str) -> gpd.GeoDataFrame:
    """Turn a layer written latitude first; told by latitudes that no place has."""
    bounds = frame.geometry.bounds.dropna()
    if not len(bounds) or not ((bounds["miny"].abs() > 90.0) & (bounds["maxx"].abs() <= 90.0)).mean() > 0.5:
        return frame
    findings.add(layer.name, "lon_lat_swapped", "latitude stands before longitude", "mended", file=file)
    turned = shapely.transform(frame.geometry.array, lambda points: points[:, ::-1])
    return frame.set_geometry(turned, crs=frame.crs)
