"""Every failure we can explain. Anything else is a bug. Prints nothing."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.model.position import Position
from reconciler.unsaid import unsaid


class ReconcilerError(Exception):
    """Something a person can read and act on. `exit_code` is what the command ends with."""

    exit_code = 1


class InputError(ReconcilerError):
    """What we were given is wrong: a file, an option, a setting."""

    exit_code = 2


class ItemError(InputError):
    """One access item or system setting is wrong.

    `field` is the key inside the item that a person should edit ("" for the item itself); the
    repository room turns it into a `Problem` with a position.
    """

    def __init__(self, field: str, problem: str, fix: str) -> None:
        super().__init__(f"{field}: {problem}; {fix}" if field else f"{problem}; {fix}")
        self.field = field
        self.problem = problem
        self.fix = fix


class ProviderError(ReconcilerError):
    """A system said no, or did not answer. One system's failure never stops another.

    What it said goes into reports, comments and the ledger, and a proxy on the way may say our own
    headers back, bare ones too: credentials are taken out, by looks and by value (`unsaid`).
    """

    def __init__(self, system: str, action: str, cause: object) -> None:
        self.system = system
        self.action = unsaid(action)
        self.cause = unsaid(str(cause))
        super().__init__(f"{system}: cannot {self.action}: {self.cause}")


class NotFound(ProviderError):
    """The system says for certain that this resource or role does not exist (not: forbidden)."""


class UnknownPrincipal(ProviderError):
    """The system does not know this subject, or knows several. Concerns only this subject."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in one file: `path:line:column: what, with the value; what to write`."""

    position: Position
    what: str
    fix: str
    rule: str = "invalid"  # a stable kebab-case id, for SARIF

    def __str__(self) -> str:
        return f"{self.position}: {self.what}; {self.fix}"
