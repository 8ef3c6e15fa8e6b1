"""Role definitions: their names as ARM spells them, and their ids. One list per root and run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from reconciler.errors import NotFound, ProviderError
from reconciler.providers.azure.scopes import root
from reconciler.providers.azure.session import Session
from reconciler.providers.once import Once


@dataclass(frozen=True, slots=True)
class Role:
    """`guid` in lower case; `id` as ARM wants it in a new assignment."""

    guid: str
    name: str
    id: str


class Roles:
    """Safe to ask from several threads: each root's list is fetched once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lists: Once[str, tuple[Role, ...]] = Once()

    def named(self, scope: str, role: str) -> Role:
        """The role by name, in any case, or by GUID. Raises ProviderError, NotFound where
        the whole list has no such role."""
        known = self._list(root(scope))
        wanted = role.casefold()
        found = [r for r in known if wanted in (r.guid, r.name.casefold())]
        if len(found) == 1:
            return found[0]
        action = f"find the role {role!r} at {root(scope)}"
        if found:
            guids = ", ".join(r.guid for r in found)
            problem = f"{len(found)} roles have this name; write the id of one: {guids}"
        else:
            # A question: what is nearest in spelling may well allow more.
            close = get_close_matches(role, [r.name for r in known], n=1)
            maybe = f"; did you mean {close[0]!r}?" if close else ""
            problem = f"no role of that name can be assigned at this scope{maybe}"
            raise NotFound(self._session.name, action, problem)
        raise ProviderError(self._session.name, action, problem)

    def name(self, at: str, guid: str) -> str:
        """The role's name; the GUID itself for a definition that is gone or not assignable here."""
        return next((r.name for r in self._list(at) if r.guid == guid), guid)

    def _list(self, at: str) -> tuple[Role, ...]:
        return self._lists.get(at, lambda: self._fetch(at))

    def _fetch(self, at: str) -> tuple[Role, ...]:
        # Without the filter, custom roles of single resource groups are missing from the list.
        definitions = self._session.rbac.role_definitions
        found = self._session.whole(
            f"list role definitions of {at}",
            lambda **page: definitions.list(at.lstrip("/"), filter="atScopeAndBelow()", **page),
        )
        return tuple(_unique(map(_role, found)))


def _role(found: Any) -> Role:
    return Role(found.name.lower(), found.role_name, found.id)


def _unique(roles: Iterable[Role]) -> Iterable[Role]:
    return {role.guid: role for role in roles}.values()
