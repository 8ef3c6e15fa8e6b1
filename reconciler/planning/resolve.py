"""Grants, bundles and people -> claims; claims with principals -> what git declares at a moment.

Never asks a system, and never decides what may be removed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from reconciler.model import (
    Assignment,
    Bundle,
    BundleRef,
    Cause,
    Claim,
    Declaration,
    Declared,
    DirectoryPage,
    Grant,
    Item,
    Past,
    Proof,
    Upcoming,
    Version,
    Window,
)
from reconciler.model.window import union_end
from reconciler.planning.timeline import ALWAYS, Directory, Span, bundle_items


def claims(
    grants: Iterable[Version[Grant]],
    bundles: Iterable[Version[Bundle]],
    directory: Iterable[Version[DirectoryPage]],
    horizon: datetime,
) -> Iterator[Claim]:
    """Every (subject, entitlement, window) that any version of any grant ever said, as far as it
    was loaded: back to `horizon`.

    A subject, group or bundle that no version of the directory knows claims nothing: the check of
    the repository has reported it.
    """
    people, contents = Directory(directory, horizon), bundle_items(bundles, horizon)
    for version in grants:
        said = version.content.window(version.merged)
        for item, bundle in _items(version.content, contents):
            for ref in version.content.subjects:
                for subject in people.subjects(ref, item.value.entitlement.system):
                    claim = _claim(version, said, item, subject.window, subject.left)
                    if claim is None:
                        continue
                    window, cause = claim
                    yield Claim(
                        subject.value,
                        item.value.entitlement,
                        item.value.account,
                        window,
                        cause,
                        version.path,
                        said.end is None,
                        version.content.position,
                        said,
                        ref.id if ref.group else "",
                        bundle,
                        version.id,
                    )


def _items(
    grant: Grant, contents: Mapping[str, tuple[Span[Item], ...]]
) -> Iterator[tuple[Span[Item], str]]:
    """Each with the bundle that it came with."""
    for item in grant.access:
        match item:
            case BundleRef(name=name):
                yield from ((span, name) for span in contents.get(name, ()))
            case Item():
                yield Span(ALWAYS, item), ""


def _claim(
    version: Version[Grant], said: Window, item: Span[Item], subject: Window, left: bool
) -> tuple[Window, Cause] | None:
    """What is left of the grant's window, and why it ends where it ends."""
    window = said.clip(version.window).clip(item.window).clip(subject)
    if said.empty or window.never:
        return None
    if window.end is None or window.end == said.end:
        return window, Cause.EXPIRED
    return window, Cause.LEFT if left and window.end == subject.end else Cause.WITHDRAWN


def declaration(claimed: Iterable[tuple[Assignment, Claim]], now: datetime) -> Declaration:
    """Group the claims by assignment, and say for each what git declares at `now`.

    Rule 1: access is the union of the windows; the end of one never ends what another gives. What
    is over ended whether it was proved or could not be asked for: taking away needs no proof.
    """
    groups: dict[str, list[tuple[Assignment, Claim]]] = defaultdict(list)
    waiting: dict[str, Assignment] = {}
    refused: dict[str, tuple[str, ...]] = {}
    for assignment, claim in claimed:
        if claim.proof is Proof.PROVED:
            groups[assignment.key].append((assignment, claim))
        elif claim.proof is Proof.REFUSED:
            files = (*refused.get(assignment.key, ()), claim.grant)
            refused[assignment.key] = tuple(sorted(set(files)))
        elif claim.window.contains(now):
            waiting[assignment.key] = assignment
        elif claim.window.ended(now):
            groups[assignment.key].append((assignment, claim))
    declared: dict[str, Declared] = {}
    upcoming: dict[str, Upcoming] = {}
    past: dict[str, Past] = {}
    since: dict[str, datetime] = {}
    for key, group in groups.items():
        assignment = group[0][0]
        found = [claim for _, claim in group]
        active = [c for c in found if c.window.contains(now)]
        ended = [c for c in found if c.window.ended(now)]
        since[key] = min(c.window.start for c in found)
        if active:
            declared[key] = _declared(assignment, active, found, now)
        elif later := [c for c in found if c.window.start > now]:
            first = min(later, key=lambda c: (c.window.start, c.grant))
            upcoming[key] = Upcoming(
                assignment, first.subject.id, first.window.start, _paths(later)
            )
        if ended:
            past[key] = _past(assignment, ended)
    return Declaration(declared, upcoming, past, since, waiting, refused)


def _declared(
    assignment: Assignment, active: list[Claim], found: list[Claim], now: datetime
) -> Declared:
    until = union_end((c.window for c in found), now)
    return Declared(assignment, active[0].subject.id, until, _paths(active))


def _past(assignment: Assignment, ended: list[Claim]) -> Past:
    last = max(ended, key=lambda c: (c.window.end or c.window.start, c.grant))
    end = last.window.end
    assert end is not None
    same = [c for c in ended if c.window.end == end]
    return Past(
        assignment,
        last.subject.id,
        end,
        last.cause,
        _paths(same),
        any(c.standing for c in ended),
    )


def _paths(found: Iterable[Claim]) -> tuple[str, ...]:
    return tuple(sorted({c.grant for c in found}))
