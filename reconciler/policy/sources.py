"""Whose word counts: a `Source` of a rule -> the people it means. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.model import Approvals, Person, Source
from reconciler.policy.roster import Roster
from reconciler.policy.ruling import Need
from reconciler.policy.words import listed


class Asked:
    """What approvals ask for in one directory. Each is worked out once."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._known: dict[tuple[Approvals, str, str], Need] = {}

    def needs(
        self, approvals: Iterable[Approvals], owner: str = "", manager: str = ""
    ) -> tuple[Need, ...]:
        """`owner` of the resource and `manager` of the subject, "" where nobody is named."""
        return tuple(self._need(each, owner, manager) for each in approvals if each.count > 0)

    def _need(self, approvals: Approvals, owner: str, manager: str) -> Need:
        source = approvals.source
        key = approvals, owner if source.owner else "", manager if source.manager else ""
        need = self._known.get(key)
        if need is None:
            found = people(source, owner, manager, self._roster)
            words = f"{approvals.count} of {listed(_named(source, owner, manager))}"
            if not found:
                words += ", and nobody active is meant by that"
            need = self._known[key] = Need(approvals.count, found, words)
        return need


def people(source: Source, owner: str, manager: str, roster: Roster) -> frozenset[str]:
    """Ids of the active people that a source means."""
    found = {id_ for group in source.groups for id_ in roster.members(group)}
    found |= {person.id for id_ in source.persons if (person := _active(id_, roster))}
    if source.owner:
        found |= _owners(owner, roster)
    if source.manager and manager and (person := _active(manager, roster)):
        found.add(person.id)
    return frozenset(found)


def _named(source: Source, owner: str, manager: str) -> Iterator[str]:
    yield from source.groups
    yield from source.persons
    if source.owner:
        yield f"the resource's owner ({owner or 'catalog/ names none'})"
    if source.manager:
        yield f"the subject's manager ({manager or 'directory/ names none'})"


def _owners(owner: str, roster: Roster) -> frozenset[str]:
    """An owner is a person's id or a group's."""
    person = _active(owner, roster)
    return frozenset({person.id}) if person else roster.members(owner)


def _active(id_: str, roster: Roster) -> Person | None:
    person = roster.person(id_)
    return person if person is not None and roster.active(id_) else None
