"""Whose grants it takes to answer for one person or group. Pure: asks nothing, and judges nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconciler.model import DirectoryPage, PolicyPage, Version
from reconciler.repository.load import Loaded, Whom


def near(name: str) -> Whom:
    """Those of the person, group or service and of their groups, of a group those of its members
    too; and where rules keep duties apart, of everybody with whom any of these share a group: a
    group's grant is judged by what each member holds. Of somebody whom the directory does not know,
    now or lately, all grants must be read."""

    def ids(versions: Sequence[Version[Any]]) -> frozenset[str] | None:
        known, members = _members(v.content for v in versions)
        who = known.get(name.casefold())
        if who is None:
            return None
        mine = {who, *members.get(who, ())}
        found = mine | {group for group, inside in members.items() if inside & mine}
        if any(_separates(v.content) for v in versions):
            beside = {one for group in found for one in members.get(group, ())}
            found |= beside | {g for g, inside in members.items() if inside & beside}
        return frozenset(found)

    return ids


def covers(loaded: Loaded, wanted: Iterable[str]) -> bool:
    """Whether the grants of all these were read: an approved page of the directory may be older
    than what the run read."""
    return loaded.whom is None or loaded.whom.issuperset(wanted)


def _members(contents: Iterable[Any]) -> tuple[Mapping[str, str], Mapping[str, set[str]]]:
    """Every id, by its case-folded spelling; and who is in each group, now or lately."""
    known: dict[str, str] = {}
    members: dict[str, set[str]] = defaultdict(set)
    for page in contents:
        if not isinstance(page, DirectoryPage):
            continue
        ids = (one.id for of in (page.people, page.groups, page.services) for one in of)
        known.update((id.casefold(), id) for id in ids)
        for person in page.people:
            for inside in person.groups:
                members[inside].add(person.id)
        for group in page.groups:
            members[group.id].update(group.members)
    return known, members


def _separates(content: object) -> bool:
    return isinstance(content, PolicyPage) and any(rule.holds for rule in content.rules)
