"""What git knows, asked of git itself. Reads only; never what the working tree's files contain, never
the network's side.

Contents are asked by commit or blob id, with the user's own settings kept out of the answers.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from reconciler.errors import InputError
from reconciler.git_environment import environment
from reconciler.repository.git_answers import (
    CHUNK,
    REGULAR,
    Commit,
    Entry,
    commits,
    split,
    tokens,
    tree_entry,
)

_CHANGED = ("diff-files", "--name-only", "-z", "--ignore-submodules=none")
_UNTRACKED = ("ls-files", "--others", "--exclude-standard", "-z")
_EXACTLY = re.compile(r"(HEAD|[0-9a-f]{40}|[0-9a-f]{64})([~^@].*)?|refs/.*")


@dataclass(frozen=True, slots=True)
class Git:
    """The repository whose top is `root`. Make one with `at`. `objects` is a folder of objects
    to read beside its own."""

    root: Path
    objects: Path | None = None

    @property
    def lasting(self) -> bool:
        """Whether what is read will be there next time."""
        return self.objects is None

    def ask(self, *arguments: str) -> bytes:
        """The answer on stdout; InputError with git's own words when it says no."""
        done = self._run(arguments)
        if done.returncode:
            raise InputError(f"git {arguments[0]} failed in {self.root}: {words_of(done.stderr)}")
        return done.stdout

    @contextmanager
    def beside(self, *arguments: str) -> Iterator[Callable[[], bytes]]:
        """git at work beside us, and what is called for its answer, as `ask` has it."""
        with self._open(arguments) as process:
            try:
                yield lambda: self._answer(process, arguments[0])
            finally:
                process.kill()

    def _answer(self, process: subprocess.Popen[bytes], asked: str) -> bytes:
        out, said = process.communicate()
        if process.returncode:
            raise InputError(f"git {asked} failed in {self.root}: {words_of(said)}")
        return out

    def says(self, *arguments: str) -> str | None:
        """A short answer, or None when git says no."""
        done = self._run(arguments)
        return None if done.returncode else os.fsdecode(done.stdout).strip()

    def commit(self, name: str) -> str:
        """The id of the commit that `name` (HEAD, a branch, an id) stands for."""
        whole = (name,) if _EXACTLY.fullmatch(name) else ()
        # A branch before a tag: git has it the other way, and whoever may push a tag could choose
        # what we take for the main line.
        for each in whole or (f"refs/heads/{name}", f"refs/remotes/{name}", name):
            asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{each}^{{commit}}")
            if found := self.says(*asked):
                return found
        if self.says("rev-parse", "--verify", "--quiet", "HEAD^{commit}") is None:
            what = f"{self.root} has no commit yet on this branch"
            raise InputError(f"{what}; commit the access repository first")
        raise InputError(f"there is no commit {name!r} in {self.root}; write a branch or an id")

    def tree(self, commit: str, *paths: str) -> list[Entry]:
        """Every file of the commit under `paths`, submodules as one entry each."""
        found = self.ask("ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths)
        return [tree_entry(line) for line in split(found)]

    def top(self, commit: str) -> list[str]:
        """The names at the top of the commit; a folder's ends in a slash."""
        lines = split(self.ask("ls-tree", "-z", "--full-tree", commit))
        each = [line.partition("\t") for line in lines]
        return [name + ("/" if " tree " in meta else "") for meta, _, name in each]

    def index(self, *paths: str) -> list[Entry]:
        """Every tracked file of the working tree."""
        entries = []
        for line in split(self.ask("ls-files", "-s", "-z", "--", *paths)):
            meta, _, path = line.partition("\t")
            mode, blob, _stage = meta.split(" ")
            entries.append(Entry(mode, blob, path))
        return entries

    def changed(self) -> list[str]:
        """Tracked files whose bytes, kind or mode may differ from the index, by a look at their
        times and sizes: a file that is not named here is as the index has it."""
        return split(self.ask(*_CHANGED))

    def untracked(self, *paths: str) -> list[str]:
        """Files that nobody added yet and nothing ignores; a folder that is a repository of its
        own ends in a slash."""
        return split(self.ask(*_UNTRACKED, "--", *paths))

    @contextmanager
    def looking(self) -> Iterator[Callable[[], tuple[list[str], list[str]]]]:
        """What is `changed`, and what is `untracked`, found out beside us: each goes through the
        whole working tree."""
        with self.beside(*_CHANGED) as changed, self.beside(*_UNTRACKED) as untracked:
            yield lambda: (split(changed()), split(untracked()))

    def blob(self, commit: str, path: str) -> bytes | None:
        """One file of a commit, None where it has no such regular file."""
        for entry in self.tree(commit, path):
            if entry.path == path and entry.mode in REGULAR:
                return self.ask("cat-file", "blob", entry.blob)
        return None

    def blobs(self, ids: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """The contents, in the order asked. Raises InputError for one that is not there."""
        with tempfile.TemporaryFile() as wanted:
            wanted.write("".join(f"{id}\n" for id in ids).encode())
            wanted.seek(0)
            with self._open(("cat-file", "--batch"), stdin=wanted, quiet=True) as process:
                out = process.stdout
                assert out is not None
                while head := out.readline():
                    name, _, rest = head.decode().rstrip("\n").partition(" ")
                    if not rest.startswith("blob "):
                        process.kill()
                        raise InputError(f"git has no file {name} ({rest}) in {self.root}")
                    yield name, out.read(int(rest[5:]))
                    out.read(1)

    def contents_before(self, commit: str, path: str) -> frozenset[str]:
        """Every blob that the path ever had in anything that the commit's first parent reaches."""
        options = ("--full-history", "--diff-merges=separate", "--raw", "-z", "--no-abbrev")
        exact = ("--no-renames", "--no-ext-diff", "--no-relative", "--no-color", "--no-notes")
        found = self.ask(
            *("-c", "log.showRoot=true", "-c", "log.showSignature=false", "--literal-pathspecs"),
            *("log", *options, *exact, "--format=", f"{commit}^1", "--", path),
        )
        steps = (token.lstrip("\n") for token in split(found))
        return frozenset(step.split(" ")[3] for step in steps if step.startswith(":"))

    def id_of(self, commit: str, path: str) -> str:
        """The blob at exactly this path, "" where there is none."""
        found = split(self.ask("--literal-pathspecs", "ls-tree", "-z", commit, "--", path))
        entries = map(tree_entry, found)
        return next((entry.blob for entry in entries if entry.path == path), "")

    def forks(self, commit: str, other: str, *, within: str) -> tuple[str, ...]:
        """Where the two lines parted; nothing where `within` does not contain `other`."""
        if self.says("merge-base", "--is-ancestor", other, within) is None:
            return ()
        return tuple((self.says("merge-base", "--all", commit, other) or "").split())

    def first_parents(self, commit: str, after: str = "") -> Iterator[Commit]:
        """The main line up to `commit`, oldest first: each commit with what it changed against
        its first parent. With `after`, only what `after` does not reach.

        Rename detection is off: it costs 2.5 times as much, and guesses.
        """
        yield from self._log("--reverse", commit, *([f"^{after}"] if after else []))

    def changes(self, commits: Iterable[str]) -> Iterator[Commit]:
        """What each of these commits changed against its first parent."""
        with tempfile.TemporaryFile() as wanted:
            wanted.write("".join(f"{id}\n" for id in commits).encode())
            if wanted.tell():
                wanted.seek(0)
                yield from self._log("--no-walk=unsorted", "--stdin", stdin=wanted)

    def _log(self, *asked: str, stdin: IO[bytes] | None = None) -> Iterator[Commit]:
        options = ("--first-parent", "--diff-merges=first-parent", "--raw", "-z", "--no-abbrev")
        exact = ("--no-renames", "--no-ext-diff", "--no-relative", "--no-color", "--no-notes")
        process = self._open(
            (
                *("-c", "log.showRoot=true", "-c", "log.showSignature=false"),
                *("log", *options, *exact, "--ignore-submodules=none", "--encoding=UTF-8"),
                "--format=%H %ct %P",
                *(*asked, "--"),
            ),
            stdin=stdin,
        )
        with process:
            assert process.stdout is not None
            yield from commits(tokens(process.stdout))
            said = process.stderr.read() if process.stderr else b""
        if process.returncode:
            raise InputError(f"git log failed in {self.root}: {words_of(said)}")

    def _run(self, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
        command = ["git", "-C", str(self.root), *arguments]
        try:
            return subprocess.run(
                command, capture_output=True, env=self._environment(), check=False
            )
        except FileNotFoundError:
            raise _no_git() from None

    def _open(
        self, arguments: tuple[str, ...], stdin: IO[bytes] | None = None, *, quiet: bool = False
    ) -> subprocess.Popen[bytes]:
        command = ["git", "-C", str(self.root), *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command,
            stdin=stdin or subprocess.DEVNULL,
            stdout=pipe,
            stderr=subprocess.DEVNULL if quiet else pipe,
            env=self._environment(),
            bufsize=CHUNK,
        )

    def _environment(self) -> dict[str, str]:
        if self.objects is None:
            return environment()
        return environment() | {"GIT_OBJECT_DIRECTORY": str(self.objects)}


def at(root: Path) -> Git:
    """Git for an access repository with its whole history, or an InputError that says what to do."""
    git = Git(root.resolve())  # so that no message names it "."
    inside = git.says(
        "rev-parse", "--is-inside-work-tree", "--is-shallow-repository", "--show-cdup"
    )
    if inside is None:
        why = words_of(git._run(("rev-parse", "--git-dir")).stderr)
        if why.startswith("not a git repository"):
            raise InputError(
                f"{git.root} is no git repository; run in an access repository, or, where "
                "`reconciler init` wrote one, `git init -b main` and commit first"
            )
        raise InputError(f"git cannot read {git.root}: {why}")
    lines = inside.split("\n")
    if "true" in lines[1:2]:
        raise InputError(
            "this clone is shallow, so what was granted before cannot be known; set "
            "`fetch-depth: 0` in actions/checkout, or run `git fetch --unshallow`"
        )
    if len(lines) > 2 and lines[2]:
        raise inside_of(root.resolve() / lines[2])
    return git


def inside_of(top: Path) -> InputError:
    """What to tell who runs in a folder of the access repository instead of at its `top`."""
    top = top.resolve()
    way = os.path.relpath(top)
    fix = "leave out --repo" if way == "." else f"run there, or add --repo {way}"
    return InputError(f"the access repository is {top}; {fix}")


def tracked_by_git(root: Path) -> bool:
    """Whether `root` is the top of a working tree. False also where git is not installed."""
    with suppress(InputError):
        return Git(root).says("rev-parse", "--is-inside-work-tree", "--show-cdup") == "true"
    return False


def words_of(stderr: bytes) -> str:
    """The first line that git says beside its hints."""
    said = os.fsdecode(stderr).strip().splitlines()
    lines = [line for line in said if not line.startswith("hint: ")]
    return lines[0].removeprefix("fatal: ") if lines else "it does not say why"


def _no_git() -> InputError:
    return InputError("git is not installed; install it, or put it on the PATH")
