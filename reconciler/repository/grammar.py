"""What the content of a file is judged by: the schemas, and the systems of the configuration.
Connects to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import Problem
from reconciler.providers.base import System
from reconciler.repository.schemas import Checker, checker, digest, installed
from reconciler.repository.tree import Tree


@dataclass(frozen=True, slots=True)
class Known:
    """A system that access items may name, and the provider that knows their shape."""

    provider: str
    system: System


@dataclass(frozen=True, slots=True)
class Grammar:
    """`settings` is a digest of the systems' own settings: equal digests read a file equally.

    `broken` are systems whose settings are wrong: items of theirs cannot be judged, and are not
    blamed for it. `former` leads from what a system was called before to its name now.
    """

    schemas: Path = field(default_factory=installed)
    systems: Mapping[str, Known] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    settings: str = ""
    former: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Of all systems, former ones too."""
        return frozenset(self.systems) | self.broken | frozenset(self.former)

    def now(self, system: str) -> str:
        return self.former.get(system, system)

    def file(self, name: str) -> Checker:
        return checker(self.schemas, name)

    def item(self, provider: str) -> Checker:
        return checker(self.schemas, provider, "item")

    @property
    def digest(self) -> str:
        return f"{digest(self.schemas)}:{self.settings}"


def wrong(
    found: Checker, data: object, tree: Tree, at: tuple[str | int, ...], also: tuple[str, ...] = ()
) -> list[Problem]:
    """Word what the gate refused. Its verdict stands even if nobody can say why. `also` are keys
    that may be written at `at` and that another schema judges."""
    from reconciler.repository.wording import problems

    worded = problems(found.schema, data, tree, at, also)
    if worded:
        return worded
    said = next(iter(found.gate.iter_errors(data))).message
    fix = "see `reconciler schema` for the format"
    return [Problem(tree.position(at), str(said), fix, "invalid")]
