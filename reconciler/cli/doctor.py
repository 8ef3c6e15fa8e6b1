"""`reconciler doctor`: is the access repository set up so that its proof holds? Reads files, git and
the forge's settings; changes nothing, and asks no system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import click

from reconciler.cli import clock, forges, options
from reconciler.cli.session import FAILED, TRUST, UNAPPROVED
from reconciler.errors import InputError
from reconciler.forge.base import ForgeError
from reconciler.model import Draft, Finding, ForgeKind, ForgeSettings, Version
from reconciler.model.ledger_settings import LedgerStore
from reconciler.policy import soundness
from reconciler.render import policies, policies_json
from reconciler.repository import Loaded, cache, codeowners, load
from reconciler.repository.archive import Archive
from reconciler.repository.configuration import Configuration
from reconciler.repository.git import at
from reconciler.repository.paths import Kind

Content = TypeVar("Content")
_UNASKED = "see that the address, the token and its permissions are right, and run it again"
UNSOUND = UNAPPROVED  # what is not set up so can be passed by without approval


@click.command("doctor", epilog="Example: reconciler doctor --format json")
@options.repository
@options.output("text", "json")
@options.colour
def command(repo: Path, style: str, no_color: bool) -> int:
    """Check how the access repository is protected on the forge, and whether its policies, its
    directory and its code owners can do what they are for. Each finding says what it lets somebody
    do, and what to do about it.

    Ends with 0 when all is right, with 1 when the forge could not be asked, with 4 when something
    is not as it should be. Reads the last commit.
    """
    now = clock.now()
    with options.progress(plain=no_color) as progress:
        loaded = load(
            repo,
            now,
            cache=cache.folder(os.environ),
            progress=lambda done, total: progress("checking files", done, total),
        )
    if loaded.configuration is None:
        problem = next(iter(loaded.problems), "")
        raise InputError(f"reconciler.yaml has never been valid; {problem}")
    found = tuple(_findings(repo, loaded, loaded.configuration.forge, now))
    if style == "json":
        click.echo(policies_json.findings(found))
    else:
        policies.findings(found, options.console(plain=no_color))
    if any(one.right is None for one in found):
        return FAILED
    return UNSOUND if any(not one.right for one in found) else 0


def _findings(
    repo: Path, loaded: Loaded, settings: ForgeSettings, now: datetime
) -> Iterator[Finding]:
    yield _files(loaded)
    yield from soundness.findings(_standing(loaded), now)
    yield _forge(settings)
    yield from _ledger(loaded, settings)
    if settings.kind is not ForgeKind.NONE:
        yield _trust(loaded)
        yield _owners(repo, loaded, settings)
        yield from _protection(settings)


def _files(loaded: Loaded) -> Finding:
    """A file that is wrong does not count: the version before does."""
    wrong = loaded.problems
    if not wrong:
        return Finding("files", True, "every file is valid")
    what = f"{len(wrong)} mistakes, the first: {wrong[0].position}: {wrong[0].what}"
    fix = "run `reconciler validate`; until then the last valid version of each file counts"
    return Finding("files", False, what, fix)


def _standing(loaded: Loaded) -> Draft:
    """What the commit says, whether or not it was approved."""
    return Draft(
        _now(loaded.policies),
        _now(loaded.tests),
        _now(loaded.catalog),
        _now(loaded.directory),
        _now(loaded.bundles),
    )


def _now(versions: tuple[Version[Content], ...]) -> tuple[Content, ...]:
    found = (version for version in versions if version.gone is None)
    return tuple(version.content for version in sorted(found, key=lambda v: v.path))


def _forge(settings: ForgeSettings) -> Finding:
    if settings.kind is ForgeKind.NONE:
        what = (
            "reconciler.yaml names none, so approvals are not checked: whoever can merge can grant"
        )
        fix = "write `forge: {provider: github, repository: OWNER/NAME}` in reconciler.yaml"
        return Finding("forge", False, what, fix)
    where = f"{settings.kind} {settings.repository}, branch {settings.branch}"
    return Finding("forge", True, f"approvals are looked up at {where}")


def _trust(loaded: Loaded) -> Finding:
    """A commit that is kept outside the repository is what a rewritten history cannot bring along."""
    trust, archive = os.environ.get(TRUST, ""), loaded.archive
    assert archive is not None  # there is a configuration
    if not trust:
        what = (
            f"{TRUST} is not set: who can rewrite the main line can begin anew with rules of their "
            "own, for the first commit that sets up a forge is believed"
        )
        fix = f"set {TRUST}={_root(archive)} where the reconciler runs: all before it is trusted already"
        return Finding("trusted commit", False, what, fix)
    number = archive.number(trust)
    if number is None:
        what = f"{TRUST} is {trust}, and no such commit is on this main line: every run refuses"
        fix = "find out whether history was rewritten; write a full commit id of the main line"
        return Finding("trusted commit", False, what, fix)
    last = archive.number(loaded.commit) or 0
    return Finding("trusted commit", True, f"{trust[:12]}, {last - number} commits ago")


def _root(archive: Archive) -> str:
    """The commit that set up the forge: trusting it trusts nothing that is not trusted now."""
    ids = [trace.id for trace in archive.traces({Kind.CONFIGURATION})]
    root = ""
    for version in archive.versions(ids):
        if isinstance(version.content, Configuration):
            hosted = version.content.forge.kind is not ForgeKind.NONE
            root = (root or version.commit) if hosted else ""
    return root


def _owners(repo: Path, loaded: Loaded, settings: ForgeSettings) -> Finding:
    name, places = "code owners", codeowners.PLACES[settings.kind]
    git = at(repo)
    found = ((place, git.blob(loaded.commit, place)) for place in places)
    place, data = next(((p, d) for p, d in found if d is not None), (places[0], None))
    if data is None:
        what = (
            "there is no such file: the forge asks nobody in particular about rules and workflows"
        )
        return Finding(name, False, what, f"write {place}; `reconciler init` writes one to copy")
    governing = (*codeowners.GOVERNING, *codeowners.WORKFLOWS[settings.kind])
    free = codeowners.unowned(data.decode(errors="replace"), governing)
    if free:
        folders = dict.fromkeys(f"{p.rpartition('/')[0]}/" if "/" in p else p for p in free)
        what = f"{place} gives {', '.join(folders)} no owner: anybody may approve a change there"
        return Finding(name, False, what, "add lines for them at its end: the last match decides")
    return Finding(name, True, f"{place} names owners of all that decides over grants")


def _ledger(loaded: Loaded, settings: ForgeSettings) -> Iterator[Finding]:
    """On a branch, whoever may push branches may push it, unless the forge forbids it."""
    kept = loaded.configuration.ledger if loaded.configuration else None
    if kept is None or kept.store is not LedgerStore.BRANCH or settings.kind is ForgeKind.NONE:
        return
    try:
        reader = forges.reader(settings, os.environ)
        yield from reader.ledger_protection(kept.branch, bool(kept.signed_by))
    except ForgeError as e:
        yield Finding("protection of the ledger's branch", None, str(e), _UNASKED)


def _protection(settings: ForgeSettings) -> Iterator[Finding]:
    try:
        yield from forges.reader(settings, os.environ).protection()
    except ForgeError as e:
        yield Finding("protection on the forge", None, str(e), _UNASKED)
