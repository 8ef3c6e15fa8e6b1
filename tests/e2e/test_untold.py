"""What the ledger cannot know of the past is said with the answer, through the command."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.company import Company, grant
from tests.e2e.test_ledger import Recorded
from tests.e2e.test_ledger import recorded as recorded
from tests.e2e.test_scenarios import ALICE, GCP, WRITE, G


def notices(company: Company, *words: str) -> str:
    told = company.run(*words, "--format", "json", at=6)
    assert told.code == 0
    return "\n".join(told.json["notices"])


def test_of_the_time_whose_entries_are_gone_it_says_so(recorded: Recorded) -> None:
    """Who was given access then would not be told, and nobody would know that."""
    company = recorded.company
    company.merge({G: grant(ALICE, GCP)})
    company.converge()
    company.merge({"grants/b.yaml": grant(ALICE, WRITE, end="duration: 1h")}, at=1)
    company.converge(at=1)
    newest = sorted(recorded.folder.rglob("*.jsonl"))[-2:]
    company.converge(at=2.5)
    for batch in sorted(recorded.folder.rglob("*.jsonl")):
        if batch.name >= newest[0].name:
            batch.unlink()
    company.converge(at=3)
    said = "the ledger lost what was done from"
    for at, gone in ((-0.2, False), (1.5, True), (4, False)):
        assert (said in notices(company, "status", "--at", company.time(at))) is gone
    for a, b, gone in ((-0.2, -0.1, False), (-0.2, 1.5, True), (1, 5, True), (4, 5, False)):
        window = ("--from", company.time(a), "--to", company.time(b))
        assert (said in notices(company, "diff", *window)) is gone


@pytest.mark.parametrize(("since", "before"), [(-2, True), (0.1, False)])
def test_what_was_there_before_the_ledger_is_not_news(
    company: Company, tmp_path: Path, since: float, before: bool
) -> None:
    company.merge({G: grant(ALICE, WRITE)}, at=-3)
    company.converge(at=-2.5)
    Recorded(company, tmp_path / "ledger")
    company.converge(at=0)
    window = ("--from", company.time(since), "--to", company.time(1))
    assert ("what was there before" in notices(company, "diff", *window)) is before


def test_an_answer_from_a_ledger_that_was_cut_says_so(recorded: Recorded) -> None:
    """This machine has written more than there is now: who had access may be in what is gone."""
    company = recorded.company
    company.merge({G: grant(ALICE, WRITE)})
    company.converge()
    asked = (
        ("status", "--at", company.time(1), "--format", "json"),
        ("diff", "--from", company.time(-0.2), "--to", company.time(1), "--format", "json"),
        ("audit", "query", "--format", "json"),
    )
    for words in asked:
        done = company.run(*words, at=2)
        assert "entry 6" not in done.out + done.err
    for batch in sorted(recorded.folder.rglob("*.jsonl"))[1:]:
        batch.unlink()
    for words in asked:
        done = company.run(*words, at=2)
        assert "the ledger lost entries: this machine knows entry 6" in done.out + done.err
    company.converge(at=3)  # says so in the ledger itself
    for words in asked:
        done = company.run(*words, at=4)
        assert "this machine knows entry 6" not in done.err + "".join(done.json.get("notices", []))


def test_an_answer_without_the_ledger_that_is_kept_is_no_whole_one(recorded: Recorded) -> None:
    company = recorded.company
    company.merge({G: grant(ALICE, WRITE)})
    company.converge()
    for batch in recorded.folder.rglob("*.jsonl"):
        batch.write_text("{}\n")
    told = company.run("status", "--at", company.time(1), "--format", "json", at=2)
    assert told.code == 1
    assert [(u["system"], u["where"]) for u in told.json["unknown"]] == [
        ("ledger", "what was done until then")
    ]


def test_a_ledger_that_is_empty_breaks_no_question(recorded: Recorded) -> None:
    company = recorded.company
    for batch in recorded.folder.rglob("*.jsonl"):
        batch.unlink()
    assert "the ledger is empty" in notices(company, "status", "--at", company.time(1))
    assert "this machine knows entry 2" in notices(company, "diff", "--from", company.time(-1))
