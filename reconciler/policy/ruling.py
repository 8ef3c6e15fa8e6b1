"""What rules come to for one case, and whose approval that takes. Only data."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model import BreakGlass


@dataclass(frozen=True, slots=True)
class Need:
    """`count` different people out of `persons`, who are ids of active people. `words` say it for
    a person: "1 of payments-leads"."""

    count: int
    persons: frozenset[str]
    words: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """`rule` is the one that decided, "" where none did. `reasons` are sentences; `fix` says what
    to do about a refusal. `automatic`: the rule waives the approvals that it asks for otherwise."""

    permitted: bool
    rule: str = ""
    reasons: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    fix: str = ""
    break_glass: BreakGlass | None = None
    notify: tuple[str, ...] = ()
    automatic: bool = False
    self_approval: bool = False
