"""An edit of a grant that nobody approved may take away, never add; what it does not touch stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.model import Cause, Proof
from tests.proof.town import RULES, A, B, Town, asks, item, mail

HOUR = timedelta(hours=1)


def test_an_unapproved_extension_keeps_the_old_end(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(end="duration: 8h")}, "carol")
    old = town.run().until("alice write")
    town.pull("alice", {A: asks(end="duration: 20d")})
    seen = town.run()
    assert (seen.until("alice write"), seen.refused) == (old, {A})
    assert f"what the version before gave goes on, until {old:%Y-%m-%d %H:%M}Z" in seen.why()
    town.wait(hours=9)
    assert town.run().held == set()


def test_an_unapproved_shorter_end_counts(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(end="expires: 2026-11-09T09:00:00Z")}, "carol")
    town.push("bob", {A: asks(end="expires: 2026-11-02T09:00:00Z")})
    assert str(town.run().until("alice write")) == "2026-11-02 09:00:00+00:00"
    town.wait(hours=24)
    assert town.run().held == set()


def test_an_unapproved_wider_role_takes_the_old_one_and_gives_nothing(town: Town) -> None:
    """Whoever edits `write` to `admin` says that `write` is no longer wanted."""
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.push("alice", {A: asks(role="admin")})
    seen = town.run()
    assert (seen.held, seen.refused) == (set(), {A})
    causes = {
        c.entitlement.role: c.cause for c in seen.authorised.claims if c.proof is Proof.PROVED
    }
    assert causes == {"write": Cause.WITHDRAWN}


def test_an_unapproved_item_more_leaves_the_others_alone(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.push("alice", {A: asks(items=[item("write"), item("admin")])})
    assert town.run().held == {"alice write"}


def test_an_unapproved_item_less_is_withdrawn(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(items=[item("write"), item("admin")])}, "carol")
    town.push("bob", {A: asks()})
    assert town.run().held == {"alice write"}


def test_an_unapproved_other_subject_gets_nothing(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks("alice")}, "carol")
    town.push("bob", {A: asks("bob")})
    assert (town.run().held, town.run().refused) == (set(), {A})


def test_an_unapproved_subject_more_gets_nothing_and_the_other_keeps(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks("alice")}, "carol")
    both = f"subjects: [{mail('alice')}, {mail('bob')}]"
    town.push("bob", {A: asks("alice").replace(f"subject: {mail('alice')}", both)})
    assert town.run().held == {"alice write"}


def test_several_unapproved_edits_in_a_row_leave_the_least_of_all(town: Town) -> None:
    town.begin()
    both = [item("write"), item("admin")]
    town.pull("alice", {A: asks(items=both, end="expires: 2026-11-09T09:00:00Z")}, "carol")
    town.push("alice", {A: asks(items=both, end="expires: 2026-11-20T09:00:00Z")})
    town.push("alice", {A: asks(items=both, end="expires: 2026-11-05T09:00:00Z")})
    town.push("alice", {A: asks(items=[item("write")], end="expires: 2026-11-20T09:00:00Z")})
    town.push("alice", {A: asks(items=both, end="expires: 2026-11-25T09:00:00Z")})
    seen = town.run()
    assert seen.held == {"alice write"}
    assert str(seen.until("alice write")) == "2026-11-05 09:00:00+00:00"


def test_an_invalid_content_between_two_changes_nothing_about_it(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(end="expires: 2026-11-09T09:00:00Z")}, "carol")
    town.push("alice", {A: "subject: nobody\n"})
    assert town.run().held == {"alice write"}
    town.push("alice", {A: asks(end="expires: 2026-11-20T09:00:00Z")})
    seen = town.run()
    assert (seen.refused, str(seen.until("alice write"))) == ({A}, "2026-11-09 09:00:00+00:00")


@pytest.mark.parametrize("lost", [False, True])
def test_an_edit_older_than_the_look_back_still_keeps_the_old_end(town: Town, lost: bool) -> None:
    town.begin(RULES.replace("60d", "300d"))
    town.pull("alice", {A: asks(end="duration: 100d")}, "carol")
    old = town.run().until("alice write")
    town.push("alice", {A: asks(end="duration: 200d")})
    town.wait(days=50)
    if lost:
        town.forget()
    assert town.run().until("alice write") == old
    town.wait(days=51)
    assert town.run().held == set()


def test_what_was_refused_for_mixing_is_not_carried_on_after_the_look_back(town: Town) -> None:
    town.begin(RULES.replace("60d", "300d"))
    end = "duration: 200d"
    town.pull("alice", {A: asks(end=end), ".github/workflows/x.yml": "x\n"}, "carol")
    town.push("alice", {A: asks(end=end, reason="Another reason")})
    assert town.run().held == set()
    town.wait(days=40)
    assert town.run().held == set()


def test_an_approved_edit_after_unapproved_ones_counts_whole(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(end="duration: 8h")}, "carol")
    town.push("alice", {A: asks(end="duration: 20d")})
    town.pull("alice", {A: asks(end="duration: 2d")}, "dave")
    seen = town.run()
    assert seen.refused == set()
    assert seen.until("alice write") == seen.now + timedelta(days=2)


def test_a_renamed_grant_keeps_its_proof_and_its_end(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    old = town.run().until("alice write")
    town.push("bob", {A: None, "grants/payments/a.yaml": asks()})
    seen = town.run()
    assert (seen.until("alice write"), seen.refused) == (old, set())


def test_a_renamed_grant_is_judged_by_the_path_at_which_it_came_in(town: Town) -> None:
    town.begin(RULES.replace("grants/**", "grants/payments/**"))
    town.pull("alice", {A: asks()}, "carol")
    town.push("alice", {A: None, "grants/payments/a.yaml": asks()})
    assert town.run().held == set()
    town.pull("alice", {"grants/payments/b.yaml": asks(role="read")}, "carol")
    town.push("alice", {"grants/payments/b.yaml": None, B: asks(role="read")})
    assert town.run().held == {"alice read"}


def test_a_deleted_grant_needs_no_proof(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.push("bob", {A: None})
    seen = town.run()
    assert (seen.held, seen.refused) == (set(), set())


def test_of_one_file_only_what_the_rules_permit_is_granted(town: Town) -> None:
    rules = RULES.replace("systems: [bitbucket]", "roles: [read, write]")
    town.begin(rules)
    town.pull("alice", {A: asks(items=[item("read", "ledger"), item("admin")])}, "carol")
    seen = town.run()
    assert (seen.held, seen.refused) == ({"alice read on ledger"}, {A})
    assert "no rule permits" in seen.why()


def test_the_union_of_a_carried_and_a_fresh_grant_ends_at_the_later(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(end="expires: 2026-11-09T09:00:00Z")}, "carol")
    town.push("alice", {A: asks(end="expires: 2026-11-20T09:00:00Z")})
    town.pull("alice", {B: asks(end="expires: 2026-11-12T09:00:00Z")}, "carol")
    assert str(town.run().until("alice write")) == "2026-11-12 09:00:00+00:00"
