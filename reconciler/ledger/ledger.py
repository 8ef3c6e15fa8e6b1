"""The ledger in its store: reads it verified, and appends to it. Never changes what is there.

With keys, only what one of them signed is believed: the newest entry must be a signature, which vouches
for all before it. So nothing is appended behind an end that is not signed either, or the next
signature would vouch for what an intruder put there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from reconciler.ledger import chain
from reconciler.ledger.base import Anchor, LedgerError, Store, Taken, Unbelieved
from reconciler.ledger.chain import Flaw
from reconciler.ledger.signatures import Signatures
from reconciler.ledger.signing import Keys, Made
from reconciler.model import Entry, Event

_TRIES = 40
_LONGEST_WAIT = 2.0  # seconds
_NO_KEYS = Keys()


class Ledger:
    """One run's view. Safe beside other writers, not shared between threads."""

    def __init__(self, store: Store, keys: Keys = _NO_KEYS) -> None:
        self._store = store
        self._keys = keys
        self._newest: tuple[int, Entry] | None = None  # as we wrote it: (batch, its last entry)
        self._read: Entry | None = None  # the newest that was read or written here

    @property
    def where(self) -> str:
        return self._store.where

    def head(self) -> Entry | None:
        """The last entry of the newest whole batch. Raises LedgerError if that was altered, or is
        signed by no key of ours."""
        return self._head()[1]

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """Those with a number above `after`, verified as they are read: LedgerError at the first
        flaw, which says where. With `after`, what is older than its batch is not read again. With
        keys, it is the ledger as it stood at the beginning, and nothing is handed out unless that
        was signed."""
        last, head = self._head() if self._keys else (None, None)
        newest: Entry | None = None
        batch = self._batch_of(after, last) - 1 if after else 0
        for _, newest in self._chained(batch, last):
            if newest.number > after:
                self._note(newest)
                yield newest
        if head and newest != head:
            raise self._wrong("it was changed while it was read")

    def vouched(self) -> Iterator[Entry]:
        """Those through the newest that a key of ours signed, whatever was put behind it. They are
        true, and may not be all."""
        signed = 0
        with suppress(Unbelieved):
            for batch, entry in self._chained(0, None):
                if self._keys.made(entry, batch) is Made.RIGHT:
                    signed = entry.number
        with suppress(Unbelieved):
            for _, entry in self._chained(0, None):
                if entry.number > signed:
                    return
                yield entry

    def unsigned(self, few: int) -> tuple[int, tuple[Entry, ...]]:
        """How many stand behind the newest that a key of ours signed, and the last few of those."""
        count, last = 0, deque[Entry](maxlen=few)
        for batch, entry in self._chained(0, None):
            count += 1
            last.append(entry)
            if self._keys.made(entry, batch) is Made.RIGHT:
                count = 0
                last.clear()
        return count, tuple(last)

    def append(self, events: Sequence[Event]) -> tuple[Entry, ...]:
        """As one batch, behind whatever another run has written meanwhile, and signed where there
        are keys. It is durable when this returns; LedgerError if it could not be written, and then
        none of it is there."""
        if not events:
            return ()
        again = Retrying(
            retry=retry_if_exception_type(Taken),
            stop=stop_after_attempt(_TRIES),
            wait=wait_random_exponential(multiplier=0.02, max=_LONGEST_WAIT),
            reraise=True,
        )
        return again(self._put, events)

    def sign(self, head: Entry, event: Event) -> Entry:
        """Vouches for everything through `head`, which somebody has looked at, signed or not.
        Raises LedgerError where it is not the newest entry any more."""
        last = self._store.last()
        if not last or self._end(last) != head:
            raise self._wrong(f"entry {head.number} is not the newest any more")
        signed = self._keys.sign(head, last + 1, event)
        self._store.put(last + 1, chain.written((signed,)))
        return signed

    def verify(
        self, anchor: Anchor | None = None, signatures: Signatures | None = None
    ) -> tuple[Flaw, ...]:
        """`signatures` is told of those that are there."""
        return chain.flaws(self._store.batches(), anchor, signatures or Signatures(self._keys))

    def _put(self, events: Sequence[Event]) -> tuple[Entry, ...]:
        last, head = self._newest or self._held()
        entries = chain.chained(events, head)
        if self._keys:
            entries = (*entries, self._keys.sign(entries[-1], last + 1))
        self._newest = None  # until it is known that ours is the newest
        self._store.put(last + 1, chain.written(entries))
        self._newest = (last + 1, entries[-1])
        self._note(entries[-1])
        return entries

    def _held(self) -> tuple[int, Entry | None]:
        """The head to append behind. What this run has read must still be there: it goes by that."""
        last, head = self._head()
        seen = self._read
        if seen and (head is None or head.number < seen.number):
            raise self._wrong(f"entry {seen.number} was there, and is gone")
        if seen and head and head.number == seen.number and head.hash != seen.hash:
            raise self._wrong(f"entry {seen.number} is not the one that was there")
        return last, head

    def _note(self, entry: Entry) -> None:
        if self._read is None or entry.number >= self._read.number:
            self._read = entry

    def _head(self) -> tuple[int, Entry | None]:
        """And its batch."""
        last = self._store.last()
        head = self._end(last) if last else None
        if head and self._keys:
            self._believe(head, last)
        return last, head

    def _believe(self, head: Entry, batch: int) -> None:
        listed = "no key of `signed_by`"
        match self._keys.made(head, batch):
            case Made.RIGHT:
                return
            case Made.NONE:
                what = f"is signed by {listed}"
            case Made.STRANGE:
                what = f"is signed with {head.event.signed_by}, which is {listed}"
            case Made.FORGED:
                what = f"bears a signature that {listed} made for it"
        raise Unbelieved(
            f"the ledger in {self.where}: the newest entry {head.number} {what}, so whoever can "
            "write there may have put it there; run `reconciler audit verify`, then take away what "
            "is not yours, or vouch for what is with `reconciler audit sign`"
        )

    def _end(self, batch: int) -> Entry:
        return tuple(self._of(batch))[-1]

    def _chained(self, batch: int, last: int | None) -> Iterator[tuple[int, Entry]]:
        """Every entry behind a batch, through the batch `last` (None for all), with its batch."""
        number, before = (0, "") if batch else (1, "")
        for found, data in self._store.batches(after=batch):
            if last is not None and found > last:
                return
            if found != batch + 1:
                raise self._wrong(f"batch {batch + 1} is missing")
            batch = found
            try:
                for entry in chain.read(batch, data, number, before):
                    number, before = entry.number + 1, entry.hash
                    yield batch, entry
            except LedgerError as e:
                raise self._wrong(str(e)) from None

    def _batch_of(self, entry: int, last: int | None) -> int:
        """The batch that has this entry, or would have it. 1 where none is. Asked for mostly near
        the end, where a store lists little: from there it is found by doubling, then by halving."""
        high = self._store.last() if last is None else last
        low, step = high, 1
        while low > 1 and next(self._of(low)).number > entry:
            low, high, step = max(low - step, 1), low - 1, step * 2
        low = max(low, 1)
        while low < high:
            middle = (low + high + 1) // 2
            if next(self._of(middle)).number <= entry:
                low = middle
            else:
                high = middle - 1
        return low

    def _of(self, batch: int) -> Iterator[Entry]:
        number, data = next(self._store.batches(after=batch - 1), (0, b""))
        if number != batch:
            raise self._wrong(f"batch {batch} is missing")
        try:
            yield from chain.read(batch, data, 0, "")
        except LedgerError as e:
            raise self._wrong(str(e)) from None

    def _wrong(self, what: str) -> Unbelieved:
        fix = "run `reconciler audit verify` to see all that is wrong"
        return Unbelieved(f"the ledger in {self.where}: {what}; {fix}")
