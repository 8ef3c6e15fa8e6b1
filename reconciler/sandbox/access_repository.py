"""The access repository in a sandbox's home: set up for the local systems, ready for a grant.

Overwrites only what it wrote itself, so that what a person tried there is kept.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from reconciler.errors import InputError
from reconciler.sandbox.local import GROUPS, PEOPLE, SERVICES, Served
from reconciler.sandbox.payments import APPROVERS, governing
from reconciler.sandbox.systems import account
from reconciler.sandbox.written import HEAD, written
from reconciler.templates import Forge, Project, access_repository, editor_schemas

_LOCAL = "127.0.0.1:"  # an address of ours has it
_LEDGER = {  # as `reconciler init` writes it
    "store": "branch",
    "branch": "access-ledger",
    "anchor": {"file": ".ledger-anchor.json"},
}
_FORGE = "forge"  # the key of reconciler.yaml, and of an account in directory/
_AUTHOR = ("-c", "user.name=reconciler sandbox", "-c", "user.email=sandbox@example.com")
# Nothing of the person's own git set-up may sign, hook or rename what is made here.
_PLAIN = (
    "-c",
    "commit.gpgsign=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.autocrlf=false",
)


@dataclass(frozen=True, slots=True)
class Hosting:
    """A local forge that will serve the repository: its settings for reconciler.yaml, and the
    account there of each person of the organisation."""

    settings: Mapping[str, str]
    accounts: Mapping[str, str]


def write_access_repository(
    path: Path,
    served: Mapping[str, Served],
    hosting: Hosting | None = None,
    *,
    recorded: bool = False,
) -> None:
    """Make it with its first commit; or, where it is, tell it the new addresses. `recorded`: it
    keeps a ledger.

    What a person edited in reconciler.yaml stays as it is, but for the addresses. Raises
    InputError when it has an address that nobody serves and that we did not write.
    """
    configuration = path / "reconciler.yaml"
    copy = path.parent / "reconciler.yaml.written"
    forge = {_FORGE: Served(hosting.settings)} if hosting else {}
    more: dict[str, Any] = {_FORGE: dict(hosting.settings)} if hosting else {}
    more |= {"ledger": _LEDGER} if recorded else {}
    text = _configuration({name: one.settings for name, one in served.items()}, more)
    if not path.exists():
        _make(path, served, text, hosting)
    elif configuration.read_text() != text:
        written = copy.read_text() if copy.exists() else ""
        if configuration.read_text() == written:
            configuration.write_text(text)
            _commit_configuration(path)
        else:
            said: dict[str, Any] = yaml.safe_load(written) or {}
            before: dict[str, Any] = said.get("systems", {})
            moves = _moves(before | {_FORGE: said.get(_FORGE, {})}, {**served, **forge})
            _move(path, moves, served)
            # Those that are not served this time may come back, and move then.
            text = _configuration(
                before | {name: one.settings for name, one in served.items()}, more
            )
    copy.write_text(text)


def _moves(before: Mapping[str, Any], served: Mapping[str, Served]) -> dict[str, str]:
    """Old address -> new address."""
    return {
        str(old): str(one.settings[key])
        for name, one in served.items()
        for key, old in before.get(name, {}).items()
        if _LOCAL in str(old) and key in one.settings
    }


def _move(path: Path, moves: Mapping[str, str], served: Mapping[str, Served]) -> None:
    """Commits the moved addresses, and not what the person has not committed yet."""
    configuration = path / "reconciler.yaml"
    mine = moved(configuration.read_text(), moves)
    _check(configuration, mine, served)
    committed = _git(path, "show", "HEAD:reconciler.yaml")
    try:
        configuration.write_text(moved(committed, moves))
        if configuration.read_text() != committed:
            _commit_configuration(path)
    finally:
        configuration.write_text(mine)


def moved(text: str, moves: Mapping[str, str]) -> str:
    """All in one pass: a new address of one system may be the old one of another."""
    if not moves:
        return text
    old = "|".join(map(re.escape, sorted(moves, key=len, reverse=True)))
    return re.sub(rf"(?:{old})(?!\d)", lambda found: moves[found[0]], text)


def _check(configuration: Path, text: str, served: Mapping[str, Served]) -> None:
    try:
        said = yaml.safe_load(text)["systems"]
        settings = {name: dict(said[name]) for name in served if name in said}
    except (yaml.YAMLError, TypeError, ValueError, KeyError):
        return  # it is the person's own mistake, and `reconciler validate` says where
    for name, own in settings.items():
        for key, address in own.items():
            if _LOCAL in str(address) and address != served[name].settings.get(key):
                raise InputError(
                    f"{configuration} was edited and says {address} as {key} of {name}, where "
                    "nobody answers; start with the --port it had, or give another --home"
                )


def _commit_configuration(path: Path) -> None:
    _git(path, "commit", "-q", "-m", "The local systems moved", "--", "reconciler.yaml")


def _make(
    path: Path, served: Mapping[str, Served], configuration: str, hosting: Hosting | None
) -> None:
    """Beside its place, so that what is in its place is always whole."""
    draft = path.with_name(path.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    project = Project("acme/access-reconciler")
    files = access_repository("acme", Forge.GITHUB, tuple(served), project) + editor_schemas()
    texts = {file.path: file.text for file in files} | {
        "reconciler.yaml": configuration,
        "directory/people.yaml": _directory(tuple(served), hosting),
    }
    texts = {name: text for name, text in texts.items() if not name.startswith("policies/")}
    if hosting:
        texts |= governing(tuple(served))
    for name, text in texts.items():
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        (draft / name).write_text(text)
    _git(draft, "init", "-q", "-b", "main")
    _git(draft, "add", "-A")
    _git(draft, "commit", "-q", "-m", "A new access repository, for the local systems")
    draft.rename(path)


def _configuration(settings: Mapping[str, Mapping[str, Any]], more: Mapping[str, Any]) -> str:
    systems = {name: {**own, "mode": "enforce"} for name, own in settings.items()}
    return HEAD + "\n" + written({"systems": systems, **more})


def _directory(systems: tuple[str, ...], hosting: Hosting | None) -> str:
    """The seeded organisation, with the accounts that a system cannot be asked for."""
    approvers = APPROVERS if hosting else {}
    page: dict[str, list[dict[str, Any]]] = {
        "people": [
            {
                "id": person.email,
                "name": person.login.title(),
                "manager": "grace@example.com",
                "accounts": _accounts(systems, person.login, hosting),
            }
            for person in PEOPLE
        ],
        "groups": [
            {"id": group, "members": [f"{login}@example.com" for login in members]}
            for group, members in {**GROUPS, **approvers}.items()
        ],
        "services": [
            {"id": service, "accounts": _accounts(systems, service, None)} for service in SERVICES
        ],
    }
    kept = {key: [_without_empty(row) for row in rows] for key, rows in page.items()}
    return HEAD + "\n" + written(kept)


def _accounts(systems: tuple[str, ...], login: str, hosting: Hosting | None) -> dict[str, str]:
    known = {system: account(system, login) for system in systems}
    known[_FORGE] = hosting.accounts[login] if hosting else ""
    return {system: name for system, name in known.items() if name}


def _without_empty(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if value}


def _git(path: Path, *arguments: str) -> str:
    command = ["git", "-C", str(path), *_AUTHOR, *_PLAIN, *arguments]
    # Within a hook git says in GIT_DIR which repository it is about: not about this one.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError as e:
        raise InputError("git is not installed; install it, or put it on the PATH") from e
    if done.returncode:
        raise InputError(f"git {arguments[0]} failed in {path}: {done.stderr.strip()}")
    return done.stdout


def host(path: Path, remote: Path) -> str:
    """Make `remote` the origin of the repository, and say which commit its main line is at."""
    if "origin" in _git(path, "remote").split():
        _git(path, "remote", "set-url", "origin", str(remote))
    else:
        _git(path, "remote", "add", "origin", str(remote))
    _git(path, "fetch", "-q", "origin")
    _git(path, "branch", "-q", "--set-upstream-to=origin/main", "main")
    return _git(path, "rev-parse", "main").strip()
