"""Everything that is attached to micro-grids, in one go: things, the border inbox, and what areas cover."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import pandas as pd

from gridmap.micro_grids.attach import attach, attach_changes, attach_findings
from gridmap.micro_grids.attach_inbox import border_inbox
from gridmap.micro_grids.attach_overlaps import overlaps, service_areas
from layers.findings import Findings

__all__ = ["AREAS", "ATTACHED", "attach_layers"]

#: Layers whose things are attached to micro-grids.
ATTACHED = ("organizations", "facilities", "incidents")
#: Layers whose areas are laid over micro-grids: parks and idle plots among them.
AREAS = ("facilities", "green", "estates", "plots")


def attach_layers(
    layers: Mapping[str, gpd.GeoDataFrame | pd.DataFrame],
    micro_grids: gpd.GeoDataFrame,
    *,
    nearest_m: float,
    near_m: float = 2.0,
    before: gpd.GeoDataFrame | None = None,
) -> tuple[dict[str, gpd.GeoDataFrame | pd.DataFrame], Findings]:
    """Attach what the layers hold; the same frames and codes give the same answer in any store.

    Parameters
    ----------
    layers
        Frames by layer; those of `ATTACHED` with a `code` each.
    micro_grids
        Areas with `code`.
    nearest_m
        How far outside every micro-grid a thing may lie and still be given to the nearest, metres.
    near_m
        How near to a border makes a thing worth a look, metres.
    before
        Micro-grids as they were when the layers were attached: then only things that a moved border touches are
        attached again, with the same answer. None attaches everything.

    Returns
    -------
    frames
        The attached layers, `border_inbox` and `overlaps`.
    findings
        What `attach_findings` and `service_areas` say, and how many things stand in the inbox for which reason.
    """
    frames: dict[str, gpd.GeoDataFrame | pd.DataFrame] = {}
    findings, inbox, shares = Findings(), [], []
    for name in ATTACHED:
        things = layers.get(name)
        if not isinstance(things, gpd.GeoDataFrame):
            continue
        if before is not None and "attached_by" in things:
            frames[name] = attach_changes(things, micro_grids, before=before, nearest_m=nearest_m)
        else:
            frames[name] = attach(things, micro_grids, nearest_m=nearest_m)
        findings.extend(attach_findings(frames[name], name, micro_grids))
        inbox.append(border_inbox(frames[name], micro_grids, layer=name, near_m=near_m))
        near = inbox[-1].attrs["counts"].get("near_border", 0)
        if near:
            findings.add(
                name, "attach_near_border", f"{near} lie within {near_m:g} m of another micro-grid",
                "listed in the layer border_inbox", level="note",
            )  # fmt: skip
    for name in AREAS:
        things = layers.get(name)
        if isinstance(things, gpd.GeoDataFrame) and len(things):
            shares.append(overlaps(_named(things), micro_grids, layer=name))
    teams = layers.get("organizations")
    if isinstance(teams, gpd.GeoDataFrame) and len(teams):
        served, unread = service_areas(teams, micro_grids)
        findings.extend(unread)
        shares.append(overlaps(served, micro_grids, layer="organizations", basis="service_area"))
    if inbox:
        listed = [part for part in inbox if len(part)] or inbox[:1]
        frames["border_inbox"] = gpd.GeoDataFrame(pd.concat(listed, ignore_index=True), crs=micro_grids.crs)
    if shares:
        frames["overlaps"] = pd.concat([part for part in shares if len(part)] or shares[:1], ignore_index=True)
    return frames, findings


def _named(things: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """The same with a code in every row: the number of the row where the file has none."""
    numbers = pd.Series([f"#{at + 1}" for at in range(len(things))], index=things.index, dtype="object")
    if "code" not in things:
        return things.assign(code=numbers)
    codes = things["code"].astype("object")
    return things.assign(code=codes.where(codes.notna(), numbers))
