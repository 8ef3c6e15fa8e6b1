"""Whom a pull request asks, by what directory/ knows of their accounts on the forge."""

from __future__ import annotations

import pytest

from reconciler.asking.reviewers import MOST, reviewers
from reconciler.asking.weighing import Approval
from reconciler.model import DirectoryPage, ForgeKind, Person
from reconciler.policy.roster import Roster

UUID = "{11111111-1111-1111-1111-111111111111}"
ROSTER = Roster(
    [
        DirectoryPage(
            (
                Person("both@example.com", accounts=(("forge", ("1001", "both")),)),
                Person("id@example.com", accounts=(("forge", ("1002",)),)),
                Person("uuid@example.com", accounts=(("forge", (UUID,)),)),
                Person("none@example.com", accounts=(("gcp", ("x",)),)),
            )
        )
    ]
)


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        (ForgeKind.GITHUB, {"both": "both", "id": "1002"}),
        (ForgeKind.BITBUCKET, {"uuid": UUID}),
        (ForgeKind.BITBUCKET_DC, {"both": "both"}),
    ],
)
def test_each_forge_is_asked_by_the_names_that_it_takes(
    kind: ForgeKind, asked: dict[str, str]
) -> None:
    for name in ("both", "id", "none", *(["uuid"] if kind is ForgeKind.BITBUCKET else [])):
        person = f"{name}@example.com"
        names, nameless = reviewers([Approval(1, "1 of x", (person,))], ROSTER, kind)
        assert names == ((asked[name],) if name in asked else ())
        assert nameless == (() if name in asked else (person,))


def test_not_everybody_is_asked_where_very_many_may_approve() -> None:
    people = tuple(
        Person(f"p{i}@example.com", accounts=(("forge", (f"p{i}",)),)) for i in range(30)
    )
    roster = Roster([DirectoryPage(people)])
    need = Approval(1, "1 of all", tuple(sorted(p.id for p in people)))
    assert len(reviewers([need, need], roster, ForgeKind.GITHUB)[0]) == MOST
