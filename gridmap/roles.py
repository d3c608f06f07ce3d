"""Who may do what, and how far they see.

Rights are a table, not ifs: `RIGHTS` says what each role may do, `reach` says within which area codes. Every route,
export and map asks these two; there is no third way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from layers.errors import WrongCall
from layers.schema import LAYERS

__all__ = ["RIGHTS", "ROLES", "ROLE_TITLES", "User", "check_area", "may", "reach", "rights_of"]

#: Lengths that an area code may have: district, street, community, grid, micro-grid.
CODE_LENGTHS = (6, 9, 12, 15, 18)

#: Role -> the shortest area code it may hold: the widest it can ever see. Admin sees the whole city.
_WIDEST = {"grid_member": 15, "grid_leader": 12, "street_office": 9, "planner": 6, "admin": 0}

ROLES = tuple(_WIDEST)

#: Role -> its name in Chinese and English.
ROLE_TITLES = {
    "grid_member": {"zh": "网格员", "en": "Grid member"},
    "grid_leader": {"zh": "网格长", "en": "Grid leader"},
    "street_office": {"zh": "街道办", "en": "Street office"},
    "planner": {"zh": "社区规划师", "en": "Planner"},
    "admin": {"zh": "管理员", "en": "Administrator"},
}

_MAP = {"map.view", "way.view", "search.use", "card.view", "incident.list", "mine.view"} | {
    f"layer.{name}.view" for name in LAYERS if name not in ("staff", "findings", "gaps", "imports", "import_rows")
}
#: What who works with the figures of an area does: planners and street offices.
_OFFICE = _MAP | {
    "layer.staff.view",     # names and duties of people
    "layer.findings.view",  # what was odd in the data
    "layer.gaps.view",      # where services are missing
    "findings.view",        # the page of findings
    "layer.imports.view",   # who brought which file in
    "data.import",          # bring files in, and take that back
    "quality.view",         # how good the plan is
    "plan.edit",            # give buildings to other micro-grids, in a draft
    "plan.adopt",           # put a draft in force
    "plan.compare",         # old plan against new plan
    "equity.view",          # how evenly the city is served
    "coverage.view",        # whom each kind of facility reaches
    "what_if.make",         # a facility more or less, on trial
    "site.make",            # where to put the next ones
    "street.view",          # the figures of a street
    "export.make",          # take data away as files
}
#: What only who answers for people and reports does.
_DUTY = {
    "contact.view",         # telephone numbers
    "incident.text.view",   # what a report says, its address and photos
    "incident.report",      # bring one in
    "incident.note",        # add to one
    "incident.close",       # close one, open it again
}
_STREET = {
    "roster.view",          # who holds which micro-grid
    "roster.edit",          # give it to somebody else
    "border.decide",        # where a thing on a border belongs
    "export.history",       # who took what away
}
_ADMIN = {
    "users.manage",         # accounts
    "settings.edit",        # settings of the city
    "norms.edit",           # distances asked of facilities
    "audit.view",           # who did what
    "jobs.view",            # long work, all of it
    "backup.make",          # copies of the city
    "layer.import_rows.view",  # what stood before an import, telephone numbers and all
}

#: Role -> what it may do. A route without a right that stands here is refused to everyone.
RIGHTS: dict[str, frozenset[str]] = {
    "grid_member": frozenset(_MAP | {"incident.text.view", "incident.report", "incident.note"}),
    "grid_leader": frozenset(_MAP | _DUTY | {"layer.staff.view", "layer.gaps.view", "export.make"}),
    "street_office": frozenset(_OFFICE | _DUTY | _STREET),
    # a planner works with figures and places: no telephone numbers, no reports in people's own words
    "planner": frozenset(_OFFICE - {"layer.staff.view"}),
    "admin": frozenset(_OFFICE | _DUTY | _STREET | _ADMIN),
}

_SEPARATOR = re.compile(r"[,，;；\s]+")


@dataclass(frozen=True, kw_only=True)
class User:
    """Someone who is logged in: `area` is one area code or several with commas between; "" for none."""

    name: str
    role: str
    area: str = ""


def reach(user: User) -> tuple[str, ...]:
    """Area codes within which the user sees anything: the one scope function.

    Parameters
    ----------
    user
        Whose reach. `area` may hold several codes, with commas (also Chinese ones) or spaces between.

    Returns
    -------
    Prefixes of unit codes, as `Store.read(within=...)` takes them. ("",) is the whole city and is given to `admin`
    alone; () is nothing. A code that is no unit code (6, 9, 12, 15 or 18 digits), or that is wider than the role may
    see, counts as none: a slip in an account shows too little, never too much.

    Examples
    --------
    >>> reach(User(name="li", role="grid_leader", area="510504001001001, 510504001001002"))
    ('510504001001001', '510504001001002')
    >>> reach(User(name="wang", role="street_office", area="510504001"))
    ('510504001',)
    >>> reach(User(name="zhao", role="grid_leader")), reach(User(name="root", role="admin"))
    ((), ('',))
    """
    if user.role == "admin":
        return ("",)
    widest = _WIDEST.get(user.role)
    if widest is None:
        return ()
    codes = [code for code in _codes(user.area) if _is_unit_code(code) and len(code) >= widest]
    # a code inside another one adds nothing
    return tuple(code for code in codes if not any(code != other and code.startswith(other) for other in codes))


def may(user: User, right: str) -> bool:
    """Whether the user's role has the right.

    Examples
    --------
    >>> may(User(name="li", role="grid_leader"), "export.make")
    True
    >>> may(User(name="li", role="grid_leader"), "users.manage")
    False
    """
    return right in rights_of(user.role)


def rights_of(role: str) -> frozenset[str]:
    """Rights of a role; none for a role that does not exist."""
    return RIGHTS.get(role, frozenset())


def check_area(role: str, area: str) -> str:
    """The area as it should be kept in an account, or a refusal that says what is wrong with it.

    Raises
    ------
    WrongCall
        Where the role does not exist, or the area is missing, no unit code, or wider than the role may see.

    Examples
    --------
    >>> check_area("grid_leader", "510504001001001，510504001001002")
    '510504001001001,510504001001002'
    >>> check_area("street_office", "510504")
    Traceback (most recent call last):
        ...
    layers.errors.WrongCall: area 510504 is wider than a street_office may see; give a code of 9 or more digits
    """
    if role not in _WIDEST:
        raise WrongCall(f"there is no role {role!r}; the roles are {', '.join(ROLES)}")
    codes = _codes(area)
    if role == "admin":
        return ""
    if not codes:
        raise WrongCall(f"a {role} needs an area; give its unit code of {_WIDEST[role]} or more digits")
    for code in codes:
        if not _is_unit_code(code):
            raise WrongCall(f"area {code!r} is no unit code; give 6, 9, 12, 15 or 18 digits")
        if len(code) < _WIDEST[role]:
            raise WrongCall(
                f"area {code} is wider than a {role} may see; give a code of {_WIDEST[role]} or more digits"
            )
    return ",".join(codes)


def _codes(area: str | None) -> list[str]:
    """The codes in what was typed, each once, in order."""
    return list(dict.fromkeys(code for code in _SEPARATOR.split(area or "") if code))


def _is_unit_code(code: str) -> bool:
    return code.isascii() and code.isdigit() and len(code) in CODE_LENGTHS
