"""`reconciler policy`: test, explain and coverage as they are run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.proof.town import CHANGES, PEOPLE, POLICY, RULES, A, B, asks, item

TESTS = "policies/tests/a.yaml"
SHORT = RULES.replace("60d", "1h")
ONE = """tests:
  - name: a lead approves
    path: grants/a.yaml
    at: 2026-12-01T09:00:00Z
    grant:
      subject: alice@example.com
      access: [{system: bitbucket, repository: payments-api, permission: write}]
      duration: 8h
      reason: The settlement batch fails
    facts: {approved_by: [carol@example.com]}
    expect: {decision: granted, rule: payments}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def test_tests_that_pass_end_with_0_and_ask_nobody(desk: Desk) -> None:
    desk.begin()
    desk.write(TESTS, ONE)
    before = len(desk.town.faults.calls())
    done = desk.run("policy", "test")
    assert done.code == 0
    assert "✓ a lead approves: granted, rule `payments`" in done.out
    assert "1 passed, 0 failed" in done.out
    assert len(desk.town.faults.calls()) == before


def test_a_test_that_fails_ends_with_1_and_tells_both(desk: Desk) -> None:
    desk.begin()
    desk.write(TESTS, ONE.replace("granted", "waiting"))
    done = desk.run("policy", "test")
    assert done.code == 1
    assert "expected waiting, and it is granted" in done.out
    (row,) = desk.run("policy", "test", "--format", "json").json["tests"]
    assert (row["passed"], row["expected"]["decision"], row["decision"]) == (
        False, "waiting", "granted",
    )  # fmt: skip


def test_rules_are_tried_before_they_are_committed(desk: Desk) -> None:
    desk.begin(**{TESTS: ONE})
    desk.write(POLICY, SHORT + CHANGES)
    done = desk.run("policy", "test")
    assert done.code == 1
    assert "it lasts 8h, and `max_duration` is 1h" in done.out


def test_people_and_catalog_of_the_working_tree_are_tried_too(desk: Desk) -> None:
    desk.begin(**{TESTS: ONE})
    desk.write(PEOPLE, desk.town.directory(leads=["dave"]))
    assert desk.run("policy", "test").code == 1


def test_bundles_of_the_working_tree_are_tried_too(desk: Desk) -> None:
    desk.begin()
    said = "access: [{system: bitbucket, repository: payments-api, permission: write}]"
    desk.write(TESTS, ONE.replace(said, "access: [{bundle: kit}]"))
    assert desk.run("policy", "test").code == 1
    desk.write("bundles/kit.yaml", f"description: A kit for tests\naccess:\n  - {item()}\n")
    assert desk.run("policy", "test").code == 0


def test_only_the_files_that_are_named_are_run(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.begin(**{TESTS: ONE.replace("granted", "waiting"), "policies/tests/b.yaml": ONE})
    monkeypatch.chdir(desk.clone)
    assert desk.run("policy", "test", "policies/tests/b.yaml").code == 0
    assert desk.run("policy", "test", "policies/tests").code == 1
    other = desk.run("policy", "test", POLICY)
    assert other.code == 2
    assert "there is no test in policies/main.yaml" in other.err


def test_a_wrong_file_ends_with_2_and_a_wrong_grant_does_not(desk: Desk) -> None:
    desk.begin(**{TESTS: ONE})
    desk.write(A, "subject: nobody\n")
    assert desk.run("policy", "test").code == 0
    desk.write(POLICY, RULES.replace("max_duration", "longest") + CHANGES)
    done = desk.run("policy", "test")
    assert done.code == 2
    assert "policies/main.yaml:" in done.err
    assert done.out == ""


def test_a_ticket_pattern_that_is_none_is_told_at_its_place(desk: Desk) -> None:
    desk.begin(**{TESTS: ONE})
    desk.write(POLICY, RULES + "    require: {ticket: 'OPS-[0-9+'}\n" + CHANGES)
    done = desk.run("validate")
    assert done.code == 2
    assert "policies/main.yaml:6:23: `ticket` of rule `payments` is `OPS-[0-9+`" in done.out


@pytest.mark.parametrize("command", [("policy", "test"), ("validate",), ("policy", "coverage")])
def test_an_expression_that_does_not_compile_is_told_at_its_place(
    desk: Desk, command: tuple[str, ...]
) -> None:
    desk.begin(**{TESTS: ONE})
    desk.write(POLICY, RULES + "    when: grant.tiket == 'x'\n" + CHANGES)
    done = desk.run(*command)
    assert done.code == 2
    assert "policies/main.yaml:6:11: `when` of rule `payments` cannot be compiled" in (
        done.out + done.err
    )


def test_validate_of_other_files_does_not_tell_the_expression(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.begin()
    desk.write(POLICY, RULES + "    when: grant.tiket == 'x'\n" + CHANGES)
    monkeypatch.chdir(desk.clone)
    assert desk.run("validate", PEOPLE).code == 0
    assert desk.run("validate", "policies").code == 2


def test_a_committed_grant_is_explained_with_its_proof(desk: Desk) -> None:
    desk.begin("rules:\n  - forbid: admin\n    match: {roles: [admin]}\n" + RULES[7:])
    desk.town.pull("erin", {A: asks()}, "carol", "bob", "alice")
    desk.fetch()
    done = desk.run("policy", "explain", A)
    assert done.code == 0
    assert "forbid admin does not match: it asks for role admin, here it is write" in done.out
    assert "✓ permit payments matches (policies/main.yaml:4:5)" in done.out
    assert "limits of the rule: max_duration 60d" in done.out
    assert "needs: 1 of leads" in done.out
    assert "proof: granted" in done.out
    assert re.findall(r"✓ (\S+) approved, and it counts", done.out) == ["carol@example.com"]
    assert "✗ bob@example.com approved, and is not asked by the rule" in done.out
    assert "✗ alice@example.com approved, and would gain access by it" in done.out


def test_a_second_look_comes_from_the_memory_and_says_the_same_of_the_approvals(desk: Desk) -> None:
    desk.begin()
    desk.town.pull("alice", {A: asks()}, "carol")
    desk.fetch()
    first = desk.run("policy", "explain", A, "--format", "json").json
    before = len(desk.town.faults.calls())
    second = desk.run("policy", "explain", A, "--format", "json").json
    assert len(desk.town.faults.calls()) == before
    assert second["pull_requests"] == first["pull_requests"]
    assert second["access"][0]["judgement"]["approved_by"] == ["carol@example.com"]


def test_a_grant_without_approval_is_explained_with_what_to_do(desk: Desk) -> None:
    desk.begin()
    desk.town.pull("alice", {A: asks()})
    desk.fetch()
    (one,) = desk.run("policy", "explain", A, "--format", "json").json["access"]
    assert (one["permitted"], one["proof"]) == (True, "refused")
    assert one["judgement"]["verdict"] == "waiting"
    assert one["needs"] == [
        {
            "count": 1,
            "persons": ["carol@example.com", "dave@example.com"],
            "words": "1 of leads",
        }
    ]


def test_a_grant_is_explained_by_the_rules_of_the_commit_before_it(desk: Desk) -> None:
    desk.begin()
    desk.town.pull("alice", {A: asks()}, "carol")
    desk.town.pull("grace", {POLICY: SHORT + CHANGES}, "frank")
    desk.fetch()
    (one,) = desk.run("policy", "explain", A, "--format", "json").json["access"]
    assert one["permitted"] is True
    assert one["limits"] == ["max_duration 60d"]


def test_a_grant_from_before_proof_was_asked_for_is_trusted(desk: Desk) -> None:
    desk.begin(**{A: asks()})
    done = desk.run("policy", "explain", A)
    assert "it came before proof was asked for, and is trusted" in done.out


def test_a_forge_that_does_not_answer_is_told_with_1(desk: Desk) -> None:
    desk.begin()
    desk.town.pull("alice", {A: asks()}, "carol")
    desk.fetch()
    done = desk.run("policy", "explain", A, GITHUB_TOKEN="")
    assert done.code == 1
    assert "the forge does not answer" in done.out


def test_the_working_tree_is_explained_without_history_or_forge(desk: Desk) -> None:
    desk.begin()
    desk.write(A, asks(role="read"))
    desk.write(POLICY, SHORT + CHANGES)
    done = desk.run("policy", "explain", A, "--working-tree", GITHUB_TOKEN="")
    assert done.code == 0
    assert "as it is in the working tree" in done.out
    assert "refused: rule `payments` does not permit it: it lasts 8h" in done.out
    assert "proof" not in done.out


def test_one_subject_can_be_chosen(desk: Desk) -> None:
    desk.begin()
    desk.write(A, asks(who="group: oncall"))
    words = ("policy", "explain", A, "--working-tree", "--format", "json")
    assert [one["subject"] for one in desk.run(*words).json["access"]] == [
        "alice@example.com", "bob@example.com",
    ]  # fmt: skip
    (one,) = desk.run(*words, "--subject", "bob@example.com").json["access"]
    assert one["subject"] == "bob@example.com"
    other = desk.run(*words, "--subject", "carol@example.com")
    assert other.code == 2
    assert "it names alice@example.com, bob@example.com" in other.err


def test_a_path_is_found_from_within_the_repository(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.begin(**{A: asks()})
    monkeypatch.chdir(desk.clone / "grants")
    assert desk.run("policy", "explain", "a.yaml").code == 0


@pytest.mark.parametrize("more", [(), ("--working-tree",)])
def test_a_grant_that_is_not_there_is_an_error_of_input(desk: Desk, more: tuple[str, ...]) -> None:
    desk.begin()
    done = desk.run("policy", "explain", B, *more)
    assert done.code == 2
    assert B in done.err


def test_a_grant_that_is_wrong_is_told_and_not_explained(desk: Desk) -> None:
    desk.begin()
    desk.write(A, "subject: alice@example.com\n")
    done = desk.run("policy", "explain", A, "--working-tree")
    assert done.code == 2
    assert re.search(r"grants/a.yaml:\d+:\d+: ", done.err)


def test_a_committed_grant_that_never_was_valid_is_told_with_its_mistake(desk: Desk) -> None:
    desk.begin(**{A: "subject: alice@example.com\n"})
    done = desk.run("policy", "explain", A)
    assert done.code == 2
    assert re.search(rf"no version of {A} was valid; {A}:\d+:\d+: ", done.err)


def test_what_is_left_open_is_told_and_strict_ends_with_1(desk: Desk) -> None:
    rules = RULES + "  - permit: never\n    match: {roles: [admin]}\n    approvals: []\n"
    desk.begin(rules)
    desk.town.pull("alice", {A: asks()}, "carol")
    desk.fetch()
    desk.write("bundles/kit.yaml", f"description: A kit for tests\naccess:\n  - {item('admin')}\n")
    words = ("policy", "coverage", "--format", "json")
    found = desk.run(*words).json
    assert [one["rule"] for one in found["unreached"]] == ["never"]
    assert (found["uncovered"], found["outlived"]) == ([], [])
    forbids = "rules:\n  - forbid: short\n    match: {roles: [write, admin]}\n"
    desk.write(POLICY, forbids + rules[7:] + CHANGES)
    done = desk.run("policy", "coverage", "--strict")
    assert done.code == 1
    assert "bitbucket: admin on payments-api: rule `short` forbids it to everybody" in done.out
    assert "grants/a.yaml: alice@example.com, bitbucket: write on payments-api" in done.out
    assert "to end it now, take it out of grants/a.yaml" in done.out


def test_a_grant_that_was_never_approved_does_not_stand(desk: Desk) -> None:
    desk.begin()
    desk.town.pull("alice", {A: asks()})
    desk.fetch()
    desk.write(POLICY, SHORT + CHANGES)
    found = desk.run("policy", "coverage", "--format", "json").json
    assert (found["outlived"], found["unreached"]) == ([], [])


def test_nothing_left_open_is_0_also_when_strict(desk: Desk) -> None:
    desk.begin(**{TESTS: ONE})
    assert desk.run("policy", "coverage", "--strict").code == 0
