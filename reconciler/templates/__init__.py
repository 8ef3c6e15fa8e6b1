"""The files of a new access repository, as text made from the templates beside this module.

Writes nothing: who calls decides where the files go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from string import Template

from reconciler.errors import InputError

SYSTEMS = ("aws", "gcp", "azure", "bitbucket", "bitbucket-dc")
NO_COMMIT = "0" * 40  # stands where nobody has said which commit; GitHub refuses to run it


class Forge(StrEnum):
    GITHUB = "github"
    BITBUCKET = "bitbucket"


@dataclass(frozen=True, slots=True)
class Project:
    """Where the workflows and the command come from: "owner/name", and the commit they are
    pinned to."""

    repository: str
    commit: str = NO_COMMIT


@dataclass(frozen=True, slots=True)
class NewFile:
    path: str
    text: str


# path in the access repository -> template
_EVERYWHERE = {
    ".gitattributes": "gitattributes",
    ".gitignore": "gitignore",
    ".vscode/extensions.json": "vscode/extensions.json",
    ".vscode/settings.json": "vscode/settings.json",
    "README.md": "README.md",
    "bundles/.gitkeep": "empty",
    "directory/people.yaml": "people.yaml",
    "grants/.gitkeep": "empty",
    "reconciler.yaml": "reconciler.yaml",
    "standing/.gitkeep": "empty",
}
_BY_FORGE = {
    Forge.GITHUB: {
        ".github/CODEOWNERS": "github/CODEOWNERS",
        ".github/pull_request_template.md": "github/pull_request_template.md",
        ".github/workflows/reconcile.yml": "github/reconcile.yml",
        ".github/workflows/validate.yml": "github/validate.yml",
    },
    Forge.BITBUCKET: {
        ".bitbucket/CODEOWNERS": "bitbucket/CODEOWNERS",
        "bitbucket-pipelines.yml": "bitbucket/bitbucket-pipelines.yml",
    },
}
_ORG = re.compile(r"[a-z0-9](?:-?[a-z0-9]){0,38}", re.IGNORECASE)
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


class _Filled(Template):
    """`%%{name}`: looks like nothing that YAML, the shell, GitHub or Markdown knows."""

    delimiter = "%%"


def access_repository(
    org: str, forge: Forge, systems: Sequence[str], project: Project
) -> tuple[NewFile, ...]:
    """Every file of a new access repository, sorted. Raises InputError for names that do not
    fit."""
    _check(org, systems, project)
    values = {
        "org": org,
        "project": project.repository,
        "commit": project.commit,
        "systems": _parts(systems, "reconciler.yaml"),
        "items": _parts(systems, "item.yaml"),
        "inputs": _parts(systems, "github-inputs"),
        "secrets": _parts(systems, "github-secrets"),
        "login": _parts(systems, "bitbucket-login"),
    }
    # The parts hold names to fill in themselves.
    values = {key: _Filled(text).substitute(values) for key, text in values.items()}
    files = {**_EVERYWHERE, **_BY_FORGE[forge]}
    return tuple(NewFile(path, _fill(files[path], values)) for path in sorted(files))


def _fill(template: str, values: Mapping[str, str]) -> str:
    return _Filled(_read(template)).substitute(values)


def _parts(systems: Sequence[str], part: str) -> str:
    """Not every system has every part."""
    return "".join(_read(f"systems/{name}/{part}", missing="") for name in systems)


def _read(template: str, missing: str | None = None) -> str:
    file = resources.files(__name__).joinpath(template)
    if missing is not None and not file.is_file():
        return missing
    return file.read_text(encoding="utf-8")


def _check(org: str, systems: Sequence[str], project: Project) -> None:
    if not _ORG.fullmatch(org):
        raise InputError(
            f"organisation {org!r} is no forge name; write letters, digits and hyphens"
        )
    for name in systems:
        if name not in SYSTEMS:
            raise InputError(f"there is no system {name!r}; write some of {','.join(SYSTEMS)}")
    if not systems:
        raise InputError(f"no system is chosen; write some of {','.join(SYSTEMS)}")
    if not _REPOSITORY.fullmatch(project.repository) or not _COMMIT.fullmatch(project.commit):
        raise InputError(
            f"{project.repository}@{project.commit} does not say where the workflows are; "
            "write owner/name@ and a commit of 40 hex digits"
        )
