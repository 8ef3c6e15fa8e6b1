"""What a local system must offer, and the organisation that all of them are seeded with. Serves
nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from reconciler.sandbox.faults import Faults


@dataclass(frozen=True, slots=True)
class Served:
    """How to reach a local system: `settings` go into reconciler.yaml (provider, endpoint, ...),
    `env` holds the credentials that the SDK finds by itself."""

    settings: Mapping[str, Any]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One live assignment as `sandbox show` prints it. `until` is what the system itself holds."""

    system: str
    resource: str
    role: str
    principal: str
    until: str = ""
    marker: str = ""


class LocalSystem(Protocol):
    name: str

    def start(self, faults: Faults, home: Path, port: int = 0) -> Served:
        """Serve on loopback, seeded. `home` may hold files that clients need (a certificate)."""
        ...

    def rows(self) -> tuple[Row, ...]: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Member:
    """A person of the seeded organisation; each local system derives its own ids from `login`."""

    login: str

    @property
    def email(self) -> str:
        return f"{self.login}@example.com"


PEOPLE = tuple(Member(n) for n in ("alice", "bob", "carol", "dave", "erin", "frank", "grace"))
GROUPS: Mapping[str, tuple[str, ...]] = {
    "payments-oncall": ("alice", "bob"),
    "platform-admins": ("grace",),
    "auditors": ("erin",),
}
SERVICES = ("deployer",)
