"""A ledger on a branch of the access repository: a commit for each batch. Never touches what is
checked out, staged or stashed, and never moves the branch but forward from where it was seen.

With a remote `origin` the branch there is the ledger, and the clone only its copy: whoever pushes
second is refused by the lease, and looks again. Without one, the local branch is.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from reconciler.ledger.base import LedgerError, Taken
from reconciler.ledger.git import NOBODY, REMOTE, Git, Node
from reconciler.ledger.numbering import folder_of, numbered, path_of

_TRIES = 20
_PAUSE = 0.05  # seconds, while another process holds a lock
_LOCKED = ("lock", "failed to update ref", "reference already exists", "unable to create")


class BranchStore:
    def __init__(self, root: Path, branch: str) -> None:
        """`root` is within the access repository."""
        self._git = Git(root)
        self._branch = branch
        self._ref = f"refs/heads/{branch}"
        self._seen: str | None = None  # the tip, as we last saw or made it; "" for no branch

    @property
    def where(self) -> str:
        return f"the branch `{self._branch}`"

    def last(self) -> int:
        return self._last(self._look())

    def batches(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        tip = self._look()
        start = folder_of(after + 1)
        for folder in self._folders(tip):
            if folder >= start:
                found = [(n, id) for n, id in self._numbers(tip, folder) if n > after]
                contents = self._git.blobs(id for _, id in found)
                yield from ((n, data) for (n, _), data in zip(found, contents, strict=True))

    def put(self, number: int, data: bytes) -> None:
        tip = self._look() if self._seen is None else self._seen
        known = self._last(tip)
        for _ in range(_TRIES):
            last = self._last(tip)
            if not known <= last < number:
                self._seen = None
                what = "was put back" if last < known else f"has a batch {number} already"
                raise Taken(f"{self.where} {what}: another one was first")
            commit = self._commit(tip, number, data)
            refusal = self._moved(tip, commit)
            if not refusal:
                self._seen = commit
                return
            tip = self._look()
        fix = "run again when fewer others write; a lock that a killed git left can be deleted"
        raise LedgerError(f"cannot write {self.where}: {refusal}; {fix}")

    def _look(self) -> str:
        """The tip of the branch now, with its objects here; "" for no branch."""
        if not self._git.has_remote():
            self._seen = self._git.branch(self._ref)
            return self._seen
        tip = self._there()
        if tip and self._git.says("cat-file", "-e", f"{tip}^{{commit}}") is None:
            quiet = ("--quiet", "--no-tags", "--no-write-fetch-head", "--refmap=")
            self._git.ask("fetch", *quiet, REMOTE, f"+{self._ref}")
        self._note(tip)
        self._seen = tip
        return tip

    def _there(self) -> str:
        found = self._git.ask("ls-remote", "--quiet", REMOTE, self._ref)
        lines = [line.split("\t") for line in found.splitlines()]
        return next((id for id, name in lines if name == self._ref), "")

    def _note(self, tip: str) -> None:
        """So that git keeps the objects and asks for few next time. Losing that costs time only."""
        if tip:
            self._git.says("update-ref", f"refs/remotes/{REMOTE}/{self._branch}", tip)

    def _moved(self, tip: str, commit: str) -> str:
        """ "" when the branch is at `commit` now; what git said when another writer was quicker."""
        if not self._git.has_remote():
            refusal = self._git.refusal("update-ref", self._ref, commit, tip)
            now = self._git.branch(self._ref)
        else:
            lease = f"--force-with-lease={self._ref}:{tip}"
            refusal = self._git.refusal(
                "push", "--quiet", "--no-verify", lease, REMOTE, f"{commit}:{self._ref}"
            )
            now = self._there() if refusal else commit
        if now == commit:
            self._note(commit)
            return ""
        if now == tip:
            if not any(word in refusal.lower() for word in _LOCKED):
                fix = "let this run push to that branch (`contents: write`), past its protection"
                raise LedgerError(f"cannot write {self.where}: {refusal}; {fix}")
            time.sleep(_PAUSE)
        return refusal

    def _commit(self, tip: str, number: int, data: bytes) -> str:
        """The next one. Its message is unlike every other, so that no two writers make the same."""
        folder, _, name = path_of(number).partition("/")
        blob = self._git.ask("hash-object", "-w", "--stdin", given=data)
        found = self._git.nodes(tip) if tip else []
        there = any(n.name == folder and n.kind == "tree" for n in found)
        beside = self._git.nodes(f"{tip}:{folder}") if there else []
        below = self._git.tree([*beside, Node("100644", "blob", blob, name)])
        others = [n for n in found if n.name != folder]
        top = self._git.tree([*others, Node("040000", "tree", below, folder)])
        message = f"Ledger, batch {number}\n\nWriter: {uuid4()}\n"
        parent = ("-p", tip) if tip else ()
        return self._git.ask(
            *NOBODY, "commit-tree", *parent, "-F", "-", top, given=message.encode()
        )

    def _last(self, tip: str) -> int:
        for folder in reversed(self._folders(tip)):
            if found := self._numbers(tip, folder):
                return found[-1][0]
        return 0

    def _folders(self, tip: str) -> list[str]:
        nodes = self._git.nodes(tip) if tip else []
        names = [n.name for n in nodes if n.kind == "tree" and n.name.isdecimal()]
        return sorted(names, key=int)

    def _numbers(self, tip: str, folder: str) -> list[tuple[int, str]]:
        """(number, blob), in order."""
        nodes = self._git.nodes(f"{tip}:{folder}")
        return sorted((n, node.id) for node in nodes if (n := numbered(f"{folder}/{node.name}")))
