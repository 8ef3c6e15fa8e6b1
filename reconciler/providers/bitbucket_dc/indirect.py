"""How else somebody reaches a project, a repository or the instance: through groups, the project,
the project's default permission, and global administration. Never changes anything."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.model import Assignment, Entitlement, Observed, Principal
from reconciler.providers.bitbucket.asked import Asked
from reconciler.providers.bitbucket.holders import Holder
from reconciler.providers.bitbucket_dc.kinds import GLOBAL, PROJECT, REPOSITORY
from reconciler.providers.bitbucket_dc.rest import Rest

_EVERYBODY = Principal("everybody", "everybody")
_INSTANCE = "instance"
_OPENS_ALL = ("admin", "sys-admin")


class Ways:
    def __init__(self, system: str, rest: Rest) -> None:
        self._system = system
        self._rest = rest
        self._once = Asked()

    def to(self, principal: Principal, entitlement: Entitlement) -> tuple[Observed, ...]:
        """Rows in any role. Raises ProviderError when one of the lists cannot be read."""
        return tuple(self._found(principal, entitlement.kind, entitlement.resource))

    def _found(self, who: Principal, kind: str, resource: str) -> Iterator[Observed]:
        yield from self._held(who, kind, resource, "")
        if kind == GLOBAL:
            return
        if kind == REPOSITORY:
            project = resource.partition("/")[0]
            yield from self._held(who, PROJECT, project, f"inherited from project {project}")
        reads = f"{'PROJECT' if kind == PROJECT else 'REPO'}_READ on {resource}"
        if self._once(reads, self._rest.is_public, kind, resource):
            yield self._row(kind, resource, Holder(_EVERYBODY, "read"), "everybody: it is public")
        yield from self._instance(who)

    def _held(self, who: Principal, kind: str, resource: str, inherited: str) -> Iterator[Observed]:
        """A row of one's own counts where it is inherited only: otherwise `observe` has it."""
        right = {PROJECT: "PROJECT_ADMIN", REPOSITORY: "REPO_ADMIN", GLOBAL: "ADMIN"}[kind]
        needs = f"{right} on {resource}"
        holders = self._rest.holders if inherited else self._rest.groups
        for holder in self._once(needs, holders, kind, resource):
            if holder.principal == who:
                if inherited:
                    yield self._row(kind, resource, holder, inherited)
            elif self._is_member(who, holder.principal):
                yield self._row(kind, resource, holder, inherited, f"group {holder.principal.name}")
        if kind == PROJECT:
            yield from self._everybodys(who, resource, needs, inherited)

    def _everybodys(
        self, who: Principal, project: str, needs: str, inherited: str
    ) -> Iterator[Observed]:
        """What no list shows: the default permission, and that a personal project (`~name`) is
        its user's own."""
        if role := self._once(needs, self._rest.default_role, project):
            words = "everybody, by the project's default permission"
            yield self._row(PROJECT, project, Holder(_EVERYBODY, role), inherited, words)
        if who.id == f"user:{project.removeprefix('~').lower()}" and project.startswith("~"):
            yield self._row(PROJECT, project, Holder(who, "admin"), inherited, "it is their own")

    def _is_member(self, who: Principal, group: Principal) -> bool:
        """Of groups in groups Data Center tells nothing but who is in them in the end."""
        kind, _, name = who.id.partition(":")
        if kind != "user" or not group.id.startswith("group:"):
            return False
        return self._once("LICENSED_USER", self._rest.is_member, name, group.id.partition(":")[2])

    def _instance(self, who: Principal) -> Iterator[Observed]:
        """An administrator of the instance has every project. For a user anybody may ask that, and
        the answer counts groups; for a group only the list tells, and only to an administrator."""
        kind, _, name = who.id.partition(":")
        if kind == "user":
            role = self._once("LICENSED_USER", self._rest.global_role, name)
            words = "by a permission of their own or of a group"
        else:
            needs = "ADMIN of the instance, with a password in place of a token"
            held = self._once(needs, self._rest.groups, GLOBAL, _INSTANCE)
            role, words = next((h.role for h in held if h.principal == who), ""), ""
        if role in _OPENS_ALL:
            yield self._row(
                GLOBAL, _INSTANCE, Holder(who, role), "inherited from the instance", words
            )

    def _row(self, kind: str, resource: str, holder: Holder, *words: str) -> Observed:
        there = Entitlement(self._system, kind, resource, holder.role)
        via = ", ".join(word for word in words if word)
        return Observed(Assignment(there, holder.principal), via=via)
