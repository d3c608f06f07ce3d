"""The process that reads one uploaded file: `python -m gridmap.upload_reading FOLDER CODE`, city in GRIDMAP_CITY."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from gridmap.import_preview import Preview, parts_of, preview_import
from gridmap.importing import IMPORTED, import_file
from gridmap.rework import cover_as_before
from gridmap.stores import open_store
from gridmap.uploads import REFRESH, Job, Uploads
from layers.errors import AmbiguousHeading, GridmapError
from layers.findings import LEVELS
from layers.received import layer_named

__all__ = ["run"]

#: Findings that are kept for the page; the file of them has all.
_MOST = 2000


def run(uploads: Uploads, job: Job) -> Job:
    """Read a job's file, or bring it in; the job as it stands after."""
    try:
        after = _bring_in(uploads, job) if job.state == "importing" else _look(uploads, job)
    except GridmapError as error:
        after = replace(job, state="failed", message=f"{type(error).__name__}: {error}")
    except MemoryError:
        after = replace(job, state="failed", message="too_large")
    uploads.keep(after)
    return after


def _look(uploads: Uploads, job: Job) -> Job:
    path = uploads.folder / job.file
    parts = parts_of(path)
    part = job.part
    if parts and not part:
        part, job = _first_part(uploads, job, parts)
    if job.layer not in IMPORTED:
        _write(uploads, job, "preview.json", {"parts": parts})
        return replace(job, state="failed", message="which_layer", part=part)
    job = replace(job, part=part)
    found = _preview(uploads, job)
    known = uploads.known_headings(job, [one.heading for one in found.headings])
    if known is not None and not (job.mapping or job.ignore or job.as_before):
        job = replace(job, mapping=known["mapping"], ignore=known["ignore"], as_before=True)
        found = _preview(uploads, job)
    items = [asdict(item) for item in sorted(found.findings, key=lambda item: LEVELS.index(item.level))]
    _write(uploads, job, "preview.json", {**found.facts(), "findings": len(items)})
    _write(uploads, job, "findings.json", items[:_MOST])
    _write(uploads, job, "doubtful.json", found.doubtful)
    uploads.path(job.code, "places.json").write_text(found.places, encoding="utf-8")
    found.findings.to_csv(uploads.path(job.code, "findings.csv"))
    for ending in ("csv", "xlsx"):
        refused = uploads.path(job.code, f"refused.{ending}")
        refused.unlink(missing_ok=True)
        if len(found.tally.refused):
            found.tally.write_refused(refused)
    return replace(job, state="read")


def _preview(uploads: Uploads, job: Job) -> Preview:
    return preview_import(
        uploads.city, job.layer, uploads.folder / job.file, datum=job.datum or None, encoding=job.encoding or None,
        mapping=job.mapping, source_layer=job.part or None, within=job.within, by=job.by, ignore=job.ignore,
        places=_places(job),
    )  # fmt: skip


def _places(job: Job) -> dict[int, tuple[float, float]]:
    return {int(row): (lon, lat) for row, (lon, lat) in job.places.items()}


def _first_part(uploads: Uploads, job: Job, parts: list[str]) -> tuple[str, Job]:
    """The part to read first; further sheets that name a layer become jobs of their own."""
    named = {part: layer for part in parts if (layer := layer_named(part)) in IMPORTED}
    if job.layer:
        return next((part for part, layer in named.items() if layer == job.layer), ""), job
    if not named:
        return "", job
    (first, layer), *more = named.items()
    for number, (part, other) in enumerate(more, start=1):
        code = f"{(int(job.code, 16) + number) % 16**24:024x}"
        made = replace(job, code=code, layer=str(other), part=part, state="waiting", at=job.at - number / 1000)
        uploads.path(made.code).mkdir(exist_ok=True)
        uploads.keep(made)
        run(uploads, made)
    return first, replace(job, layer=str(layer))


def _bring_in(uploads: Uploads, job: Job) -> Job:
    path = uploads.folder / job.file
    try:
        done = import_file(
            uploads.city, job.layer, path, by=job.by, datum=job.datum or None, encoding=job.encoding or None,
            mapping=job.mapping, source_layer=job.part or None, complete=job.complete, name=job.name, within=job.within,
            ignore=job.ignore, places=_places(job), cover=False,  # while nobody waits: `_freshen`
        )  # fmt: skip
    except AmbiguousHeading:
        return replace(job, state="read", message="asks")
    _write(uploads, job, "record.json", asdict(done.record))
    told = uploads.answer(job, "preview.json") or {}
    uploads.remember_headings(job, [one["heading"] for one in told.get("headings", [])])
    return replace(job, state="done", import_code=done.record.code)


def _write(uploads: Uploads, job: Job, name: str, told: Any) -> None:
    uploads.path(job.code, name).write_text(json.dumps(told, ensure_ascii=False, default=str), encoding="utf-8")


def _freshen(city: str) -> None:
    """Bring coverage and tiles up to date; both can be made again, so their failure is none of the import."""
    with open_store(city) as store:
        stale = store.meta().get("coverage_stale", "")
    if stale:
        try:
            cover_as_before(city)
        except GridmapError as error:
            print(f"coverage is not up to date: {error}", file=sys.stderr)
    _tiles(city)


def _tiles(city: str) -> None:
    """Bring the city's vector tiles up to date, where it has some."""
    # drawing is a large room, which a reading does without
    from gridmap.city_tiles import make_tiles, tiles_folder
    from gridmap.maps.tiles.shelf import Shelf

    folder = os.environ.get("GRIDMAP_TILES") or None
    if Shelf(folder if folder is not None else tiles_folder(city)).current() is None:
        return  # a city without tiles stays one
    try:
        make_tiles(city, folder=folder)
    except (GridmapError, OSError) as error:
        print(f"the tiles are not up to date: {error}", file=sys.stderr)


def _main() -> int:
    folder, code = Path(sys.argv[1]), sys.argv[2]
    if code == REFRESH:
        _freshen(os.environ["GRIDMAP_CITY"])
        return 0
    uploads = Uploads(folder, os.environ["GRIDMAP_CITY"], seconds=0, most_bytes=0)
    job = uploads.load(code)
    after = None if job is None else run(uploads, job)
    if after is not None and after.state == "done":
        _freshen(uploads.city)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
