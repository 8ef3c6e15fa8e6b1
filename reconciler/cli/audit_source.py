"""Which ledger the commands of `audit` are about, and by whose keys: options, and what they open."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from reconciler.cli import forges, options
from reconciler.cli.ledgers import Glance
from reconciler.cli.session import proved
from reconciler.errors import InputError, ReconcilerError
from reconciler.ledger import open_anchor, open_store
from reconciler.ledger.anchor import FileAnchor
from reconciler.ledger.base import Anchor
from reconciler.ledger.chain import Flaw
from reconciler.ledger.folder import FolderStore
from reconciler.ledger.index import Index
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.memory import gone, unseen
from reconciler.ledger.signing import Keys
from reconciler.model.ledger_settings import LedgerSettings
from reconciler.model.public_key import PublicKey, public_key
from reconciler.repository.configuration import FILE, Configuration
from reconciler.repository.git import at as git_at
from reconciler.repository.parse import parse_configuration
from reconciler.repository.schemas import installed

Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Opened:
    """`settings` is None for a copy."""

    ledger: Ledger
    keys: Keys
    settings: LedgerSettings | None
    root: Path

    def anchor(self, file: Path | None = None) -> Anchor | None:
        """Raises InputError for one that was asked for and is not there."""
        if file is None:
            kept = open_anchor(self.settings, self.root) if self.settings else None
            return kept.read() if kept else None
        found = FileAnchor(file).read()
        if found is None:
            raise InputError(f"there is no anchor {file}; `reconciler audit anchor` writes one")
        return found

    def gone(self) -> Flaw | None:
        """As in `memory`; of a copy this machine knows nothing."""
        return gone(self.settings, self.root, self._known()) if self.settings else None

    def unseen(self, index: Index) -> str:
        """As in `memory`."""
        return unseen(index, self.ledger, self._known()) if self.settings else ""

    def _known(self) -> Glance:
        first = git_at(self.root).says("rev-list", "--max-parents=0", "--first-parent", "HEAD")
        return Glance(forges.memory(self.root, os.environ), first or "")


@dataclass(frozen=True, slots=True)
class Source:
    """What the options of `where` said. `signed_by` is a file of public keys."""

    repo: Path
    copy: Path | None
    signed_by: Path | None

    @property
    def root(self) -> Path:
        return self.copy or self.repo

    def opened(self, private: str = "") -> Opened:
        """`private` as in `Keys`. Raises InputError."""
        return self._opened(self._settings() if self.copy is None else None, private)

    def approved(self, now: datetime) -> Opened:
        """By the reconciler.yaml that was approved, as `apply` reads it: for what runs unattended
        and beside credentials, which another `endpoint` would be shown. Raises InputError, and
        ReconcilerError where nobody can say what was approved."""
        if self.copy is not None:
            return self._opened(None, "")
        loaded, authorised = proved(self.repo, now)
        if authorised.changes.unsure:
            why = "; ".join(one.error for one in authorised.unknown)
            raise ReconcilerError(
                f"nobody can say whether {FILE} was approved: {why}; "
                "write --ledger FOLDER for a copy"
            )
        assert loaded.configuration is not None  # see `proved`
        return self._opened(_kept(loaded.configuration), "")

    def _opened(self, settings: LedgerSettings | None, private: str) -> Opened:
        public = settings.signed_by if settings else ()
        keys = Keys(_listed(self.signed_by) if self.signed_by else public, private)
        store = open_store(settings, self.repo) if settings else FolderStore(self.root)
        if settings is None and not store.last():
            fix = "name the folder that has 000000 in it"
            raise InputError(f"there is no ledger in {store.where}, or an empty one; {fix}")
        return Opened(Ledger(store, keys), keys, settings, self.repo)

    def _settings(self) -> LedgerSettings:
        data = git_at(self.repo).blob("HEAD", FILE)
        if data is None:
            what = f"there is no {FILE} in the last commit"
            raise InputError(f"{what}; write --ledger FOLDER for a copy")
        configuration, _, problems = parse_configuration(data, installed())
        if configuration is None:
            raise InputError(f"{problems[0]}; or write --ledger FOLDER for a copy of a ledger")
        return _kept(configuration)


def _kept(configuration: Configuration) -> LedgerSettings:
    if configuration.ledger is None:
        raise InputError(f"no ledger is kept: add `ledger:` to {FILE}")
    return configuration.ledger


def where(command: Command) -> Callable[..., Any]:
    """Options that become one argument, `source`."""

    @wraps(command)
    def told(repo: Path, copy: Path | None, signed_by: Path | None, **rest: Any) -> Any:
        return command(source=Source(repo, copy, signed_by), **rest)

    copy = click.option(
        "--ledger",
        "copy",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="A copy of a ledger, instead of the one that reconciler.yaml names.",
    )
    keys = click.option(
        "--signed-by",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Public keys that are believed, one a line, instead of those of reconciler.yaml.",
    )
    return options.repository(copy(keys(told)))


def _listed(file: Path) -> tuple[PublicKey, ...]:
    found: list[PublicKey] = []
    try:
        lines = file.read_text().splitlines()
    except (OSError, ValueError) as e:
        raise InputError(f"cannot read {file}: {e}; write a file of public keys") from None
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            try:
                found.append(public_key(line))
            except ValueError as e:
                raise InputError(f"{file}:{number}: {line[:40]!r}: {e}") from None
    if not found:
        raise InputError(f"{file} has no key; write the line of the file `ledger-key.pub`")
    return tuple(found)
