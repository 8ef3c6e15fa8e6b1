"""How resources, roles and members are spelled in Google Cloud. Pure: asks nobody."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.errors import ItemError, UnknownPrincipal
from reconciler.model import Principal, Subject, SubjectKind

BASIC_ROLES = frozenset({"roles/owner", "roles/editor", "roles/viewer"})

# The order matters to `kind_of`: a service account's name starts like a project's.
PREFIXES: Mapping[str, str] = {
    "service_account": "projects/-/serviceAccounts/",
    "project": "projects/",
    "folder": "folders/",
    "organization": "organizations/",
}

_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")
_NUMBER = re.compile(r"[0-9]+")
_ADDRESS = re.compile(r"[^@\s:/?]+@[^@\s:/?]+")
_SERVICE_ACCOUNT = re.compile(r"[^@\s:/?]+@[a-z0-9.-]+\.gserviceaccount\.com")
_SERVICE_ACCOUNT_PATH = re.compile(r"projects/[^/]+/serviceAccounts/")
_ROLE_NAME = r"[A-Za-z0-9_.]+"
_PREDEFINED = re.compile(rf"roles/{_ROLE_NAME}")
_CUSTOM = re.compile(rf"(projects|organizations)/([^/]+)/roles/({_ROLE_NAME})")

_MEMBER_TYPES: Mapping[SubjectKind, str] = {
    SubjectKind.PERSON: "user",
    SubjectKind.GROUP: "group",
    SubjectKind.SERVICE: "serviceAccount",
}
# Identities of workforce and workload pools; a set of them stands for many people.
_POOLS: Mapping[SubjectKind, tuple[str, ...]] = {
    SubjectKind.PERSON: ("principal://",),
    SubjectKind.GROUP: ("principalSet://",),
    SubjectKind.SERVICE: ("principal://", "principalSet://"),
}


def kind_of(resource: str) -> str:
    return next(kind for kind, prefix in PREFIXES.items() if resource.startswith(prefix))


def resource_name(kind: str, text: str, projects: Mapping[str, str]) -> str:
    """The full name of what an item names, with `projects` as aliases. Raises ItemError."""
    if kind == "project":
        return PREFIXES[kind] + project_id(kind, text, projects)
    if kind == "service_account":
        email = _SERVICE_ACCOUNT_PATH.sub("", text, count=1).lower()
        if not _SERVICE_ACCOUNT.fullmatch(email):
            raise ItemError(
                kind,
                f"{text!r} is not a service account's e-mail address",
                "write name@project-id.iam.gserviceaccount.com",
            )
        return PREFIXES[kind] + email
    number = text.removeprefix(PREFIXES[kind])
    if not _NUMBER.fullmatch(number):
        raise ItemError(kind, f"{text!r} is not a number", f'write the {kind}\'s number, as "1001"')
    return PREFIXES[kind] + number


def project_id(field: str, text: str, projects: Mapping[str, str]) -> str:
    """A project has an id and a number. The number is refused: one project under two names would
    be two scopes, and each would sweep away what the other one made."""
    name = text.removeprefix("projects/")
    name = projects.get(name, name).lower()
    if _NUMBER.fullmatch(name):
        raise ItemError(
            field, f"{text!r} is a project's number", "write its id, as in payments-prod"
        )
    if not _PROJECT.fullmatch(name):
        known = ", ".join(sorted(projects)) or "none"
        raise ItemError(
            field,
            f"{text!r} is not a project id and no alias (aliases: {known})",
            "write the project's id, as in payments-prod",
        )
    return name


def role_name(text: str, resource: str, projects: Mapping[str, str]) -> str:
    """A role's full name, in Google's own letter case. Short names are refused: `viewer` may mean
    roles/viewer (all of the project) or the viewer of one service. Raises ItemError."""
    if _PREDEFINED.fullmatch(text):
        return text
    if not (custom := _CUSTOM.fullmatch(text)):
        short = re.fullmatch(_ROLE_NAME, text)
        example = f"roles/{text}" if short else "roles/cloudsql.viewer"
        raise ItemError(
            "role",
            f"{text!r} is not a role's full name",
            f"write it in full, as in {example} or projects/my-project/roles/myRole",
        )
    owner, name = f"{custom[1]}/{custom[2]}", custom[3]
    if custom[1] == "projects":
        owner = "projects/" + project_id("role", custom[2], projects)
        if kind_of(resource) != "service_account" and owner != resource:
            raise ItemError(
                "role",
                f"{text!r} is a role of {owner} and does not exist on {resource}",
                "write a predefined role or a role of the organization",
            )
    return f"{owner}/roles/{name}"


def fold(member: str) -> str:
    """One spelling for one principal: Google compares e-mail addresses without letter case, and
    policies keep them as somebody once typed them. Identities of pools are compared exactly."""
    if "://" in member or ":" not in member:
        return member
    head, mark, uid = member.partition("?")
    gone = "deleted:" if head.startswith("deleted:") else ""
    kind, _, address = head.removeprefix(gone).partition(":")
    return f"{gone}{kind}:{address.lower()}{mark}{uid}"


def principal_of(system: str, subject: Subject, account: str) -> Principal:
    """The member that stands for a subject, without asking Google, which only says no when it is
    written. `account` is a whole member (`user:…`) or an address. Raises UnknownPrincipal."""
    text = account or _only_account(system, subject)
    wanted = _MEMBER_TYPES[subject.kind]
    if text.startswith(_POOLS[subject.kind]):
        return Principal(text, subject.id)
    given, colon, address = text.rpartition(":")
    if (colon and given != wanted) or not _ADDRESS.fullmatch(address):
        raise UnknownPrincipal(
            system,
            f"name {subject.kind} {subject} in Google Cloud",
            f"account {text!r}; write an e-mail address or {wanted}:<e-mail address>",
        )
    return Principal(f"{wanted}:{address.lower()}", subject.id)


def _only_account(system: str, subject: Subject) -> str:
    if len(subject.accounts) == 1:
        return subject.accounts[0]
    if subject.accounts:
        raise UnknownPrincipal(
            system,
            f"name {subject.kind} {subject} in Google Cloud",
            f"{len(subject.accounts)} accounts in the directory "
            f"({', '.join(subject.accounts)}); leave one",
        )
    if subject.kind is SubjectKind.PERSON or _SERVICE_ACCOUNT.fullmatch(subject.id):
        return subject.id
    raise UnknownPrincipal(
        system,
        f"name {subject.kind} {subject} in Google Cloud",
        f"no account in the directory; write accounts: {{{system}: <e-mail address>}}",
    )
