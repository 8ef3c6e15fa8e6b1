"""How else somebody reaches a project or a repository: through groups, the project, the workspace.
Never changes anything.

Who is in a group only API 1.0 tells, which may be refused or gone one day. Of a repository Bitbucket
also tells what a user may in the end: whatever nothing else explains is told as that.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

from reconciler.model import Assignment, Entitlement, Observed, Principal
from reconciler.providers.bitbucket.asked import Asked
from reconciler.providers.bitbucket.calls import Refused
from reconciler.providers.bitbucket.holders import Holder
from reconciler.providers.bitbucket_cloud.kinds import PROJECT, REPOSITORY, ROLES
from reconciler.providers.bitbucket_cloud.rest import Rest

_EVERYBODY = Principal("everybody", "everybody")
_WORKSPACE_ADMIN = "an admin of the workspace, with read:workspace:bitbucket (who is in a group only API 1.0 tells)"
_NO_TELLING = (401, 403, 404, 410)

Answer = TypeVar("Answer")


class Ways:
    def __init__(self, system: str, rest: Rest) -> None:
        self._system = system
        self._rest = rest
        self._once = Asked()

    def to(self, principal: Principal, entitlement: Entitlement) -> tuple[Observed, ...]:
        """Rows in any role. Raises ProviderError when what is needed cannot be read."""
        if entitlement.kind == REPOSITORY:
            return tuple(self._to_repository(principal, entitlement))
        return tuple(self._to_project(principal, entitlement.resource))

    def _to_project(self, who: Principal, key: str) -> Iterator[Observed]:
        yield from self._held(who, PROJECT, key, "", self._once)
        if _is_user(who) and self._once(_WORKSPACE_ADMIN, self._rest.owns, who):
            yield self._row(PROJECT, key, Holder(who, "admin"), "the workspace, which they own")

    def _to_repository(self, who: Principal, entitlement: Entitlement) -> Iterator[Observed]:
        """For a user the last word is what they may in the end, so what leads there may be hidden
        from us; for a group nothing else tells."""
        slug = entitlement.resource
        ask = self._if_allowed if _is_user(who) else self._once
        found = list(self._held(who, REPOSITORY, slug, "", ask))
        place = self._once(f"read access to {slug}", self._rest.repository, slug)
        inherited = f"inherited from project {place.project}"
        found += self._held(who, PROJECT, place.project, inherited, ask)
        if place.public:
            words = "everybody: it is public"
            found.append(self._row(REPOSITORY, slug, Holder(_EVERYBODY, "read"), words))
        yield from found
        if _is_user(who):
            yield from self._unexplained(who, entitlement, found)

    def _unexplained(
        self, who: Principal, entitlement: Entitlement, found: list[Observed]
    ) -> Iterator[Observed]:
        """Effective permissions show the highest only: what gives no more than is known already
        cannot be told by them."""
        slug = entitlement.resource
        right = f"an admin of repository {slug}"
        highest = self._once(right, self._rest.effective, slug, who)
        own = self._once(right, self._rest.role, entitlement, who)
        known = [own, *(row.assignment.entitlement.role for row in found)]
        if _level(highest) <= max(map(_level, known)):
            return
        if highest == "admin" and self._if_allowed(_WORKSPACE_ADMIN, self._rest.owns, who):
            words = "the workspace, which they own"
        else:
            words = "a group, its project or the workspace: Bitbucket does not tell which"
        yield self._row(REPOSITORY, slug, Holder(who, highest), words)

    def _held(
        self, who: Principal, kind: str, resource: str, inherited: str, ask: Callable[..., Any]
    ) -> Iterator[Observed]:
        """A row of one's own counts where it is inherited only: otherwise `observe` has it."""
        lists = self._rest.holders if inherited else self._rest.groups
        for holder in ask(f"an admin of {kind} {resource}", lists, kind, resource) or ():
            if holder.principal == who:
                if inherited:
                    yield self._row(kind, resource, holder, inherited)
            elif _is_user(who) and not _is_user(holder.principal):
                slug = holder.principal.id.partition(":")[2]
                if who.id in (ask(_WORKSPACE_ADMIN, self._rest.group_members, slug) or ()):
                    words = f"group {holder.principal.name}"
                    yield self._row(kind, resource, holder, inherited, words)

    def _row(self, kind: str, resource: str, holder: Holder, *words: str) -> Observed:
        there = Entitlement(self._system, kind, resource, holder.role)
        via = ", ".join(word for word in words if word)
        return Observed(Assignment(there, holder.principal), via=via)

    def _if_allowed(self, needs: str, ask: Callable[..., Answer], *of: Hashable) -> Answer | None:
        """None where we are refused, or the call is gone."""
        try:
            return self._once(needs, ask, *of)
        except Refused as e:
            if e.status not in _NO_TELLING:
                raise
            return None


def _is_user(principal: Principal) -> bool:
    return principal.id.startswith("user:")


def _level(role: str) -> int:
    """A project's permissions as they count on its repositories: `create-repo` is above `write`,
    and no more than it there, which is no more than `admin`."""
    return ("", *ROLES[PROJECT]).index(role)
