"""What each provider hands to the contract: a local system and the words to speak about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest

from reconciler.model import Subject
from reconciler.providers.base import System
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.local import LocalSystem


class ByHand(Protocol):
    """Access made and looked at behind the reconciler's back, straight in the local system."""

    def give(self, item: Mapping[str, Any], subject: Subject) -> None:
        """Make the access as an administrator would by hand: no marker, no end."""
        ...

    def holders(self, item: Mapping[str, Any]) -> frozenset[str]:
        """The ids of the subjects ("alice@example.com") that hold the item now, by any row."""
        ...


@dataclass(frozen=True)
class Way:
    """How a subject reaches the world's `item` otherwise than by a row of its own. `via` is a glob
    over `Observed.via`, `role` the role of that row, `give` makes it so by hand; a failure of the
    calls that fit `call` (a glob) must make the answer an error."""

    via: str
    role: str
    give: Callable[[Subject], None]
    call: str


@dataclass(frozen=True)
class World:
    """One kind of entitlement of one provider, on a local system made for one test.

    `item` is an ordinary access item; `odd_item` the same in an odd spelling (case, alias, id
    instead of name); `higher` another role on the same resource, above it where the kind is a slot;
    `elsewhere` an item of the same kind in another scope. `page` is how many rows fill one page of
    the list call; `list_call` and `write_call` are globs over call names for `Faults`.
    """

    system: System
    faults: Faults
    by_hand: ByHand
    item: Mapping[str, Any]
    odd_item: Mapping[str, Any]
    higher: Mapping[str, Any]
    elsewhere: Mapping[str, Any]
    subjects: tuple[Subject, ...]  # at least `page` + 1, the first is alice
    page: int
    list_call: str
    write_call: str
    quiet_calls: int  # calls of a second run with nothing to do: one item, one subject
    ways: tuple[Way, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


@contextmanager
def started(
    local: LocalSystem, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Faults, dict[str, Any]]]:
    """`local` while it runs, its credentials in the environment: its faults, its own settings."""
    faults = Faults()
    served = local.start(faults, home)
    try:
        for name, value in served.env.items():
            monkeypatch.setenv(name, value)
        yield faults, {key: value for key, value in served.settings.items() if key != "provider"}
    finally:
        local.stop()
