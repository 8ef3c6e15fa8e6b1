"""The ledger of a case, wherever it is kept: saved, put back, cut and carried on. Judges nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from reconciler.ledger.base import Store
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.numbering import path_of
from reconciler.model import Event
from reconciler.sandbox.bitbucket_cloud import User
from reconciler.sandbox.local import PEOPLE

_LOGINS = {f"user:{User(person.login).uuid}": person.login for person in PEOPLE}  # in Bitbucket


class Shelf(Protocol):
    settings: str  # of reconciler.yaml, in flow style, without braces

    def store(self) -> Store: ...

    def save(self) -> object:
        """Everything, for `load`."""
        ...

    def load(self, saved: object) -> None: ...

    def cut(self, count: int) -> None:
        """Keep the first `count` batches."""
        ...


class Folder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.settings = f"store: folder, path: {path}"

    def store(self) -> Store:
        return FolderStore(self.path)

    def save(self) -> object:
        return tuple(FolderStore(self.path).batches())

    def load(self, saved: object) -> None:
        assert isinstance(saved, tuple)
        if self.path.exists():
            shutil.rmtree(self.path)
        for number, data in saved:
            file = self.path / path_of(number)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def cut(self, count: int) -> None:
        self.load(tuple(FolderStore(self.path).batches())[:count])

    def alter(self) -> None:
        """One byte of the last entry of the newest batch."""
        *batches, (number, data) = FolderStore(self.path).batches()
        at = data.rindex(b'"hash":"') + len(b'"hash":"')
        other = b"0" if data[at : at + 1] != b"0" else b"1"
        self.load((*batches, (number, data[:at] + other + data[at + 1 :])))


def batches(shelf: Shelf) -> list[list[dict[str, Any]]]:
    """The entries, batch by batch."""
    return [[json.loads(line) for line in data.splitlines()] for _, data in shelf.store().batches()]


def carry_on(shelf: Shelf, events: Sequence[Event]) -> None:
    """As another writer would, from what is there."""
    Ledger(shelf.store()).append(events)


def line(entry: dict[str, Any]) -> str:
    """ "done add bitbucket web write bob over read", "done remove bitbucket web write bob back read" """
    of = entry.get("assignment")
    if not of:
        return str(entry["kind"])
    named = of.get("name") or _LOGINS.get(of["principal"]) or of["principal"].partition(":")[2]
    who = named.lower().partition("@")[0]
    said = f"{entry['kind']} {entry.get('action', '')} {of['system']} {of['resource']} {of['role']} {who}"
    said += f" over {entry['replaces']}" if entry.get("replaces") else ""
    return said + (f" back {entry['restores']}" if entry.get("restores") else "")
