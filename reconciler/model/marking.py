"""Whose mark a live row carries: ours, one that was ours, or another access repository's. Pure, and
never asks whether what the mark says is true: the ledger and git history do."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.model.access import Assignment

PROGRAM = "access-reconciler"
UNTOLD = "?"  # for an owner whom a mark has no room to name; no owner can be called so
OWNER = r"[a-z0-9][a-z0-9-]{0,23}"  # what an owner in a mark looks like: see `owner` in the schema


@dataclass(frozen=True, slots=True)
class Mark:
    """What is concluded from a mark: the fields of `Observed` with these names."""

    marker: str | None = None
    owner: str | None = None
    controller: str | None = None


NO_MARK = Mark()


@dataclass(frozen=True, slots=True)
class Marking:
    """How one system's marks are made. `owner` stands in each, "" for none; `was` are the owners
    that the access repository had before. `system` is the first name that the system had, where it
    has another now."""

    owner: str = ""
    was: tuple[str, ...] = ()
    system: str = ""

    def id(self, of: Assignment) -> str:
        """`Assignment.id`, whatever the system is called now."""
        if self.system:
            of = replace(of, entitlement=replace(of.entitlement, system=self.system))
        return of.id

    def text(self, of: Assignment) -> str:
        """The mark where colons may be written: "owner:id", or "id" alone."""
        return f"{self.owner}:{self.id(of)}" if self.owner else self.id(of)

    def read(self, owner: str, id: str) -> Mark:
        """`owner` is what the mark says: "" for none, UNTOLD for one that cannot be known."""
        if owner == self.owner:
            return Mark(marker=id)
        if owner in self.was:
            return Mark(owner=owner)
        if owner == UNTOLD:
            return Mark(owner=owner, controller=f"{PROGRAM} of another owner")
        whose = f"of {owner}" if owner else "without an owner"
        return Mark(owner=owner, controller=f"{PROGRAM} {whose}")


UNOWNED = Marking()
