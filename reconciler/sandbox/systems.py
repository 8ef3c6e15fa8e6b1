"""The list of local systems. A new one is a module in this room and a line in this dict.

Imports no local system before it is asked for: they need the [sandbox] extra.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import cast

from reconciler.errors import InputError
from reconciler.sandbox.local import SERVICES, LocalSystem

# name, also in reconciler.yaml -> "module:class"
LOCAL_SYSTEMS = {
    "aws": "reconciler.sandbox.aws:AwsLocal",
    "gcp": "reconciler.sandbox.gcp:LocalGcp",
    "azure": "reconciler.sandbox.azure:LocalAzure",
    "bitbucket": "reconciler.sandbox.bitbucket_cloud:LocalBitbucketCloud",
    "bitbucket-dc": "reconciler.sandbox.bitbucket_dc:LocalBitbucketDc",
}

GITHUB = "github"  # hosts the access repository itself, where that is wanted

# What a local system logs its calls as, beside its own name.
_SIDE_DOORS = {"azure": ("azure-login",)}


def call_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names by which faults and calls of these systems go."""
    return tuple(door for name in names for door in (name, *_SIDE_DOORS.get(name, ())))


def served(names: Sequence[str], system: str) -> None:
    """Raises InputError unless faults and calls of one of these systems go by this name."""
    here = call_names(names)
    if system not in here:
        raise InputError(f"{system!r} is not served here; write one of {', '.join(here)}")


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """`names` once each, in the order of the list; all of them when none is given.

    Raises InputError for a name that is not in the list.
    """
    for name in names:
        if name not in LOCAL_SYSTEMS:
            known = ", ".join(LOCAL_SYSTEMS)
            raise InputError(f"there is no local system {name!r}; write one of {known}")
    return tuple(name for name in LOCAL_SYSTEMS if name in names or not names)


def make(name: str) -> LocalSystem:
    """A new one, not started. Raises InputError when the [sandbox] extra is not installed."""
    module, _, local = LOCAL_SYSTEMS[name].partition(":")
    with needs_extra():
        return cast(LocalSystem, getattr(import_module(module), local)())


def account(system: str, login: str) -> str:
    """How a person or a service is known in a local system that cannot be asked for it."""
    match system:
        case "aws":  # IAM knows no e-mail addresses; Identity Center is asked by them
            return "role/deploy" if login in SERVICES else f"user/{login}"
        case "gcp" if login in SERVICES:
            return f"{login}@payments-prod.iam.gserviceaccount.com"
        case "azure" if login in SERVICES:
            from reconciler.sandbox.azure.seed import object_id

            return object_id(login)
        case "bitbucket-dc" if login in SERVICES:
            return login
        case "bitbucket":
            with needs_extra():
                from reconciler.sandbox.bitbucket_cloud import User
            return User(login).uuid
    return ""


@contextmanager
def needs_extra() -> Iterator[None]:
    """Around every import of what only the [sandbox] extra brings."""
    try:
        yield
    except ModuleNotFoundError as e:
        package = (e.name or "").partition(".")[0]
        if package == "reconciler":
            raise  # a module of ours is missing: a bug, not a missing extra
        raise InputError(
            f"the local systems need the package {package!r}, which is not installed; "
            "write: pip install 'access-reconciler[sandbox]'"
        ) from e
