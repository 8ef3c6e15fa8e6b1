"""Whether policies and directory can do what they are for: who could approve, who never could, what
is not ruled. What is found lets somebody do something, or stops somebody. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from reconciler.model import Account, Approvals, Draft, Finding, Person, Rule
from reconciler.model.people import FORGE, accounts_in
from reconciler.policy.approvals import missing
from reconciler.policy.examine import examine
from reconciler.policy.laws import Laws
from reconciler.policy.roster import Roster, immutable
from reconciler.policy.sources import Asked, people
from reconciler.policy.words import listed, many, some

# What decides over grants, and a name that a new file there could have.
_GOVERNING = {
    "policies/": "policies/another.yaml",
    "directory/": "directory/another.yaml",
    "bundles/": "bundles/another.yaml",
    "catalog/": "catalog/another.yaml",
    "reviews/": "reviews/another.yaml",
    "reconciler.yaml": "reconciler.yaml",
}
_BY_THEMSELVES = ("reviews/",)  # who may close a review is said by the rule that opened it
_APART = "in a pull request of its own"


def findings(draft: Draft, now: datetime) -> tuple[Finding, ...]:
    roster = Roster(draft.directory)
    laws = Laws(draft.policies, draft.catalog, roster)
    if not draft.policies:
        what = (
            "there are no policies: with a forge nobody is given anything, without one everything"
        )
        fix = "write the first rules (docs/policies.md)"
        return (Finding("policies", False, what, fix),)
    owners = {r.owner for page in draft.catalog for r in page.resources if r.owner}
    return (
        Finding("policies", True, _size(laws, draft)),
        _tests(draft),
        *_problems(laws, now),
        _changes(laws),
        _approvable(draft, roster, owners),
        *_accounts(draft, roster, owners),
    )


def _size(laws: Laws, draft: Draft) -> str:
    return f"{many(len(laws.book.rules), 'rule')} in {many(len(draft.policies), 'file')}"


def _tests(draft: Draft) -> Finding:
    tests = [each for page in draft.tests for each in page.tests]
    failed = [test.name for test in tests if examine(test, draft).wrong]
    if not tests:
        what = "no policy test: a slip in a rule is noticed when somebody has the access"
        return Finding("policy tests", False, what, "write some in policies/tests/")
    if failed:
        what = f"{len(failed)} of {len(tests)} fail ({some(failed, 'and')}): the rules give what "
        fix = "run `reconciler policy test`, and correct the rules or the tests"
        return Finding("policy tests", False, f"{what}they should not, or refuse too much", fix)
    return Finding("policy tests", True, f"{len(tests)} pass")


def _problems(laws: Laws, now: datetime) -> Iterator[Finding]:
    found = laws.problems(now)
    for one in found:
        yield Finding("rules in force", False, f"{one.position}: {one.what}", one.fix)
    if not found:
        yield Finding("rules in force", True, "no rule has ended, and every expression compiles")


def _changes(laws: Laws) -> Finding:
    name = "changes of the rules"
    asked = {where: laws.change(path) for where, path in _GOVERNING.items()}
    stuck = [where for where, found in asked.items() if found is None]
    free = [
        where
        for where, found in asked.items()
        if found is not None and not found[1] and where not in _BY_THEMSELVES
    ]
    if free:
        what = (
            f"a change of {listed(free, 'and')} counts although nobody approved it: whoever merges"
        )
        fix = f"ask for approvals under `changes:`, {_APART}"
        return Finding(name, False, f"{what} can make anybody an approver", fix)
    if stuck:
        what = (
            f"no rule under `changes:` covers {listed(stuck, 'and')}: no change there ever counts"
        )
        return Finding(name, False, what, f"add a rule for it, {_APART}")
    return Finding(name, True, f"rules under `changes:` cover {listed(asked, 'and')}")


def _approvable(draft: Draft, roster: Roster, owners: Iterable[str]) -> Finding:
    """Nobody approves their own request, so a rule whose approver is one person has one person
    whom nobody can approve."""
    name, troubles = "enough approvers", []
    for label, approvals, own in _asking(draft):
        for owner in _owners(approvals, owners):
            trouble = _trouble(approvals, owner, roster, own)
            if trouble:
                of = f" for what {owner} owns" if owner else ""
                troubles.append(f"{label}{of}: {trouble}")
    if troubles:
        fix = "put more people into those groups, or name another group"
        return Finding(name, False, listed(troubles[:5], "and"), fix)
    return Finding(name, True, "whoever asks, others can approve, by every rule")


def _asking(draft: Draft) -> Iterator[tuple[str, tuple[Approvals, ...], bool]]:
    """(rule, what it asks for, whether people may approve what they asked for themselves)"""
    for page in draft.policies:
        for rule in page.rules:
            yield f"rule `{rule.name}`", rule.approvals, rule.self_approval
        for change in page.changes:
            yield f"rule `{change.name}`", change.approvals, False


def _owners(approvals: Iterable[Approvals], owners: Iterable[str]) -> tuple[str, ...]:
    by_owner = any(each.source.owner for each in approvals)
    return tuple(sorted(owners)) or ("",) if by_owner else ("",)


def _trouble(approvals: Iterable[Approvals], owner: str, roster: Roster, own: bool) -> str:
    """Managers are left out: who that is depends on who asks."""
    fixed = [replace(a, source=replace(a.source, manager=False)) for a in approvals]
    kept = [a for a, before in zip(fixed, approvals, strict=True) if not before.source.manager]
    needs = Asked(roster).needs(kept, owner)
    everybody = frozenset(person for need in needs for person in need.persons)
    if left := missing(needs, everybody):
        return f"nobody can be approved by it, for {listed((n.words for n in left), 'and')} cannot be had"
    alone = [] if own else [p for p in sorted(everybody) if missing(needs, everybody - {p})]
    return f"nobody else could approve what {some(alone)} asks for" if alone else ""


def _accounts(draft: Draft, roster: Roster, owners: Iterable[str]) -> Iterator[Finding]:
    """Of everybody who may approve."""
    persons = [roster.person(id_) for id_ in sorted(_approvers(draft, roster, owners))]
    known = {person.id: accounts_in(person.accounts, FORGE) for person in persons if person}
    where = "under `accounts: {forge: ...}` in directory/"
    absent = [id_ for id_, names in known.items() if not names]
    if absent:
        what = f"{some(absent, 'and')} may approve, and directory/ does not say which account is theirs"
        yield Finding(
            "accounts of approvers", False, f"{what}: it does not count", f"add it {where}"
        )
    loose = [id_ for id_, names in known.items() if names and not any(map(immutable, names))]
    if loose:
        what = (
            f"{some(loose, 'and')} may approve, and is known by a login alone: when it is renamed, "
            "approvals are lost, and who takes the old name approves in their place"
        )
        fix = f"write the forge's immutable id {where}: it counts instead of the login"
        yield Finding("immutable accounts", False, what, fix)
    shared = [p.id for p in persons if p and _shared(p, roster)]
    if shared:
        what = (
            f"the account of {some(shared, 'and')} is somebody else's too: approvals by it count "
        )
        fix = f"say {where} whose it is, once"
        yield Finding("one person an account", False, f"{what}for nobody", fix)
    if not (absent or loose or shared):
        yield Finding(
            "accounts of approvers", True, f"{len(known)} people, each by an immutable id"
        )


def _approvers(draft: Draft, roster: Roster, owners: Iterable[str]) -> frozenset[str]:
    managers = {p.manager for page in draft.directory for p in page.people if p.manager}
    found: set[str] = set()
    for _, approvals, _ in _asking(draft):
        for each in approvals:
            for owner in _owners([each], owners):
                found |= people(each.source, owner, "", roster)
            if each.source.manager:
                found |= {id_ for id_ in managers if roster.active(id_)}
    for rule in _emergencies(draft):
        if rule.break_glass is not None:
            found |= people(rule.break_glass.review_by, "", "", roster)
    return frozenset(found)


def _emergencies(draft: Draft) -> Iterator[Rule]:
    return (rule for page in draft.policies for rule in page.rules if rule.break_glass)


def _shared(person: Person, roster: Roster) -> bool:
    names = accounts_in(person.accounts, FORGE)
    return any(len(roster.claimants(Account(name, name))) > 1 for name in names)
