"""`reconciler audit` on a ledger that is signed, and `audit sign` where a person vouches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.ledger.folder import FolderStore
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.signing import KEY, Keys
from tests.cli.test_audit import STORY, YAML, Desk
from tests.ledger.signers import BOTH, NEXT, OURS, THEIRS, Pair


def listed(*pairs: Pair) -> str:
    keys = "".join(f"\n    - {pair.line}" for pair in pairs)
    return YAML.replace(
        "ledger: {store: folder, path: ledger}",
        f"ledger:\n  store: folder\n  path: ledger\n  signed_by:{keys}",
    )


@pytest.fixture
def desk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Desk:
    """A ledger that was begun without keys, and is to be signed from now on."""
    found = Desk(tmp_path, monkeypatch, capsys)
    found.write(*STORY)
    found.commit(listed(OURS))
    monkeypatch.setenv(KEY, OURS.private)
    return found


def signing(desk: Desk, keys: Keys = BOTH) -> Ledger:
    return Ledger(FolderStore(desk.repo / "ledger"), keys)


def files(desk: Desk) -> int:
    return len([*(desk.repo / "ledger").rglob("*.jsonl")])


def test_a_person_vouches_for_what_no_key_has_signed(desk: Desk) -> None:
    unsigned = desk.run("verify")
    assert (unsigned.code, "unsigned: entries 1 to 5 are" in unsigned.out) == (1, True)
    asked = desk.run("sign")
    assert asked.code == 0
    assert "No key that is known vouches for entries 1 to 5." in asked.out
    assert "reconciler audit sign --entry 5" in asked.out
    keys = desk.repo.parent / "keys"
    keys.write_text(OURS.line)
    brought = desk.run("sign", "--signed-by", str(keys)).out.replace("\n", "")
    assert f"{KEY} set to the private key: reconciler audit sign --signed-by {keys} -" in brought
    assert "projects/vault" in asked.out  # what it is about
    assert files(desk) == 1
    done = desk.run("sign", "--entry", "5")
    assert (done.code, done.out) == (
        0,
        f"entry 6 vouches for entries 1 to 5, with {OURS.public.fingerprint}\n",
    )
    whole = desk.run("verify")
    assert (whole.code, "a person vouched for that with entry 6" in whole.out) == (0, True)
    assert "there is nothing that is not signed" in desk.run("sign").out
    signing(desk).append(STORY[:1])
    assert desk.run("verify").code == 0


def test_nothing_newer_slips_in(desk: Desk) -> None:
    desk.write(STORY[0])
    done = desk.run("sign", "--entry", "5")
    assert (done.code, "the newest entry is 6, not 5" in done.err) == (1, True)
    assert files(desk) == 2


def test_a_chain_with_another_flaw_is_not_signed(desk: Desk) -> None:
    path = desk.batch(1)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"bob@", b"eve@"))
    done = desk.run("sign", "--entry", "5")
    assert (done.code, "nothing is signed" in done.err) == (1, True)
    assert files(desk) == 1


def test_a_forged_signature_is_not_vouched_for(desk: Desk) -> None:
    desk.run("sign", "--entry", "5")
    FolderStore(desk.repo / "ledger").put(3, desk.batch(2).read_bytes())
    done = desk.run("sign", "--entry", "6")
    assert (done.code, "nothing is signed" in done.err) == (1, True)
    assert files(desk) == 3


def test_what_is_missing_to_sign_is_said(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, THEIRS.private)
    done = desk.run("sign", "--entry", "5")
    assert (done.code, "which `signed_by` does not list" in done.err) == (1, True)
    monkeypatch.delenv(KEY)
    done = desk.run("sign", "--entry", "5")
    assert (done.code, f"set {KEY}" in done.err) == (1, True)
    desk.commit(YAML)
    done = desk.run("sign", "--entry", "5")
    assert (done.code, "list one under `ledger.signed_by`" in done.err) == (2, True)
    assert files(desk) == 1


def test_a_lost_key_is_replaced_in_one_step(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.run("sign", "--entry", "5")
    desk.commit(listed(NEXT))
    assert desk.run("query").code == 1
    monkeypatch.setenv(KEY, NEXT.private)
    assert desk.run("sign", "--entry", "6").code == 0
    assert desk.run("verify").code == 0
    assert desk.run("query").code == 0


@pytest.mark.parametrize("words", [("query",), ("export",), ("ship", "out", "--to", "file")])
def test_no_command_tells_or_sends_what_is_not_signed(desk: Desk, words: tuple[str, ...]) -> None:
    desk.run("sign", "--entry", "5")
    desk.write(STORY[0])
    done = desk.run(*words)
    assert (done.code, done.out) == (1, "")
    assert "entry 7 is signed by no key of `signed_by`" in done.err
    assert not (desk.repo / "out").exists()


def test_an_unsigned_end_is_not_anchored(desk: Desk, tmp_path: Path) -> None:
    done = desk.run("anchor", str(tmp_path / "anchor.json"))
    assert (done.code, "nothing is anchored" in done.err) == (1, True)


def test_an_auditor_brings_the_keys_along(desk: Desk, tmp_path: Path) -> None:
    """And need not believe those of a reconciler.yaml that nobody approved."""
    desk.run("sign", "--entry", "5")
    copy, keys = str(desk.repo / "ledger"), tmp_path / "keys"
    keys.write_text(f"# the ledger's\n\n{OURS.line}\n{NEXT.line}\n")
    chain_only = desk.run("verify", "--ledger", copy)
    assert (chain_only.code, "1 signature was not checked: no key" in chain_only.out) == (0, True)
    signed = desk.run("verify", "--ledger", copy, "--signed-by", str(keys), "--format", "json")
    assert f"1 signature is of {OURS.public}." in json.loads(signed.out)["notes"]
    keys.write_text(THEIRS.line)
    strange = desk.run("verify", "--ledger", copy, "--signed-by", str(keys))
    assert (strange.code, "unsigned" in strange.out) == (1, True)
    assert desk.run("query", "--signed-by", str(keys)).code == 1


@pytest.mark.parametrize(("text", "said"), [("ssh-rsa AAAA", "keys:1: 'ssh-rsa"), ("", "no key")])
def test_a_file_without_keys_is_wrong_input(
    desk: Desk, tmp_path: Path, text: str, said: str
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(text)
    done = desk.run("verify", "--signed-by", str(keys))
    assert (done.code, said in done.err) == (2, True)
