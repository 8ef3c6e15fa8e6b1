"""What a pass over a whole ledger finds of its signatures. Pure: reads no store, makes none.

A signature vouches for everything before it, so what counts is what stands behind the last right one.
Whatever came in between without one was vouched for by a person (`audit sign`), and is noted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reconciler.ledger.chain import Break, Flaw
from reconciler.ledger.signing import SIGN, Keys, Made
from reconciler.model import Entry, EventKind


class Signatures:
    """Without keys it only counts."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._seen = 0
        self._by: Counter[str] = Counter()  # right ones, by fingerprint
        self._strange: Counter[str] = Counter()  # of keys that are not known, by fingerprint
        self._forged: list[Flaw] = []
        self._afterwards: list[str] = []
        self._bare: list[tuple[int, int]] = []  # of the batches behind the last right one:
        self._last = 0  # (first entry, batch); and the last entry of them

    def take(self, batch: int, entry: Entry) -> None:
        self._seen += entry.event.kind is EventKind.SIGNED
        if not self._bare or self._bare[-1][1] != batch:
            self._bare.append((entry.number, batch))
        self._last = entry.number
        match self._keys.made(entry, batch):
            case Made.RIGHT:
                self._right(entry)
            case Made.STRANGE:
                self._strange[entry.event.signed_by] += 1
            case Made.FORGED:
                what = f"bears a signature that {entry.event.signed_by} did not make for it"
                what = f"entry {entry.number} {what}"
                self._forged.append(Flaw(entry.number, batch, what, Break.FORGED))

    def _right(self, entry: Entry) -> None:
        first = self._bare[0][0]
        if entry.event.action == SIGN and first < entry.number:
            self._afterwards.append(
                f"{_named(first, entry.number - 1)} not signed by these keys when written; a person "
                f"vouched for that with entry {entry.number}"
            )
        self._by[entry.event.signed_by] += 1
        self._bare = []

    def flaws(self) -> Iterator[Flaw]:
        yield from self._forged
        if self._keys and self._bare:
            first, batch = self._bare[0]
            what = f"{_named(first, self._last)} vouched for by no key that is known"
            through = self._last if self._last > first else 0
            yield Flaw(first, batch, what, Break.UNSIGNED, through)

    def notes(self) -> Iterator[str]:
        """For people, one line each."""
        if not self._keys and self._seen:
            yield (
                f"{_signatures(self._seen, 'was', 'were')} not checked: no key is known; list it "
                "under `signed_by`, or write --signed-by FILE"
            )
        elif not self._keys:
            yield (
                "Nothing is signed: whoever can write to the ledger can add to it. To sign it, list "
                "a key under `signed_by` (docs/audit.md)."
            )
        for key in self._keys.public:
            if count := self._by[key.fingerprint]:
                yield f"{_signatures(count, 'is', 'are')} of {key}."
        for name, count in self._strange.items() if self._keys else ():
            yield (
                f"{_signatures(count, 'is', 'are')} of {name}, which is not known here: an old key, if later "
                "ones are right; to check them as well, write --signed-by FILE"
            )
        yield from self._afterwards


def _signatures(count: int, one: str, more: str) -> str:
    return f"1 signature {one}" if count == 1 else f"{count} signatures {more}"


def _named(first: int, last: int) -> str:
    return f"entry {first} is" if first == last else f"entries {first} to {last} are"
