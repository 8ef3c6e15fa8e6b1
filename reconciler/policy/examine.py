"""A policy test -> what the policies say of it, and whether that was expected. Reads no file, asks no
forge: the facts of the test are the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.model import (
    Account,
    BundleRef,
    Content,
    DirectoryPage,
    Draft,
    Entitlement,
    Evidence,
    Expected,
    ForgeKind,
    ForgeSettings,
    Grant,
    Group,
    Person,
    PolicyTest,
    PullRequest,
    Review,
    Service,
    SubjectRef,
    Word,
)
from reconciler.policy.case import Case, SubjectFacts
from reconciler.policy.judge import Judgement, Verdict, judge
from reconciler.policy.laws import Laws
from reconciler.policy.roster import Roster
from reconciler.policy.trace import MATCHES, trace
from reconciler.policy.words import what

_FORGE = ForgeSettings(ForgeKind.GITHUB, "policies/tests")
_HEAD, _BLOB = "head", "blob"
_SOMEBODY = "somebody.else@example.com"  # who asks, where it does not matter and no subject can
_WORSE = {Verdict.GRANTED: 0, Verdict.WAITING: 1, Verdict.REFUSED: 2}
_DECISIONS = {
    Verdict.GRANTED: Expected.GRANTED,
    Verdict.WAITING: Expected.WAITING,
    Verdict.REFUSED: Expected.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Examined:
    """`decision` is the worst over all subjects and items; `rule`, `reasons` and `access` are of
    the one that came to it. `wrong` says what differs from what was expected, and is empty for a
    test that passes. `reached` are the names of the rules that match."""

    test: PolicyTest
    decision: Expected
    rule: str
    reasons: tuple[str, ...]
    access: str
    wrong: tuple[str, ...]
    reached: frozenset[str] = frozenset()


def examine(test: PolicyTest, draft: Draft) -> Examined:
    """The directory is that of the draft, but for what the facts say. Somebody whom neither knows
    is an active person in no group."""
    roster = _roster(draft.directory, test)
    laws = Laws(draft.policies, draft.catalog, roster)
    found: list[tuple[Case, Judgement]] = []
    reached: set[str] = set()
    for case in cases(test.grant, test.at, laws, draft, test.holds):
        reached |= {step.rule for step in trace(laws, case) if step.outcome == MATCHES}
        found.append((case, _judged(case, test, laws)))
    if not found:
        wrong = f"expected {test.decision}, and the grant gives nothing at all"
        reason = "it names an empty group, or a bundle that is empty or not in bundles/"
        return Examined(test, Expected.REFUSED, "", (reason,), "", (wrong,))
    return _compared(test, found, frozenset(reached))


def cases(
    grant: Grant, at: datetime, laws: Laws, draft: Draft, holds: Iterable[Entitlement] = ()
) -> Iterator[Case]:
    """What the rules are asked if it is merged `at` that time: once for each subject, or member of
    a group, and item. `holds` is what every subject holds already."""
    window, standing = grant.window(at), grant.path.startswith("standing/")
    items = tuple(_items(grant, draft))
    beside = {*holds, *(entitlement for entitlement, _, _ in items)}
    for subject in _subjects(grant.subjects, laws):
        for entitlement, account, bundle in items:
            yield Case(
                path=grant.path,
                reason=grant.reason,
                ticket=grant.ticket,
                window=window,
                merged=at,
                standing=standing,
                break_glass=grant.break_glass,
                entitlement=entitlement,
                account=account,
                bundle=bundle,
                subject=subject,
                resource=laws.resource(entitlement),
                holds=tuple(sorted(beside - {entitlement})),
            )


def _items(grant: Grant, draft: Draft) -> Iterator[tuple[Entitlement, str, str]]:
    bundles = {bundle.name: bundle for bundle in draft.bundles}
    for item in grant.access:
        if not isinstance(item, BundleRef):
            yield item.entitlement, item.account, ""
        elif item.name in bundles:
            for one in bundles[item.name].access:
                yield one.entitlement, one.account, item.name


def _subjects(refs: Iterable[SubjectRef], laws: Laws) -> Iterator[SubjectFacts]:
    for ref in refs:
        ids = sorted(laws.roster.members(ref.id)) if ref.group else [ref.id]
        yield from (laws.subject(id_) for id_ in ids)


def _judged(case: Case, test: PolicyTest, laws: Laws) -> Judgement:
    grant, roster = test.grant, laws.roster
    grantees = {id_ for ref in grant.subjects for id_ in (ref.id, *roster.members(ref.id))}
    return judge(
        laws,
        case,
        laws.decide(case),
        _evidence(test),
        grant.path,
        _BLOB,
        roster,
        roster,
        frozenset(grantees),
        _FORGE,
    )


def _evidence(test: PolicyTest) -> Evidence:
    """One pull request, approved as it was merged. People are known by their e-mail addresses."""
    author = Account("", email=_author(test))
    pull = PullRequest(
        number=1,
        url="the pull request",
        base=_FORGE.branch,
        head=_HEAD,
        author=author,
        merged_at=test.at,
        writers=(author,),
        reviews=tuple(
            Review(Account("", email=id_), Word.APPROVED, test.at, _HEAD)
            for id_ in test.approved_by
        ),
        contents=(Content(_HEAD, test.grant.path, _BLOB),),
    )
    return Evidence(_HEAD, (pull,))


def _author(test: PolicyTest) -> str:
    """Whoever asks for access asks for themselves, unless the test says otherwise."""
    people = (ref.id for ref in test.grant.subjects if not ref.group and "@" in ref.id)
    return test.author or next(people, _SOMEBODY)


def _compared(
    test: PolicyTest, found: Sequence[tuple[Case, Judgement]], reached: frozenset[str]
) -> Examined:
    worst = max(_WORSE[judgement.verdict] for _, judgement in found)
    ends = [(case, j) for case, j in found if _WORSE[j.verdict] == worst]
    compared = [(case, j, tuple(_wrong(test, j))) for case, j in ends]
    case, judgement, wrong = min(compared, key=lambda one: len(one[2]))
    access = f"{case.subject.id}: {what(case.entitlement)}"
    decision = _DECISIONS[judgement.verdict]
    return Examined(test, decision, judgement.rule, judgement.reasons, access, wrong, reached)


def _wrong(test: PolicyTest, judgement: Judgement) -> Iterator[str]:
    decision = _DECISIONS[judgement.verdict]
    if decision is not test.decision:
        yield f"expected {test.decision}, and it is {decision}"
    if test.rule and judgement.rule != test.rule:
        by = f"rule `{judgement.rule}`" if judgement.rule else "no rule"
        yield f"expected rule `{test.rule}` to decide, and {by} did"
    reasons = "; ".join(judgement.reasons)
    if test.reason and test.reason.casefold() not in reasons.casefold():
        yield f"expected a reason with `{test.reason}`, and it is: {reasons}"


def _roster(pages: Sequence[DirectoryPage], test: PolicyTest) -> Roster:
    """What the facts say of somebody's groups or attributes takes the place of what the directory
    says of them."""
    groups, attributes = dict(test.groups), dict(test.attributes)
    told = [_told(page, groups, attributes) for page in pages]
    known = {p.id for page in pages for p in page.people}
    known |= {s.id for page in pages for s in page.services}
    refs = [ref.id for ref in test.grant.subjects if not ref.group]
    named = {*groups, *attributes, *refs, *test.approved_by, _author(test)} - known
    people = [Person(id_, attributes=attributes.get(id_, ())) for id_ in named if "@" in id_]
    services = [Service(id_, (), attributes.get(id_, ())) for id_ in named if "@" not in id_]
    members: dict[str, list[str]] = {}
    for id_, names in groups.items():
        for name in names:
            members.setdefault(name, []).append(id_)
    extra = tuple(Group(name, tuple(ids)) for name, ids in members.items())
    return Roster([*told, DirectoryPage(tuple(people), extra, tuple(services))])


def _told(
    page: DirectoryPage,
    groups: Mapping[str, tuple[str, ...]],
    attributes: Mapping[str, tuple[tuple[str, str], ...]],
) -> DirectoryPage:
    return DirectoryPage(
        tuple(
            replace(
                person,
                groups=() if person.id in groups else person.groups,
                attributes=attributes.get(person.id, person.attributes),
            )
            for person in page.people
        ),
        tuple(
            replace(group, members=tuple(m for m in group.members if m not in groups))
            for group in page.groups
        ),
        tuple(
            replace(service, attributes=attributes.get(service.id, service.attributes))
            for service in page.services
        ),
    )
