"""A bare git repository in which commits and merges are real. Never runs a hook, signs, or reads
the person's own git configuration."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

Files = Mapping[str, str | bytes | None]  # None takes a file away


@dataclass(frozen=True, slots=True)
class Identity:
    """What a commit says of its author, which git believes."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Commit:
    hash: str
    parents: tuple[str, ...]
    author: Identity
    committer: Identity
    at: datetime
    message: str


class Repository:
    """`main` begins with one empty commit."""

    def __init__(self, path: Path, main: str = "main") -> None:
        self.path = path
        self.main = main
        subprocess.run(
            ["git", "init", "-q", "--bare", f"--initial-branch={main}", str(path)],
            check=True,
            env=_environment(),
        )

    def commit(
        self,
        branch: str,
        files: Files,
        author: Identity,
        at: datetime,
        message: str = "",
        onto: str = "",
    ) -> str:
        """A commit on top of `onto`, or of the branch, or (where it is new) of the main line. The
        branch is set to it, whatever it was."""
        parent = onto or self.head(branch) or self.head(self.main)
        tree = self._tree(parent, files)
        made = self._commit_tree(tree, (parent,) if parent else (), author, at, message or branch)
        self.move(branch, made)
        return made

    def merge(self, head: str, author: Identity, at: datetime, message: str) -> str:
        """A merge commit on the main line. Raises ValueError where both sides changed a line."""
        ours = self.head(self.main)
        tree = self._merged(ours, head)
        made = self._commit_tree(tree, (ours, head), author, at, message)
        self.move(self.main, made)
        return made

    def squash(self, head: str, author: Identity, at: datetime, message: str) -> str:
        ours = self.head(self.main)
        made = self._commit_tree(self._merged(ours, head), (ours,), author, at, message)
        self.move(self.main, made)
        return made

    def fast_forward(self, head: str) -> str:
        """Raises ValueError where the main line is not an ancestor."""
        if self._git("merge-base", self.main, head) != self.head(self.main):
            raise ValueError(f"{self.main} has commits that {head} has not")
        self.move(self.main, head)
        return head

    def move(self, branch: str, commit: str) -> None:
        self._git("update-ref", f"refs/heads/{branch}", commit)

    def delete(self, branch: str) -> None:
        self._git("update-ref", "-d", f"refs/heads/{branch}")

    def forget(self, commit: str) -> None:
        """Make it unreadable, as what no branch reaches is after a while."""
        folder, name = commit[:2], commit[2:]
        (self.path / "objects" / folder / name).unlink()

    def head(self, branch: str) -> str:
        """ "" where there is no such branch."""
        return self.full(f"refs/heads/{branch}")

    def full(self, name: str) -> str:
        """The whole hash of a commit, "" where there is none."""
        done = self._run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
        )
        return done.stdout.decode().strip() if done.returncode == 0 else ""

    def between(self, since: str, head: str) -> tuple[Commit, ...]:
        """What `head` has and `since` has not, newest first."""
        listed = self._git("rev-list", "--topo-order", head, f"^{since}").split()
        return tuple(self.read_commit(commit) for commit in listed)

    def base(self, one: str, other: str) -> str:
        return self._git("merge-base", one, other)

    def read_commit(self, commit: str) -> Commit:
        form = "%H%x00%P%x00%an%x00%ae%x00%cn%x00%ce%x00%cI%x00%B"
        out = self._git("show", "-s", f"--format={form}", commit)
        sha, parents, name, email, by, by_email, at, message = out.split("\0", 7)
        return Commit(
            sha,
            tuple(parents.split()),
            Identity(name, email),
            Identity(by, by_email),
            datetime.fromisoformat(at),
            message,
        )

    def read(self, commit: str, path: str) -> bytes | None:
        """None where the commit has no such file."""
        done = self._run("cat-file", "blob", f"{commit}:{path}")
        return done.stdout if done.returncode == 0 else None

    def blob(self, commit: str, path: str) -> str:
        """The blob's id, as git tells it."""
        return self._git("rev-parse", f"{commit}:{path}")

    def _merged(self, ours: str, theirs: str) -> str:
        done = self._run("merge-tree", "--write-tree", ours, theirs)
        if done.returncode != 0:
            raise ValueError(f"{theirs} conflicts with {self.main}")
        return done.stdout.decode().split()[0]

    def _tree(self, parent: str, files: Files) -> str:
        with tempfile.TemporaryDirectory() as home:
            env = {"GIT_INDEX_FILE": str(Path(home) / "index")}
            if parent:
                self._git("read-tree", parent, env=env)
            for path, content in files.items():
                if content is None:
                    self._git("rm", "-q", "--cached", "--", f":(top,literal){path}", env=env)
                    continue
                text = content.encode() if isinstance(content, str) else content
                blob = self._git("hash-object", "-w", "--stdin", stdin=text)
                self._git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}", env=env)
            return self._git("write-tree", env=env)

    def _commit_tree(
        self, tree: str, parents: tuple[str, ...], who: Identity, at: datetime, message: str
    ) -> str:
        env = {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in (("NAME", who.name), ("EMAIL", who.email), ("DATE", at.isoformat()))
        }
        named = [word for parent in parents for word in ("-p", parent)]
        return self._git("commit-tree", tree, *named, stdin=message.encode(), env=env)

    def _git(self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> str:
        done = self._run(*words, stdin=stdin, env=env)
        if done.returncode != 0:
            raise ValueError(f"git {words[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout.decode().strip()

    def _run(
        self, *words: str, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", "--git-dir", str(self.path), *words],
            input=stdin,
            capture_output=True,
            check=False,
            env={**_environment(), **(env or {})},
        )


def _environment() -> dict[str, str]:
    kept = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return {**kept, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
