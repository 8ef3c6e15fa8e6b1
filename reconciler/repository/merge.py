"""What merging a pull request would make of the main line, without making it: the merge lies in a
repository of its own that is thrown away, and the access repository is only read.

That repository has no configuration, no attributes and no hooks, so nothing that a pull request
brings along (a merge driver, a filter, `merge=union`) takes part.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from reconciler.errors import InputError
from reconciler.git_environment import environment
from reconciler.repository.git import Git, at, words_of
from reconciler.repository.words import printable

_NOBODY = {"NAME": "access-reconciler", "EMAIL": "access-reconciler@example.com"}
_NO_CONFIGURATION = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_COUNT": "0",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_TEMPLATE_DIR": "",
}
_FEW = 5
_ROLES = ("AUTHOR", "COMMITTER")


@contextmanager
def merged_as(root: Path, base: str, head: str, now: datetime) -> Iterator[tuple[Git, str]]:
    """The commit that merging `head` into `base` at `now` would make, `base` its first parent, and
    the Git that can read it: `load(root, now, commit, git=git)`, while the context is open.

    Raises InputError where the two conflict, with the paths, or where git is older than 2.38.
    """
    git = at(root)
    ours, theirs = git.commit(base), git.commit(head)
    with tempfile.TemporaryDirectory(prefix="access-reconciler-") as folder:
        aside = _Aside(Path(folder) / "merge.git")
        aside.begin(git)
        commit = aside.commit(aside.tree(ours, theirs, head), ours, theirs, now)
        yield Git(git.root, aside.root / "objects"), commit


class _Aside:
    """A bare repository that borrows the objects of another."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self, git: Git) -> None:
        format = git.ask("rev-parse", "--show-object-format").decode().strip()
        objects = git.root / os.fsdecode(git.ask("rev-parse", "--git-path", "objects")).rstrip("\n")
        self.root.mkdir()
        self.asked("init", "--quiet", "--bare", f"--object-format={format}")
        lenders = self.root / "objects" / "info" / "alternates"
        lenders.parent.mkdir(exist_ok=True)
        lenders.write_bytes(os.fsencode(objects.resolve()) + b"\n")

    def tree(self, ours: str, theirs: str, head: str) -> str:
        options = ("--write-tree", "--name-only", "--no-messages", "-z")
        done = self.run("merge-tree", *options, ours, theirs)
        tree, *paths = os.fsdecode(done.stdout).rstrip("\0").split("\0")
        if done.returncode == 0:
            return tree
        if done.returncode == 1 and paths:
            every = sorted({printable(path) for path in paths})
            rest = f" and {len(every) - _FEW} more" if len(every) > _FEW else ""
            what = f"{head} conflicts with the main line in {', '.join(every[:_FEW])}{rest}"
            raise InputError(f"{what}; merge the main line into it, or rebase it")
        raise self.error("merge-tree", done)

    def commit(self, tree: str, ours: str, theirs: str, now: datetime) -> str:
        parents = ("-p", ours, "-p", theirs)
        date = f"{int(now.timestamp())} +0000"
        who = {f"GIT_{role}_{key}": value for role in _ROLES for key, value in _NOBODY.items()}
        dates = {f"GIT_{role}_DATE": date for role in _ROLES}
        return self.asked("commit-tree", tree, *parents, "-m", "merge", env=who | dates)

    def asked(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        done = self.run(*arguments, env=env)
        if done.returncode:
            raise self.error(arguments[0], done)
        return done.stdout.decode().strip()

    def run(
        self, *arguments: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", *arguments],
            cwd=self.root,
            env=environment() | _NO_CONFIGURATION | {"GIT_DIR": str(self.root)} | (env or {}),
            capture_output=True,
            check=False,
        )

    def error(self, asked: str, done: subprocess.CompletedProcess[bytes]) -> InputError:
        why = words_of(done.stderr)
        if why.startswith("usage: "):
            why = "git is too old; install 2.38 or later"
        return InputError(f"git {asked} failed: {why}")
