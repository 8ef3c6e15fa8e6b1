"""Whom a pull request can ask: how the forge knows the people who may approve. Asks nobody."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.asking.weighing import Approval
from reconciler.model import ForgeKind
from reconciler.model.people import FORGE, accounts_in
from reconciler.policy.roster import Roster

MOST = 10  # more would mean that nobody feels asked


def reviewers(
    approvals: Iterable[Approval], roster: Roster, kind: ForgeKind
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names by which the forge asks (see `Draft`), and the ids of people for whom directory/
    has no such name."""
    persons = dict.fromkeys(who for each in approvals for who in each.candidates)
    known = {who: _name(who, roster, kind) for who in persons}
    asked = [name for name in known.values() if name][:MOST]
    return tuple(dict.fromkeys(asked)), tuple(who for who, name in known.items() if not name)


def _name(id_: str, roster: Roster, kind: ForgeKind) -> str:
    """A login before an id: that is one call less."""
    person = roster.person(id_)
    names = accounts_in(person.accounts, FORGE) if person else ()
    if kind is ForgeKind.BITBUCKET:
        return next((name for name in names if name.startswith("{") and name.endswith("}")), "")
    logins = [name for name in names if not name.isdigit()]
    ids = names if kind is ForgeKind.GITHUB else ()  # Data Center finds nobody by id
    return next(iter((*logins, *ids)), "")
