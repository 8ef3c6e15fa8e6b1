"""A signed ledger through the installed command: somebody else can write where it is kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from reconciler.ledger import wire
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.signing import KEY
from reconciler.model import Entry, Event, EventKind
from tests.e2e.company import Company, grant
from tests.e2e.hosted import Hosted
from tests.e2e.test_ledger import by_hand
from tests.e2e.test_scenarios import ALICE, BOB, READ, WRITE, G
from tests.ledger.signers import OURS, THEIRS, Pair, intrude

B = "grants/b.yaml"
NOT_OURS = "is signed by no key of `signed_by`"


def block(folder: Path, *pairs: Pair) -> str:
    keys = "".join(f"    - {pair.line}\n" for pair in pairs)
    return f"ledger:\n  store: folder\n  path: {folder}\n" + (
        f"  signed_by:\n{keys}" if keys else ""
    )


def entries(folder: Path) -> list[Entry]:
    files = sorted(folder.rglob("*.jsonl"))
    return [wire.decode(line) for file in files for line in file.read_bytes().splitlines()]


def forge(folder: Path, kind: EventKind, pair: Pair | None = None, action: str = "") -> None:
    """Somebody appends a well-chained entry about what we did last."""
    done = [e for e in entries(folder) if e.event.kind is EventKind.DONE][-1].event
    about = Event(kind, done.at, done.run, done.subject, done.assignment, action)
    intrude(FolderStore(folder), [about], pair)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(KEY, OURS.private)
    return tmp_path / "ledger"


@pytest.fixture
def signed(company: Company, folder: Path) -> Company:
    said = (company.root / "reconciler.yaml").read_text()
    company.merge({"reconciler.yaml": said + block(folder, OURS)}, at=-1)
    company.converge(at=-0.5)
    return company


def test_all_that_a_run_writes_is_signed_and_remembered(signed: Company, folder: Path) -> None:
    by_hand(signed, "alice", "read")
    signed.merge({G: grant(ALICE, WRITE)})
    signed.converge()
    assert entries(folder)[-1].event.kind is EventKind.SIGNED
    assert signed.run("audit", "verify").code == 0
    signed.converge(at=9)
    assert signed.gained() == {"bitbucket read alice"}  # what the ledger remembered is back


@pytest.mark.parametrize("pair", [None, THEIRS], ids=["unsigned", "with another key"])
def test_a_forged_memory_keeps_nobody_and_gives_nobody_anything(
    signed: Company, folder: Path, pair: Pair | None
) -> None:
    signed.merge({G: grant(ALICE, WRITE)})
    signed.converge()
    forge(folder, EventKind.ALREADY_HELD, pair)
    signed.merge({B: grant(BOB, WRITE)}, at=1)
    before = len(entries(folder))
    given = signed.apply(at=2)
    assert (given.code, given.json["outcomes"]) == (1, [])
    ended = signed.apply(at=9)
    assert (ended.code, [o["action"] for o in ended.json["outcomes"]]) == (1, ["remove"])
    assert signed.gained() == set()
    [unread] = [u for u in ended.json["unknown"] if u["system"] == "ledger"]
    assert "no key of `signed_by`" in unread["error"]
    assert len(entries(folder)) == before


def test_what_was_there_before_us_stays_though_the_ledgers_end_is_spoiled(
    signed: Company, folder: Path, tmp_path: Path
) -> None:
    """On a machine without a cache, too: what was signed is still true."""
    by_hand(signed, "alice", "write")
    signed.merge({G: grant(ALICE, WRITE), B: grant(BOB, READ)})
    signed.converge()
    forge(folder, EventKind.DONE, action="add")
    shutil.rmtree(tmp_path / "cache")
    ended = signed.apply(at=9)
    assert [o["principal_name"] for o in ended.json["outcomes"]] == ["Bob"]
    assert signed.gained() == {"bitbucket write alice"}


def test_a_run_without_the_private_key_gives_nothing_and_says_what_to_set(
    signed: Company, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed.merge({G: grant(ALICE, WRITE, end="duration: 1h")})
    signed.converge()
    monkeypatch.delenv(KEY)
    signed.merge({B: grant(BOB, WRITE)}, at=1)
    assert signed.plan(at=1.1).code == 0
    done = signed.apply(at=2)
    assert (done.code, [o["action"] for o in done.json["outcomes"]]) == (1, ["remove"])
    assert f"set {KEY} to the private half of a key of `signed_by`" in done.err
    monkeypatch.setenv(KEY, THEIRS.private)
    wrong = signed.apply(at=2)
    assert (wrong.code, wrong.json["outcomes"]) == (1, [])
    assert "which `signed_by` does not list" in wrong.err
    assert "PRIVATE KEY" not in done.err + wrong.err
    monkeypatch.setenv(KEY, OURS.private)
    signed.converge(at=2)
    assert signed.gained() == {"bitbucket write bob"}


def test_nothing_is_answered_from_an_end_that_is_not_signed(signed: Company, folder: Path) -> None:
    signed.merge({G: grant(ALICE, WRITE)})
    signed.converge()
    assert "already-held" not in signed.run("audit", "query").out
    forge(folder, EventKind.ALREADY_HELD)
    asked = signed.run("audit", "query")
    assert (asked.code, NOT_OURS in asked.err) == (1, True)
    assert NOT_OURS in signed.run("explain", ALICE).err
    assert NOT_OURS in signed.run("status", "--at", signed.time(0.5), at=1).out
    changed = signed.run("diff", "--from", signed.time(-0.5), at=1)
    assert (changed.code, NOT_OURS in changed.out + changed.err) == (1, True)


def test_a_ledger_is_signed_from_some_day_on(
    company: Company, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = (company.root / "reconciler.yaml").read_text()
    company.merge({"reconciler.yaml": said + block(folder)}, at=-1)
    begun = company.converge(at=-0.5)
    assert f"note: {KEY} is set, and the ledger is not signed" in begun.err
    company.merge({G: grant(ALICE, WRITE), "reconciler.yaml": said + block(folder, OURS)})
    waits = company.apply()
    assert (waits.code, waits.json["outcomes"]) == (1, [])
    last = entries(folder)[-1].number
    assert f"audit sign --entry {last}" in company.run("audit", "sign").out
    assert company.run("audit", "sign", "--entry", str(last)).code == 0
    company.converge()
    assert company.gained() == {"bitbucket write alice"}
    [verdict] = [json.loads(company.run("audit", "verify", "--format", "json").out)]
    assert (verdict["whole"], verdict["flaws"]) == (True, [])


def test_what_was_signed_first_is_remembered_when_signing_begins(
    company: Company, folder: Path, tmp_path: Path
) -> None:
    """And what somebody held before their grant does not end with it, on a machine without a cache."""
    said = (company.root / "reconciler.yaml").read_text()
    company.merge({"reconciler.yaml": said + block(folder)}, at=-1)
    company.converge(at=-0.5)  # it begins before any grant
    by_hand(company, "alice", "write")
    company.merge({G: grant(ALICE, WRITE)})
    company.converge()
    keys, last = tmp_path / "ledger-key.pub", entries(folder)[-1].number
    keys.write_text(OURS.line)
    sign = ("audit", "sign", "--signed-by", str(keys), "--entry")
    assert company.run(*sign, str(last)).code == 0
    company.converge(at=1)  # writes once more without signing
    company.merge({"reconciler.yaml": said + block(folder, OURS)}, at=2)
    shutil.rmtree(tmp_path / "cache")
    assert company.apply(at=9).code == 1
    assert company.gained() == {"bitbucket write alice"}
    assert company.run(*sign, str(entries(folder)[-1].number)).code == 0
    company.converge(at=10)
    assert company.gained() == {"bitbucket write alice"}


@pytest.mark.parametrize("keys", [(), (THEIRS,)], ids=["none", "another"])
def test_keys_that_nobody_approved_are_not_believed(
    hosted: Hosted, folder: Path, keys: tuple[Pair, ...]
) -> None:
    """Whoever can push to the repository could else write the ledger with a key of their own."""
    said = (hosted.root / "reconciler.yaml").read_text()
    hosted.request("alice", {"reconciler.yaml": said + block(folder, OURS)}, "frank")
    hosted.request("alice", {"grants/payments/a.yaml": grant(ALICE, WRITE)}, "carol")
    hosted.converge()
    hosted.push("bob", {"reconciler.yaml": said + block(folder, *keys)})
    forge(folder, EventKind.ALREADY_HELD, next(iter(keys), None))
    ended = hosted.apply(at=9)
    assert (ended.code, [o["action"] for o in ended.json["outcomes"]]) == (1, ["remove"])
    assert hosted.gained() == set()
    assert "no key of `signed_by`" in str(ended.json["unknown"])
