"""The ledger in its store: reads it verified, and appends to it. Never changes what is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from reconciler.ledger import chain
from reconciler.ledger.base import Anchor, LedgerError, Store, Taken
from reconciler.ledger.chain import Flaw
from reconciler.model import Entry, Event

_TRIES = 40
_LONGEST_WAIT = 2.0  # seconds


class Ledger:
    """One run's view. Safe beside other writers, not shared between threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._newest: tuple[int, Entry] | None = None  # as we wrote it: (batch, its last entry)

    @property
    def where(self) -> str:
        return self._store.where

    def head(self) -> Entry | None:
        """The last entry of the newest whole batch. Raises LedgerError if that was altered."""
        return self._end(self._store.last())

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Those with a number above `after`, verified as they are read: LedgerError at the first
        flaw, which says where. With `after`, what is older than its batch is not read again."""
        batch = self._batch_of(after) - 1 if after else 0
        number, before = (0, "") if batch else (1, "")
        for found, data in self._store.batches(after=batch):
            if found != batch + 1:
                raise self._wrong(f"batch {batch + 1} is missing")
            batch = found
            try:
                for entry in chain.read(batch, data, number, before):
                    number, before = entry.number + 1, entry.hash
                    if entry.number > after:
                        yield entry
            except LedgerError as e:
                raise self._wrong(str(e)) from None

    def append(self, events: Sequence[Event]) -> tuple[Entry, ...]:
        """As one batch, behind whatever another run has written meanwhile. It is durable when this
        returns; LedgerError if it could not be written, and then none of it is there."""
        if not events:
            return ()
        again = Retrying(
            retry=retry_if_exception_type(Taken),
            stop=stop_after_attempt(_TRIES),
            wait=wait_random_exponential(multiplier=0.02, max=_LONGEST_WAIT),
            reraise=True,
        )
        return again(self._put, events)

    def verify(self, anchor: Anchor | None = None) -> tuple[Flaw, ...]:
        return chain.flaws(self._store.batches(), anchor)

    def _put(self, events: Sequence[Event]) -> tuple[Entry, ...]:
        last, head = self._newest or self._found()
        entries = chain.chained(events, head)
        self._newest = None  # until it is known that ours is the newest
        self._store.put(last + 1, chain.written(entries))
        self._newest = (last + 1, entries[-1])
        return entries

    def _found(self) -> tuple[int, Entry | None]:
        last = self._store.last()
        return last, self._end(last)

    def _end(self, batch: int) -> Entry | None:
        return tuple(self._read(batch))[-1] if batch else None

    def _batch_of(self, entry: int) -> int:
        """The batch that has this entry, or would have it. 1 where none is. Asked for mostly near
        the end, where a store lists little: from there it is found by doubling, then by halving."""
        high = self._store.last()
        low, step = high, 1
        while low > 1 and next(self._read(low)).number > entry:
            low, high, step = max(low - step, 1), low - 1, step * 2
        low = max(low, 1)
        while low < high:
            middle = (low + high + 1) // 2
            if next(self._read(middle)).number <= entry:
                low = middle
            else:
                high = middle - 1
        return low

    def _read(self, batch: int) -> Iterator[Entry]:
        number, data = next(self._store.batches(after=batch - 1), (0, b""))
        if number != batch:
            raise self._wrong(f"batch {batch} is missing")
        try:
            yield from chain.read(batch, data, 0, "")
        except LedgerError as e:
            raise self._wrong(str(e)) from None

    def _wrong(self, what: str) -> LedgerError:
        fix = "run `reconciler audit verify` to see all that is wrong"
        return LedgerError(f"the ledger in {self.where}: {what}; {fix}")
