"""Changes and rows of Google Cloud in few words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from reconciler.model import Action, Assignment, Cause, Change, Observed, Subject, SubjectKind
from reconciler.providers.base import Outcome, System

ALICE = Subject(SubjectKind.PERSON, "alice@example.com")
BOB = Subject(SubjectKind.PERSON, "bob@example.com")
NOBODY = Subject(SubjectKind.PERSON, "mallory@example.com")
SQL = {"project": "payments-prod", "role": "roles/cloudsql.viewer"}
GRANT = "grants/alice-sql.yaml"


def no_pace() -> None: ...


def held(system: System, subject: Subject = ALICE, **item: Any) -> Assignment:
    entitlement, account = system.item(item or SQL)
    principal = system.open_reader(no_pace).principal(subject, entitlement, account)
    return Assignment(entitlement, principal)


def add(of: Assignment, until: datetime | None) -> Change:
    return Change(Action.ADD, Cause.DECLARED, of, until=until, grants=(GRANT,))


def move(row: Observed, until: datetime | None, *, of: Assignment | None = None) -> Change:
    of = of or row.assignment
    return Change(Action.EXTEND, Cause.DECLARED, of, until=until, grants=(GRANT,), live=row)


def remove(row: Observed) -> Change:
    return Change(Action.REMOVE, Cause.EXPIRED, row.assignment, live=row)


def observed(system: System, resource: str = "projects/payments-prod") -> tuple[Observed, ...]:
    return system.open_reader(no_pace).observe(resource, ())


def rows_of(system: System, of: Assignment) -> list[Observed]:
    rows = observed(system, of.entitlement.resource)
    return [row for row in rows if row.assignment == of]


def carried_out(system: System, *changes: Change) -> list[str | None]:
    """The causes of the failures, None for success, in the order of the changes."""
    return causes(system.open_writer(no_pace).carry_out(changes))


def causes(outcomes: Iterable[Outcome]) -> list[str | None]:
    return [o.error.cause if o.error else None for o in outcomes]
