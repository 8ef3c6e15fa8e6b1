"""Which ledger is shipped, through the installed command: the one that was approved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.e2e.hosted import Hosted


def kept(company: Hosted, folder: Path) -> str:
    said = (company.root / "reconciler.yaml").read_text().partition("ledger:")[0]
    return f"{said}ledger: {{store: folder, path: {folder}}}\n"


@pytest.fixture
def redirected(hosted: Hosted, tmp_path: Path) -> Hosted:
    """One ledger was approved, and another is named by a push past the rules."""
    hosted.request("alice", {"reconciler.yaml": kept(hosted, tmp_path / "ours")}, "frank")
    hosted.converge()
    hosted.push("bob", {"reconciler.yaml": kept(hosted, tmp_path / "theirs")})
    return hosted


def shipped(company: Hosted, out: Path) -> tuple[int, str]:
    done = company.run("audit", "ship", str(out), "--to", "file", "--format", "jsonl", at=0.1)
    return done.code, done.err


def test_what_nobody_approved_names_no_other_ledger_to_ship(
    redirected: Hosted, tmp_path: Path
) -> None:
    """It runs unattended beside the clouds' credentials, and an `endpoint` would be shown them."""
    out = tmp_path / "out.jsonl"
    assert shipped(redirected, out) == (0, "")
    kinds = [json.loads(line)["kind"] for line in out.read_text().splitlines()]
    assert (kinds[0], kinds[-1]) == ("run-started", "run-ended")
    assert not (tmp_path / "theirs").exists()


def test_nothing_is_shipped_while_nobody_can_say_what_was_approved(
    redirected: Hosted, tmp_path: Path
) -> None:
    shutil.rmtree(redirected.cache)
    redirected.breaks("github")
    code, said = shipped(redirected, tmp_path / "out.jsonl")
    assert code == 1
    assert "nobody can say whether reconciler.yaml was approved: " in said
    assert not (tmp_path / "out.jsonl").exists()
    assert not (tmp_path / "theirs").exists()
