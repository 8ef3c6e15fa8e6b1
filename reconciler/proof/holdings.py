"""What a subject holds beside, and since when without a break: by what git said when a grant came
in. For separation of duties, and for chains of extensions. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.model import Claim, Entitlement, Grant, Version, Window

GAP = timedelta(days=1)  # a shorter pause does not break a chain of extensions


@dataclass(frozen=True, slots=True)
class Held:
    """`version` is the one by which the claim came in; `alive` says until when its content stood."""

    version: int
    claim: Claim
    merged: datetime
    alive: datetime | None

    @property
    def said(self) -> Window:
        return self.claim.said or self.claim.window


@dataclass
class Holdings:
    """Grows as grants are judged, in the order in which they came in, by what was not refused."""

    _of: dict[str, list[Held]] = field(default_factory=lambda: defaultdict(list))

    def add(self, version: Version[Grant], claims: Iterable[Claim]) -> None:
        for claim in claims:
            held = Held(version.id, claim, version.merged, version.gone)
            self._of[claim.subject.id].append(held)

    def beside(
        self,
        ids: Iterable[str],
        claim: Claim,
        version: Version[Grant],
        same: Iterable[Claim],
    ) -> tuple[Entitlement, ...]:
        """What these ids (a person and their groups) hold at a time that the claim is for: by
        grants that stood when `version` came in, and by `same`, the other claims of it."""
        said = claim.said or claim.window
        wanted = set(ids)
        found = {c.entitlement for c in same if c.subject.id in wanted}
        for id in wanted:
            for held in self._of.get(id, ()):
                if _stood(held, version) and _overlap(held.said, said):
                    found.add(held.claim.entitlement)
        found.discard(claim.entitlement)
        return tuple(sorted(found))

    def chain(self, claim: Claim, version: Version[Grant]) -> timedelta | None:
        """From the start of the first window that leads here without a break to the claim's end;
        None where it extends nothing, or has no end."""
        said = claim.said or claim.window
        if said.end is None:
            return None
        earlier = [
            _as_of(held, version)
            for held in self._of.get(claim.subject.id, ())
            if held.claim.entitlement == claim.entitlement and held.claim.account == claim.account
        ]
        start = said.start
        for window in sorted(earlier, key=lambda w: w.start, reverse=True):
            reaches = window.end is None or window.end + GAP >= start
            if reaches and window.start < start:
                start = window.start
        return said.end - start if start < said.start else None


def _stood(held: Held, version: Version[Grant]) -> bool:
    return held.version != version.id and (held.alive is None or held.alive > version.merged)


def _as_of(held: Held, version: Version[Grant]) -> Window:
    """What it gave, as far as that was known when `version` came in."""
    if held.alive is not None and held.alive <= version.merged:
        return held.said.clip(Window(held.merged, held.alive))
    return held.said


def _overlap(a: Window, b: Window) -> bool:
    return not a.clip(b).empty


def by_version(claims: Iterable[Claim]) -> Mapping[int, list[Claim]]:
    found: dict[int, list[Claim]] = defaultdict(list)
    for claim in claims:
        found[claim.version].append(claim)
    return found
