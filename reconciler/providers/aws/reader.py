"""AWS as the core sees it. Looks, never touches."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from reconciler.errors import NotFound, ProviderError, UnknownPrincipal
from reconciler.model import (
    Assignment,
    Entitlement,
    Observed,
    Principal,
    Subject,
    SubjectKind,
)
from reconciler.model.marking import NO_MARK, Marking
from reconciler.providers.aws.iam import AccountReader, Identity, marked
from reconciler.providers.aws.identity_center import IdentityCenter, is_id
from reconciler.providers.aws.indirect import OtherWays
from reconciler.providers.aws.kinds import ASSIGNMENT, IAM_GROUP, MEMBER, MEMBERSHIP, POLICY
from reconciler.providers.aws.session import Clients, explained, member
from reconciler.providers.aws.settings import Settings

_IAM = ("user/", "role/", "arn:")


class AwsReader:
    def __init__(self, system: str, settings: Settings, clients: Clients, marking: Marking) -> None:
        self._system = system
        self._marking = marking
        self._settings = settings
        self._clients = clients
        self._center = IdentityCenter(system, settings, clients)
        self._accounts = AccountReader(system, clients)
        self._other_ways = OtherWays(system, clients, self._center, self._accounts)

    def canonical(self, entitlement: Entitlement) -> Entitlement:
        match entitlement.kind:
            case "account_assignment":
                return replace(entitlement, role=self._center.permission_set(entitlement.role).name)
            case "group_membership":
                return replace(entitlement, resource=self._center.group(entitlement.resource).name)
            case "iam_group":
                account = entitlement.resource
                group = self._accounts.names(account).group(entitlement.role)
                if group is None:
                    problem = "there is no such group; write the name of one"
                    action = f"find IAM group {entitlement.role!r} in account {account}"
                    raise NotFound(self._system, action, problem)
                return replace(entitlement, role=group.name)
        return entitlement

    def principal(self, subject: Subject, entitlement: Entitlement, account: str) -> Principal:
        if entitlement.kind in (POLICY, IAM_GROUP):
            return self._iam_principal(subject, entitlement, account)
        if subject.kind is SubjectKind.GROUP:
            if entitlement.kind == MEMBERSHIP:
                raise self._unknown(subject, "a group cannot be a member of a group; name people")
            return self._group_principal(subject)
        return self._user_principal(subject)

    def _group_principal(self, subject: Subject) -> Principal:
        names = subject.accounts or (subject.id,)
        if len(names) != 1:
            raise self._unknown(
                subject, f"it has {len(names)} groups here; leave one in directory/"
            )
        try:
            group = self._center.group(names[0])
        except NotFound as e:
            raise self._unknown(subject, e.cause) from e
        return Principal(f"group:{group.id}", group.name)

    def _user_principal(self, subject: Subject) -> Principal:
        """A name or id that the directory gives; else the e-mail address, then it as user name."""
        given = [a for a in subject.accounts if not a.startswith(_IAM)]
        if len(given) > 1:
            problem = f"directory/ gives {', '.join(given)}; leave one Identity Center user name"
            raise self._unknown(subject, problem)
        if given and is_id(given[0]):
            return Principal(f"user:{given[0]}", subject.id)
        name = given[0] if given else subject.id
        attributes = ("emails.value", "userName") if not given and "@" in name else ("userName",)
        for attribute in attributes:
            user = self._center.user(attribute, name)
            if user:
                return Principal(f"user:{user}", name)
        problem = f"Identity Center has no user {name!r}; write its user name in directory/"
        raise self._unknown(subject, problem)

    def _iam_principal(self, subject: Subject, entitlement: Entitlement, account: str) -> Principal:
        if subject.kind is SubjectKind.GROUP:
            raise self._unknown(subject, "a group is no IAM identity; name people")
        own = [a for a in subject.accounts if a.startswith(_IAM)]
        if entitlement.kind == IAM_GROUP:
            own = [a for a in own if not a.startswith("role/") and ":role/" not in a]
        found = self._accounts.names(entitlement.resource)
        # An ARN in the directory is good in its own account only, a bare name in all of them.
        refs = [self._ref(a, entitlement.resource) for a in own]
        held = [i for ref in refs if ref and (i := found.identity(ref))]
        if account:
            held = [i for i in held if i.ref.casefold() == account.casefold()]
        if len(held) == 1:
            return Principal(held[0].arn, held[0].ref)
        accounts = f"`accounts: {{{self._system}: [user/NAME]}}` in directory/"
        if len(held) > 1:
            problem = f"has {', '.join(i.ref for i in held)}; write `user:` in the access item"
        elif account and account.casefold() not in (r.casefold() for r in refs if r):
            mend = f"name their own ({', '.join(own)}) or leave it out"
            if not own:
                mend = f"write the IAM identity of {subject.id} under {accounts}, if there is one"
            problem = f"{account} is not one of {subject.id}'s accounts in directory/; {mend}"
        elif not refs:
            problem = f"has no IAM identity; write {accounts}"
        else:
            problem = f"none of {', '.join(own)} exists in account {entitlement.resource}"
        raise self._unknown(subject, problem)

    @staticmethod
    def _ref(account: str, account_id: str) -> str:
        """ "user/alice" of an entry in the directory, "" when it is of another AWS account."""
        if not account.startswith("arn:"):
            return account
        parts = account.split(":")
        if len(parts) != 6 or parts[4] != account_id:
            return ""
        kind, _, path = parts[5].partition("/")
        return f"{kind}/{path.rpartition('/')[2]}"

    def _unknown(self, subject: Subject, problem: str) -> UnknownPrincipal:
        return UnknownPrincipal(self._system, f"look up {subject.id}", problem)

    def observe(self, scope: str, entitlements: Collection[Entitlement]) -> tuple[Observed, ...]:
        with explained(self._system, f"read {scope}"):
            match scope.split(" ", 1):
                case ["assignments", where]:
                    return tuple(self._assignments(*where.split(" ", 1)))
                case ["group", name]:
                    return tuple(self._memberships(name))
                case ["iam", account]:
                    return tuple(self._iam(account, entitlements))
        raise ProviderError(self._system, f"read {scope}", "there is no such scope")

    def _assignments(self, account: str, role: str) -> Iterator[Observed]:
        permission_set = self._center.permission_set(role)
        entitlement = Entitlement(self._system, ASSIGNMENT, account, permission_set.name)
        names = self._center.names()
        for kind, principal_id in self._center.assignments(account, permission_set):
            principal = Principal(f"{kind.lower()}:{principal_id}", names.get(principal_id, ""))
            yield Observed(Assignment(entitlement, principal))

    def _memberships(self, name: str) -> Iterator[Observed]:
        group = self._center.group(name)
        entitlement = Entitlement(self._system, MEMBERSHIP, group.name, MEMBER)
        names = self._center.names()
        for row in self._center.memberships(group):
            principal = Principal(f"user:{row.user}", names.get(row.user, ""))
            yield Observed(Assignment(entitlement, principal), since=row.since, handle=row.id)

    def _iam(self, account: str, entitlements: Collection[Entitlement]) -> Iterator[Observed]:
        """Our policies all; those of others, and members, where they hold what is asked for."""
        found = self._accounts.rows(account)
        texts = {e.role for e in entitlements if e.kind == POLICY}
        groups = {e.role for e in entitlements if e.kind == IAM_GROUP}
        for identity in found.identities:
            yield from self._policies(account, identity, texts)
            for group in identity.groups:
                if group in groups:
                    entitlement = Entitlement(self._system, IAM_GROUP, account, group)
                    yield Observed(Assignment(entitlement, Principal(identity.arn, identity.ref)))

    def _policies(self, account: str, identity: Identity, texts: set[str]) -> Iterator[Observed]:
        for policy in identity.policies:
            mark = marked(policy.name, self._marking)
            if mark != NO_MARK or policy.text in texts:
                entitlement = Entitlement(self._system, POLICY, account, policy.text)
                yield Observed(
                    Assignment(entitlement, Principal(identity.arn, identity.ref)),
                    marker=mark.marker,
                    controller=mark.controller,
                    until=policy.until,
                    handle=policy.name,
                    owner=mark.owner,
                )

    def indirect(self, principal: Principal, entitlement: Entitlement) -> tuple[Observed, ...]:
        return self._other_ways.of(principal, entitlement)

    def own(self) -> frozenset[str]:
        """Who we are, and the roles that we take in each account that we know."""
        with explained(self._system, "ask who we are"):
            caller: str = member(self._clients.sts.get_caller_identity(), "Arn")
        read = self._accounts.read_accounts()
        accounts = {a for _, a in self._settings.accounts} | set(read)
        roles = {self._settings.role, self._settings.read_role}
        ours = {caller} | {self._settings.role_arn(a, r) for a in accounts for r in roles}
        parts = caller.split(":")
        if parts[5].startswith("assumed-role/"):
            # A session names its role without the role's path.
            name = parts[5].split("/")[1]
            ours.add(f"arn:{parts[1]}:iam::{parts[4]}:role/{name}")
            account = read.get(parts[4])
            role = account.identity(f"role/{name}") if account else None
            ours |= {role.arn} if role else set()
        return frozenset(ours)
