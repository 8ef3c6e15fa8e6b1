"""What the command line says of writing to the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli import ledgers
from reconciler.model import EventKind
from reconciler.repository import load
from tests.build import NOW
from tests.ledger.lines_index import event
from tests.repository.build import Repository

LEDGER = "ledger: {store: folder, path: ledger, anchor: {file: %s}}\n"


@pytest.mark.parametrize(
    ("anchor", "said"),
    [
        ("anchor.json", ""),
        ("absent/anchor.json", "the ledger was written, and its entry 1 was not anchored: "),
    ],
)
def test_an_anchor_that_fails_is_not_told_as_a_ledger_that_was_not_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    anchor: str,
    said: str,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = Repository(tmp_path / "access")
    settings = (made.root / "reconciler.yaml").read_text()
    made.commit(1, ("reconciler.yaml", settings + LEDGER % (tmp_path / anchor)))
    loaded = load(made.root, NOW)
    recall = ledgers.recalled(loaded, made.root)
    written = ledgers.append((event(EventKind.RUN_STARTED),), recall, loaded, made.root)
    assert written is not bool(said)
    assert capsys.readouterr().err.startswith(said)
    assert recall.ledger is not None
    assert len([*recall.ledger.entries()]) == 1
