"""What must hold of decisions whatever the rules, the pages and the reviews are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from reconciler.model import (
    Approvals,
    CatalogPage,
    Content,
    DirectoryPage,
    Effect,
    Entitlement,
    Match,
    PolicyPage,
    PullRequest,
    Resource,
    Review,
    Rule,
    Source,
    Word,
)
from reconciler.policy.approvals import approvers, missing
from reconciler.policy.case import Case
from reconciler.policy.judge import Verdict, judge
from reconciler.policy.laws import Laws
from reconciler.policy.roster import Roster
from reconciler.policy.ruling import Need
from reconciler.policy.trace import MATCHES, trace
from tests.policy.build import (
    BLOB,
    FORGE,
    HEAD,
    HOUR,
    NOW,
    PATH,
    ROSTER,
    account,
    case,
    evidence,
    laws,
    mail,
    pull,
)

Thing = TypeVar("Thing")
names = st.sampled_from(["alice", "bob", "carol", "dave", "sam"])
groups = st.sampled_from(["payments", "leads", "security", "nobody"])
roles = st.sampled_from(["ReadOnly", "Admin"])
entitlements = st.builds(
    Entitlement, st.sampled_from(["aws", "gcp"]), st.just("k"), st.sampled_from("vw"), roles
)


def some(of: st.SearchStrategy[Thing], most: int = 2) -> st.SearchStrategy[tuple[Thing, ...]]:
    return st.lists(of, max_size=most, unique=True).map(tuple)


matches = st.builds(
    Match,
    systems=some(st.sampled_from(["aws", "g*"]), 1),
    resources=some(st.sampled_from(["v", "w", "*"])),
    roles=some(st.sampled_from(["Read*", "admin"])),
    paths=some(st.sampled_from(["grants/payments/**", "grants/*", "**"]), 1),
    tags=some(st.sampled_from([("env", "prod"), ("env", "dev")]), 1),
    groups=some(groups),
)
sources = st.builds(Source, some(groups), some(names.map(mail)), st.booleans(), st.booleans())
whens = st.sampled_from(
    ["", "", "subject.id.startsWith('a')", "grant.duration > duration('3h')", "1/0 > 0", "no"]
)
rules = st.builds(
    Rule,
    name=st.just("rule"),
    effect=st.sampled_from(Effect),
    match=matches,
    when=whens,
    holds=some(st.builds(Match, roles=some(st.sampled_from(["Admin", "*"]), 1)), 1),
    ends=st.sampled_from([None, NOW, NOW + HOUR]),
    max_duration=st.sampled_from([None, 2 * HOUR, 8 * HOUR]),
    approvals=some(st.builds(Approvals, st.integers(1, 3), sources)),
)
resources = st.builds(
    Resource,
    st.just("aws"),
    st.sampled_from(["v", "w", "*"]),
    st.sampled_from(["", "leads", mail("dave")]),
    some(st.sampled_from([("env", "prod"), ("env", "dev")]), 1),
)


def pages_of(said: Sequence[Rule]) -> list[PolicyPage]:
    """Three pages, with rules named by their number."""
    named = [replace(rule, name=f"r{i}") for i, rule in enumerate(said)]
    return [PolicyPage(f"policies/{i}.yaml", tuple(named[i::3])) for i in range(3)]


@st.composite
def cases(draw: st.DrawFn, by: Laws) -> Case:
    return case(
        by,
        draw(names),
        draw(st.sampled_from([1, 4, 12])),
        entitlement=draw(entitlements),
        holds=draw(some(entitlements)),
    )


@given(st.lists(rules, max_size=8), st.lists(resources, max_size=5), st.data())
def test_decisions_do_not_depend_on_the_order_of_pages(
    said: list[Rule], known: list[Resource], data: st.DataObject
) -> None:
    policies = pages_of(said)
    catalog = [CatalogPage(f"catalog/{i}", tuple(known[i::2])) for i in range(2)]
    directory = [
        DirectoryPage((person,))
        for person in map(ROSTER.person, map(mail, ["alice", "bob", "sam"]))
        if person
    ]
    first = Laws(policies, catalog, Roster(directory))
    other = Laws(
        data.draw(st.permutations(policies)),
        data.draw(st.permutations(catalog)),
        Roster(data.draw(st.permutations(directory))),
    )
    asked = data.draw(cases(first))
    again = replace(
        asked, subject=other.subject(asked.subject.id), resource=other.resource(asked.entitlement)
    )
    assert again == asked
    assert first.decide(asked) == other.decide(again)
    assert trace(first, asked) == trace(other, again)


@given(st.lists(rules, max_size=6), rules, st.data())
def test_one_more_forbid_rule_never_permits_more(
    said: list[Rule], added: Rule, data: st.DataObject
) -> None:
    more = PolicyPage("policies/1b.yaml", (replace(added, name="more", effect=Effect.FORBID),))
    fewer = Laws(pages_of(said), [], ROSTER)
    asked = data.draw(cases(fewer))
    stricter = Laws([*pages_of(said), more], [], ROSTER).decide(asked)
    assert not stricter.permitted or stricter == fewer.decide(asked)


@given(st.lists(rules, max_size=8), st.data())
def test_a_trace_tells_what_decided(said: list[Rule], data: st.DataObject) -> None:
    by = Laws(pages_of(said), [], ROSTER)
    asked = data.draw(cases(by))
    ruling = by.decide(asked)
    if asked.subject.status != "active":
        assert not ruling.permitted
        return
    matching = [step.rule for step in trace(by, asked) if step.outcome == MATCHES]
    assert ruling.rule == (matching[0] if matching else "")


# Approvals


need_lists = st.lists(
    st.builds(Need, st.integers(1, 2), st.frozensets(st.sampled_from("abcd")), st.just("")),
    max_size=3,
)


def met(needs: Sequence[Need], persons: frozenset[str]) -> int:
    """The most places that can be filled, by trying every way to seat everybody."""
    places = [need.persons for need in needs for _ in range(need.count)]
    people = sorted(persons) + [""] * len(places)
    return max(
        sum(person in place for place, person in zip(places, row, strict=True))
        for row in set(permutations(people, len(places)))
    )


@given(need_lists, st.frozensets(st.sampled_from("abcde")))
def test_what_is_missing_is_what_no_seating_could_fill(
    needs: list[Need], persons: frozenset[str]
) -> None:
    left = missing(needs, persons)
    asked = sum(need.count for need in needs)
    assert sum(need.count for need in left) == asked - met(needs, persons)


reviews = st.builds(
    Review,
    st.one_of(
        st.none(),
        st.sampled_from(["alice", "bob", "bob2", "carol", "dave", "sam", "eve"]).map(account),
    ),
    st.sampled_from(Word),
    st.integers(-5, 5).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    st.sampled_from([HEAD, "same", "other", "unknown"]),
)
accounts = st.sampled_from(["alice", "bob", "bob2", "carol", "dave"]).map(account)
TWICE = Roster(
    [
        DirectoryPage(
            tuple(
                replace(p, accounts=(("forge", ("bob", "bob2")),)) if p.id == mail("bob") else p
                for p in map(ROSTER.person, map(mail, ["alice", "bob", "carol", "dave", "sam"]))
                if p is not None
            )
        )
    ]
)
CONTENTS = (Content(HEAD, PATH, BLOB), Content("same", PATH, BLOB), Content("other", PATH, "0ther"))


@st.composite
def requests(draw: st.DrawFn) -> PullRequest:
    return replace(
        pull(*draw(st.lists(reviews, max_size=7))),
        author=draw(accounts),
        writers=tuple(draw(st.lists(accounts, max_size=2))),
        contents=CONTENTS,
    )


OWNERS = {"alice": "alice", "bob": "bob", "bob2": "bob", "carol": "carol", "dave": "dave"}


def eligible(request: PullRequest) -> set[str]:
    """Said again, as plainly as can be: whose approval counts for alice's access."""
    assert request.author is not None
    hands = {OWNERS[a.login] for a in (request.author, *request.writers)} | {"alice"}
    found = set()
    for who in {"bob", "carol", "dave"} - hands:
        words = [
            (r.at, r.word is not Word.APPROVED, n, r)
            for n, r in enumerate(request.reviews)
            if r.account is not None and OWNERS.get(r.account.login) == who and r.at <= NOW
        ]
        last = max(words)[-1] if words else None
        if last and last.word is Word.APPROVED and last.commit in (HEAD, "same"):
            found.add(mail(who))
    return found


@given(requests())
def test_exactly_the_independent_approvals_of_this_content_count(request: PullRequest) -> None:
    found = approvers(
        request,
        PATH,
        BLOB,
        TWICE,
        TWICE,
        frozenset({mail("alice")}),
        self_approval=False,
        settings=FORGE,
    )
    assert found.persons == eligible(request)


@given(
    requests(), st.lists(st.builds(Approvals, st.integers(1, 2), sources), min_size=1, max_size=3)
)
def test_nothing_is_granted_without_enough_different_people(
    request: PullRequest, asked: list[Approvals]
) -> None:
    by = laws(Rule("r", Effect.PERMIT, approvals=tuple(asked)), who=TWICE)
    about = case(by)
    ruling = by.decide(about)
    found = judge(
        by, about, ruling, evidence(request), PATH, BLOB, TWICE, TWICE, frozenset(), FORGE
    )
    places = sum(need.count for need in ruling.needs)
    enough = met(ruling.needs, frozenset(eligible(request))) == places
    assert (found.verdict is Verdict.GRANTED) is enough
