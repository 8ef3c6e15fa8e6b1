"""Carries entries to where others keep watch, each at least once and rarely twice. Changes no ledger.

How far it came stands in a file, which moves on only when the other side has taken what was sent. An
entry that comes twice bears the same hash.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from threading import Thread
from typing import Protocol

from reconciler.errors import ReconcilerError
from reconciler.ledger.base import Anchor
from reconciler.ledger.files import content
from reconciler.model import Entry

_AT_ONCE = 200  # entries in one delivery: some 300 kB
_LONGEST = 300.0  # seconds: the next run, and whatever it takes away, waits for this one


class ShipError(ReconcilerError):
    """What was sent was not taken, as far as anybody knows. The next run sends it again."""


class Source(Protocol):
    def entries(self, after: int = 0) -> Iterator[Entry]: ...


class Target(Protocol):
    def deliver(self, entries: Sequence[Entry]) -> None:
        """Returns when the other side has them. Raises ShipError."""
        ...


def ship(ledger: Source, target: Target, position: Path, longest: float = _LONGEST) -> int:
    """How many were sent. Raises ShipError; what was taken before stays taken. No delivery takes
    longer than so many seconds."""
    last = read(position)
    entries = ledger.entries(max(last.number - 1, 0) if last else 0)
    if last:
        first = next(entries, None)
        if first is None or (first.number, first.hash) != (last.number, last.hash):
            raise ShipError(
                f"{position} says that entry {last.number} was sent, and the ledger has another "
                "one or none: run `reconciler audit verify`; to send this ledger from its "
                "beginning, remove that file"
            )
    sent = 0
    while part := list(islice(entries, _AT_ONCE)):
        _deliver(target, part, longest)
        _write(position, Anchor(part[-1].number, part[-1].hash))
        sent += len(part)
    return sent


def _deliver(target: Target, entries: Sequence[Entry], longest: float) -> None:
    """Whatever the other side does: a byte a minute is within every timeout of a socket."""
    failed: list[BaseException] = []

    def deliver() -> None:
        try:
            target.deliver(entries)
        except BaseException as e:  # told below, in the thread of who waits
            failed.append(e)

    thread = Thread(target=deliver, daemon=True)
    thread.start()
    thread.join(longest)
    if thread.is_alive():
        raise ShipError(f"not known to have arrived within {longest:.0f} s; it is sent again")
    if failed:
        raise failed[0]


def read(position: Path) -> Anchor | None:
    """None where nothing was sent yet. Raises ShipError for a file that is no position."""
    try:
        found = json.loads(content(position))
        return Anchor(int(found["number"]), str(found["hash"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as e:
        raise ShipError(
            f"{position} does not say what was sent ({e}); write another `--position`, or remove "
            "it to send the ledger from its beginning"
        ) from None


def _write(position: Path, last: Anchor) -> None:
    """Whole or not at all."""
    text = json.dumps({"number": last.number, "hash": last.hash}) + "\n"
    name = ""
    try:
        position.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=position.parent, delete=False) as file:
            name = file.name
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, position)
    except OSError as e:
        with suppress(OSError):
            os.unlink(name)
        raise ShipError(
            f"cannot write {position} ({e.strerror}): entries up to {last.number} were sent, and "
            "will be sent again"
        ) from None
