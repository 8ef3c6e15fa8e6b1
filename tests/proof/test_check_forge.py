"""What a check is told by the forge, and what it says when it is told nothing, or of another pull
request than it was asked about."""

from __future__ import annotations

import pytest

from reconciler.errors import InputError
from reconciler.forge.base import ForgeError
from reconciler.model.checked import Answer
from reconciler.proof.authorise import Forge
from reconciler.proof.check import base, check
from tests.proof.checking import checked, one
from tests.proof.town import (
    CHANGES,
    CONFIGURATION,
    POLICY,
    RULES,
    A,
    B,
    Town,
    asks,
    mail,
)


def test_without_an_answer_from_the_forge_nothing_is_judged(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.down()
    with pytest.raises(ForgeError):
        checked(town, number)


def test_a_forge_that_knows_nothing_of_the_main_line_leaves_the_answer_open(town: Town) -> None:
    town.begin()
    town.pull("alice", {POLICY: RULES + CHANGES + "# more\n"}, "frank")
    number = town.propose("alice", {A: asks()})
    town.forget()
    forge = Forge(town.reader, town.memory)
    town.down()
    main = base(town.root, "main", town.at, forge, None, ask=True)
    town.faults.clear()
    found = check(town.root, main, town.branch_of(number), town.at, number)
    assert found.answer is Answer.UNKNOWN
    assert found.unknown


def test_without_a_number_the_forge_is_not_asked_and_it_says_so(town: Town) -> None:
    town.begin()
    town.pull("bob", {B: asks("bob")}, "carol")
    number = town.propose("alice", {A: asks()})
    town.approve(number, "carol")
    before = len(town.faults.calls())
    found = checked(town, number, ask=False)
    assert len(town.faults.calls()) == before
    assert found.answer is Answer.WAITING
    assert one(found)[1].missing[0].candidates == (mail("carol"), mail("dave"))
    assert "the forge was not asked" in found.notices[0]


def test_without_a_number_what_no_rule_permits_is_refused(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {"grants/x.yaml": asks(end="duration: 90d")})
    assert checked(town, number, ask=False).answer is Answer.REFUSED


def test_a_pull_request_costs_as_few_calls_as_its_evidence(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    number = town.propose("bob", {B: asks("bob")})
    before = len(town.faults.calls())
    checked(town, number)
    assert len(town.faults.calls()) - before == 4  # the pull request, the merged one, who pushed


def test_a_head_that_moved_since_is_not_judged(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.push("alice", {B: asks("bob")}, "copy", onto=town.branch_of(number))
    forge = Forge(town.reader, town.memory)
    main = base(town.root, "main", town.at, forge, None, ask=True)
    with pytest.raises(InputError, match="name it: --head origin/BRANCH"):
        check(town.root, main, "copy", town.at, number)


def test_a_pull_request_that_is_merged_is_not_checked(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks()})
    branch = town.branch_of(number)
    main = base(town.root, "main", town.at, Forge(town.reader, town.memory), None, ask=True)
    town.merge(number)
    with pytest.raises(InputError, match="merged already"):
        check(town.root, main, branch, town.at, number)


def test_a_pull_request_for_another_branch_proves_nothing(town: Town) -> None:
    town.begin()
    town.push("grace", {"README.md": "other\n"}, "other")
    town.push("alice", {A: asks()}, "request")
    number = town.github.open_pull("alice", "request", "Please", base="other")
    town.approve(number, "carol")
    found = checked(town, number)
    assert found.answer is Answer.REFUSED
    assert "is for the branch other" in one(found)[1].reasons[0]


def test_without_a_forge_the_rules_alone_decide_and_it_says_so(town: Town) -> None:
    town.begin(**{CONFIGURATION: "systems:\n  bitbucket: {provider: bitbucket, workspace: acme}\n"})
    number = town.propose("alice", {A: asks()})
    found = checked(town, number, ask=False)
    assert found.answer is Answer.GRANTED
    assert "approvals are not checked" in found.notices[0]
    with pytest.raises(InputError, match="names no forge"):
        checked(town, number)
