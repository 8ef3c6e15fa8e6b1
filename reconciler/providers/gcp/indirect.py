"""How else somebody reaches a resource: through groups, and from what contains it. Never writes.

Deny policies and principal access boundaries are not looked at: they take away, and give nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from google.api_core.exceptions import Forbidden, NotFound

from reconciler.errors import ProviderError
from reconciler.model import Observed, Principal
from reconciler.model.marking import UNOWNED, Marking
from reconciler.providers.gcp import conditions, names
from reconciler.providers.gcp.groups import Groups
from reconciler.providers.gcp.observed import observed
from reconciler.providers.gcp.policy import Row, rows_of
from reconciler.providers.gcp.session import Policies, explained
from reconciler.providers.once import Once

_EVERYBODY = {
    "allUsers": "everybody on the internet",
    "allAuthenticatedUsers": "everybody who is signed in to Google",
}
_ADDRESSED = ("user", "group", "serviceAccount")  # who can be in a group
_POLICY = {
    "service_account": "iam.serviceAccounts.getIamPolicy",
    "project": "resourcemanager.projects.getIamPolicy",
    "folder": "resourcemanager.folders.getIamPolicy",
    "organization": "resourcemanager.organizations.getIamPolicy",
}
_GET = {
    "service_account": "iam.serviceAccounts.get",
    "project": "resourcemanager.projects.get",
    "folder": "resourcemanager.folders.get",
    "organization": "",  # is never asked for: nothing contains it
}


@dataclass(frozen=True, slots=True)
class _Reach:
    """How a member of a binding stands for somebody: `words` is empty for the person itself."""

    words: str = ""
    until: datetime | None = None
    unsure: bool = False


class Ways:
    """Asks once in a run for each policy, each parent and each group: one person at a time."""

    def __init__(
        self, system: str, policies: Policies, groups: Groups, marking: Marking = UNOWNED
    ) -> None:
        self._system = system
        self._marking = marking
        self._policies = policies
        self._groups = groups
        self._lock = threading.Lock()
        self._parents: Once[str, str] = Once()
        self._rows: Once[str, tuple[Row, ...]] = Once()

    def to(self, principal: Principal, resource: str) -> tuple[Observed, ...]:
        """Rows in any role, of the resource and of all that contains it, without those that name
        the principal on the resource itself. Raises ProviderError when one cannot be read."""
        with self._lock:
            return tuple(self._found(principal, resource))

    def _found(self, principal: Principal, resource: str) -> Iterator[Observed]:
        for place in self._upwards(resource):
            for row in self._rows.get(place, partial(self._policy, place)):
                reach = self._reach(row.principal, principal.id)
                if reach is None or (place == resource and not reach.words):
                    continue
                inherited = f"inherited from {place}" if place != resource else ""
                condition = _condition(row)
                words = (inherited, reach.words, condition)
                seen = observed(self._system, place, row, self._marking)
                told = _told(seen, words, reach.until)
                yield replace(told, unsure=reach.unsure or bool(condition))

    def _upwards(self, resource: str) -> Iterator[str]:
        seen: set[str] = set()
        while resource and resource not in seen:
            seen.add(resource)
            yield resource
            resource = self._parents.get(resource, partial(self._parent, resource))

    def _parent(self, resource: str) -> str:
        needs = f"{_GET[names.kind_of(resource)]} there"
        with explained(self._system, f"find out what contains {resource}", needs):
            return self._policies.patiently(lambda: self._policies.parent(resource))

    def _policy(self, place: str) -> tuple[Row, ...]:
        needs = f"{_POLICY[names.kind_of(place)]} there"
        with explained(self._system, f"read the policy of {place}", needs):
            return tuple(rows_of(self._policies.patiently(lambda: self._policies.get(place))))

    def _reach(self, member: str, who: str) -> _Reach | None:
        """None when the member does not stand for `who`; both are folded.

        Of a pool, or of the service accounts of a project, Google does not tell who is in it:
        those are told as ways that may be. `projectOwner:` and the like occur on neither of our
        resources, and stand for who holds the role on the project, which is told as inherited.
        """
        if member == who:
            return _Reach()
        if member in _EVERYBODY:
            return _Reach(_EVERYBODY[member])
        kind, _, address = who.partition(":")
        what, _, name = member.partition(":")
        if what == "domain" and kind == "user" and address.endswith(f"@{name}"):
            return _Reach(f"domain {name}")
        if what == "group" and kind in _ADDRESSED:
            return self._by_group(name, address)
        if what == "principalSet" and _perhaps(name, who):
            if name.endswith("/*"):
                return _Reach(member)
            return _Reach(f"{member}, if it is in there", unsure=True)
        return None

    def _by_group(self, group: str, address: str) -> _Reach | None:
        """Policies name groups of other companies too, which nobody but these may read: one of them
        must not keep all the rest from being told."""
        try:
            way = self._groups.membership(group, address)
        except ProviderError as e:
            if not isinstance(e.__cause__, Forbidden | NotFound):
                raise
            return _Reach(f"group {group}, if it is in there: {e.action}: {e.cause}", unsure=True)
        if way is None:
            return None
        through = "".join(f" through {group}" for group in way.through)
        return _Reach(f"group {group}{through}", way.until)


def _perhaps(many: str, who: str) -> bool:
    """`//iam.googleapis.com/…/workforcePools/staff/group/x` may hold who is of the same pool,
    `//cloudresourcemanager.googleapis.com/…/type/ServiceAccount` any service account.

    https://docs.cloud.google.com/iam/docs/principal-identifiers
    """
    if who.startswith("serviceAccount:"):
        return many.endswith(("/type/ServiceAccount", "/type/ServiceAgent"))
    pool = who.removeprefix("principal:").partition("/subject/")[0]
    return many.startswith(f"{pool}/")


def _condition(row: Row) -> str:
    """Words for a condition that is more than an end."""
    if not row.expression or conditions.ends(row.expression):
        return ""
    return f"under the condition {row.title or row.expression}"


def _told(seen: Observed, words: tuple[str, ...], until: datetime | None) -> Observed:
    """It ends with the binding or with the membership, whatever is first."""
    own = None if seen.until == conditions.UNREADABLE else seen.until
    ends = [end for end in (own, until) if end is not None]
    via = ", ".join(word for word in words if word)
    return replace(seen, via=via, until=min(ends, default=None))
