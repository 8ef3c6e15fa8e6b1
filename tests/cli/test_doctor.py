"""`reconciler doctor`, against a local GitHub: what is not as it should be, and what it lets do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.repository.codeowners import GOVERNING
from tests.cli.desk import Desk
from tests.cli.test_policy import ONE, TESTS
from tests.proof.town import CONFIGURATION, PEOPLE
from tests.result import Result

OWNERS = ".github/CODEOWNERS"
REVIEWS: dict[str, Any] = {
    "required_approving_review_count": 1,
    "dismiss_stale_reviews": True,
    "require_last_push_approval": True,
    "require_code_owner_reviews": True,
}
PROTECTED: dict[str, Any] = {
    "required_pull_request_reviews": REVIEWS,
    "enforce_admins": {"enabled": True},
    "allow_force_pushes": {"enabled": False},
    "allow_deletions": {"enabled": False},
}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    desk.town.github.settings.protection = PROTECTED
    yield desk
    desk.close()


def sound(desk: Desk, **files: str) -> str:
    """A repository with which nothing is wrong. Returns the commit to trust."""
    return desk.begin(**{TESTS: ONE, OWNERS: "* @acme/admins\n", **files})


def wrong(done: Result) -> set[str]:
    return {one["name"] for one in done.json["findings"] if one["right"] is not True}


def of(done: Result, name: str) -> dict[str, Any]:
    (found,) = (one for one in done.json["findings"] if one["name"] == name)
    return dict(found)


def doctor(desk: Desk, **env: str) -> Result:
    return desk.run("doctor", "--format", "json", **env)


def test_all_right_is_0(desk: Desk) -> None:
    trust = sound(desk)
    done = doctor(desk, RECONCILER_TRUST=trust)
    assert wrong(done) == set()
    assert done.code == 0
    told = desk.run("doctor", RECONCILER_TRUST=trust)
    assert "0 to mend, 0 not known" in told.out


def test_each_finding_says_what_it_lets_somebody_do_and_how_to_mend_it(desk: Desk) -> None:
    trust = sound(desk)
    loose = {**REVIEWS, "require_last_push_approval": False}
    desk.town.github.settings.protection = {**PROTECTED, "required_pull_request_reviews": loose}
    done = desk.run("doctor", RECONCILER_TRUST=trust)
    assert done.code == 4
    assert "✗ last push approved by another: not set: a reviewer can push" in done.out
    assert 'do: switch on "Require approval of the most recent reviewable push"' in done.out


def test_without_a_forge_whoever_can_merge_can_grant(desk: Desk) -> None:
    without = "systems:\n  bitbucket: {provider: bitbucket, workspace: acme}\n"
    sound(desk, **{CONFIGURATION: without})
    before = len(desk.town.faults.calls())
    done = doctor(desk)
    assert done.code == 4
    assert wrong(done) == {"forge"}
    assert len(desk.town.faults.calls()) == before


def test_a_trusted_commit_that_is_not_set_can_be_set_to_the_one_that_is_trusted_anyway(
    desk: Desk,
) -> None:
    trust = sound(desk)
    desk.town.pull("grace", {CONFIGURATION: desk.town.configuration(", branch: main")}, "frank")
    desk.fetch()
    done = doctor(desk)
    assert wrong(done) == {"trusted commit"}
    assert f"RECONCILER_TRUST={trust} " in of(done, "trusted commit")["fix"]


def test_a_trusted_commit_that_is_not_on_the_main_line_is_told(desk: Desk) -> None:
    sound(desk)
    done = doctor(desk, RECONCILER_TRUST="0" * 40)
    assert wrong(done) == {"trusted commit"}
    assert "every run refuses" in of(done, "trusted commit")["what"]


@pytest.mark.parametrize("path", GOVERNING)
def test_code_owners_must_own_all_that_decides(desk: Desk, path: str) -> None:
    trust = sound(desk, **{OWNERS: f"* @acme/admins\n/{path}\n"})
    done = doctor(desk, RECONCILER_TRUST=trust)
    assert wrong(done) == {"code owners"}
    assert "anybody may approve a change there" in of(done, "code owners")["what"]


def test_no_code_owners_are_told(desk: Desk) -> None:
    trust = desk.begin(**{TESTS: ONE})
    assert wrong(doctor(desk, RECONCILER_TRUST=trust)) == {"code owners"}


def test_rules_and_people_of_the_commit_are_looked_at(desk: Desk) -> None:
    desk.town.accounts["carol"] = ["carol"]
    trust = sound(desk, **{PEOPLE: desk.town.directory(admins=["grace"])})
    done = doctor(desk, RECONCILER_TRUST=trust)
    assert wrong(done) == {"immutable accounts", "enough approvers"}


def test_a_file_that_is_wrong_is_told(desk: Desk) -> None:
    trust = sound(desk, **{"grants/a.yaml": "subject: alice@example.com\n"})
    done = doctor(desk, RECONCILER_TRUST=trust)
    assert wrong(done) == {"files"}
    assert "grants/a.yaml" in of(done, "files")["what"]


def test_a_forge_that_does_not_answer_is_1_and_the_rest_is_told(desk: Desk) -> None:
    trust = sound(desk)
    desk.town.down()
    done = doctor(desk, RECONCILER_TRUST=trust)
    assert done.code == 1
    assert wrong(done) == {"protection on the forge"}


def test_a_token_that_may_not_look_leaves_it_unknown_and_never_right(desk: Desk) -> None:
    trust = sound(desk)
    desk.town.github.settings.may_administer = False
    done = doctor(desk, RECONCILER_TRUST=trust)
    assert done.code == 1
    assert of(done, "nobody passes by")["right"] is None


def test_without_a_token_it_says_which_variable_to_set(desk: Desk) -> None:
    trust = sound(desk)
    done = doctor(desk, RECONCILER_TRUST=trust, GITHUB_TOKEN="")
    assert done.code == 1
    assert "GITHUB_TOKEN" in of(done, "protection on the forge")["what"]


def test_a_ledger_on_a_branch_that_is_open_is_told(desk: Desk) -> None:
    kept = "ledger: {store: branch, branch: access-ledger}\n"
    trust = sound(desk, **{CONFIGURATION: desk.town.configuration() + kept})
    done = doctor(desk, RECONCILER_TRUST=trust)
    assert done.code == 4
    assert {name.partition(":")[0] for name in wrong(done)} == {"the ledger's branch"}
    assert "can forge" in of(done, "the ledger's branch: who is believed")["what"]
    assert "access-ledger" in of(done, "the ledger's branch: no deletion")["what"]


def test_a_ledger_elsewhere_has_no_branch_to_look_at(desk: Desk) -> None:
    trust = sound(desk, **{CONFIGURATION: desk.town.configuration() + "ledger: {store: folder}\n"})
    assert wrong(doctor(desk, RECONCILER_TRUST=trust)) == set()


def test_a_signed_ledger_is_believed_whoever_may_push_it(desk: Desk) -> None:
    signer = "ssh-ed25519 " + "AAAAC3NzaC1lZDI1NTE5" + "AAAAI" + "A" * 43
    kept = f"ledger:\n  store: branch\n  signed_by: ['{signer}']\n"
    trust = sound(desk, **{CONFIGURATION: desk.town.configuration() + kept})
    found = wrong(doctor(desk, RECONCILER_TRUST=trust))
    assert found == {f"the ledger's branch: no {what}" for what in ("deletion", "rewriting")}


def test_a_forge_that_does_not_answer_leaves_the_ledgers_branch_unknown(desk: Desk) -> None:
    kept = "ledger: {store: branch}\n"
    trust = sound(desk, **{CONFIGURATION: desk.town.configuration() + kept})
    desk.town.down()
    done = doctor(desk, RECONCILER_TRUST=trust)
    assert done.code == 1
    assert wrong(done) == {"protection on the forge", "protection of the ledger's branch"}
