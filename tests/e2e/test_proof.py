"""The installed command where approvals are proved: the access repository lies on a local GitHub."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reconciler.sandbox.bitbucket_cloud import User
from tests.e2e.company import grant
from tests.e2e.hosted import Hosted

WRITE = "system: bitbucket, repository: payments-api, permission: write"
READ = "system: bitbucket, repository: payments-api, permission: read"
PEOPLE = "directory/people.yaml"
A, B = "grants/payments/a.yaml", "grants/payments/b.yaml"
ALICE, BOB = "alice@example.com", "bob@example.com"


def test_what_nobody_approved_is_told_and_not_given(hosted: Hosted) -> None:
    hosted.request("alice", {A: grant(ALICE, WRITE)})
    hosted.push("bob", {B: grant(BOB, WRITE)})
    planned = hosted.plan()
    assert (planned.code, planned.changes) == (4, [])
    assert [one["path"] for one in planned.json["unapproved"]] == [A, B]
    applied = hosted.apply()
    assert (applied.code, hosted.gained(), hosted.lost()) == (4, set(), set())
    said = hosted.run("plan").out
    assert "approval is missing: 1 of payments-leads" in said
    assert "came by a direct push, without a pull request" in said


def test_what_was_approved_is_given_and_asked_for_once(hosted: Hosted) -> None:
    hosted.request("alice", {A: grant(ALICE, WRITE)}, "carol")
    assert hosted.converge().changes == [f"add {ALICE} write (declared)"]
    assert len(hosted.gained()) == 1
    calls = hosted.asked()
    assert hosted.converge().changes == []
    assert hosted.asked() == calls
    assert hosted.converge(at=9).changes == [f"remove {ALICE} write (expired)"]
    assert hosted.gained() == set()


def test_the_approval_of_who_pushed_under_another_name_is_not_enough(hosted: Hosted) -> None:
    hosted.request("alice", {A: grant(ALICE, WRITE)}, "carol", pusher="carol")
    planned = hosted.plan()
    assert (planned.code, planned.changes) == (4, [])
    assert "has written or pushed commits" in str(planned.json["unapproved"])


def test_an_unapproved_extension_ends_when_it_would_have_ended(hosted: Hosted) -> None:
    hosted.request("alice", {A: grant(ALICE, WRITE)}, "carol")
    hosted.converge()
    hosted.request("alice", {A: grant(ALICE, WRITE, end="duration: 5d")})
    applied = hosted.apply()
    assert (applied.code, applied.changes, len(hosted.gained())) == (4, [], 1)
    assert "what the version before gave goes on" in hosted.run("plan").out
    hosted.apply(at=9)
    assert hosted.gained() == set()


def test_taking_away_needs_no_proof(hosted: Hosted) -> None:
    hosted.request("alice", {A: grant(ALICE, WRITE), B: grant(BOB, WRITE)}, "carol")
    hosted.converge()
    hosted.push("bob", {A: None})
    assert hosted.converge().changes == [f"remove {ALICE} write (withdrawn)"]


@pytest.mark.parametrize("remembered", [True, False])
def test_a_forge_that_is_down_loses_nobody_anything(hosted: Hosted, remembered: bool) -> None:
    hosted.request("alice", {A: grant(ALICE, WRITE)}, "carol")
    hosted.converge()
    hosted.request("bob", {B: grant(BOB, WRITE)}, "carol")
    if not remembered:
        shutil.rmtree(hosted.cache)
    hosted.breaks("github", status=500)
    applied = hosted.apply()
    assert (applied.code, applied.changes) == (1, [])
    assert (len(hosted.gained()), hosted.lost()) == (1, set())
    assert "HTTP 500" in str(applied.json["unknown"])
    hosted.heals()
    assert hosted.converge().changes == [f"add {BOB} write (declared)"]


def test_what_is_over_ends_while_the_forge_is_down(hosted: Hosted) -> None:
    hosted.request("alice", {A: grant(ALICE, WRITE)}, "carol")
    hosted.converge()
    shutil.rmtree(hosted.cache)
    hosted.breaks("github", status=500)
    applied = hosted.apply(at=9)
    assert applied.changes == [f"remove {ALICE} write (expired)"]
    assert hosted.gained() == set()


def test_a_configuration_that_nobody_approved_changes_nothing(hosted: Hosted) -> None:
    text = (hosted.root / "reconciler.yaml").read_text()
    assert "mode: enforce" in text
    hosted.request("alice", {A: grant(ALICE, WRITE)}, "carol")
    quiet = text.partition("forge:")[0].replace("mode: enforce", "mode: report")
    hosted.push("bob", {"reconciler.yaml": quiet})
    hosted.push("bob", {B: grant(BOB, WRITE)})
    applied = hosted.apply()
    assert (applied.code, applied.changes) == (4, [f"add {ALICE} write (declared)"])
    assert len(hosted.gained()) == 1
    assert [one["path"] for one in applied.json["unapproved"]] == [B, "reconciler.yaml"]


def test_a_history_that_was_rewritten_stops_everything(hosted: Hosted) -> None:
    hosted.request("alice", {A: grant(ALICE, WRITE)}, "carol")
    hosted.converge()
    hosted.git("checkout", "-q", "--orphan", "other")
    hosted.git("commit", "-q", "-m", "Begin anew")
    hosted.git("push", "-q", "--force", "origin", "other:main")
    hosted.follow()
    refused = hosted.apply()
    assert refused.code == 1
    assert "its history was rewritten" in refused.err
    assert len(hosted.gained()) == 1


def test_an_account_that_nobody_approved_makes_nobody_a_protected_person(hosted: Hosted) -> None:
    """What is protected never ends. Alice says that her account is grace's."""
    said = (hosted.root / "reconciler.yaml").read_text()
    protected = f"{said}protected: [grace@example.com]\n"
    hosted.request("alice", {"reconciler.yaml": protected}, "frank")
    hosted.request("alice", {A: grant(ALICE, WRITE)}, "carol")
    hosted.converge()
    people = (hosted.root / PEOPLE).read_text()
    alice, grace = (User(login).uuid for login in ("alice", "grace"))
    hosted.push("alice", {PEOPLE: people.replace(grace, alice)})
    assert hosted.apply(at=9).changes == [f"remove {ALICE} write (expired)"]
    assert hosted.gained() == set()


def test_without_a_token_new_grants_wait(hosted: Hosted) -> None:
    hosted.request("alice", {A: grant(ALICE, READ)}, "carol")
    hosted.unset = "GITHUB_TOKEN"
    planned = hosted.plan()
    assert (planned.code, planned.changes) == (1, [])
    assert "no token; set RECONCILER_FORGE_TOKEN or GITHUB_TOKEN" in str(planned.json["unknown"])


def test_a_main_line_that_was_put_back_is_refused_until_somebody_says_that_it_is_right(
    hosted: Hosted, tmp_path: Path
) -> None:
    """An administrator puts main back to where bob still led: his approval counted then."""
    said = (hosted.root / "reconciler.yaml").read_text()
    ledger = f"{said}ledger: {{store: folder, path: {tmp_path / 'ledger'}}}\n"
    hosted.request("alice", {"reconciler.yaml": ledger}, "frank")
    before = hosted.git("rev-parse", "HEAD").strip()
    hosted.request("alice", {A: grant(ALICE, WRITE)}, "carol")
    hosted.converge()
    hosted.git("push", "-q", "--force", "origin", f"{before}:main")
    hosted.follow()
    for command in ("plan", "apply", "status"):
        refused = hosted.run(command)
        assert refused.code == 1
        assert "is not on this main line any more" in refused.err
    assert len(hosted.gained()) == 1
    hosted.trust = before
    [gone] = hosted.apply().json["changes"]  # git knows nothing of it any more, but the ledger does
    assert (gone["cause"], gone["principal_name"]) == ("withdrawn", "Alice")
    assert hosted.gained() == set()
    hosted.trust = ""
    assert hosted.plan().code == 0
