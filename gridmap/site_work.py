"""The process that answers one question of `gridmap.site_jobs`: python -m gridmap.site_work FOLDER CODE."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from gridmap.maps.geojson import to_geojson
from gridmap.site_jobs import SiteJob, SiteJobs
from gridmap.siting import SitePlan, site_city
from gridmap.stores import open_store
from layers.errors import GridmapError

__all__ = ["answer_of", "main", "work"]

#: Micro-grids that are drawn, those that gain most first.
_MOST_DRAWN = 3000


def main(arguments: list[str] | None = None) -> int:
    """Answer one question; 0 also where it cannot be answered, since the job then says why."""
    folder, code = sys.argv[1:] if arguments is None else arguments
    jobs = SiteJobs(Path(folder), os.environ["GRIDMAP_CITY"])
    job = jobs.load(code)
    if job is not None:
        work(jobs, job)
    return 0


def work(jobs: SiteJobs, job: SiteJob) -> None:
    """Answer a question and keep the answer."""
    def tell(doing: str, share: float) -> None:
        jobs.keep(replace(job, doing=doing, share=round(share, 3)))

    try:
        files = {name: jobs.file(job, name) for name in job.files}
        plan = site_city(jobs.city, **{**job.asked, **files}, within=job.within, progress=tell)
        jobs.write(job.code, "answer.json", answer_of(jobs.city, plan, job.within))
    except GridmapError as error:
        jobs.keep(replace(job, state="failed", message=str(error)))
        return
    jobs.keep(replace(job, state="done", share=1.0))


def answer_of(city: str, plan: SitePlan, within: tuple[str, ...]) -> dict[str, Any]:
    """A plan as pages read it: its facts with places in degrees, and the micro-grids that gain."""
    told = plan.facts()
    degrees = plan.sites.to_crs(4326).geometry if len(plan.sites) else plan.sites.geometry
    sites: list[dict[str, Any]] = told["sites"]  # type: ignore[assignment]
    for site, point in zip(sites, degrees, strict=True):
        site |= {"lon": round(point.x, 6), "lat": round(point.y, 6)}
    return {**told, "zh": plan.zh, "en": plan.en, "gained": _gained(city, plan, within)}


def _gained(city: str, plan: SitePlan, within: tuple[str, ...]) -> str:
    """GeoJSON of micro-grids with what more of them lies within the radius: `code`, `gain`."""
    rows = plan.coverage.pivot_table(index="micro_grid", columns="kind", values="covered_households", aggfunc="sum")
    now, then = (next((name for name in rows if mark in name), None) for mark in ("now", "planned"))
    if now is None or then is None:
        return '{"type": "FeatureCollection", "features": []}'
    gain = (rows[then] - rows[now]).astype("int64")
    gain = gain[gain > 0].sort_values(ascending=False)[:_MOST_DRAWN]
    with open_store(city) as store:
        units = store.read("micro_grids", within=within)[["code", "geometry"]]
    drawn = units.merge(pd.DataFrame({"code": gain.index, "gain": gain.to_numpy()}), on="code")
    frame = gpd.GeoDataFrame(drawn, geometry="geometry", crs=units.crs)
    return to_geojson(frame.set_geometry(frame.geometry.simplify(0.5)), columns=("code", "gain"))


if __name__ == "__main__":
    sys.exit(main())
