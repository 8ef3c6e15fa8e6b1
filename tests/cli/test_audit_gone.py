"""What this machine knows of a ledger that is signed, and is not there any more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.cli.forges import memory
from reconciler.cli.ledgers import Known
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.memory import recall
from reconciler.ledger.record import lost
from reconciler.ledger.signing import Keys
from reconciler.model.ledger_settings import LedgerSettings, LedgerStore
from reconciler.repository.git import Git
from tests.cli.test_audit import STORY, Desk
from tests.cli.test_audit_signed import desk as desk
from tests.cli.test_audit_signed import signing
from tests.ledger.lines_index import at, event
from tests.ledger.signers import OURS


@pytest.fixture
def cut(desk: Desk) -> Desk:
    """Signed, read by this machine, put back to an older end that was signed as well, and gone on
    with by somebody who has no key."""
    desk.run("sign", "--entry", "5")
    signing(desk).append(STORY[:2])
    first = Git(desk.repo).says("rev-list", "--max-parents=0", "--first-parent", "HEAD") or ""
    settings = LedgerSettings(LedgerStore.FOLDER, path="ledger", signed_by=(OURS.public,))
    recall(settings, desk.repo, Known(memory(desk.repo, os.environ), first))
    desk.batch(3).unlink()
    Ledger(FolderStore(desk.repo / "ledger")).append(STORY[:1])
    return desk


def test_an_end_that_is_gone_is_told_beside_one_that_is_not_signed(cut: Desk) -> None:
    done = cut.run("verify")
    assert done.code == 1
    assert "unsigned: entry 7 is vouched for by no key" in done.out
    assert "truncated: this machine knows entry 9, and the newest now is 7" in done.out


def test_a_person_does_not_vouch_for_an_end_that_hides_another(cut: Desk) -> None:
    """The signature would make the older end the right one, for every other machine."""
    for words in (("sign",), ("sign", "--entry", "7")):
        done = cut.run(*words)
        assert (done.code, "this machine knows entry 9" in done.err) == (1, True)
    assert Ledger(FolderStore(cut.repo / "ledger"), Keys((OURS.public,))).unsigned(9)[0] == 1


def test_an_older_end_is_not_anchored_either(cut: Desk, tmp_path: Path) -> None:
    cut.batch(3).unlink()
    assert Ledger(FolderStore(cut.repo / "ledger"), Keys((OURS.public,))).verify() == ()
    done = cut.run("anchor", str(tmp_path / "anchor.json"))
    assert (done.code, "this machine knows entry 9" in done.err) == (1, True)
    assert not (tmp_path / "anchor.json").exists()


def test_only_what_is_vouched_for_may_say_that_it_was_lost(cut: Desk) -> None:
    Ledger(FolderStore(cut.repo / "ledger")).append([lost(at(9), "run-9", "so they say", 9)])
    done = cut.run("sign", "--entry", "8")
    assert (done.code, "this machine knows entry 9" in done.err) == (1, True)
    for batch in (3, 4):
        cut.batch(batch).unlink()
    signing(cut).append([lost(at(9), "run-9", "it is so", 9)])
    Ledger(FolderStore(cut.repo / "ledger")).append([event(STORY[0].kind, 10)])
    assert cut.run("sign", "--entry", "9").code == 0
