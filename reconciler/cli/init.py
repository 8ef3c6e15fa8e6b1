"""`reconciler init`: a new access repository, ready to push. Never overwrites a file."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import click

from reconciler.errors import InputError
from reconciler.templates import (
    NO_COMMIT,
    SYSTEMS,
    Forge,
    NewFile,
    Project,
    access_repository,
    editor_schemas,
)

_FIRST = """\
Next:
  1. Say what is yours: {there}, `grep -rnE '111122223333|00000000-0000|@{org}/' .` finds the
     accounts, tenants and %s to replace. List your people in directory/people.yaml, and say in
     policies/ who may have what and who approves; `reconciler policy test` tries it."""
_LAST = """
  3. Let each cloud trust them (docs/providers/ of access-reconciler), read the plans of a few runs,
     then write `mode: enforce` system by system."""

_NEXT = {
    Forge.GITHUB: _FIRST % "teams"
    + """
  2. `git init -b main`, commit, `reconciler validate`, push. Protect `main`: pull requests with
     code owners' review, stale approvals dismissed, the last push approved by another. Forbid to
     delete `access-ledger` or to push it by force. Make the environments `access-plan`, and
     `access-apply` for `main` alone (docs/workflows.md of access-reconciler). `reconciler doctor`
     says what is still missing."""
    + _LAST,
    Forge.BITBUCKET: _FIRST % "groups"
    + """
  2. `git init -b main`, commit, `reconciler validate`, push. Restrict `main` to approved pull
     requests, and `access-ledger` against deletion and rewriting. Make the deployment environments
     `access-plan`, and `access-apply` for `main` alone, and schedule the pipeline `reconcile`
     (docs/workflows.md of access-reconciler). `reconciler doctor` says what is still missing."""
    + _LAST,
}


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), metavar="DIR")
@click.option(
    "--forge",
    type=click.Choice([forge.value for forge in Forge]),
    default="github",
    show_default=True,
    help="Where the repository will live: its workflows and code owners are written for that.",
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
    _write(folder, files)
    click.echo(f"Wrote {len(files)} files into {folder}")
    there = "here" if folder == Path() else f"in {shlex.quote(str(folder))}"
    click.echo(_NEXT[Forge(forge)].format(org=org, there=there))
    if origin.commit == NO_COMMIT:
        click.secho(
            f"Before it runs: pin {origin.repository} in the workflows to a commit that you trust "
            f"(it says {NO_COMMIT[:8]}... now).",
            fg="yellow",
        )


def _write(folder: Path, files: Sequence[NewFile]) -> None:
    try:
        taken = [file.path for file in files if (folder / file.path).exists()]
        if taken:
            raise InputError(
                f"{folder} has {', '.join(taken[:3])} already; "
                "write the name of a folder that does not exist or is empty"
            )
        for file in files:
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.path).write_text(file.text, encoding="utf-8")
    except OSError as e:
        raise InputError(
            f"cannot write to {folder}: {e.strerror}; write the name of a folder that you may write"
        ) from e


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
