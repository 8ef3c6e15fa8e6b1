"""Why a policy decides as it does: every rule in the order in which it is asked. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model import Effect, Position
from reconciler.policy import limits
from reconciler.policy.case import Case
from reconciler.policy.cel import Facts
from reconciler.policy.laws import Laws

MATCHES, DIFFERS, UNREACHED = "matches", "does not match", "not reached"


@dataclass(frozen=True, slots=True)
class Step:
    """`outcome` is one of the three words above; `why` says what did not fit, or which limit of
    the rule that decides is not kept."""

    rule: str
    effect: Effect
    position: Position
    outcome: str
    why: str = ""


def trace(laws: Laws, case: Case) -> tuple[Step, ...]:
    """Forbid rules are all asked; permit rules until one matches, and not where one forbids."""
    book, facts = laws.book, Facts(case)
    alike = book.alike(case)
    steps: list[Step] = []
    decided = forbidden = False
    for i, rule in enumerate(book.rules):
        reached = rule.effect is Effect.FORBID or not (decided or forbidden)
        outcome, why = UNREACHED, ""
        if reached and not alike >> i & 1:
            outcome, why = DIFFERS, "; ".join(book.unlike(i, case))
        elif reached:
            fit = book.fit(i, case, facts)
            outcome, why = (MATCHES if fit.matches else DIFFERS), fit.why
            forbidden |= fit.matches and rule.effect is Effect.FORBID
            if fit.matches and rule.effect is Effect.PERMIT:
                decided, why = True, "; ".join(what for what, _ in limits.broken(rule, case))
        steps.append(Step(rule.name, rule.effect, rule.position, outcome, why))
    return tuple(steps)
