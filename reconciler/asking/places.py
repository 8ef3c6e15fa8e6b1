"""Where a new grant may lie and what it is called, by the rules that may decide. Opens nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from reconciler.model import BundleRef, Effect, Item, Rule
from reconciler.policy import globs
from reconciler.policy.laws import Laws
from reconciler.repository.paths import BREAK_GLASS, Kind, kind_of, trouble

BRANCHES = "request/"
_LONGEST = 40  # characters of a part of a name


@dataclass(frozen=True, slots=True)
class Place:
    """A path that a rule names, by that `rule`; "" for one that no rule asks for."""

    path: str
    rule: str = ""


def places(laws: Laws, stem: str, *, break_glass: bool) -> tuple[Place, ...]:
    """Every path at which a file `stem` could be permitted, in the order of the rules."""
    kind = Kind.BREAK_GLASS if break_glass else Kind.GRANT
    found: dict[str, Place] = {}
    for rule in laws.book.rules:
        if rule.effect is Effect.PERMIT and not rule.standing:
            for path in _fitting(rule, stem):
                if kind_of(path) is kind:
                    found.setdefault(path, Place(path, rule.name))
    path = f"{BREAK_GLASS if break_glass else 'grants/'}{stem}.yaml"
    found.setdefault(path, Place(path))
    return tuple(found.values())


def stem(who: str, access: Item | BundleRef, at: datetime) -> str:
    """ "alice-payments-prod-2026-12-01"."""
    what = access.name if isinstance(access, BundleRef) else access.entitlement.resource
    parts = (slug(who.partition("@")[0]), slug(re.split(r"[/:]", what.rstrip("/"))[-1]))
    return "-".join((*filter(None, parts), f"{at:%Y-%m-%d}"))


def slug(text: str) -> str:
    """Of letters, digits and hyphens, "" where nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST].strip("-")


def numbered(name: str, taken: Callable[[str], bool]) -> str:
    """The name, or the first of "name-2", "name-3"… that is not taken."""
    every = (name if n == 1 else f"{name}-{n}" for n in count(1))
    return next(each for each in every if not taken(each))


def _fitting(rule: Rule, stem: str) -> Iterator[str]:
    for glob in rule.match.paths:
        path = _filled(glob, stem)
        if path and globs.path(glob)(path) and trouble(path) is None:
            yield path


def _filled(glob: str, stem: str) -> str:
    """A path that the glob may fit: `**` becomes no folder at all, `*` the name. A glob of another
    shape is left to whoever types the path."""
    if any(c in glob for c in "?[{!"):
        return ""
    *folders, last = glob.split("/")
    last = f"{stem}.yaml" if last in ("**", "*") else last.replace("*", stem)
    name = stem.partition("-")[0]
    kept = [folder.replace("*", name) for folder in folders if folder != "**"]
    return "/".join((*kept, last if last.endswith(".yaml") else f"{last}.yaml"))
