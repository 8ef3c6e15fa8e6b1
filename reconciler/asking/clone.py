"""The clone of somebody who asks: commits to a branch of its own and pushes that, and never touches
what they have checked out, staged or stashed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from reconciler.errors import InputError, ReconcilerError
from reconciler.git_environment import environment
from reconciler.repository.git import Git, words_of
from reconciler.repository.git_answers import REGULAR

REMOTE = "origin"
_PROMPT = "GIT_TERMINAL_PROMPT"  # a push may ask its user for a password


@dataclass(frozen=True, slots=True)
class Clone:
    git: Git

    @property
    def root(self) -> Path:
        return self.git.root

    def email(self) -> str:
        return self.git.says("config", "user.email") or ""

    def has_origin(self) -> bool:
        return bool(self.git.says("remote", "get-url", REMOTE))

    def fetch(self, branch: str) -> None:
        """Look at the main line of `origin` anew. Raises ReconcilerError with git's words."""
        where = f"+refs/heads/{branch}:refs/remotes/{REMOTE}/{branch}"
        self._asked("fetch", "--quiet", "--no-write-fetch-head", "--no-tags", REMOTE, where)

    def tip(self, branch: str) -> str:
        """The main line as this clone knows it: that of `origin`, else its own, else what is
        checked out."""
        for ref in (f"refs/remotes/{REMOTE}/{branch}", f"refs/heads/{branch}"):
            found = self.git.says("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
            if found:
                return found
        return self.git.commit("HEAD")

    def branches(self, under: str, *, remote: bool) -> frozenset[str]:
        """The names of branches here, and where `remote` of those that `origin` has now."""
        own = (
            self.git.says("for-each-ref", "--format=%(refname:lstrip=2)", f"refs/heads/{under}")
            or ""
        )
        found = set(own.split())
        if remote:
            lines = self._asked("ls-remote", "--heads", REMOTE, f"refs/heads/{under}*")
            found |= {line.partition("\trefs/heads/")[2] for line in lines.splitlines()}
        return frozenset(found)

    def commit(
        self, parent: str, path: str, content: bytes | None, message: str, *, signed: bool
    ) -> str:
        """The commit that has this file so (None: no longer), by the user. No branch has it yet."""
        with tempfile.TemporaryDirectory(prefix="access-reconciler-") as folder:
            aside = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._asked("read-tree", parent, env=aside)
            if content is None:
                self._asked("update-index", "--force-remove", "--", path, env=aside)
            else:
                blob = self._asked("hash-object", "-w", "--stdin", given=content)
                entry = f"{self._mode(parent, path)},{blob},{path}"
                self._asked("update-index", "--add", "--cacheinfo", entry, env=aside)
            tree = self._asked("write-tree", env=aside)
        sign = (
            ("-S",)
            if signed or self.git.says("config", "--bool", "commit.gpgsign") == "true"
            else ()
        )
        return self._asked(
            "commit-tree", *sign, "-p", parent, "-F", "-", tree, given=message.encode()
        )

    def push(self, commit: str, branch: str) -> None:
        """As a new branch: one that is there already is refused. Raises ReconcilerError."""
        ref = f"refs/heads/{branch}"
        self._asked("push", "--quiet", f"--force-with-lease={ref}:", REMOTE, f"{commit}:{ref}")

    def leave(self, path: str, content: bytes | None, before: bytes | None) -> None:
        """Into the work tree, where the file must be as it was `before` (None: not there)."""
        file = self.root / path
        for part in (*reversed(PurePosixPath(path).parents), PurePosixPath(path)):
            if (self.root / part).is_symlink():
                raise InputError(
                    f"{part} is a symbolic link in your work tree, and leads who knows where; remove it"
                )
        try:
            there = file.read_bytes() if os.path.lexists(file) else None
            if there != before:
                raise InputError(
                    f"{path} is not as the main line has it; pull, or commit what you changed in it"
                )
            if content is None:
                file.unlink(missing_ok=True)
                return
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        except OSError as e:
            raise InputError(f"{path} cannot be written: {e.strerror}") from e

    def _mode(self, commit: str, path: str) -> str:
        modes = [e.mode for e in self.git.tree(commit, path) if e.path == path]
        return modes[0] if modes and modes[0] in REGULAR else REGULAR[0]

    def _asked(
        self, *arguments: str, given: bytes | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        kept = {key: value for key, value in environment().items() if key != _PROMPT}
        done = subprocess.run(
            ["git", "-C", str(self.root), *arguments],
            input=given if given is not None else b"",
            capture_output=True,
            env={**kept, **(env or {})},
            check=False,
        )
        if done.returncode:
            raise ReconcilerError(f"git {arguments[0]} failed: {_why(done.stderr)}")
        return os.fsdecode(done.stdout).rstrip("\n")


def _why(stderr: bytes) -> str:
    """The line that says what went wrong: a push says first where it went, with its address."""
    lines = [line.strip() for line in os.fsdecode(stderr).splitlines()]
    wrong = [
        line for line in lines if line.startswith(("fatal: ", "error: ", "! [", "remote: error"))
    ]
    return wrong[0].removeprefix("fatal: ").removeprefix("error: ") if wrong else words_of(stderr)
