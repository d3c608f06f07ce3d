"""The files of a city folder read one by one, first those of which somebody may still have to say the datum."""

from __future__ import annotations

from collections.abc import Callable

from layers.city_file import CITY_TOML, CityFile, LayerSource
from layers.datum import CHOICES
from layers.errors import NoDatum, UnknownDatum
from layers.findings import Findings
from layers.nesting import LEVELS
from layers.one_file import Raw, read_raw
from layers.schema import layer as layer_of
from layers.tables import TABLES

__all__ = ["read_sources"]

#: Layers that the datum doctor lays others on, the best first.
_REFERENCES = ("buildings", "roads", *reversed(LEVELS))


def read_sources(
    said: CityFile, findings: Findings, *, progress: Callable[[str], None] | None = None
) -> list[tuple[LayerSource, Raw]]:
    """Every source of a city with what is in it, in the order of `said.sources`; findings in that order too.

    Parameters
    ----------
    said
        What the folder says about its city.
    findings
        What was odd is added here.
    progress
        Called with what is being read.

    Raises
    ------
    UnknownDatum
        Files have coordinates and nobody named their datum: all such files are named, with the key to write and how to
        find out; raised before any other file is read.
    """
    order = sorted(range(len(said.sources)), key=lambda number: not _undecided(said.sources[number], said))
    raws: dict[int, Raw] = {}
    told: dict[int, Findings] = {}
    silent: list[tuple[LayerSource, NoDatum]] = []
    for number in order:
        source = said.sources[number]
        if silent and not _undecided(source, said):
            break
        if progress is not None:
            progress(f"{source.layer}: {source.file.name}")
        told[number] = Findings()
        try:
            raws[number] = read_raw(source, said.datum, said.encoding, told[number])
        except NoDatum as error:
            silent.append((source, error))
    if silent:
        raise UnknownDatum(_question(said, silent)) from None
    for number in range(len(said.sources)):
        findings.extend(told[number])
    return [(source, raws[number]) for number, source in enumerate(said.sources)]


def _undecided(source: LayerSource, said: CityFile) -> bool:
    """Whether a file of degrees may have nothing that says their datum: tables, and shapefiles without a .prj."""
    if not layer_of(source.layer).geometry or source.datum or said.datum or source.source_crs:
        return False
    suffix = source.file.suffix.lower()
    bare = suffix == ".shp" and not any(source.file.with_suffix(end).is_file() for end in (".prj", ".PRJ"))
    return suffix in TABLES or bare


def _question(said: CityFile, silent: list[tuple[LayerSource, NoDatum]]) -> str:
    source, error = silent[0]
    also = [other.file.name for other, _ in silent[1:]]
    others = f" (and so {'has' if len(also) == 1 else 'have'} {', '.join(also)})" if also else ""
    differs = f"; under [layers.{source.layer}] where it differs from other files" if also else ""
    text = (
        f'{error.what} and no datum{others}; write datum = "..." under [city] in {said.folder / CITY_TOML}, one of '
        f"{CHOICES}{differs}"
    )
    known = [name for name in _REFERENCES for item in said.sources if item.layer == name and not _undecided(item, said)]
    if not known:
        return text
    reference = next(item for item in said.sources if item.layer == known[0])
    words = [source.file, reference.file, "--layer", source.layer, "--reference-layer", reference.layer]
    words += ["--layer-in-file", source.source_layer] if source.source_layer else []
    words += ["--layer-in-reference", reference.source_layer] if reference.source_layer else []
    call = " ".join(f'"{word}"' if " " in str(word) else str(word) for word in words)
    return f"{text}. Not sure which? gridmap doctor {call} says which is likeliest"
