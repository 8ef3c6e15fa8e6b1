"""A pull request of the town, checked."""

from __future__ import annotations

from reconciler.model.checked import AccessChange, Checked, Ruled
from reconciler.proof.authorise import Forge
from reconciler.proof.check import base, check
from tests.proof.town import (
    Files,
    Town,
)


def checked(town: Town, number: int, *, ask: bool = True, trust: str = "") -> Checked:
    forge = Forge(town.reader, town.memory, trust)
    main = base(town.root, "main", town.at, forge, None, ask=ask)
    head = town.branch_of(number)
    return check(town.root, main, head, town.at, number if ask else 0)


def proposed(town: Town, files: Files, login: str = "alice", *approvers: str) -> Checked:
    number = town.propose(login, files)
    town.approve(number, *approvers)
    return checked(town, number)


def one(found: Checked) -> tuple[AccessChange, Ruled]:
    (change,), (ruled,) = found.changes, found.ruled
    return change, ruled
