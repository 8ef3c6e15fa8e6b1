"""A bare git repository that a local forge serves, in which commits and merges are real. Has no
work tree, runs no hook, and reads nothing of a person's own git set-up."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

Files = Mapping[str, str | bytes | None]  # None takes a file away

_PLAIN = ("-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0")
_KEPT = ("PATH", "HOME")
_OURS = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_NOTHING = "0" * 40


class GitRefused(Exception):
    """Git would not do it. `said` are its own words, "" where it only said no."""

    def __init__(self, said: str, command: str = "") -> None:
        super().__init__(said or command)
        self.said = said


@dataclass(frozen=True, slots=True)
class Ident:
    """What a commit says of its author, which git believes."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Commit:
    hash: str
    tree: str
    parents: tuple[str, ...]
    author: Ident
    committer: Ident
    at: datetime
    message: str


class Bare:
    """Made where there is none, with no commit; `main` is its main line."""

    def __init__(self, path: Path, main: str = "main") -> None:
        self.path, self.main = path, main
        # What whole hashes name never changes, nor how they lie to each other.
        self._known: dict[str, Commit] = {}
        self._within: dict[tuple[str, str], bool] = {}
        self._between: dict[tuple[str, str], tuple[str, ...]] = {}
        path.mkdir(parents=True, exist_ok=True)
        self.run("init", "--quiet", "--bare", f"--initial-branch={main}", str(path))

    def run(
        self,
        *arguments: str,
        given: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> str:
        """What git says. Raises GitRefused."""
        return self._said(*arguments, given=given, env=env).decode().rstrip("\n")

    def says(self, *arguments: str) -> str | None:
        try:
            return self.run(*arguments)
        except GitRefused:
            return None

    def tip(self, branch: str) -> str:
        """ "" where there is no such branch."""
        return self.full(f"refs/heads/{branch}")

    def full(self, name: str) -> str:
        """The whole hash of a commit, "" where there is none."""
        wanted = ("--quiet", "--end-of-options", f"{name}^{{commit}}")
        return self.says("rev-parse", "--verify", *wanted) or ""

    def branches(self) -> dict[str, str]:
        lines = self.run("for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads")
        rows = (line.partition(" ") for line in lines.splitlines())
        return {name: oid for oid, _, name in rows}

    def move(self, branch: str, oid: str) -> None:
        """To a commit, whatever it was; "" takes the branch away."""
        if oid:
            self.run("update-ref", f"refs/heads/{branch}", oid)
        else:
            self.run("update-ref", "-d", f"refs/heads/{branch}")

    def forget(self, commit: str) -> None:
        """Make it unreadable, as what no branch reaches is after a while."""
        (self.path / "objects" / commit[:2] / commit[2:]).unlink()
        for known in (self._known, self._within, self._between):
            known.clear()

    def kind(self, oid: str) -> str:
        return self.says("cat-file", "-t", oid) or ""

    def is_within(self, oid: str, tip: str) -> bool:
        """Of whole hashes. What git does not have is within nothing, as yet."""
        if (oid, tip) not in self._within:
            try:
                self.run("merge-base", "--is-ancestor", oid, tip)
                self._within[oid, tip] = True
            except GitRefused as e:
                if e.said:
                    return False
                self._within[oid, tip] = False
        return self._within[oid, tip]

    def fork_point(self, one: str, other: str) -> str:
        return self.says("merge-base", one, other) or ""

    def commits(self, base: str, head: str) -> tuple[str, ...]:
        """What `head` has and `base` has not, oldest first; whole hashes, or no base ("")."""
        if (base, head) not in self._between:
            without = [f"^{base}"] if base else []
            said = self.run("rev-list", "--reverse", "--topo-order", head, *without)
            self._between[base, head] = tuple(said.split())
        return self._between[base, head]

    def facts(self, commit: str) -> Commit:
        if commit not in self._known:
            form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%cn%x00%ce%x00%cI%x00%B"
            said = self.run("show", "--no-patch", f"--format={form}", commit)
            oid, tree, parents, name, email, by, address, at, message = said.split("\0", 8)
            self._known[commit] = Commit(
                oid,
                tree,
                tuple(parents.split()),
                Ident(name, email),
                Ident(by, address),
                datetime.fromisoformat(at),
                message.rstrip("\n"),
            )
        return self._known[commit]

    def entry(self, commit: str, path: str) -> tuple[int, str, str] | None:
        """Mode, type and id of what lies at exactly this path."""
        found = self.says("--literal-pathspecs", "ls-tree", "-z", commit, "--", path)
        for line in (found or "").split("\0"):
            meta, _, name = line.partition("\t")
            if path and name == path:
                mode, kind, oid = meta.split(" ")
                return int(mode, 8), kind, oid
        return None

    def blob(self, commit: str, path: str) -> str:
        """The id of what lies at this path, "" where nothing does."""
        entry = self.entry(commit, path)
        return entry[2] if entry else ""

    def read(self, commit: str, path: str) -> bytes | None:
        """None where the commit has no such file."""
        try:
            return self._said("cat-file", "blob", f"{commit}:{path}")
        except GitRefused:
            return None

    def add(
        self,
        branch: str,
        files: Files,
        message: str,
        author: Ident,
        committer: Ident,
        at: datetime,
        onto: str = "",
    ) -> str:
        """A commit on top of `onto`, or of the branch, or (where it is new) of the main line. The
        branch is moved to it, whatever it was."""
        parent = onto or self.tip(branch) or self.tip(self.main)
        parents = (parent,) if parent else ()
        made = self.commit(self.tree(parent, files), parents, message, author, committer, at)
        self.move(branch, made)
        return made

    def tree(self, base: str, files: Files) -> str:
        """The tree of the commit `base` ("" for none) with `files` written."""
        with tempfile.TemporaryDirectory() as folder:
            env = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self.run("read-tree", *([base] if base else ["--empty"]), env=env)
            lines = "".join(self._line(path, content) for path, content in files.items())
            self.run("update-index", "-z", "--index-info", given=lines, env=env)
            return self.run("write-tree", env=env)

    def _line(self, path: str, content: str | bytes | None) -> str:
        if content is None:
            return f"0 {_NOTHING}\t{path}\0"
        return f"100644 {self.run('hash-object', '-w', '--stdin', given=content)}\t{path}\0"

    def commit(
        self,
        tree: str,
        parents: Sequence[str],
        message: str,
        author: Ident,
        committer: Ident,
        at: datetime,
    ) -> str:
        """No branch has it yet."""
        env = {
            f"GIT_{role}_{key}": value
            for role, who in (("AUTHOR", author), ("COMMITTER", committer))
            for key, value in (("NAME", who.name), ("EMAIL", who.email), ("DATE", at.isoformat()))
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

    def _said(
        self,
        *arguments: str,
        given: str | bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> bytes:
        kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
        done = subprocess.run(
            ["git", *_PLAIN, "-C", str(self.path), *arguments],
            input=given.encode() if isinstance(given, str) else given,
            capture_output=True,
            env={**kept, **_OURS, **(env or {})},
            check=False,
        )
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).decode(errors="replace")
            raise GitRefused(said, f"git {arguments[0]}")
        return done.stdout
