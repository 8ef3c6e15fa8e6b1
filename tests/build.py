"""Short names for long values, so that a test reads as its situation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from reconciler.model import (
    Assignment,
    Capabilities,
    Cause,
    Claim,
    Entitlement,
    Observed,
    Plan,
    Principal,
    Subject,
    SubjectKind,
    Window,
)
from reconciler.planning.plan import Live, plan
from reconciler.planning.resolve import declaration

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HORIZON = NOW - timedelta(days=30)

NATIVE = "native"  # marks, and ends access by itself; standing access goes unmarked (GCP)
MARKED = "marked"  # marks, does not end access (Azure)
PLAIN = "plain"  # neither (Identity Center)
SLOT = "slot"  # neither, and one role per resource (Bitbucket)
KINDS = (NATIVE, MARKED, PLAIN, SLOT)
ROLES = ("read", "write", "admin")


def can(entitlement: Entitlement, ending: bool) -> Capabilities:
    kind, admin = entitlement.kind, entitlement.role == "admin"
    if kind == NATIVE:
        return Capabilities(native_expiry=True, marker=ending, admin=admin)
    slot = ROLES if kind == SLOT else ()
    return Capabilities(native_expiry=False, marker=kind == MARKED, slot=slot, admin=admin)


def hours(n: float) -> datetime:
    return NOW + timedelta(hours=n)


def assignment(
    who: str = "alice", role: str = "read", kind: str = NATIVE, on: str = "vault"
) -> Assignment:
    return Assignment(Entitlement("sys", kind, on, role), Principal(f"user:{who}", who))


def claim(
    of: Assignment,
    start: float = -1,
    end: float | None = 1,
    *,
    grant: str = "grants/a.yaml",
    cause: Cause = Cause.EXPIRED,
    standing: bool | None = None,
) -> tuple[Assignment, Claim]:
    who = Subject(SubjectKind.PERSON, f"{of.principal.name}@example.com")
    window = Window(hours(start), None if end is None else hours(end))
    endless = end is None if standing is None else standing
    return of, Claim(who, of.entitlement, "", window, cause, grant, endless)


def live(of: Assignment, *, marked: bool | None = None, until: float | None = None) -> Observed:
    """A row; `marked` defaults to what we would have left there ourselves."""
    ours = can(of.entitlement, until is not None).marker if marked is None else marked
    return Observed(
        of,
        marker=of.id if ours else None,
        until=None if until is None else hours(until),
        handle=f"{of.id}/{until}",
    )


def planned(
    claims: Iterable[tuple[Assignment, Claim]],
    rows: Iterable[Observed],
    *,
    now: datetime = NOW,
    exclusive: Iterable[Entitlement] = (),
) -> Plan:
    keys = frozenset(e.key for e in exclusive)
    return plan(declaration(claims, now), Live(tuple(rows)), can, now, HORIZON, keys)


def told(plan: Plan) -> list[str]:
    """The changes, in words short enough for an assertion."""
    words = []
    for c in plan.changes:
        role = f"{c.replaces}>" if c.replaces else ""
        role += c.assignment.entitlement.role
        role += f">{c.restores}" if c.restores else ""
        words.append(f"{c.action} {c.assignment.principal} {role} ({c.cause})")
    return words
