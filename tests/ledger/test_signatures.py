"""What `audit verify` finds of signatures, and what anybody can find without this program."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import jsonschema_rs
import pytest

from reconciler.ledger import wire
from reconciler.ledger.base import LedgerError
from reconciler.ledger.chain import Break, Flaw, chained
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.ocsf import line
from reconciler.ledger.signatures import Signatures
from reconciler.ledger.signing import Keys, asked
from reconciler.model import EventKind
from reconciler.model.public_key import public_key
from reconciler.repository.schemas import installed
from tests.ledger.build import NOON, added, event, removed
from tests.ledger.signers import BOTH, NEXT, OURS, THEIRS, Kit

DOCS = Path(__file__).parents[2] / "docs" / "audit.md"


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


def verified(kit: Kit, keys: Keys = BOTH) -> tuple[list[Flaw], list[str]]:
    found = Signatures(keys)
    flaws = Ledger(FolderStore(kit.root / "ledger")).verify(None, found)
    return list(flaws), list(found.notes())


def test_what_stands_behind_the_last_signature_is_unsigned(kit: Kit) -> None:
    kit.append(added(0))
    kit.intrude(removed(1), added(2))
    kit.intrude(removed(3))
    [flaw], _ = verified(kit)
    assert (flaw.sort, flaw.number, flaw.through, flaw.batch) == (Break.UNSIGNED, 3, 5, 2)
    assert flaw.what == "entries 3 to 5 are vouched for by no key that is known"


def test_one_entry_of_a_stranger_is_unsigned_too(kit: Kit) -> None:
    kit.append(added(0))
    kit.intrude(removed(1), pair=THEIRS)
    [flaw], notes = verified(kit)
    assert (flaw.sort, flaw.number, flaw.through) == (Break.UNSIGNED, 3, 4)
    assert any(THEIRS.public.fingerprint in note for note in notes)


def test_a_signature_that_a_known_key_did_not_make_is_forged(kit: Kit) -> None:
    kit.append(added(0))
    kit.append(removed(1))
    FolderStore(kit.root / "ledger").put(3, kit.files()[0].read_bytes())
    flaws, _ = verified(kit)
    assert (Break.FORGED, 2, 3) in [(f.sort, f.number, f.batch) for f in flaws]


def test_what_a_person_vouched_for_is_no_flaw_and_is_noted(kit: Kit) -> None:
    kit.intrude(added(0), removed(1))
    head = [*kit.lines()][-1]
    kit.ledger().sign(head, asked(NOON, "run-2", "somebody looked"))
    kit.append(added(9))
    flaws, notes = verified(kit)
    assert flaws == []
    [note] = [n for n in notes if "vouched" in n]
    assert "entries 1 to 2 are not signed" in note
    assert "with entry 3" in note


def test_only_the_newest_entry_can_be_vouched_for(kit: Kit) -> None:
    kit.intrude(added(0))
    head = [*kit.lines()][-1]
    kit.intrude(removed(1))
    with pytest.raises(LedgerError, match="entry 1 is not the newest any more"):
        kit.ledger().sign(head, asked(NOON, "run-2", "somebody looked"))
    assert len(kit.files()) == 2


def test_an_old_key_is_no_flaw_where_a_newer_one_vouches(kit: Kit) -> None:
    kit.append(added(0))
    kit.listing(OURS, NEXT).append(removed(1), pair=NEXT)
    flaws, notes = verified(kit, Keys((NEXT.public,)))
    assert flaws == []
    assert any(f"1 signature is of {OURS.public.fingerprint}" in n for n in notes)
    assert "not known" not in str(verified(kit, Keys((OURS.public, NEXT.public)))[1])


def test_without_keys_signatures_are_not_judged_and_that_is_said(kit: Kit) -> None:
    kit.append(added(0))
    kit.intrude(removed(1))
    flaws, notes = verified(kit, Keys())
    assert flaws == []
    assert notes[0].startswith("1 signature was not checked")


def test_a_signature_is_not_taken_for_a_secret() -> None:
    [entry] = chained([added(0)], None)
    signed = BOTH.sign(entry, 1)
    assert wire.cleaned(signed.event) == signed.event
    again = wire.decode(wire.encode(signed))
    assert again == signed
    found = json.loads(wire.encode(signed))
    jsonschema_rs.Draft202012Validator(
        json.loads((installed() / "ledger.schema.json").read_text())
    ).validate(found)
    assert json.loads(line(signed))["unmapped"]["signature"] == found["signature"]


@pytest.mark.parametrize("value", ["", "x", "A" * 128, "0" * 127, 3])
def test_a_signature_of_another_shape_is_no_entry(value: object) -> None:
    [entry] = chained([event(EventKind.SIGNED)], None)
    text = json.dumps(json.loads(wire.encode(entry)) | {"signature": value})
    with pytest.raises(LedgerError, match="`signature` is"):
        wire.decode(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7 ledger",
        OURS.line.replace(" ", "", 1),
        OURS.line[:60],
        OURS.line.replace("AAAAC3NzaC1lZDI1NTE5", "AAAAC3NzaC1lZDI1NTE6"),
        OURS.private,
    ],
    ids=[
        "nothing",
        "rsa",
        "no-space",
        "cut-short",
        "another-sort",
        "private",
    ],  # keys are made anew
)
def test_what_is_no_public_key_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"write the line of the file `ledger-key\.pub`"):
        public_key(text)


def test_a_key_is_made_and_named_as_the_manual_says(tmp_path: Path) -> None:
    [make] = re.findall(r"^ssh-keygen .*", DOCS.read_text(), re.M)
    subprocess.run(["bash", "-ec", f"{make} -q"], check=True, cwd=tmp_path)
    public = public_key((tmp_path / "ledger-key.pub").read_text())
    said = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / "ledger-key.pub"], check=True, capture_output=True
    )
    assert public.fingerprint in said.stdout.decode()
    keys = Keys((public,), (tmp_path / "ledger-key").read_text())
    [entry] = chained([added(0)], None)
    assert keys.sign(entry, 1).event.signed_by == public.fingerprint


@pytest.mark.skipif(
    not all(map(shutil.which, ("jq", "openssl", "xxd"))), reason="the manual's tools are not here"
)
def test_a_signature_is_verified_without_this_program_as_the_manual_says(kit: Kit) -> None:
    kit.append(added(0, reason="é, and more"))
    (kit.root / "ledger-key.pub").write_text(OURS.line)
    recipe = DOCS.read_text().split("```console\nFILE=")[1].split("```")[0]

    def told() -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["bash", "-c", f"FILE={recipe}"], capture_output=True, cwd=kit.root)

    assert b"Signature Verified Successfully" in told().stdout
    file = kit.files()[0]
    file.chmod(0o600)
    file.write_text(file.read_text().replace('"run":"run-1","sig', '"run":"run-9","sig'))
    assert b"Signature Verification Failure" in told().stdout + told().stderr
