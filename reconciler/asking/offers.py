"""What somebody may ask for: whatever was asked for before, is a bundle or is in the catalog, and
some rule permits them. Hides nothing for good: what is not offered may still be asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from reconciler.asking.places import places
from reconciler.asking.spelling import Spelled, of_bundles, of_catalog, of_history
from reconciler.asking.weighing import Answer, permit, weigh
from reconciler.model import BundleRef, Effect, Grant, Item, PolicyPage, Require, Rule, SubjectRef
from reconciler.policy.laws import Laws
from reconciler.proof.authorise import Authorised
from reconciler.proof.ground import Ground
from reconciler.repository.load import Loaded

_MOST = 500  # candidates that are looked at
USUAL = timedelta(hours=1)  # what a grant is weighed for while nobody has said how long


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
    loaded: Loaded, authorised: Authorised, base: Grant, now: datetime, *, flexible: bool
) -> tuple[Offer, ...]:
    """What the subjects of `base` may have by a grant like that, bundles first. `flexible` as in
    `possible`."""
    every = _candidates(loaded, authorised.changes.tip)
    found = list(islice(_different(every, base.subjects), _MOST))
    wishes = [replace(base, access=(one.access,)) for one in found]
    answers = possible(wishes, authorised, now, flexible=flexible)
    pairs = zip(found, answers, strict=True)
    offered = [Offer(one.text, one.access, answer) for one, answer in pairs if answer]
    return tuple(sorted(offered, key=lambda o: (not isinstance(o.access, BundleRef), str(o))))


def possible(
    wishes: Sequence[Grant], authorised: Authorised, now: datetime, *, flexible: bool
) -> tuple[Answer | None, ...]:
    """For each wish, wherever its file lies, the best that the rules would say, were ticket and
    reason right; None where none permits it. `flexible`: its length may still be changed."""
    laws = lenient(authorised.changes.tip)
    rows = [_placed(wish, laws) for wish in wishes]
    answers = _answers(rows, authorised, now, laws)
    if flexible:
        again = _answers([_fitting(row, laws) for row in answers], authorised, now, laws)
        answers = [(*first, *second) for first, second in zip(answers, again, strict=True)]
    return tuple(next((a for a in row if a.permitted), None) for row in answers)


def lenient(ground: Ground) -> Laws:
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


def _different(found: Iterable[Spelled], subjects: tuple[SubjectRef, ...]) -> Iterator[Spelled]:
    """Each access once; an account that an item names is for those who had it."""
    seen: set[object] = set()
    for one in found:
        key = one.access.name if isinstance(one.access, BundleRef) else (
            one.access.entitlement, one.access.account)  # fmt: skip
        if key not in seen and (not one.subjects or set(subjects) <= set(one.subjects)):
            seen.add(key)
            yield one


def _placed(wish: Grant, laws: Laws) -> list[Grant]:
    spots = places(laws, "request", break_glass=wish.break_glass)
    return [replace(wish, path=place.path) for place in spots]


def _fitting(answers: Iterable[Answer], laws: Laws) -> list[Grant]:
    """Drafts as long as the rule that refused would have them."""
    found: list[Grant] = []
    for answer in answers:
        rules = [rule for name in answer.rules if (rule := permit(laws, name))]
        least = max((r.min_duration for r in rules if r.min_duration), default=None)
        length = least if least and least > USUAL else answer.most
        if not answer.permitted and length:
            found.append(replace(answer.grant, duration=length))
    return found


def _answers(
    rows: Sequence[Sequence[Grant]], authorised: Authorised, now: datetime, laws: Laws
) -> list[tuple[Answer, ...]]:
    """Weighed all at once, and given back row by row."""
    every = iter(weigh([grant for row in rows for grant in row], authorised, now, laws))
    return [tuple(next(every) for _ in row) for row in rows]
