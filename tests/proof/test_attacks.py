"""Each attack of the reference, by its number: what stops it here, or that we see it."""

from __future__ import annotations

from tests.proof.town import A, Town, asks


def test_attack_01_a_commit_pushed_after_the_approval_is_not_approved(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks(role="read")})
    town.approve(number, "carol")
    town.push("alice", {A: asks(role="admin")}, town.branch_of(number))
    town.merge(number)
    seen = town.run()
    assert seen.held == set()
    assert "in which grants/a.yaml was not as it is now" in seen.why()
