"""The workspace of a run against the local systems: an access repository, and the tool beside it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.sandbox.home import Running

from .runner import Run, Runner

INSTALL = "Install the reconciler"
GRANT = """\
subject: carol@example.com
access:
  - system: bitbucket
    repository: ledger
    permission: write
expires: 2099-01-01T00:00:00Z
reason: Trying the workflows out
"""
HELD = ("bitbucket", "ledger", "write", "carol")


@dataclass(frozen=True)
class Access:
    """The workspace of one run: what the checkout steps would bring."""

    runner: Runner
    sandbox: Running

    @property
    def folder(self) -> Path:
        return self.runner.workspace / "access"

    def commit(self, path: str, text: str | None) -> None:
        file = self.folder / path
        if text is None:
            file.unlink()
        else:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        git(self.folder, "add", "-A")
        git(self.folder, "commit", "-qm", f"Change {path}")

    def run(self, workflow: str, event: str = "push", **inputs: Any) -> Run:
        job = workflow.partition(".")[0]
        return replace(self.runner, inputs=inputs, event=event).run(workflow, job)

    def holds(self, row: tuple[str, str, str, str]) -> bool:
        rows = self.sandbox.control.rows()
        return row in {(r.system, r.resource, r.role, r.principal) for r in rows}


def git(folder: Path, *words: str) -> None:
    author = ["-c", "user.name=Alice", "-c", "user.email=alice@example.com"]
    subprocess.run(["git", "-C", str(folder), *author, *words], check=True)
