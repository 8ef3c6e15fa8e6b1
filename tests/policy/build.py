"""A small company and short names, so that a test of a decision reads as its situation."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.model import (
    Account,
    Approvals,
    CatalogPage,
    Content,
    DirectoryPage,
    Effect,
    Entitlement,
    Evidence,
    ForgeKind,
    ForgeSettings,
    Group,
    Match,
    Person,
    PolicyPage,
    PullRequest,
    Resource,
    Review,
    Rule,
    Service,
    Source,
    Status,
    Window,
    Word,
)
from reconciler.policy.case import Case
from reconciler.policy.laws import Laws
from reconciler.policy.roster import Roster

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
READ = Entitlement("aws", "account_assignment", "111122223333", "ReadOnly")
PATH, BLOB, HEAD = "grants/payments/a.yaml", "b10b", "head1"
FORGE = ForgeSettings(ForgeKind.GITHUB, "acme/access")
UNFORGED = ForgeSettings()


def mail(name: str) -> str:
    return f"{name}@example.com"


def person(name: str, *groups: str, forge: tuple[str, ...] | None = None, **more: Any) -> Person:
    """Known on the forge by the name, unless `forge` says how."""
    names = (name,) if forge is None else forge
    accounts = (("forge", names),) if names else ()
    return Person(mail(name), groups=groups, accounts=accounts, **more)


ALICE = person("alice", "payments", manager=mail("dave"), attributes=(("contract", "own"),))
BOB = person("bob", "leads", "payments")
CAROL = person("carol", "leads", "security")
DAVE = person("dave", "security")
SAM = person("sam", "leads", status=Status.SUSPENDED)
ROBOT = Service("robot", (("forge", ("robot[bot]",)),))
PAGE = DirectoryPage(
    (ALICE, BOB, CAROL, DAVE, SAM),
    (Group("payments"), Group("leads"), Group("security")),
    (ROBOT,),
)


def roster(*people: Person, page: DirectoryPage = PAGE) -> Roster:
    """The company, with some of its people said anew."""
    anew = {p.id for p in people}
    kept = tuple(p for p in page.people if p.id not in anew)
    return Roster([replace(page, people=(*kept, *people))])


ROSTER = roster()


def one_of(*groups: str, count: int = 1, **more: Any) -> Approvals:
    return Approvals(count, Source(groups=groups, **more))


def permit(name: str = "may", match: Match | None = None, **more: Any) -> Rule:
    return Rule(name, Effect.PERMIT, match or Match(), **more)


def forbid(name: str = "never", match: Match | None = None, **more: Any) -> Rule:
    return Rule(name, Effect.FORBID, match or Match(), **more)


def laws(*rules: Rule, catalog: tuple[Resource, ...] = (), who: Roster = ROSTER) -> Laws:
    return Laws([PolicyPage("policies/a.yaml", rules)], [CatalogPage("catalog/a", catalog)], who)


def case(by: Laws, subject: str = "alice", hours: float | None = 4, **more: Any) -> Case:
    """alice asks for READ in grants/payments/a.yaml, for four hours from the merge."""
    window = Window(NOW, None if hours is None else NOW + hours * HOUR)
    of: Entitlement = more.pop("entitlement", READ)
    asked = Case(
        path=PATH,
        reason="Settlement batch fails since Tuesday",
        ticket="OPS-4711",
        window=window,
        merged=NOW,
        standing=hours is None,
        break_glass=False,
        entitlement=of,
        account="",
        bundle="",
        subject=by.subject(mail(subject)),
        resource=by.resource(of),
    )
    return replace(asked, **more)


def account(name: str, id: str | None = None, **more: Any) -> Account:
    return Account(f"9{sum(map(ord, name))}" if id is None else id, name, **more)


def review(
    name: str, word: Word = Word.APPROVED, minutes: float = -10, commit: str = HEAD
) -> Review:
    """Ten minutes before the merge."""
    return Review(account(name), word, NOW + timedelta(minutes=minutes), commit)


def pull(*reviews: Review, author: str = "alice", **more: Any) -> PullRequest:
    """alice's, of one commit, merged at NOW."""
    seen = {HEAD, *(r.commit for r in reviews if r.commit == HEAD)}
    asked = PullRequest(
        number=7,
        url="https://forge.example.com/acme/access/pull/7",
        base="main",
        head=HEAD,
        author=account(author),
        merged_at=NOW,
        merged_by=account("bob"),
        writers=(account(author),),
        reviews=reviews,
        contents=tuple(Content(commit, PATH, BLOB) for commit in sorted(seen)),
    )
    return replace(asked, **more)


def evidence(*pulls: PullRequest) -> Evidence:
    return Evidence("c0ffee1234567890", pulls)
