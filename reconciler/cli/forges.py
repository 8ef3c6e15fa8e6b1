"""How the command line reaches the forge: credentials from the environment, and the memory. Asks
nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler import forge
from reconciler.forge.base import Credentials, ForgeError, ForgeReader, ForgeWriter
from reconciler.model import ForgeKind, ForgeSettings
from reconciler.proof.authorise import Forge
from reconciler.repository import cache
from reconciler.repository.memory import Memory

# Which variables hold the token and the user's name, the first that is set; ours go first.
_TOKENS = {
    ForgeKind.GITHUB: ("RECONCILER_FORGE_TOKEN", "GITHUB_TOKEN"),
    ForgeKind.BITBUCKET: ("RECONCILER_FORGE_TOKEN", "BITBUCKET_TOKEN"),
    ForgeKind.BITBUCKET_DC: ("RECONCILER_FORGE_TOKEN", "BITBUCKET_DC_TOKEN"),
}
_NAMES = {
    ForgeKind.BITBUCKET: ("RECONCILER_FORGE_USERNAME", "BITBUCKET_USERNAME"),
    ForgeKind.BITBUCKET_DC: ("RECONCILER_FORGE_USERNAME",),
}


def credentials(settings: ForgeSettings, environment: Mapping[str, str]) -> Credentials:
    """Raises ForgeError where there are none."""
    names = _TOKENS[settings.kind]
    token = next((environment[n] for n in names if environment.get(n)), "")
    if not token:
        raise ForgeError(f"sign in to {settings.repository}", f"no token; set {' or '.join(names)}")
    users = (environment[n] for n in _NAMES.get(settings.kind, ()) if environment.get(n))
    return Credentials(token, next(users, ""))


def reader(settings: ForgeSettings, environment: Mapping[str, str]) -> ForgeReader:
    return forge.open_reader(settings, credentials(settings, environment))


def writer(settings: ForgeSettings, environment: Mapping[str, str]) -> ForgeWriter:
    return forge.open_writer(settings, credentials(settings, environment))


def memory(root: Path, environment: Mapping[str, str]) -> Memory:
    """What was found out before, of the forge and of the ledger."""
    return Memory(cache.folder(environment), root)


def asked(root: Path, environment: Mapping[str, str], trust: str) -> Forge:
    """The forge as a run asks it. `trust` as in `Forge`."""
    return Forge(
        lambda settings: reader(settings, environment),
        memory(root, environment),
        trust,
    )
