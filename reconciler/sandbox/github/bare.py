"""A bare git repository, and commits made in it as GitHub makes them. Has no work tree, and reads
nothing of a person's own git set-up."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_PLAIN = ("-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0")
_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_CONFIG_PARAMETERS")
_OURS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
NOBODY = "0" * 40


class GitRefused(Exception):
    """Git would not do it; its own words."""


@dataclass(frozen=True, slots=True)
class Ident:
    name: str
    email: str


@dataclass(frozen=True, slots=True)
class CommitFacts:
    tree: str
    parents: tuple[str, ...]
    author: Ident
    committer: Ident
    message: str


class Bare:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._known: dict[str, CommitFacts] = {}  # what an id names never changes

    def create(self, branch: str) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.run("init", "--quiet", "--bare", f"--initial-branch={branch}", str(self.path))

    def run(
        self, *arguments: str, given: str | None = None, env: Mapping[str, str] | None = None
    ) -> str:
        kept = {key: value for key, value in os.environ.items() if key not in _MISLEADING}
        done = subprocess.run(
            ["git", *_PLAIN, "-C", str(self.path), *arguments],
            input=given,
            text=True,
            capture_output=True,
            env={**kept, **_OURS, **(env or {})},
            check=False,
        )
        if done.returncode:
            raise GitRefused(done.stderr.strip() or done.stdout.strip() or f"git {arguments[0]}")
        return done.stdout.rstrip("\n")

    def says(self, *arguments: str) -> str | None:
        try:
            return self.run(*arguments)
        except GitRefused:
            return None

    def tip(self, branch: str) -> str:
        return self.says("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}") or ""

    def branches(self) -> dict[str, str]:
        lines = self.run("for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads")
        rows = (line.partition(" ") for line in lines.splitlines())
        return {name: oid for oid, _, name in rows}

    def move(self, branch: str, oid: str) -> None:
        if oid:
            self.run("update-ref", f"refs/heads/{branch}", oid)
        else:
            self.run("update-ref", "-d", f"refs/heads/{branch}")

    def kind(self, oid: str) -> str:
        return self.says("cat-file", "-t", oid) or ""

    def is_within(self, oid: str, tip: str) -> bool:
        return self.says("merge-base", "--is-ancestor", oid, tip) is not None

    def fork_point(self, one: str, other: str) -> str:
        return self.says("merge-base", one, other) or ""

    def commits(self, base: str, head: str) -> tuple[str, ...]:
        """What `head` has and `base` has not, oldest first."""
        without = [f"^{base}"] if base else []
        return tuple(self.run("rev-list", "--reverse", "--topo-order", head, *without).split())

    def entry(self, commit: str, path: str) -> tuple[int, str, str] | None:
        """Mode, type and id of what lies at exactly this path."""
        found = self.says("--literal-pathspecs", "ls-tree", "-z", commit, "--", path)
        for line in (found or "").split("\0"):
            meta, _, name = line.partition("\t")
            if path and name == path:
                mode, kind, oid = meta.split(" ")
                return int(mode, 8), kind, oid
        return None

    def facts(self, commit: str) -> CommitFacts:
        if commit in self._known:
            return self._known[commit]
        form = "%T%x00%P%x00%an%x00%ae%x00%cn%x00%ce%x00%B"
        said = self.run("show", "--no-patch", f"--format={form}", commit)
        tree, parents, name, email, by, at, message = said.split("\0", 6)
        facts = CommitFacts(
            tree, tuple(parents.split()), Ident(name, email), Ident(by, at), message.rstrip("\n")
        )
        self._known[commit] = facts
        return facts

    def tree(self, base: str, files: Mapping[str, str | None]) -> str:
        """The tree of the commit `base` ("" for none) with `files` written, or deleted (None)."""
        with tempfile.TemporaryDirectory() as folder:
            env = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self.run("read-tree", *([base] if base else ["--empty"]), env=env)
            lines = "".join(self._line(path, text) for path, text in files.items())
            self.run("update-index", "-z", "--index-info", given=lines, env=env)
            return self.run("write-tree", env=env)

    def _line(self, path: str, text: str | None) -> str:
        if text is None:
            return f"0 {NOBODY}\t{path}\0"
        return f"100644 {self.run('hash-object', '-w', '--stdin', given=text)}\t{path}\0"

    def commit(
        self,
        tree: str,
        parents: Sequence[str],
        message: str,
        author: Ident,
        committer: Ident,
        at: datetime,
    ) -> str:
        when = at.isoformat()
        env = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": when,
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
            "GIT_COMMITTER_DATE": when,
        }
        each = [word for parent in parents for word in ("-p", parent)]
        return self.run("commit-tree", tree, *each, "-F", "-", given=message, env=env)

    def merged_tree(self, base: str, ours: str, theirs: str, at: datetime) -> str:
        """A three-way merge of three commits' trees. Raises GitRefused on a conflict.

        Git before 2.40 takes no `--merge-base`, so the three are dressed as a history of their own.
        """
        nobody = Ident("nobody", "nobody@example.com")
        root = self.commit(f"{base}^{{tree}}", (), "base", nobody, nobody, at)
        one = self.commit(f"{ours}^{{tree}}", (root,), "ours", nobody, nobody, at)
        other = self.commit(f"{theirs}^{{tree}}", (root,), "theirs", nobody, nobody, at)
        return self.run("merge-tree", "--write-tree", one, other).splitlines()[0]
