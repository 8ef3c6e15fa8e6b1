"""What somebody may ask for: whatever was asked for before, is a bundle or is in the catalog, and
some rule permits them. Hides nothing for good: what is not offered may still be asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.asking.places import Place, places
from reconciler.asking.spelling import Spelled, of_bundles, of_catalog, of_history
from reconciler.asking.weighing import Answer, permit, weigh
from reconciler.model import BundleRef, Effect, Grant, Item, PolicyPage, Require, Rule, SubjectRef
from reconciler.policy.laws import Laws
from reconciler.proof.authorise import Authorised
from reconciler.proof.ground import Ground
from reconciler.repository.load import Loaded

_MOST = 500  # candidates that are looked at
_USUAL = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Offer:
    """`text` is the item as JSON; `answer` what the rules would say, were ticket and reason right."""

    text: str
    access: Item | BundleRef
    answer: Answer

    def __str__(self) -> str:
        if isinstance(self.access, BundleRef):
            return f"bundle {self.access.name}"
        return str(self.access.entitlement)


def offers(
    loaded: Loaded,
    authorised: Authorised,
    subject: SubjectRef,
    now: datetime,
    duration: timedelta | None,
    *,
    break_glass: bool,
) -> tuple[Offer, ...]:
    """What is permitted for this long (None: for some time), bundles first."""
    ground = authorised.changes.tip
    laws = _lenient(ground)
    found = list(_different(_candidates(loaded, ground), subject))[:_MOST]
    spots = places(laws, "request", break_glass=break_glass)
    length = duration or _USUAL
    rows = [(one, _drafts(one, spots, subject, length, break_glass)) for one in found]
    answers = _answers(rows, authorised, now, laws)
    if duration is None:
        fitting = [(one, _fitting(a, laws)) for one, a in zip(found, answers, strict=True)]
        again = _answers(fitting, authorised, now, laws)
        answers = [(*a, *b) for a, b in zip(answers, again, strict=True)]
    best = [(one, next((a for a in row if a.permitted), None)) for one, row in
            zip(found, answers, strict=True)]  # fmt: skip
    offered = [Offer(one.text, one.access, answer) for one, answer in best if answer]
    return tuple(sorted(offered, key=lambda o: (not isinstance(o.access, BundleRef), str(o))))


def _lenient(ground: Ground) -> Laws:
    """The rules without what a file must carry, which is asked for only later."""
    return Laws((_without_require(page) for page in ground.policies), ground.catalog, ground.roster)


def _without_require(page: PolicyPage) -> PolicyPage:
    return replace(page, rules=tuple(replace(r, require=Require()) for r in page.rules))


def _candidates(loaded: Loaded, ground: Ground) -> Iterator[Spelled]:
    roles: dict[str, set[str]] = {}
    for version in loaded.bundles:
        for item in version.content.access:
            roles.setdefault(item.entitlement.system, set()).add(item.entitlement.role)
    yield from of_bundles(loaded)
    for one in of_history(loaded):
        if isinstance(one.access, Item):
            entitlement = one.access.entitlement
            roles.setdefault(entitlement.system, set()).add(entitlement.role)
        yield one
    named = {role for page in ground.policies for rule in page.rules for role in _roles(rule)}
    systems = {entry.system for page in ground.catalog for entry in page.resources}
    yield from of_catalog(loaded, {system: roles.get(system, set()) | named for system in systems})


def _roles(rule: Rule) -> Iterator[str]:
    if rule.effect is Effect.PERMIT:
        yield from (role for role in rule.match.roles if not any(c in role for c in "*?["))


def _different(found: Iterable[Spelled], subject: SubjectRef) -> Iterator[Spelled]:
    """Each access once; an account that an item names is for those who had it."""
    seen: set[object] = set()
    for one in found:
        key = one.access.name if isinstance(one.access, BundleRef) else (
            one.access.entitlement, one.access.account)  # fmt: skip
        if key not in seen and (not one.subjects or subject in one.subjects):
            seen.add(key)
            yield one


def _drafts(
    one: Spelled, spots: Iterable[Place], subject: SubjectRef, length: timedelta, break_glass: bool
) -> list[Grant]:
    return [
        Grant(p.path, (subject,), (one.access,), "", duration=length, break_glass=break_glass)
        for p in spots
    ]


def _fitting(answers: Iterable[Answer], laws: Laws) -> list[Grant]:
    """Drafts as long as the rule that refused would have them."""
    found: list[Grant] = []
    for answer in answers:
        rules = [rule for name in answer.rules if (rule := permit(laws, name))]
        least = max((r.min_duration for r in rules if r.min_duration), default=None)
        length = least if least and least > _USUAL else answer.most
        if not answer.permitted and length:
            found.append(replace(answer.grant, duration=length))
    return found


def _answers(
    rows: Iterable[tuple[Spelled, list[Grant]]], authorised: Authorised, now: datetime, laws: Laws
) -> list[tuple[Answer, ...]]:
    """Weighed all at once, and given back row by row."""
    rows = list(rows)
    every = iter(weigh([grant for _, drafts in rows for grant in drafts], authorised, now, laws))
    return [tuple(next(every) for _ in drafts) for _, drafts in rows]
