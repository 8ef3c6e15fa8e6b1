"""A ledger that nobody signs, and in which somebody else has written: access ends all the same, and
whoever asks is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.company import grant
from tests.e2e.test_ledger import Recorded
from tests.e2e.test_ledger import recorded as recorded
from tests.e2e.test_scenarios import ALICE, GCP, WRITE, G

AT = "2026-12-01T12:00:00Z"
PLACE = {
    "system": "bitbucket",
    "kind": "repository",
    "resource": "payments-api",
    "role": "write",
    "principal": "user:1",
}
ADDED = {"at": AT, "kind": "done", "run": "r", "action": "add", "assignment": PLACE}


def forge(folder: Path, entry: Mapping[str, Any]) -> None:
    """An entry with a right place and a right hash, as one batch."""
    files = sorted(folder.rglob("*.jsonl"))
    last = json.loads(files[-1].read_text().splitlines()[-1])
    fields = {**entry, "number": last["number"] + 1, "before": last["hash"], "hash": "0" * 64}
    escaped = "\\ud800" in json.dumps(entry)  # as UTF-8 has no half characters
    line = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=escaped)
    digest = sha256(line.replace(f'"hash":"{"0" * 64}",', "").encode()).hexdigest()
    batch = files[-1].with_name(f"{int(files[-1].stem) + 1:09d}.jsonl")
    batch.write_text(line.replace("0" * 64, digest) + "\n")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"at": "9999-12-31T23:59:59Z", "kind": "ledger-lost", "run": "r"}, "no clock shows"),
        (ADDED | {"at": "9999-12-31T23:59:59Z"}, "no clock shows"),
        (ADDED | {"at": "0001-01-01T00:00:00Z"}, "no clock shows"),
        (ADDED | {"at": "2026-W49-2T12Z"}, "not a time like"),
        (ADDED | {"kind": "intended", "assignment": PLACE | {"role": "\ud800"}}, "not spelled"),
        (ADDED | {"reason": ""}, "not spelled"),
    ],
    ids=["the end of time", "given then", "before all", "a week", "half a character", "empty"],
)
def test_an_entry_that_nobody_of_us_writes_stops_no_run(
    recorded: Recorded, entry: dict[str, Any], said: str
) -> None:
    """Access would last until somebody took that entry away."""
    company = recorded.company
    company.merge({G: grant(ALICE, WRITE, GCP, end="duration: 2h")})
    company.converge()
    forge(recorded.folder, entry)
    for words in (("plan",), ("audit", "verify"), ("audit", "query"), ("explain", ALICE)):
        done = company.run(*words, at=1)
        assert (done.code, said in done.out + done.err) == (1, True)
    assert company.apply(at=3).code == 1
    assert company.gained() == set()
