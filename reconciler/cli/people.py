"""Whom and what the questions of the command line name: people, access items, files, moments. Asks
no system."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from reconciler.asking.grant_file import item
from reconciler.errors import InputError
from reconciler.model import Entitlement, Item
from reconciler.planning.status import within
from reconciler.policy import globs
from reconciler.proof.authorise import Authorised
from reconciler.repository import Loaded, times
from reconciler.repository.items import access
from reconciler.repository.tree import build
from reconciler.repository.words import nearest, printable


class Within(click.ParamType[timedelta]):
    """A length of time such as `24h` or `7d`."""

    name = "LENGTH"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return times.length(value)
        except ValueError:
            self.fail(f"{value!r} is no length of time; write 24h or 7d", param, ctx)


def known(loaded: Loaded, authorised: Authorised) -> frozenset[str]:
    """Everybody whom the directory or a grant names, now or lately."""
    found = {claim.subject.id for claim in authorised.claims}
    found |= {outcome.claim.subject.id for outcome in authorised.outcomes}
    for version in loaded.directory:
        page = version.content
        found |= {one.id for one in page.people} | {one.id for one in page.groups}
        found |= {one.id for one in page.services}
    return frozenset(found)


def resolved(name: str, ids: Iterable[str]) -> str:
    """The id as the directory has it. Raises InputError for nobody, with who may be meant."""
    folded = {id.casefold(): id for id in ids}
    if found := folded.get(name.casefold()):
        return found
    meant = nearest(name, folded.values())
    if not meant and "@" not in name:
        parts = {id.partition("@")[0]: id for id in folded.values()}
        meant = parts.get(nearest(name, parts), "")
    what = f"nobody here is {printable(name)!r}, now or within the look-back"
    fix = f"did you mean {meant}?" if meant else "write an id of directory/"
    raise InputError(f"{what}; {fix}")


def systems(only: Iterable[str], loaded: Loaded) -> frozenset[str]:
    """Those that are asked about, by all names that they have or had: the past is told by the names
    of then. Raises InputError for one that never was."""
    assert loaded.configuration is not None  # see `proved`
    found = [(s.system.name, *s.was) for s in loaded.configuration.systems]
    found += [(name,) for name in loaded.configuration.retired]
    asked = frozenset(only)
    if strange := asked - {name for names in found for name in names}:
        known = ", ".join(sorted(names[0] for names in found))
        raise InputError(f"there is no system {printable(min(strange))!r}; write one of {known}")
    return frozenset(name for names in found if asked & {*names} for name in names)


def tell_grant(path: str, repo: Path, authorised: Authorised) -> None:
    """Nothing found for a file that never was must not be taken for nothing given by it."""
    claims = (*authorised.claims, *(outcome.claim for outcome in authorised.outcomes))
    if not (repo / path).exists() and not any(within(path, [one.grant]) for one in claims):
        said = f"note: no grant is or was lately at {printable(path)}"
        click.echo(f"{said}; write a path from the top of the access repository", err=True)


def tell_group(name: str, loaded: Loaded) -> None:
    """Who asks what a group has must not take it for all that the group was granted."""
    pages = (version.content for version in loaded.directory)
    found = {g.id for page in pages for g in page.groups if g.id.casefold() == name.casefold()}
    for id_ in found:
        click.echo(
            f"note: {id_} is a group: what its members were granted through it is listed under "
            f"their own names; `reconciler explain {id_}` tells it together",
            err=True,
        )


class Wanted:
    """Which access is asked about, in one of two ways: an item in its system's own words, or a glob
    over "system: role on resource". Without any, all."""

    def __init__(self, words: Iterable[str], loaded: Loaded) -> None:
        self.items: list[Item] = []
        patterns: list[str] = []
        for word in words:
            if "=" in word.partition(",")[0] or word.lstrip().startswith("{"):
                self.items.extend(_items(word, loaded))
            else:
                patterns.append(word)
        self._fits: Callable[[str], bool] = globs.text(patterns)
        self._systems = globs.text(
            [
                *(pattern.partition(":")[0] if ":" in pattern else "*" for pattern in patterns),
                *(one.entitlement.system for one in self.items),
            ]
        )
        self.all = not patterns and not self.items
        self._spelled = {one.entitlement for one in self.items}

    def __call__(self, entitlement: Entitlement) -> bool:
        return self.all or entitlement in self._spelled or self._fits(str(entitlement))

    def may(self, entitlement: Entitlement) -> bool:
        """Whether its system may spell it in a way that is asked for."""
        return self.all or self._systems(entitlement.system)

    def also(self, canonical: Iterable[Entitlement]) -> None:
        """The items as their systems spell them."""
        self._spelled |= set(canonical)


def _items(text: str, loaded: Loaded) -> tuple[Item, ...]:
    """Of a bundle, everything that it holds now."""
    assert loaded.archive is not None  # there is a configuration
    try:
        said = json.loads(item(text))
    except InputError as e:
        raise InputError(str(e).removeprefix("--access ")) from None
    if name := said.get("bundle"):
        found = [v.content for v in loaded.bundles if v.gone is None and v.content.name == name]
        if not found:
            raise InputError(f"there is no bundle {printable(str(name))!r}; write one of bundles/")
        return found[0].access
    tree = build(json.dumps({"access": [said]}), "ENTITLEMENT")
    items, problems = access([said], tree, loaded.archive.reading.grammar, bundles=False)
    if problems:
        raise InputError(f"{printable(text)}: {problems[0].what}; {problems[0].fix}")
    return tuple(one for one in items if isinstance(one, Item))


def file(path: str, repo: Path) -> str:
    """A file or folder as the repository names it; it may be gone from the working tree."""
    full = Path(path) if Path(path).is_absolute() else Path.cwd() / path
    for root in (repo.absolute(), repo.resolve()):
        if full.is_relative_to(root) and full.exists():
            return full.relative_to(root).as_posix()
    return path.removeprefix("./").rstrip("/")
