"""The record of what was decided and done: a chain of events, and where it is kept. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reconciler.ledger.anchor import AnchorStore, FileAnchor, TagAnchor
from reconciler.ledger.base import Store
from reconciler.ledger.branch import BranchStore
from reconciler.ledger.bucket import open_bucket
from reconciler.ledger.folder import FolderStore
from reconciler.model.ledger_settings import LedgerSettings, LedgerStore

_STORES: dict[LedgerStore, Callable[[LedgerSettings, Path], Store]] = {
    LedgerStore.FOLDER: lambda settings, root: FolderStore(root.resolve() / settings.path),
    LedgerStore.BRANCH: lambda settings, root: BranchStore(root, settings.branch),
    LedgerStore.BUCKET: lambda settings, root: open_bucket(settings.url, settings.endpoint),
}


def open_store(settings: LedgerSettings, root: Path) -> Store:
    """`root` is the top of the access repository. Raises LedgerError; asks no network yet."""
    return _STORES[settings.store](settings, root)


def open_anchor(settings: LedgerSettings, root: Path) -> AnchorStore | None:
    """None where the head is kept nowhere else."""
    if settings.anchor_tags:
        return TagAnchor(root)
    return FileAnchor(root / settings.anchor_file) if settings.anchor_file else None
