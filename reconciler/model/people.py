"""People, their groups, services, and how each is known in the systems. Never says what they
hold."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Accounts = tuple[tuple[str, tuple[str, ...]], ...]  # (system, names or ids there), sorted
Attributes = tuple[tuple[str, str], ...]  # sorted

FORGE = "forge"  # under `accounts`, beside the systems: how the forge knows somebody


class SubjectKind(StrEnum):
    PERSON = "person"
    GROUP = "group"
    SERVICE = "service"


class Status(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEFT = "left"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Who a claim is for, as one system is shown them.

    `accounts` are the names or ids that the directory gives for this system, empty where the
    system itself must be asked by `id` (an e-mail address, or a group's or service's id).
    """

    kind: SubjectKind
    id: str
    accounts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class Person:
    """`id` is an e-mail address in lower case; `manager` another person's id."""

    id: str
    name: str = ""
    status: Status = Status.ACTIVE
    manager: str = ""
    groups: tuple[str, ...] = ()
    accounts: Accounts = ()
    attributes: Attributes = ()


@dataclass(frozen=True, slots=True)
class Group:
    """`members` are ids of people. A group with an account in a system is one principal there;
    in every other system its members are granted one by one."""

    id: str
    members: tuple[str, ...] = ()
    accounts: Accounts = ()


@dataclass(frozen=True, slots=True)
class Service:
    """An identity that is no person: a deploy job, a bot."""

    id: str
    accounts: Accounts = ()
    attributes: Attributes = ()


def accounts_in(accounts: Accounts, system: str) -> tuple[str, ...]:
    return next((names for name, names in accounts if name == system), ())
