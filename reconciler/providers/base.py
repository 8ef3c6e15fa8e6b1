"""What a provider must do. Planning is handed Readers; only apply ever holds a Writer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reconciler.errors import ProviderError
from reconciler.model import (
    Capabilities,
    Change,
    Entitlement,
    Item,
    Mode,
    Observed,
    Principal,
    Subject,
)
from reconciler.model.marking import Marking

Pace = Callable[[], None]  # blocks until the next call to the system may be made


@dataclass(frozen=True, slots=True)
class Rate:
    """What a system bears: `calls` per `seconds`, at most `concurrency` under way at once."""

    calls: int
    seconds: float
    concurrency: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change; `error` None means that the system confirmed it."""

    change: Change
    error: ProviderError | None = None


class Reader(Protocol):
    """Looks, never touches. Safe to call from several threads at once."""

    def canonical(self, entitlement: Entitlement) -> Entitlement:
        """Spell a declared entitlement the way `observe` spells a live one.

        May ask the system (a role's name for its id), once per name and run. Raises ProviderError
        when the system does not know the name.
        """
        ...

    def principal(self, subject: Subject, entitlement: Entitlement, account: str) -> Principal:
        """The subject's immutable id in the system, looked up once per run.

        `account` is the one that the access item names itself, "" for the subject's own. Raises
        UnknownPrincipal when there is none or more than one, or the account is not the subject's.
        """
        ...

    def observe(self, scope: str, entitlements: Collection[Entitlement]) -> tuple[Observed, ...]:
        """Every row of one scope (`System.scope`), whole, or ProviderError: never a part.

        `entitlements` are those of interest there; rows of others in the scope may come too.
        A scope that does not exist is an error, not an empty one.
        """
        ...

    def indirect(self, principal: Principal, entitlement: Entitlement) -> tuple[Observed, ...]:
        """How else than by a row of its own the principal reaches this resource: through groups, at
        any depth, and from what contains the resource, in any role. To be told, never planned for.

        Each row has `via`; its assignment is the row as it stands there: the group as the principal,
        the place where it was given as the resource. Whole, or ProviderError. Asked for one person
        at a time, so it may cost calls that `observe` does not.
        """
        ...

    def own(self) -> frozenset[str]:
        """The principal ids that we act as here, so that we never lock ourselves out."""
        ...


class Writer(Protocol):
    """Touches. Both ways idempotent: already there, or already gone, is success."""

    def serial_key(self, change: Change) -> Hashable:
        """Changes with equal keys must not run side by side; they come in one `carry_out`."""
        ...

    def carry_out(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Make the changes, in order, reading afresh what could have moved since the plan.

        Yields exactly one outcome for each change, as soon as it is known. One change's failure
        is an outcome, not an exception, and the rest still run.
        """
        ...


class System(Protocol):
    """One configured connection: its settings, and all that is known without asking anybody.

    Pure, and cheap to build: the SDK is imported by `open_reader` and `open_writer` only.
    """

    @property
    def name(self) -> str: ...

    @property
    def rate(self) -> Rate:
        """The vendor's documented limit; `rate:` in reconciler.yaml overrides it."""
        ...

    def item(self, fields: Mapping[str, Any]) -> tuple[Entitlement, str]:
        """An access item's own keys (without `system`), valid by the provider's schema fragment,
        as (entitlement, account): see `Item`. Raises ItemError for what the schema cannot say."""
        ...

    def capabilities(self, entitlement: Entitlement, ending: bool) -> Capabilities:
        """`ending` is False for standing access, which some systems cannot mark."""
        ...

    def scope(self, entitlement: Entitlement) -> str:
        """The name of what one `observe` reads whole: many entitlements may share one."""
        ...

    def open_reader(self, pace: Pace) -> Reader: ...

    def open_writer(self, pace: Pace) -> Writer: ...


Connect = Callable[[str, Mapping[str, Any], Marking], System]
"""What each provider's package offers as `connect(name, settings, marking)`: the settings are the
system's own keys in reconciler.yaml, valid by the provider's schema fragment; the marking says what
is ours among marks, where the system has room for any. Raises ItemError."""


@dataclass(frozen=True, slots=True)
class ConfiguredSystem:
    """A system as reconciler.yaml sets it up. `exclusive` entitlements are ours whole: whoever
    holds one undeclared loses it. `was` are the names it had before. `setup` is a digest of where
    it is, how it is set up and whose mark it bears."""

    system: System
    mode: Mode
    rate: Rate
    exclusive: tuple[Item, ...] = ()
    was: tuple[str, ...] = ()
    setup: str = ""
