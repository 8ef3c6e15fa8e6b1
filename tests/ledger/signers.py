"""Keys for the tests of a signed ledger, and a ledger that is signed with one of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from reconciler.ledger import chain, open_store, wire
from reconciler.ledger.anchor import FileAnchor
from reconciler.ledger.base import Anchor, Store
from reconciler.ledger.ledger import Ledger
from reconciler.ledger.memory import Recall, recall
from reconciler.ledger.signing import Keys
from reconciler.model import Entry, Event
from reconciler.model.ledger_settings import LedgerSettings, LedgerStore
from reconciler.model.public_key import PublicKey, public_key
from tests.ledger.test_digest import Kept

_ORDER = count()  # those made at once on import are the same in every process: tests are named so


@dataclass(frozen=True)
class Pair:
    """`line` is what stands under `signed_by`, `private` what stands in the environment."""

    line: str
    private: str

    @classmethod
    def made(cls, comment: str = "ledger") -> Pair:
        key = Ed25519PrivateKey.from_private_bytes(sha256(b"%d" % next(_ORDER)).digest())
        public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        return cls(f"{public} {comment}", text)

    @property
    def public(self) -> PublicKey:
        return public_key(self.line)


OURS, NEXT, THEIRS = Pair.made(), Pair.made("next"), Pair.made("theirs")
BOTH = Keys((OURS.public,), OURS.private)


class Kit:
    """A signed ledger in a folder, its anchor, and what a run finds of them."""

    def __init__(self, root: Path, *signed_by: Pair) -> None:
        self.root, self.cache = root, Kept()
        self.settings = LedgerSettings(
            LedgerStore.FOLDER,
            path=str(root / "ledger"),
            anchor_file=str(root / "anchor.json"),
            signed_by=tuple(pair.public for pair in signed_by or (OURS,)),
        )
        self.anchor = FileAnchor(root / "anchor.json")

    def listing(self, *pairs: Pair) -> Kit:
        """The same ledger, with other keys under `signed_by`, seen by another machine."""
        return Kit(self.root, *pairs)

    def ledger(self, pair: Pair = OURS) -> Ledger:
        keys = Keys(self.settings.signed_by, pair.private)
        return Ledger(open_store(self.settings, self.root), keys)

    def append(self, *events: Event, pair: Pair = OURS) -> Anchor:
        last = self.ledger(pair).append(events)[-1]
        return Anchor(last.number, last.hash)

    def intrude(self, *events: Event, pair: Pair | None = None) -> None:
        intrude(open_store(self.settings, self.root), events, pair)

    def recall(self) -> Recall:
        return recall(self.settings, self.root, self.cache, OURS.private)

    def files(self) -> list[Path]:
        return sorted((self.root / "ledger").rglob("*.jsonl"))

    def cut(self, batch: int) -> None:
        """Without this batch and those behind it."""
        for file in self.files()[batch - 1 :]:
            file.unlink()

    def lines(self) -> Iterator[Entry]:
        """Whatever is there, believed or not."""
        for file in self.files():
            yield from map(wire.decode, file.read_bytes().splitlines())


def intrude(store: Store, events: Sequence[Event], pair: Pair | None = None) -> None:
    """Somebody who can write to the store appends well-chained entries, unsigned or signed with a
    key of their own, and asks nothing of what is there."""
    head = list(map(wire.decode, [b"", *(data for _, data in store.batches())][-1].splitlines()))
    entries = chain.chained(events, head[-1] if head else None)
    if pair:
        theirs = Keys((pair.public,), pair.private)
        entries = (*entries, theirs.sign(entries[-1], store.last() + 1))
    store.put(store.last() + 1, chain.written(entries))


def moved(signed: Entry, after: Entry) -> Entry:
    """The signature of one entry on another: in its place, with all that can be copied."""
    return wire.sealed(after.number + 1, after.hash, signed.event)
