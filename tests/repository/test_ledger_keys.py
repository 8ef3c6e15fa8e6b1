"""The keys that sign the ledger, as reconciler.yaml lists them."""

from __future__ import annotations

import pytest

from tests.ledger.signers import NEXT, OURS
from tests.repository.build import CONFIGURATION
from tests.repository.test_configuration import read, valid

SHORT = OURS.line[:60]


def ledger(keys: str) -> str:
    return f"{CONFIGURATION}ledger:\n  store: branch\n  signed_by: {keys}\n"


def test_each_key_that_is_listed_is_known() -> None:
    found = valid(ledger(f"\n  - {OURS.line}\n  - {NEXT.line}")).ledger
    assert found is not None
    assert found.signed_by == (OURS.public, NEXT.public)
    assert [key.comment for key in found.signed_by] == ["ledger", "next"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("[]", "`ledger.signed_by` has 0 entries; write at least 1"),
        (OURS.line, "write a list"),
        (f"[{SHORT}]", f"`signed_by` has `{SHORT}`; it is no Ed25519 public key; write the line"),
        (
            "[ssh-rsa AAAAB3NzaC1yc2E]",
            "`signed_by` has `ssh-rsa AAAAB3NzaC1yc2E`; it is no Ed25519",
        ),
        (f"\n  - {OURS.line}\n  - ledger-key.pub", "9:5: `signed_by` has `ledger-key.pub`"),
        (f"\n  - {OURS.line}\n  - {OURS.line}", "twice; remove one"),
    ],
)
def test_what_is_no_key_is_told_at_its_place(keys: str, said: str) -> None:
    found, problems = read(ledger(keys))
    assert found is None
    assert len(problems) == 1
    assert said in problems[0]
