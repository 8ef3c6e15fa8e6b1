"""What of a change takes effect although nobody approved it: only what it takes away. Adds nothing."""

from __future__ import annotations

from dataclasses import replace

from reconciler.model import Bundle, DirectoryPage, Group, Person, Status

_RANKS = {Status.ACTIVE: 0, Status.SUSPENDED: 1, Status.LEFT: 2}


def narrowed_page(before: DirectoryPage, after: DirectoryPage) -> DirectoryPage:
    """Who is in both, with the groups that both say and the more restrictive status; all else is
    as before. A membership that only moved between a person and a group stays where it was."""
    people = {person.id: person for person in after.people}
    groups = {group.id for group in after.groups}
    services = {service.id for service in after.services}
    stay = _memberships(after)
    return DirectoryPage(
        tuple(_person(p, people[p.id], stay) for p in before.people if p.id in people),
        tuple(_group(g, stay) for g in before.groups if g.id in groups),
        tuple(s for s in before.services if s.id in services),
    )


def narrowed_bundle(before: Bundle, after: Bundle) -> Bundle:
    stay = frozenset(after.access)
    return replace(before, access=tuple(item for item in before.access if item in stay))


def _person(before: Person, after: Person, stay: frozenset[tuple[str, str]]) -> Person:
    status = max(before.status, after.status, key=_RANKS.__getitem__)
    groups = tuple(group for group in before.groups if (before.id, group) in stay)
    return replace(before, status=status, groups=groups)


def _group(before: Group, stay: frozenset[tuple[str, str]]) -> Group:
    members = tuple(member for member in before.members if (member, before.id) in stay)
    return replace(before, members=members)


def _memberships(page: DirectoryPage) -> frozenset[tuple[str, str]]:
    """(person, group), wherever the page says it."""
    said = {(person.id, group) for person in page.people for group in person.groups}
    return frozenset(
        said | {(member, group.id) for group in page.groups for member in group.members}
    )
