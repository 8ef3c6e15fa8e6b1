"""The head of the ledger kept elsewhere, so that a ledger without its end is seen. Knows no chain.

In a file, which belongs on another machine than the ledger; or in tags `ledger/<number>` of the
access repository, signed with the key of whoever runs, each on an object that holds the hash.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reconciler.ledger.base import Anchor, LedgerError
from reconciler.ledger.files import content
from reconciler.ledger.git import REMOTE, Git

_TAGS = "refs/tags/ledger/"
_SIGNATURE = "\n-----BEGIN "


class AnchorStore(Protocol):
    @property
    def where(self) -> str:
        """For people."""
        ...

    def read(self) -> Anchor | None:
        """The newest; None where there is none yet. Raises LedgerError for one that is not right."""
        ...

    def write(self, anchor: Anchor) -> None:
        """Durable when it returns. One that is not newer than what is there is refused."""
        ...

    def begin_anew(self, anchor: Anchor) -> None:
        """Of a ledger that lost the entry that is anchored, and says so itself."""
        ...


@dataclass(frozen=True, slots=True)
class FileAnchor:
    path: Path

    @property
    def where(self) -> str:
        return str(self.path)

    def read(self) -> Anchor | None:
        try:
            return _read(content(self.path), self.where)
        except FileNotFoundError:
            return None
        except OSError as e:
            raise LedgerError(f"cannot read the anchor {self.path}: {e.strerror}") from e

    def write(self, anchor: Anchor) -> None:
        _forward(self.read(), anchor, self.where)
        self.begin_anew(anchor)

    def begin_anew(self, anchor: Anchor) -> None:
        folder = self.path.parent
        try:
            handle, name = tempfile.mkstemp(prefix=".new-", dir=folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_written(anchor))
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(name, self.path)
            except OSError:
                with suppress(OSError):
                    os.unlink(name)
                raise
        except OSError as e:
            fix = "let this user write there, or name another file"
            raise LedgerError(f"cannot write the anchor {self.path}: {e.strerror}; {fix}") from e


@dataclass(frozen=True, slots=True)
class TagAnchor:
    """Deleting a tag takes push rights on the access repository: protect `ledger/*` there."""

    root: Path

    @property
    def where(self) -> str:
        return "the tags `ledger/*`"

    def read(self) -> Anchor | None:
        git = Git(self.root)
        if git.has_remote():
            quiet = ("--quiet", "--no-write-fetch-head", "--no-tags", "--refmap=")
            git.ask("fetch", *quiet, REMOTE, f"+{_TAGS}*:{_TAGS}*")
        found = git.ask("for-each-ref", "--format=%(refname)", _TAGS).split()
        numbers = [int(n) for name in found if (n := name.removeprefix(_TAGS)).isdecimal()]
        if not numbers:
            return None
        tag = f"{_TAGS}{max(numbers)}"
        if refusal := git.refusal("verify-tag", tag):
            what = f"the signature of the tag {tag.removeprefix('refs/tags/')} does not hold"
            raise LedgerError(f"{what}: {refusal}; let git know the key, or find out who made it")
        content = git.ask("cat-file", "blob", f"{tag}^{{blob}}")
        anchor = _read(content.encode(), tag)
        if anchor.number != max(numbers):
            raise LedgerError(f"the tag {tag} is of entry {anchor.number}: somebody renamed it")
        return anchor

    def write(self, anchor: Anchor) -> None:
        git = Git(self.root)
        _forward(self.read(), anchor, self.where)
        blob = git.ask("hash-object", "-w", "--stdin", given=_written(anchor))
        tag = f"ledger/{anchor.number}"
        message = f"Ledger, entry {anchor.number}"
        refusal = git.refusal("tag", "--sign", "-m", message, tag, blob)
        if not refusal and _SIGNATURE not in git.ask("cat-file", "tag", tag):
            git.ask("update-ref", "-d", f"refs/tags/{tag}")  # git 2.39 does that without a word
            refusal = "git made it without a signature"
        if refusal:
            fix = "set `user.signingkey` (and `gpg.format ssh` for an SSH key)"
            raise LedgerError(f"cannot sign the tag {tag}: {refusal}; {fix}")
        if git.has_remote():
            git.ask("push", "--quiet", "--no-verify", REMOTE, f"{_TAGS}{anchor.number}")

    def begin_anew(self, anchor: Anchor) -> None:
        """Nothing: a tag is for ever, and tells of the loss until the ledger has outgrown it."""


def _forward(was: Anchor | None, anchor: Anchor, where: str) -> None:
    if was and (was.number, was.hash) == (anchor.number, anchor.hash):
        return
    if was and was.number >= anchor.number:
        what = f"{where} knows entry {was.number} already, and this is entry {anchor.number}"
        raise LedgerError(f"{what}: the ledger has lost its end, or is another one")


def _written(anchor: Anchor) -> bytes:
    return json.dumps({"hash": anchor.hash, "number": anchor.number}).encode() + b"\n"


def _read(data: bytes, where: str) -> Anchor:
    try:
        found = json.loads(data)
        number, digest = found["number"], found["hash"]
    except (ValueError, KeyError, TypeError, RecursionError):
        number, digest = None, None
    if type(number) is not int or number < 1 or type(digest) is not str or not digest:
        raise LedgerError(f"{where} holds no anchor: it was altered, or is another file")
    return Anchor(number, digest)
