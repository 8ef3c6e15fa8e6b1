"""Git as the ledger uses it: objects, refs, a remote. Never a work tree, an index, HEAD or a hook."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from reconciler.git_environment import writing
from reconciler.ledger.base import LedgerError

REMOTE = "origin"
NOBODY = ("-c", "user.name=access-reconciler", "-c", "user.email=access-reconciler@localhost")
_QUIET = ("core.hooksPath=/dev/null", "gc.auto=0", "maintenance.auto=false", "core.fsync=all")
_PATIENCE = 300  # seconds for one command: a remote that hangs is an error, not a wait for ever


@dataclass(frozen=True, slots=True)
class Node:
    """One line of a tree."""

    mode: str
    kind: str
    id: str
    name: str

    def __str__(self) -> str:
        return f"{self.mode} {self.kind} {self.id}\t{self.name}\0"


@dataclass(frozen=True, slots=True)
class Git:
    root: Path

    def ask(self, *arguments: str, given: bytes = b"") -> str:
        """The answer without its last line break; LedgerError with git's own words."""
        done = self._run(arguments, given)
        if done.returncode:
            raise LedgerError(f"git {command(arguments)} failed: {why(done.stderr)}")
        return os.fsdecode(done.stdout).rstrip("\n")

    def says(self, *arguments: str) -> str | None:
        """None when git says no."""
        done = self._run(arguments, b"")
        return None if done.returncode else os.fsdecode(done.stdout).rstrip("\n")

    def refusal(self, *arguments: str) -> str:
        """ "" when it was done, else what git said."""
        done = self._run(arguments, b"")
        return why(done.stderr) if done.returncode else ""

    def has_remote(self) -> bool:
        done = self._run(("remote", "get-url", REMOTE), b"")
        if done.returncode and b"No such remote" not in done.stderr:
            raise LedgerError(f"git remote failed: {why(done.stderr)}")
        return bool(done.stdout.strip())

    def branch(self, ref: str) -> str:
        """The commit that the ref is at here, "" where there is none."""
        found = self.ask("for-each-ref", "--format=%(objectname) %(refname)", ref)
        lines = [line.split(" ") for line in found.splitlines()]
        return next((id for id, name in lines if name == ref), "")

    def nodes(self, tree: str) -> list[Node]:
        """Of one tree. Raises LedgerError for one that is not there: it would seem empty."""
        found = self.ask("ls-tree", "-z", "--full-tree", tree)
        nodes = []
        for line in found.split("\0")[:-1]:
            meta, _, name = line.partition("\t")
            mode, kind, id = meta.split(" ")
            nodes.append(Node(mode, kind, id, name))
        return nodes

    def tree(self, nodes: Iterable[Node]) -> str:
        given = os.fsencode("".join(map(str, nodes)))
        return self.ask("mktree", "-z", "--missing", given=given)

    def blobs(self, ids: Iterable[str]) -> Iterator[bytes]:
        """In the order asked. Raises LedgerError for one that is not there."""
        asked = tuple(ids)
        with tempfile.TemporaryFile() as wanted:
            wanted.write("".join(f"{id}\n" for id in asked).encode())
            wanted.seek(0)
            with subprocess.Popen(
                self._command(("cat-file", "--batch")),
                stdin=wanted,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=writing(),
            ) as process:
                assert process.stdout is not None
                for id in asked:
                    head = process.stdout.readline().decode()
                    _, _, rest = head.rstrip("\n").partition(" ")
                    size = int(rest[5:]) if rest.startswith("blob ") else 0
                    data = process.stdout.read(size + 1)
                    if not rest.startswith("blob ") or len(data) <= size:
                        process.kill()
                        raise LedgerError(
                            f"git has no object {id} ({rest or 'none'}) in {self.root}"
                        )
                    yield data[:-1]

    def _run(self, arguments: tuple[str, ...], given: bytes) -> subprocess.CompletedProcess[bytes]:
        try:
            return subprocess.run(
                self._command(arguments),
                input=given,
                capture_output=True,
                env=writing(),
                check=False,
                timeout=_PATIENCE,
            )
        except FileNotFoundError:
            raise LedgerError("git is not installed; install it, or put it on the PATH") from None
        except subprocess.TimeoutExpired:
            what = f"git {command(arguments)} did not end within {_PATIENCE} seconds"
            raise LedgerError(f"{what}; try again, or look at the remote") from None

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        settings = [part for setting in _QUIET for part in ("-c", setting)]
        return ["git", "-C", str(self.root), *settings, *arguments]


def command(arguments: tuple[str, ...]) -> str:
    """The word that says what git was to do, behind its settings."""
    words = list(arguments)
    while words[0] == "-c":
        del words[:2]
    return words[0]


def why(stderr: bytes) -> str:
    """The line that says what went wrong: a push says first where it went, with its address."""
    lines = [line.strip() for line in os.fsdecode(stderr).splitlines()]
    wrong = [
        line for line in lines if line.startswith(("! [", "remote: error", "fatal:", "error:"))
    ]
    said = wrong or [line for line in lines if line and not line.startswith("hint: ")]
    return (
        said[0].removeprefix("fatal: ").removeprefix("error: ") if said else "it does not say why"
    )
