"""A system in memory: stateful and strict, with failures to order. Used where no vendor matters."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.errors import NotFound, ProviderError, UnknownPrincipal
from reconciler.model import (
    Action,
    Assignment,
    Capabilities,
    Change,
    Entitlement,
    Mode,
    Observed,
    Principal,
    Subject,
)
from reconciler.providers.base import ConfiguredSystem, Outcome, Pace, Rate, Reader, Writer
from tests import build


@dataclass
class FakeSystem:
    """`broken` names scopes, people and assignments ("alice read") that fail; `bug` those that raise
    what no provider should."""

    name: str = "sys"
    live: dict[str, Observed] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    bug: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)  # writes that are confirmed and do nothing
    slow: set[str] = field(default_factory=set)
    own: frozenset[str] = frozenset()
    silent: bool = False  # the writer breaks off without outcomes
    calls: Counter[str] = field(default_factory=Counter)
    log: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def rate(self) -> Rate:
        return Rate(100_000, 1, 4)

    def item(self, fields: Mapping[str, Any]) -> tuple[Entitlement, str]:
        return Entitlement(self.name, build.PLAIN, fields["on"], fields["role"]), ""

    def capabilities(self, entitlement: Entitlement, ending: bool) -> Capabilities:
        return build.can(entitlement, ending)

    def scope(self, entitlement: Entitlement) -> str:
        return entitlement.resource

    def open_reader(self, pace: Pace) -> Reader:
        self.fail("open")
        return FakeReader(self)

    def open_writer(self, pace: Pace) -> Writer:
        self.fail("open writer")
        return FakeWriter(self)

    def fail(self, what: str) -> None:
        with self.lock:
            self.calls[what] += 1
        if what in self.bug:
            raise KeyError(what)
        if what in self.gone:
            raise NotFound(self.name, "find", what)
        if what in self.broken:
            raise ProviderError(self.name, "do", f"{what} is broken")

    def hold(self, *rows: Observed) -> FakeSystem:
        for row in rows:
            self.live[row.handle] = row
        return self


@dataclass
class FakeReader:
    system: FakeSystem

    def canonical(self, entitlement: Entitlement) -> Entitlement:
        self.system.fail(f"canonical {entitlement.role}")
        return entitlement

    def principal(self, subject: Subject, entitlement: Entitlement, account: str) -> Principal:
        name = subject.id.split("@")[0]
        if name in self.system.gone:
            raise UnknownPrincipal(self.system.name, "know", name)
        self.system.fail(name)
        return Principal(f"user:{name}", name)

    def observe(self, scope: str, entitlements: Collection[Entitlement]) -> tuple[Observed, ...]:
        self.system.fail(scope)
        rows = self.system.live.values()
        return tuple(r for r in rows if r.assignment.entitlement.resource == scope)

    def indirect(self, principal: Principal, entitlement: Entitlement) -> tuple[Observed, ...]:
        return ()

    def own(self) -> frozenset[str]:
        self.system.fail("own")
        return self.system.own


@dataclass
class FakeWriter:
    system: FakeSystem

    def serial_key(self, change: Change) -> str:
        return change.assignment.entitlement.key

    def carry_out(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        with self.system.lock:
            self.system.at_once += 1
            self.system.most_at_once = max(self.system.most_at_once, self.system.at_once)
        time.sleep(0.002)
        try:
            for change in changes:
                if self.system.silent:
                    return
                yield self._one(change)
        finally:
            with self.system.lock:
                self.system.at_once -= 1

    def _one(self, change: Change) -> Outcome:
        of = change.assignment
        what = f"{of.principal.name} {of.entitlement.role}"
        time.sleep(0.05 if what in self.system.slow else 0)
        try:
            self.system.fail(what)
        except ProviderError as e:
            return Outcome(change, e)
        with self.system.lock:
            self.system.log.append(f"{change.action} {what}")
            if what in self.system.deaf:
                return Outcome(change)
            if change.live:
                self.system.live.pop(change.live.handle, None)
            if change.action is not Action.REMOVE:
                row = made(of, change)
                self.system.live[row.handle] = row
        return Outcome(change)


def made(of: Assignment, change: Change) -> Observed:
    marked = build.can(of.entitlement, change.until is not None).marker
    until = change.until if change.native_expiry else None
    return Observed(of, of.id if marked else None, until=until, handle=f"{of.id}/{until}")


def configured(systems: Iterable[FakeSystem], mode: Mode = Mode.ENFORCE) -> list[ConfiguredSystem]:
    return [ConfiguredSystem(s, mode, s.rate) for s in systems]
