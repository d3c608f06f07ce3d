"""What every route asks and how far it reaches, written down a second time, apart from the code that keeps it.

A route that does not stand here fails the crawl, and so does one that asks another right or reaches farther than this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from webapp.guard import PUBLIC

#: The same for everyone who may ask: files, forms, one's own session.
SAME = "same"
#: Cut to the asker's area.
OWN = "own"
#: About the whole city, for who administers it.
CITY = "city"
#: Belongs to one account: nobody else is given it.
PRIVATE = "private"
#: A draft of a plan: for whoever may change plans and reaches all of its area (tried in test_planning.py).
DRAFT = "draft"


@dataclass(frozen=True)
class Thing:
    """About one thing, which lies in the micro-grid of a code: refused to whom that is out of reach."""

    values: Callable[[str], dict[str, Any]]


CODE = Thing(lambda code: {"code": code})
INCIDENT = Thing(lambda code: {"code": f"E{code}"})
BUILDING = Thing(lambda code: {"building": f"B{code}"})
BY_CODE = Thing(lambda code: {"layer": "facilities", "code": f"F{code}"})

#: Endpoint -> its right and how far it reaches.
TABLE: dict[str, tuple[str, Any]] = {
    "static": (PUBLIC, SAME), "bootstrap.static": (PUBLIC, SAME), "assets.file": (PUBLIC, SAME),
    "auth.login": (PUBLIC, SAME), "auth.logout": (PUBLIC, SAME),
    "mine.manifest": (PUBLIC, SAME), "mine.worker": (PUBLIC, SAME),
    "public.show": (PUBLIC, SAME), "public.image": (PUBLIC, SAME),
    # the map
    "maps.show": ("map.view", OWN), "maps.image": ("map.view", OWN), "base.picture": ("map.view", SAME),
    "data.layer": ("map.view", OWN), "data.table": ("map.view", OWN), "data.reported": ("map.view", OWN),
    "data.micro_grid": ("map.view", CODE),
    "tiles.current": ("map.view", OWN), "tiles.layers": ("map.view", OWN), "tiles.tile": ("map.view", OWN),
    "tiles.names": ("map.view", OWN), "tiles.values": ("map.view", OWN), "tiles.floors": ("map.view", OWN),
    "tiles.sums": ("map.view", OWN), "tiles.feature": ("map.view", OWN), "tiles.feature_by_code": ("map.view", BY_CODE),
    "past.days": ("map.view", OWN), "past.layers": ("map.view", OWN), "past.tile": ("map.view", OWN),
    "past.names": ("map.view", OWN), "past.values": ("map.view", OWN), "past.feature": ("map.view", OWN),
    "past.feature_by_code": ("map.view", OWN),
    "search.page": ("search.use", OWN), "search.found": ("search.use", OWN),
    "cards.show": ("card.view", CODE), "cards.pdf": ("card.view", CODE), "cards.image": ("card.view", CODE),
    "ways.show": ("way.view", BUILDING), "ways.figures": ("way.view", BUILDING), "ways.on_map": ("way.view", BUILDING),
    # grid leaders
    "mine.show": ("mine.view", OWN), "mine.units": ("mine.view", OWN), "mine.unit": ("mine.view", CODE),
    "mine.session": ("mine.view", SAME),
    "incidents.show": ("incident.list", OWN), "incidents.one": ("incident.list", INCIDENT),
    "incidents.new": ("incident.report", OWN), "incidents.report": ("incident.report", OWN),
    "incidents.move": ("incident.note", INCIDENT), "incidents.photo": ("incident.text.view", INCIDENT),
    # planners
    "coverage.show": ("coverage.view", OWN), "coverage.table": ("coverage.view", OWN),
    "coverage.figures": ("coverage.view", OWN),
    "what_if.show": ("what_if.make", OWN), "what_if.answer": ("what_if.make", OWN),
    "what_if.facilities": ("what_if.make", OWN), "what_if.ready": ("what_if.make", SAME),
    "what_if.keep": ("what_if.make", PRIVATE), "what_if.drop": ("what_if.make", PRIVATE),
    "siting.show": ("site.make", PRIVATE), "siting.start": ("site.make", PRIVATE),
    "siting.drop": ("site.make", PRIVATE),
    "siting.figures": ("site.make", PRIVATE), "siting.places": ("site.make", PRIVATE),
    "siting.states": ("site.make", PRIVATE),
    "equity.show": ("equity.view", OWN), "equity.figures": ("equity.view", OWN), "equity.low": ("equity.view", OWN),
    "quality.show": ("quality.view", OWN), "quality.figures": ("quality.view", OWN),
    "plans.show": ("plan.compare", OWN), "plans.figures": ("plan.compare", OWN), "plans.on_map": ("plan.compare", OWN),
    "planning.show": ("plan.edit", OWN), "planning.make": ("plan.edit", OWN),
    **dict.fromkeys(
        ("planning.edit", "planning.ground", "planning.listed", "planning.move", "planning.targets", "planning.lock",
         "planning.back", "planning.take_back", "planning.propose", "planning.close"), ("plan.edit", DRAFT)),
    "planning.adopt": ("plan.adopt", DRAFT),
    # street offices
    "street.show": ("street.view", OWN),
    "roster.show": ("roster.view", OWN), "roster.download": ("roster.view", OWN),
    "roster.give": ("roster.edit", OWN), "roster.end": ("roster.edit", OWN),
    "border.show": ("border.decide", OWN), "border.decide": ("border.decide", OWN),
    "border.undo": ("border.decide", OWN),
    "export.show": ("export.make", OWN), "export.make": ("export.make", OWN), "export.look_first": ("export.make", OWN),
    # who took what of an area is told to its office; the files themselves to who made them
    "export.start": ("export.make", PRIVATE), "export.look": ("export.make", OWN),
    "export.state": ("export.make", OWN), "export.file": ("export.make", PRIVATE),
    "uploads.show": ("data.import", OWN), "uploads.receive": ("data.import", PRIVATE),
    **dict.fromkeys(
        ("uploads.look", "uploads.state", "uploads.file", "uploads.read_again", "uploads.again", "uploads.bring_in",
         "uploads.place", "uploads.discard"), ("data.import", PRIVATE)),
    "uploads.undo": ("data.import", OWN),
    "findings.show": ("findings.view", OWN), "findings.table": ("findings.view", OWN),
    # administrators
    "users.show": ("users.manage", CITY), "users.change": ("users.manage", CITY),
    "users.disable": ("users.manage", CITY),
    "users.password": ("users.manage", CITY),
    "admin.show": ("jobs.view", CITY), "admin.jobs": ("jobs.view", CITY), "admin.cover": ("norms.edit", CITY),
    "admin.settings": ("settings.edit", CITY), "admin.set_settings": ("settings.edit", CITY),
    "admin.backups": ("backup.make", CITY), "admin.make_backup": ("backup.make", CITY),
    "admin.download_backup": ("backup.make", CITY), "admin.remove_backup": ("backup.make", CITY),
    "admin_norms.show": ("norms.edit", CITY), "admin_norms.change": ("norms.edit", CITY),
    "admin_norms.back": ("norms.edit", CITY),
    "admin_audit.show": ("audit.view", CITY), "admin_audit.table": ("audit.view", CITY),
}  # fmt: skip

#: Role -> rights, as the offices agreed on them.
MAP = {"map.view", "way.view", "search.use", "card.view", "incident.list", "mine.view"}
OFFICE = MAP | {
    "findings.view", "data.import", "quality.view", "plan.edit", "plan.adopt", "plan.compare", "equity.view",
    "coverage.view", "what_if.make", "site.make", "street.view", "export.make",
}
DUTY = {"incident.text.view", "incident.report", "incident.note", "incident.close", "contact.view"}
STREET = {"roster.view", "roster.edit", "border.decide", "export.history"}
ADMIN = {"users.manage", "settings.edit", "norms.edit", "audit.view", "jobs.view", "backup.make"}
ROLES = {
    "grid_member": MAP | {"incident.text.view", "incident.report", "incident.note"},
    "grid_leader": MAP | DUTY | {"export.make"},
    "street_office": OFFICE | DUTY | STREET,
    "planner": OFFICE,
    "admin": OFFICE | DUTY | STREET | ADMIN,
}
