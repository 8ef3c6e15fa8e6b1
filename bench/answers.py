"""What one person is told of 100,000 grants and a ledger of a million entries, as whole commands: all
but what the systems themselves take to answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bench import proof
from bench.ledger import ENTRIES, events, sealed
from bench.measure import Result, alone, command
from reconciler.ledger import chain
from reconciler.ledger.numbering import path_of
from reconciler.proof.authorise import Forge, authorise
from reconciler.repository.load import load
from reconciler.repository.memory import Memory

WHO = "person42@example.com"
BIN = Path(sys.executable).parent
BATCH = 200
LEDGER = "ledger: {store: folder, path: ledger}\n"


def _recorded(home: Path) -> Path:
    """The repository whose grants are approved, with a ledger beside it that is full."""
    root = proof.repository(home, LEDGER)
    ready = root / ".git" / "recorded"
    if ready.exists():
        return root
    (root / ".git" / "info" / "exclude").write_text("ledger/\n")
    entries = sealed(events(ENTRIES, "person"))
    number = 1
    while batch := tuple(islice(entries, BATCH)):
        target = root / "ledger" / path_of(number)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(chain.written(batch))
        number += 1
    ready.touch()
    return root


def run(home: Path) -> Iterator[Result]:
    root = _recorded(home)
    cache = home / "cache"
    own = cache / "access-reconciler"
    loaded = load(root, proof.NOW, cache=own)
    authorise(loaded, proof.NOW, Forge(lambda _: proof.Approved(), Memory(own, root)))
    env = {"XDG_CACHE_HOME": str(cache)}

    def asked(limit: float, *words: str) -> Iterator[Result]:
        work = command([BIN / "reconciler", *words], root, **env)
        work()  # caches are warm from now on
        yield alone(" ".join(words), work, limit)

    yield from asked(1.0, "audit", "query", "--person", WHO)
    yield from asked(1.0, "explain", WHO, "none: *")  # no system is asked
