"""Where a ledger is kept, as the chain sees it: numbered batches that are written once. No IO here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from reconciler.errors import ReconcilerError


class LedgerError(ReconcilerError):
    """The ledger could not be read or written, or is not what it was."""


class Unbelieved(LedgerError):
    """It was read, and is not what a ledger of ours says: altered, or vouched for by no key."""


class Taken(LedgerError):
    """Another writer has put a batch of this number first."""


@dataclass(frozen=True, slots=True, order=True)
class Anchor:
    """An entry that is known from elsewhere: a ledger that does not have it is not whole."""

    number: int
    hash: str


class Store(Protocol):
    """Batches are numbered from 1 without a gap, and never change once they are there.

    `put` is durable when it returns, and puts all of it or nothing: a crash in the middle leaves
    no half batch that `batches` would hand out. Two writers of one number cannot both succeed,
    wherever they run. Raises LedgerError with what to do.
    """

    @property
    def where(self) -> str:
        """For people: a folder, a branch, an address."""
        ...

    def batches(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        """(number, bytes) of every batch after `after`, in order. Whole, or LedgerError; a gap in
        the numbers is handed out as it is, for the chain to find."""
        ...

    def last(self) -> int:
        """The number of the newest batch, 0 for none."""
        ...

    def put(self, number: int, data: bytes) -> None:
        """Raises Taken if there is one of this number."""
        ...
