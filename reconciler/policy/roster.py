"""Who is who at one moment, by all pages of the directory together. Never reads a file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

from reconciler.model import Account, DirectoryPage, Group, Person, Service, Status
from reconciler.model.people import FORGE, Accounts, accounts_in

Named = TypeVar("Named", bound=Hashable)


class Roster:
    """Somebody of whom two pages say different things is nobody here, and so is an account that
    two claim: what is ambiguous must not decide."""

    def __init__(self, pages: Iterable[DirectoryPage]) -> None:
        pages = tuple(pages)
        self._people = _agreed((p.id.casefold(), p) for page in pages for p in page.people)
        self._services = _agreed((s.id, s) for page in pages for s in page.services)
        self._groups = _agreed((g.id, g) for page in pages for g in page.groups)
        members: dict[str, set[str]] = defaultdict(set)
        of: dict[str, set[str]] = defaultdict(set)
        for person, group in _memberships(pages):
            members[group].add(person)
            of[person].add(group)
        self._members = {group: self._active(ids) for group, ids in members.items()}
        self._of = {id_: frozenset(groups) for id_, groups in of.items()}
        self._claims = self._claimed(pages)

    def person(self, id: str) -> Person | None:
        return self._people.get(id.casefold())

    def service(self, id: str) -> Service | None:
        return self._services.get(id)

    def group(self, id: str) -> Group | None:
        return self._groups.get(id)

    def groups_of(self, id: str) -> frozenset[str]:
        return self._of.get(id.casefold(), frozenset())

    def members(self, group: str) -> frozenset[str]:
        """Ids of its active people."""
        return self._members.get(group, frozenset())

    def active(self, id: str) -> bool:
        person = self.person(id)
        return person is not None and person.status is Status.ACTIVE

    def known_as(self, account: Account) -> str:
        """The id of the person or service whose account it is, "" where nobody's or several's."""
        found = self.claimants(account)
        return next(iter(found)) if len(found) == 1 else ""

    def claimants(self, account: Account) -> frozenset[str]:
        """Everybody whose account it is, as the directory has it. An account without an id is a
        commit's author, of whom nothing but an e-mail address is known. A login that looks like an
        id is nobody's: anybody may take one that is another's number."""
        if not account.id:
            person = self.person(account.email) if account.email else None
            return frozenset({person.id}) if person else frozenset()
        names = {account.id.casefold()}
        if not immutable(account.login):
            names.add(account.login.casefold())
        return frozenset(id_ for name in names for id_ in self._claims.get(name, ()))

    def _active(self, ids: Iterable[str]) -> frozenset[str]:
        return frozenset(id_ for id_ in ids if self.active(id_))

    def _claimed(self, pages: tuple[DirectoryPage, ...]) -> Mapping[str, frozenset[str]]:
        claims: dict[str, set[str]] = defaultdict(set)
        for page in pages:
            known = [(person.id, person.accounts) for person in page.people]
            known += [(service.id, service.accounts) for service in page.services]
            for id_, accounts in known:
                for name in _names(accounts):
                    claims[name.casefold()].add(id_)
        return {name: frozenset(ids) for name, ids in claims.items()}


def whose(account: Account, then: Roster, today: Roster) -> str:
    """Whose account it is: by the directory of the time or, where that knows nobody, by today's,
    which may have followed a rename. "" for nobody's, and for several people's."""
    return then.known_as(account) if then.claimants(account) else today.known_as(account)


def _names(accounts: Accounts) -> tuple[str, ...]:
    """How the forge knows somebody: by immutable ids alone where any is given, for a login can be
    given up and taken by somebody else (rule 10)."""
    names = accounts_in(accounts, FORGE)
    ids = tuple(name for name in names if immutable(name))
    return ids or names


def immutable(name: str) -> bool:
    return (name.isascii() and name.isdigit()) or (name.startswith("{") and name.endswith("}"))


def _memberships(pages: Iterable[DirectoryPage]) -> Iterable[tuple[str, str]]:
    for page in pages:
        for person in page.people:
            yield from ((person.id.casefold(), group) for group in person.groups)
        for group_ in page.groups:
            yield from ((member.casefold(), group_.id) for member in group_.members)


def _agreed(named: Iterable[tuple[str, Named]]) -> dict[str, Named]:
    """By id, without those of whom different things are said."""
    said: dict[str, set[Named]] = defaultdict(set)
    for id_, one in named:
        said[id_].add(one)
    return {id_: next(iter(ones)) for id_, ones in said.items() if len(ones) == 1}
