"""Who the local Data Center knows: users, and groups with their members. Answers no request."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.sandbox.bitbucket import Holder, Place, Table

INSTANCE = Place("global", "")
GLOBAL_ROLES = ("LICENSED_USER", "PROJECT_CREATE", "ADMIN", "SYS_ADMIN")


@dataclass(frozen=True, slots=True)
class User:
    name: str
    id: int
    email: str

    @property
    def shown(self) -> dict[str, object]:
        return {
            "name": self.name,
            "emailAddress": self.email,
            "active": True,
            "displayName": self.name.title(),
            "id": self.id,
            "slug": self.name.lower(),
            "type": "NORMAL",
        }


class People:
    """By name in lower case. `groups` may hold groups besides users: whoever is in one is in all
    that hold it, as where Data Center is told to read nested groups."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.users: dict[str, User] = {}
        self.groups: dict[str, set[str]] = {}

    def add_user(self, name: str, email: str = "") -> User:
        user = User(name, 101 + len(self.users), email or f"{name.lower()}@example.com")
        self.users[name.lower()] = user
        return user

    def search(self, text: str, group: str, permission: str) -> list[User]:
        """As `/users` filters: all three must fit, an empty one always does."""
        return [
            user
            for name, user in self.users.items()
            if text in user.name.lower() or text in user.email.lower()
            if not group or self.is_member(name, group.lower())
            if not permission or self.may(name, permission)
        ]

    def is_member(self, name: str, group: str) -> bool:
        members = self.groups.get(group, set())
        return name in members or any(
            self.is_member(name, inner) for inner in members if inner in self.groups
        )

    def may(self, name: str, permission: str) -> bool:
        """A global permission or a higher one, of one's own or by a group."""
        least = GLOBAL_ROLES.index(permission)
        return any(
            GLOBAL_ROLES.index(role) >= least
            and (holder == Holder("users", name) or self.is_member(name, holder.name))
            for holder, role in self._table.held(INSTANCE)
        )
