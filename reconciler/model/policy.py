"""What a policy says: rules about access, and who approves changes of the rules themselves. Decides
nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.model.position import Position


class Effect(StrEnum):
    FORBID = "forbid"
    PERMIT = "permit"


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule is about. An empty field matches everything; within a field any entry will do;
    every field must match.

    `systems`, `kinds`, `resources`, `roles` and `bundles` are globs (`*` matches any run of
    characters) compared without regard to case; `bundles` names the bundle that an item came with.
    `paths` are globs over the grant's path, where `*` stays within a folder and `**` does not.
    `tags` must all be there; `groups` are those of the subject; `attributes` are the subject's,
    each with the values that will do. `subjects` are kinds: "person", "service".
    """

    systems: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    bundles: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    classification: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Whose word counts: members of `groups`, `persons` by id, the resource's `owner` (a person or
    the members of a group, by catalog/), the subject's `manager`. Any of them will do."""

    groups: tuple[str, ...] = ()
    persons: tuple[str, ...] = ()
    owner: bool = False
    manager: bool = False


@dataclass(frozen=True, slots=True)
class Approvals:
    """That many different people must approve, out of `source`."""

    count: int
    source: Source


@dataclass(frozen=True, slots=True)
class Require:
    """What the file must carry: a ticket that fits `ticket` (a regular expression for all of it,
    "" for any or none, at `position`), and a reason of at least so many characters."""

    ticket: str = ""
    reason: int = 0
    position: Position = field(default=Position(""), compare=False)


@dataclass(frozen=True, slots=True)
class Automatic:
    """When no human need approve: each field that is given must hold. `attributes` as in `Match`,
    an empty tuple of values meaning that the attribute must be there."""

    groups: tuple[str, ...] = ()
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    roles: tuple[str, ...] = ()
    max_duration: timedelta | None = None


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """Access at once, without approval, for those of `serves`; told to `wakes` (person ids and
    group names); reviewed afterwards by somebody of `review_by`, within `review_within`."""

    serves: Source
    max_duration: timedelta
    wakes: tuple[str, ...]
    review_by: Source
    review_within: timedelta


@dataclass(frozen=True, slots=True)
class Rule:
    """`name` is unique over all files. `when` is a CEL expression, "" for none, at `when_position`.

    `holds` is for a forbid rule: it matches only who holds, or asks for beside, something that one
    of these matches (separation of duties). The rest is for permit rules: None sets no limit.
    `standing` permits access without an end, and only that. `ends`: from then on a permit rule
    permits nothing, while a forbid rule goes on and is an error to mend.
    """

    name: str
    effect: Effect
    match: Match = field(default_factory=Match)
    when: str = ""
    holds: tuple[Match, ...] = ()
    reason: str = ""
    ends: datetime | None = None
    standing: bool = False
    max_duration: timedelta | None = None
    min_duration: timedelta | None = None
    max_total: timedelta | None = None
    max_ahead: timedelta | None = None
    require: Require = field(default_factory=Require)
    approvals: tuple[Approvals, ...] = ()
    self_approval: bool = False
    automatic: Automatic | None = None
    break_glass: BreakGlass | None = None
    notify: tuple[str, ...] = ()
    position: Position = field(default=Position(""), compare=False)
    when_position: Position = field(default=Position(""), compare=False)


@dataclass(frozen=True, slots=True)
class ChangeRule:
    """Who must approve a change of files that are no grants: policies, directory, bundles, catalog,
    reviews, reconciler.yaml. `paths` as in `Match`. The first that matches a path decides."""

    name: str
    paths: tuple[str, ...]
    approvals: tuple[Approvals, ...]
    position: Position = field(default=Position(""), compare=False)


@dataclass(frozen=True, slots=True)
class PolicyPage:
    """What one file of policies/ says. `auto_merge`: `check` may merge what needs nothing more."""

    path: str
    rules: tuple[Rule, ...] = ()
    changes: tuple[ChangeRule, ...] = ()
    auto_merge: bool = False


@dataclass(frozen=True, slots=True)
class Resource:
    """What catalog/ says of a resource: `resource` is spelled as its provider spells it, or a glob.
    `owner` is a person's id or a group's."""

    system: str
    resource: str
    owner: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    classification: str = ""
    position: Position = field(default=Position(""), compare=False)


@dataclass(frozen=True, slots=True)
class CatalogPage:
    path: str
    resources: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True)
class AfterReview:
    """A file of reviews/: somebody looked at a break-glass grant afterwards. `commit` is the one
    that brought the grant's file `grant` in."""

    path: str
    grant: str
    commit: str
    justified: bool
    remarks: str
    position: Position = field(default=Position(""), compare=False)
