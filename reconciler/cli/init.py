"""`reconciler init`: a new access repository, ready to push. Never overwrites a file."""

from __future__ import annotations

import json
import re
import shlex
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import click

from reconciler.errors import InputError
from reconciler.templates import (
    NO_COMMIT,
    SYSTEMS,
    Forge,
    Project,
    access_repository,
    editor_schemas,
)

_NEXT = {
    Forge.GITHUB: """\
Next:
  1. Say what is yours: `git grep -nE '111122223333|00000000-0000|@{org}/'` in {folder} finds the
     accounts, tenants and teams to replace. Then `reconciler validate` in there.
  2. Push it, and protect `main`: pull requests with code owners' review, stale approvals
     dismissed, the last push approved by another. Make the environments `access-plan`, and
     `access-apply` for `main` alone (docs/workflows.md).
  3. Let each cloud trust them (docs/providers/), read the plans of a few runs, then write
     `mode: enforce` system by system.""",
    Forge.BITBUCKET: """\
Next:
  1. Say what is yours: `git grep -nE '111122223333|00000000-0000|@{org}/'` in {folder} finds the
     accounts, tenants and groups to replace. Then `reconciler validate` in there.
  2. Push it, restrict `main` to approved pull requests, make the deployment environments
     `access-plan`, and `access-apply` for `main` alone, and schedule the pipeline `reconcile`.
  3. Let each cloud trust them (docs/providers/), read the plans of a few runs, then write
     `mode: enforce` system by system.""",
}


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--forge",
    type=click.Choice([forge.value for forge in Forge]),
    default="github",
    show_default=True,
)
@click.option(
    "--systems",
    default="aws,gcp,azure,bitbucket",
    show_default=True,
    help=f"Which to set up, of {','.join(SYSTEMS)}.",
)
@click.option("--org", default="acme", show_default=True, help="Your organisation on the forge.")
@click.option(
    "--project",
    metavar="OWNER/NAME@COMMIT",
    help="Where the workflows come from.  [default: where this command was installed from]",
)
def command(folder: Path, forge: str, systems: str, org: str, project: str | None) -> None:
    """Write a new access repository into DIR: configuration, code owners, workflows, a guide.

    Every system starts in report mode and no one is granted anything. Nothing is overwritten.

    \b
    Example: reconciler init my-access --org acme --systems aws,bitbucket
    """
    origin = _project(project) if project else _installed_from(org)
    names = tuple(dict.fromkeys(name.strip() for name in systems.split(",") if name.strip()))
    files = access_repository(org, Forge(forge), names, origin) + editor_schemas()
    taken = [file.path for file in files if (folder / file.path).exists()]
    if taken:
        raise InputError(
            f"{folder} has {', '.join(taken[:3])} already; "
            "write the name of a folder that does not exist or is empty"
        )
    for file in files:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        (folder / file.path).write_text(file.text, encoding="utf-8")
    click.echo(f"Wrote {len(files)} files into {folder}.")
    click.echo(_NEXT[Forge(forge)].format(org=org, folder=shlex.quote(str(folder))))
    if origin.commit == NO_COMMIT:
        click.secho(
            f"Before it runs: pin {origin.repository} in the workflows to a commit that you trust "
            f"(it says {NO_COMMIT[:8]}... now).",
            fg="yellow",
        )


def _project(text: str) -> Project:
    repository, _, commit = text.partition("@")
    return Project(repository, commit)


def _installed_from(org: str) -> Project:
    """The commit that pip installed, where pip knows (PEP 610); else the organisation's copy."""
    try:
        said = json.loads(distribution("access-reconciler").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        said = {}
    found = re.search(r"[:/]([\w.-]+/[\w.-]+?)(?:\.git)?/?$", said.get("url", ""), re.ASCII)
    commit = said.get("vcs_info", {}).get("commit_id", "")
    if found and commit:
        return Project(found[1], commit)
    return Project(f"{org}/access-reconciler")
