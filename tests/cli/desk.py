"""A town, and a clone of its repository in which commands are run, in the present."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from click.testing import CliRunner

from reconciler.cli import cli
from reconciler.errors import ReconcilerError
from tests.proof.town import CHANGES, RULES, Town
from tests.result import Result


class Desk:
    """What happens in town happened some hours ago."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.town = Town(home)
        self.town.at = datetime.now(UTC) - timedelta(hours=6)
        self.clone = home / "clone"
        self.token = self.town.github.users["reconciler"].token

    def begin(self, rules: str = RULES, **files: str | None) -> str:
        root = self.town.begin(rules, CHANGES, **files)
        self.git("clone", "--quiet", str(self.town.root), str(self.clone))
        return root

    def write(self, path: str, text: str) -> None:
        """In the working tree, not committed."""
        file = self.clone / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def fetch(self) -> None:
        self.git("-C", str(self.clone), "pull", "--quiet", "--ff-only")

    def run(self, *words: str, **env: str) -> Result:
        """In this process, with nothing of this machine's environment that it would ask for."""
        ours = {
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "GITHUB_TOKEN": self.token,
            "RECONCILER_FORGE_TOKEN": "",
            "RECONCILER_TRUST": "",
        }
        done = CliRunner().invoke(
            cli, [*words, "--repo", str(self.clone)], env={**ours, **env}, standalone_mode=False
        )
        if isinstance(done.exception, ReconcilerError):
            return Result(done.exception.exit_code, done.stdout, f"{done.stderr}{done.exception}")
        if done.exception is not None:
            raise done.exception
        return Result(done.return_value or 0, done.stdout, done.stderr)

    def git(self, *words: str) -> None:
        subprocess.run(["git", *words], check=True, capture_output=True)

    def close(self) -> None:
        self.town.close()
