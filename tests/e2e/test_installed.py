"""Each command in a process of its own, as it is installed."""

from __future__ import annotations

import subprocess

import pytest

from tests.e2e.company import Company, grant
from tests.e2e.installed import COMMAND
from tests.e2e.test_scenarios import ALICE, EVERYWHERE, G

COMMANDS = (
    "validate",
    "plan",
    "apply",
    "status",
    f"explain {ALICE}",
    "diff --from 2026-01-01T00:00:00Z",
    "review",
    "policy --help",
    "audit verify",
    "audit query",
    "audit export --format ocsf",
    "doctor --help",
    "schema grant",
    "request --help",
)


@pytest.mark.parametrize("line", COMMANDS)
def test_it_starts_by_itself(company: Company, line: str) -> None:
    """What another command happened to import first is not there."""
    configuration = (company.root / "reconciler.yaml").read_text()
    ledger = "ledger: {store: folder, path: ledger}\n"
    company.merge({"reconciler.yaml": configuration + ledger, G: grant(ALICE, *EVERYWHERE)})
    company.converge()
    done = subprocess.run(
        [COMMAND, *line.split()],
        cwd=company.root,
        env=company.environment(0),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


def test_it_tells_its_version() -> None:
    assert subprocess.run([COMMAND, "--version"], capture_output=True, check=True).stdout
