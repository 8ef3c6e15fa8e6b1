"""A hundred thousand grants against two hundred rules, some of them with CEL."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measure import Result, timed
from reconciler.model import (
    Approvals,
    CatalogPage,
    DirectoryPage,
    Effect,
    Entitlement,
    Group,
    Match,
    Person,
    PolicyPage,
    Require,
    Resource,
    Rule,
    Source,
    Window,
)
from reconciler.policy.case import Case
from reconciler.policy.laws import Laws
from reconciler.policy.roster import Roster

CASES, TEAMS, PEOPLE, PROJECTS = 100_000, 90, 3_000, 9_000
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def rules() -> Iterator[Rule]:
    """20 forbid rules, 90 for teams (one in three with an expression), 90 for their admins."""
    for i in range(20):
        match = Match(systems=("gcp",), resources=(f"projects/*-{i:02}-vault",))
        when = "grant.duration > duration('1h')" if i % 4 == 0 else ""
        holds = (Match(roles=("roles/audit*",)),) if i % 4 == 1 else ()
        yield Rule(f"forbid-{i}", Effect.FORBID, match, when, holds)
    asked = (Approvals(1, Source(owner=True)), Approvals(1, Source(manager=True)))
    for i in range(TEAMS):
        team = f"team{i:02}"
        for role, hours in (("*.viewer", 72), ("*.admin", 8)):
            match = Match(
                systems=("gcp",),
                resources=(f"projects/{team}-*",),
                roles=(f"roles/{role}",),
                paths=(f"grants/{team}/**",),
                groups=(team,),
                tags=(("team", team),),
            )
            yield Rule(
                f"{team}{role}",
                Effect.PERMIT,
                match,
                "subject.status == 'active' && grant.ticket != ''" if i % 3 == 0 else "",
                max_duration=timedelta(hours=hours),
                require=Require("OPS-[0-9]+", 10),
                approvals=asked,
            )


def world() -> tuple[Laws, list[Case]]:
    people = [
        Person(
            f"u{i}@example.com",
            manager=f"u{i // 10}@example.com",
            groups=(f"team{i % TEAMS:02}",),
            attributes=(("contract", "own"),),
        )
        for i in range(PEOPLE)
    ]
    groups = [Group(f"team{i:02}") for i in range(TEAMS)]
    roster = Roster([DirectoryPage(tuple(people), tuple(groups))])
    projects = [f"projects/team{i % TEAMS:02}-{i % 97:02}-p{i}" for i in range(PROJECTS)]
    catalog = [
        Resource("gcp", name, f"u{i % PEOPLE}@example.com", (("team", f"team{i % TEAMS:02}"),))
        for i, name in enumerate(projects)
    ]
    laws = Laws([PolicyPage("p", tuple(rules()))], [CatalogPage("c", tuple(catalog))], roster)
    return laws, [case(laws, projects, i) for i in range(CASES)]


def case(laws: Laws, projects: list[str], i: int) -> Case:
    """Three in four of those that ask ask for a project of their own team."""
    person = i % PEOPLE
    project = projects[(person + i // PEOPLE * TEAMS + (i % 4 == 0)) % PROJECTS]
    entitlement = Entitlement("gcp", "project", project, ("roles/x.viewer", "roles/x.admin")[i % 2])
    return Case(
        path=f"grants/team{person % TEAMS:02}/g{i}.yaml",
        reason="Settlement batch fails since Tuesday",
        ticket=f"OPS-{i}",
        window=Window(NOW, NOW + timedelta(hours=4)),
        merged=NOW,
        standing=False,
        break_glass=False,
        entitlement=entitlement,
        account="",
        bundle="",
        subject=laws.subject(f"u{person}@example.com"),
        resource=laws.resource(entitlement),
    )


def run(home: Path) -> Iterator[Result]:
    laws, cases = world()
    assert len(laws.book.rules) == 200
    outcomes: Counter[bool] = Counter()
    gc.freeze()

    def judged() -> None:
        outcomes.update(laws.decide(case).permitted for case in cases)

    first = timed(judged)
    assert 0.2 < outcomes[False] / CASES < 0.3, outcomes
    yield Result("judge 100,000 grants by 200 rules", first, 5.0)
    yield Result("the same, microseconds a grant (not s)", first / CASES * 1e6, 50.0)
    again = timed(judged)
    yield Result("once more, with what is remembered", again, 5.0)
