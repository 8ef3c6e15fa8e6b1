"""Emergencies through the installed command: at once, loud, and looked at afterwards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema_rs
import pytest

from reconciler.repository.schemas import installed
from tests.e2e.company import grant
from tests.e2e.hosted import Hosted
from tests.e2e.test_proof import WRITE

FILE = "grants/break-glass/alice.yaml"
LEDGER = jsonschema_rs.Draft202012Validator(
    json.loads((installed() / "ledger.schema.json").read_text())
)
REASON = "The settlement batch fails and payments are due within the hour"


def emergency(who: str, end: str = "duration: 1h") -> str:
    text = grant(who, WRITE, end=end).replace("The settlement batch fails", REASON)
    return f"{text}break_glass: true\n"


def said(company: Hosted) -> list[str]:
    return [c.body for c in company.sandbox._forge.comments]


@pytest.fixture
def taken(hosted: Hosted) -> Hosted:
    """alice is on call, and merges her own pull request that nobody approved."""
    hosted.request("alice", {FILE: emergency("alice@example.com")})
    assert hosted.converge().changes == ["add alice@example.com write (declared)"]
    return hosted


def test_it_is_given_at_once_and_those_who_are_to_be_woken_are_told(taken: Hosted) -> None:
    told = taken.run("review", "--tell")
    assert told.code == 0
    assert told.err.startswith("told @carol @dave on https://")
    [comment] = said(taken)
    assert "taken by alice@example.com" in comment
    assert "@carol @dave" in comment
    assert taken.run("review", "--tell", at=0.1).code == 0
    assert said(taken) == [comment]  # once
    for command in ("plan", "review"):
        assert "break-glass by alice@example.com" in taken.run(command).out
    how = "to close it: erin@example.com opens or approves a pull request that brings in reviews/"
    assert how in taken.run("review").out
    assert "has the approvals that `changes:` in policies/ asks for" in taken.run("review").out
    assert "to close it" not in taken.run("plan").out


def test_it_is_shown_until_somebody_else_has_looked(taken: Hosted) -> None:
    taken.converge(at=2)  # it ended, and is shown all the same
    assert taken.gained() == set()
    lines = [line.strip() for line in taken.run("review", at=2).out.splitlines()]
    taken.request("bob", {FILE: None})
    review = "\n".join(lines[lines.index(f"grant: {FILE}") :]) + "\n"  # as it says what to write
    taken.request("alice", {"reviews/alice.yaml": review}, "frank")  # neither is an auditor
    assert [r["path"] for r in taken.plan(at=2).json["reviews"]] == [FILE]
    taken.request("erin", {"reviews/alice.yaml": review + "# seen in the trail\n"}, "frank")
    assert taken.plan(at=2).json["reviews"] == []
    assert "No break-glass access waits" in taken.run("review", at=2).out


def test_an_emergency_that_nobody_looked_at_in_time_is_told_as_overdue(taken: Hosted) -> None:
    assert "OVERDUE" not in taken.run("plan", at=70).out
    assert "OVERDUE break-glass by alice@example.com" in taken.run("plan", at=73).out


def test_while_the_forge_cannot_be_asked_nobody_says_that_nothing_waits(taken: Hosted) -> None:
    shutil.rmtree(taken.cache)
    taken.breaks("github", status=500)
    asked = taken.run("review")
    assert (asked.code, "is not known" in asked.out) == (1, True), asked.out + asked.err
    assert "No break-glass access" not in asked.out


def test_somebody_who_could_not_be_told_makes_the_command_fail(taken: Hosted) -> None:
    taken.breaks("github", "*comments*")
    done = taken.run("review", "--tell")
    assert (done.code, said(taken)) == (1, [])
    assert "somebody was not told of break-glass access" in done.err


def test_one_who_could_not_be_told_leaves_the_others_told(taken: Hosted) -> None:
    second = emergency("bob@example.com")
    taken.request("bob", {"grants/break-glass/bob.yaml": second})
    taken.breaks("github", "*/issues/1/comments*")
    assert taken.run("review", "--tell").code == 1
    [comment] = said(taken)
    assert "taken by bob@example.com" in comment


def test_where_nobody_can_be_mentioned_nobody_was_told(taken: Hosted) -> None:
    for login in ("carol", "dave"):
        taken.sandbox._forge.delete_user(login)
    done = taken.run("review", "--tell")
    assert done.code == 1
    assert "nobody of payments-leads can be mentioned" in done.err


def test_nobody_else_is_served(hosted: Hosted) -> None:
    hosted.request("erin", {FILE: emergency("erin@example.com")})
    hosted.request("bob", {"grants/break-glass/b.yaml": emergency("alice@example.com")})
    hosted.request(
        "bob", {"grants/break-glass/c.yaml": emergency("bob@example.com", "duration: 3h")}
    )
    done = hosted.apply()
    assert (done.code, hosted.gained(), said(hosted)) == (4, set(), [])


@pytest.fixture
def recorded(hosted: Hosted, tmp_path: Path) -> Hosted:
    """The same emergency, in a company that keeps a ledger."""
    said = (hosted.root / "reconciler.yaml").read_text()
    ledger = f"{said}ledger:\n  store: folder\n  path: {tmp_path / 'ledger'}\n"
    hosted.request("alice", {"reconciler.yaml": ledger}, "frank")
    hosted.request("alice", {FILE: emergency("alice@example.com")})
    hosted.converge()
    return hosted


def entries(company: Hosted, *question: str) -> list[dict[str, str]]:
    done = company.run("audit", "query", *question, "--format", "jsonl")
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


def woken(company: Hosted) -> list[str]:
    return [entry["subject"] for entry in entries(company, "--kind", "notified")]


def test_the_ledger_tells_who_was_woken_and_tells_it_once(recorded: Hosted) -> None:
    for at in (0.1, 24):
        assert recorded.run("review", "--tell", at=at).code == 0
    assert woken(recorded) == ["carol@example.com", "dave@example.com"]
    first = entries(recorded, "--kind", "notified")[0]
    assert first["path"] == FILE
    assert first["rule"] == entries(recorded, "--kind", "break-glass")[0]["rule"]
    assert first["pull"].startswith("https://")
    assert first["reason"] == "woken: break-glass access was taken by alice@example.com"
    shown = recorded.run("audit", "query", "--kind", "break-glass").out
    assert "to be looked at by 20" in shown  # which is not when the access ends
    assert recorded.run("audit", "verify").code == 0


def test_listing_emergencies_tells_nobody_and_writes_nothing_down(recorded: Hosted) -> None:
    before = entries(recorded)
    assert recorded.run("review").code == 0
    assert (entries(recorded), said(recorded)) == (before, [])


def test_people_are_told_where_the_ledger_cannot_be_and_it_is_made_up_for(
    recorded: Hosted, tmp_path: Path
) -> None:
    """By what the ledger has and not by what was just written on the forge."""
    ledger, aside = tmp_path / "ledger", tmp_path / "aside"
    ledger.rename(aside)
    ledger.write_text("no folder")
    done = recorded.run("review", "--tell")
    assert (done.code, len(said(recorded))) == (1, 1)
    assert "told @carol @dave" in done.err
    assert "who was told of break-glass access is not in the ledger: " in done.err
    ledger.unlink()
    aside.rename(ledger)
    assert recorded.run("review", "--tell", at=0.1).code == 0
    assert len(said(recorded)) == 1
    assert woken(recorded) == ["carol@example.com", "dave@example.com"]


def test_somebody_who_could_not_be_told_is_not_said_to_have_been(recorded: Hosted) -> None:
    recorded.breaks("github", "*comments*")
    assert recorded.run("review", "--tell").code == 1
    assert woken(recorded) == []
    recorded.heals()
    recorded.sandbox._forge.delete_user("carol")
    assert recorded.run("review", "--tell").code == 0
    assert woken(recorded) == ["dave@example.com"]


def test_a_ledger_that_lost_its_end_is_left_for_apply_to_say_so(
    recorded: Hosted, tmp_path: Path
) -> None:
    """One more entry behind the hole would make the anchored one look like a forgery."""
    settings = (recorded.root / "reconciler.yaml").read_text()
    anchored = f"{settings}  anchor: {{file: {tmp_path / 'anchor.json'}}}\n"
    recorded.request("alice", {"reconciler.yaml": anchored}, "frank")
    recorded.converge(at=0.1)
    batches = sorted((tmp_path / "ledger").rglob("*.jsonl"))
    for batch in batches[-1:]:
        batch.unlink()
    done = recorded.run("review", "--tell", at=0.2)
    assert done.code == 1
    assert "told @carol @dave" in done.err
    assert "is not in the ledger: entry " in done.err
    assert sorted((tmp_path / "ledger").rglob("*.jsonl")) == batches[:-1]
    recorded.converge(at=0.3)
    assert len(entries(recorded, "--kind", "ledger-lost")) == 1
    assert recorded.run("review", "--tell", at=0.4).code == 0
    assert woken(recorded) == ["carol@example.com", "dave@example.com"]


def test_who_was_woken_moves_the_anchor_on(recorded: Hosted, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor.json"
    settings = (recorded.root / "reconciler.yaml").read_text()
    anchored = f"{settings}  anchor: {{file: {anchor}}}\n"
    recorded.request("alice", {"reconciler.yaml": anchored}, "frank")
    assert recorded.run("review", "--tell").code == 0
    assert json.loads(anchor.read_text())["number"] == len(entries(recorded))


def test_the_ledger_tells_the_emergency_and_who_looked_at_it(recorded: Hosted) -> None:
    commit = recorded.git("log", "--first-parent", "-1", "--format=%H", "--", FILE).strip()
    review = f"grant: {FILE}\ncommit: {commit}\noutcome: misuse\nremarks: Nothing had failed\n"
    recorded.request("erin", {"reviews/alice.yaml": review}, "frank")
    for at in (0.1, 0.2):
        recorded.converge(at=at)
    told = entries(recorded, "--grant", FILE)
    for entry in told:
        LEDGER.validate(entry)
    events = [(e["kind"], e.get("outcome", "")) for e in told]
    assert events.count(("break-glass", "")) == 1
    assert events.count(("reviewed", "misuse")) == 1
    [reviewed] = [e for e in told if e["kind"] == "reviewed"]
    assert [*reviewed["approved_by"]] == ["erin@example.com"]
    assert "/pull/" in reviewed["pull"]
    assert ("decided", "granted") in events
