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
    """The names by which the forge asks (logins; on Bitbucket Cloud "{uuid}"), and the ids of
    people for whom directory/ has no such name."""
    persons = dict.fromkeys(who for each in approvals for who in each.candidates)
    known = {who: _name(who, roster, kind) for who in persons}
    asked = [name for name in known.values() if name][:MOST]
    return tuple(dict.fromkeys(asked)), tuple(who for who, name in known.items() if not name)


def _name(id_: str, roster: Roster, kind: ForgeKind) -> str:
    person = roster.person(id_)
    names = accounts_in(person.accounts, FORGE) if person else ()
    return next((name for name in names if _asks(name, kind)), "")


def _asks(name: str, kind: ForgeKind) -> bool:
    if kind is ForgeKind.BITBUCKET:
        return name.startswith("{") and name.endswith("}")
    return not name.isdigit()  # a number is an immutable id, by which nobody can be asked
