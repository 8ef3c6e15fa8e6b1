"""The files of a new access repository, as text made from the templates beside this module.

Writes nothing: who calls decides where the files go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from string import Template
from textwrap import indent

from reconciler.errors import InputError
from reconciler.repository.schemas import installed, whole

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
    "catalog/.gitkeep": "empty",
    "directory/people.yaml": "people.yaml",
    "grants/.gitkeep": "empty",
    "policies/access.yaml": "policy.yaml",
    "policies/tests/access.yaml": "policy-test.yaml",
    "reconciler.yaml": "reconciler.yaml",
    "reviews/.gitkeep": "empty",
    "standing/.gitkeep": "empty",
}
_BY_FORGE = {
    Forge.GITHUB: {
        ".github/CODEOWNERS": "github/CODEOWNERS",
        ".github/pull_request_template.md": "github/pull_request_template.md",
        ".github/workflows/check.yml": "github/check.yml",
        ".github/workflows/reconcile.yml": "github/reconcile.yml",
        ".github/workflows/review.yml": "github/review.yml",
        ".github/workflows/reviewed.yml": "github/reviewed.yml",
        ".github/workflows/validate.yml": "github/validate.yml",
    },
    Forge.BITBUCKET: {
        ".bitbucket/CODEOWNERS": "bitbucket/CODEOWNERS",
        ".bitbucket/reconciler.sh": "bitbucket/reconciler.sh",
        "bitbucket-pipelines.yml": "bitbucket/bitbucket-pipelines.yml",
    },
}
_SCHEMAS = (
    "break-glass",
    "bundle",
    "catalog",
    "configuration",
    "directory",
    "grant",
    "policy",
    "policy-test",
    "review",
    "standing",
)
# How a forge shows who somebody is, and one made-up account for each person of the template.
_FORGES = {
    Forge.GITHUB: {
        "forge": "github",
        "forge_name": "GitHub",
        "forge_id": "`gh api users/LOGIN --jq .id`",
        **{f"account_{letter}": f"100000{i}" for i, letter in enumerate("abcd", 1)},
    },
    Forge.BITBUCKET: {
        "forge": "bitbucket",
        "forge_name": "Bitbucket",
        "forge_id": "`uuid` at /2.0/workspaces/WORKSPACE/members, with its braces",
        **{
            f"account_{letter}": "{" + "-".join(f"{i}" * n for n in (8, 4, 4, 4, 12)) + "}"
            for i, letter in enumerate("abcd", 1)
        },
    },
}
_NAMED_SECRETS = """\
    # These live in the environment; GitHub hands them on only when they are named here too.
    secrets:
"""
_ORG = re.compile(r"[a-z0-9](?:-?[a-z0-9]){0,38}", re.IGNORECASE)
_REPOSITORY = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)
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
    names = {"org": org, "project": project.repository, "commit": project.commit}
    secrets = _parts(systems, "github-secrets", names)
    values = {
        **names,
        **_FORGES[forge],
        "repository": f"{org}/access",
        "owner": org.lower()[:24].rstrip("-"),
        "systems": _parts(systems, "reconciler.yaml", names),
        "plan_inputs": _parts(systems, "github-inputs", {**names, "stage": "plan"}),
        "apply_inputs": _parts(systems, "github-inputs", {**names, "stage": "apply"}),
        "secrets": secrets,
        "plan_secrets": secrets and _NAMED_SECRETS + secrets,
    }
    items = _parts(systems, "item.yaml", names)
    values["items"] = indent(items, "      ")
    values["example"] = indent(_fill("example.yaml", {"items": items}), "   ")
    files = {**_EVERYWHERE, **_BY_FORGE[forge]}
    return tuple(NewFile(path, _fill(files[path], values)) for path in sorted(files))


def editor_schemas() -> tuple[NewFile, ...]:
    """Each whole in one file, so that an editor fetches nothing from anywhere."""
    return tuple(
        NewFile(
            f".schemas/{name}.schema.json", json.dumps(whole(installed(), name), indent=1) + "\n"
        )
        for name in _SCHEMAS
    )


def _fill(template: str, values: Mapping[str, str]) -> str:
    text = (resources.files(__name__) / template).read_text(encoding="utf-8")
    return _Filled(text).substitute(values)


def _parts(systems: Sequence[str], part: str, values: Mapping[str, str]) -> str:
    """What each system adds to a file; not every one adds to every file."""
    folder = resources.files(__name__) / "systems"
    return "".join(
        _fill(f"systems/{name}/{part}", values)
        for name in systems
        if (folder / name / part).is_file()
    )


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
