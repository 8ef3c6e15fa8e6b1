"""reconciler.yaml -> the systems and the limits, and the grammar by which other files are read.

Connects to nothing: a system's settings are only held against its provider's schema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from reconciler import providers
from reconciler.errors import ItemError, Problem
from reconciler.model import ForgeKind, ForgeSettings, Item, Limits, Mode, PullLimits
from reconciler.model.ledger_settings import LedgerSettings, LedgerStore
from reconciler.model.marking import Marking
from reconciler.model.people import FORGE
from reconciler.model.public_key import public_key
from reconciler.providers.base import ConfiguredSystem, Rate, System
from reconciler.repository.former import former_names, leading
from reconciler.repository.grammar import Grammar, Known, wrong
from reconciler.repository.items import system_items
from reconciler.repository.schemas import checker
from reconciler.repository.times import length
from reconciler.repository.tree import Tree
from reconciler.repository.words import did_you_mean, shown, ticked

FILE = "reconciler.yaml"
LOOKBACK = timedelta(days=30)
_LEDGER_BRANCH = "access-ledger"

# What every system may set; the rest of its keys are its provider's.
_COMMON = ("provider", "mode", "rate", "concurrency", "was", "exclusive")
_OF_STORE = {
    LedgerStore.FOLDER: ("path",),
    LedgerStore.BRANCH: ("branch",),
    LedgerStore.BUCKET: ("url", "endpoint"),
}


@dataclass(frozen=True, slots=True)
class Configuration:
    """`protected` is as it is written: e-mail addresses, or principals by name or id."""

    systems: tuple[ConfiguredSystem, ...] = ()
    limits: Limits = field(default_factory=Limits)
    protected: tuple[str, ...] = ()
    lookback: timedelta = LOOKBACK
    forge: ForgeSettings = field(default_factory=ForgeSettings)
    check_limits: PullLimits = field(default_factory=PullLimits)
    ledger: LedgerSettings | None = None  # None: none is kept
    owner: str = ""
    owner_was: tuple[str, ...] | None = None  # None: nothing is said
    retired: tuple[str, ...] = ()  # systems that are gone for good


def configuration(tree: Tree, schemas: Path) -> tuple[Configuration | None, Grammar, list[Problem]]:
    """The configuration if it is right, and the grammar of as many systems as are."""
    empty = Grammar(schemas)
    found = checker(schemas, "configuration")
    data = found.typed(tree.data)
    problems = [] if found.accepts(data) else wrong(found, data, tree, ())
    if not isinstance(data, dict) or not isinstance(data.get("systems"), dict):
        return None, empty, problems
    marking, former = _marking(data, tree, problems), former_names(data["systems"], tree, problems)
    known: dict[str, Known] = {}
    settings: dict[str, Any] = {}
    for name, fields in data["systems"].items():
        if name == FORGE:
            what = (
                f"a system named `{FORGE}`: under `accounts` that is where pull requests are made"
            )
            spot = tree.position(("systems", name), of_key=True)
            problems.append(Problem(spot, what, "give it another name", "invalid-name"))
        if isinstance(fields, dict) and isinstance(fields.get("provider"), str):
            own = {key: value for key, value in fields.items() if key not in _COMMON}
            common = tuple(key for key in _COMMON if key not in fields)
            was = former.get(name, ())
            first = replace(marking, system=was[0] if was else "")
            system = _connected(
                name, fields["provider"], own, common, first, tree, schemas, problems
            )
            if system is not None:
                known[name] = Known(fields["provider"], system)
                settings[name] = [fields["provider"], own, *was]
    broken = frozenset(data["systems"]) - frozenset(known)
    grammar = Grammar(schemas, known, broken, _digest(settings), leading(former))
    systems = tuple(
        replace(
            _configured(name, data["systems"][name], tree, grammar, problems),
            setup=_digest({"is": settings[name], "owner": marking.owner}),
        )
        for name in known
    )
    lookback = _lookback(data, tree, problems)
    ledger = _ledger(data.get("ledger"), tree, problems)
    retired = _retired(data.get("retired"), tree, grammar, problems)
    if problems:
        return None, grammar, problems
    limits = Limits(**data.get("guards", {}))
    protected = tuple(data.get("protected", ()))
    forge, pulls = _forge(data.get("forge", {})), _pulls(data.get("check", {}))
    names = marking.owner, marking.was if "owner_was" in data else None, tuple(retired)
    found_all = Configuration(systems, limits, protected, lookback, forge, pulls, ledger, *names)
    return found_all, grammar, []


def _marking(data: Mapping[str, Any], tree: Tree, problems: list[Problem]) -> Marking:
    """Never fails: where the schema has not accepted it, that is a problem already."""
    if problems:
        return Marking()
    marking = Marking(data.get("owner", ""), tuple(data.get("owner_was", ())))
    if marking.owner in marking.was:
        spot = tree.position(("owner_was", marking.was.index(marking.owner)))
        what = f"`owner_was` has `{marking.owner}`, which is the owner now"
        problems.append(Problem(spot, what, "write only what it was before", "setting"))
    return marking


def _retired(listed: Any, tree: Tree, grammar: Grammar, problems: list[Problem]) -> list[str]:
    """Never fails: where the schema has not accepted it, that is a problem already."""
    names = listed if isinstance(listed, list) else []
    for place, name in enumerate(names):
        if isinstance(name, str) and name in grammar.names:
            what = f"`retired` has `{name}`, which is a system's name, now or under `was`"
            spot = tree.position(("retired", place))
            problems.append(Problem(spot, what, "remove it from one of the two", "former-name"))
    return names


def _lookback(data: Mapping[str, Any], tree: Tree, problems: list[Problem]) -> timedelta:
    """Never fails: where the schema has not accepted it, that is a problem already."""
    try:
        return length(data["lookback"]) if "lookback" in data else LOOKBACK
    except (ValueError, TypeError) as e:
        if not problems:
            what = f"`lookback` is `{data['lookback']}`: {e}"
            problems.append(Problem(tree.position(("lookback",)), what, "write `30d`", "time"))
        return LOOKBACK


def _forge(fields: Mapping[str, Any]) -> ForgeSettings:
    return ForgeSettings(
        ForgeKind(fields.get("provider", ForgeKind.NONE)),
        fields.get("repository", ""),
        fields.get("branch", "main"),
        fields.get("url", "").rstrip("/"),
        fields.get("signed", False),
        fields.get("pushers") == "required",
    )


def _pulls(fields: Mapping[str, Any]) -> PullLimits:
    usual = PullLimits()
    return PullLimits(fields.get("max_files", usual.files), fields.get("max_grants", usual.grants))


def _ledger(fields: Any, tree: Tree, problems: list[Problem]) -> LedgerSettings | None:
    """Never fails: where the schema has not accepted `fields`, that is a problem already."""
    if not isinstance(fields, dict) or problems:
        return None
    store = LedgerStore(fields["store"])
    for key in fields.keys() - {"store", "anchor", "signed_by"} - set(_OF_STORE[store]):
        spot = tree.position(("ledger", key), of_key=True)
        what = f"`{key}` says nothing about a ledger with `store: {store}`"
        fix = f"remove it, or write {ticked(_OF_STORE[store])}"
        problems.append(Problem(spot, what, fix, "setting"))
    anchor = fields.get("anchor", {})
    keys = []
    for place, line in enumerate(fields.get("signed_by", ())):
        try:
            keys.append(public_key(line))
        except ValueError as e:
            what = f"`signed_by` has `{shown(line)}`"
            spot = tree.position(("ledger", "signed_by", place))
            problems.append(Problem(spot, what, str(e), "setting"))
    return LedgerSettings(
        store,
        fields.get("path", "ledger") if store is LedgerStore.FOLDER else "",
        fields.get("branch", _LEDGER_BRANCH) if store is LedgerStore.BRANCH else "",
        fields.get("url", ""),
        fields.get("endpoint", ""),
        anchor.get("file", ""),
        anchor.get("tags", False),
        tuple(keys),
    )


def _connected(
    name: str,
    provider: str,
    settings: dict[str, Any],
    common: tuple[str, ...],
    marking: Marking,
    tree: Tree,
    schemas: Path,
    problems: list[Problem],
) -> System | None:
    if provider not in providers.PROVIDERS:
        hint = did_you_mean(provider, providers.PROVIDERS)
        what = f"there is no provider `{shown(provider)}`"
        spot = tree.position(("systems", name, "provider"))
        fix = hint or f"write {ticked(providers.PROVIDERS)}"
        problems.append(Problem(spot, what, fix, "unknown-provider"))
        return None
    found = checker(schemas, provider, "settings")
    settings = found.typed(settings)
    if not found.accepts(settings):
        problems.extend(wrong(found, settings, tree, ("systems", name), common))
        return None
    try:
        return providers.connect(provider, name, settings, marking)
    except ItemError as e:
        steps = e.field.split(".") if e.field else []
        spot = tree.position(("systems", name, *steps))
        what = f"`{e.field}`: {e.problem}" if e.field else e.problem
        problems.append(Problem(spot, what, e.fix, "setting"))
        return None


def _configured(
    name: str, fields: Mapping[str, Any], tree: Tree, grammar: Grammar, problems: list[Problem]
) -> ConfiguredSystem:
    """Never fails: what is wrong in `fields` has its problem, and no configuration comes of it."""
    known = grammar.systems[name]
    exclusive: list[Item] = []
    listed = fields.get("exclusive")
    if isinstance(listed, list):
        at = ("systems", name, "exclusive")
        for found in system_items(listed, tree, at, known, grammar):
            if isinstance(found, Item):
                exclusive.append(found)
            else:
                problems.append(found)
    return ConfiguredSystem(
        known.system,
        Mode.ENFORCE if fields.get("mode") == Mode.ENFORCE else Mode.REPORT,
        _rate(fields, known.system.rate),
        tuple(exclusive),
        tuple(one for one, now in grammar.former.items() if now == name),
    )


def _rate(fields: Mapping[str, Any], otherwise: Rate) -> Rate:
    rate, concurrency = fields.get("rate"), fields.get("concurrency")
    calls, seconds = otherwise.calls, otherwise.seconds
    if isinstance(rate, dict) and {"calls", "seconds"} <= rate.keys():
        calls, seconds = rate["calls"], rate["seconds"]
    if not isinstance(concurrency, int):
        concurrency = otherwise.concurrency
    return Rate(calls, seconds, concurrency)


def _digest(settings: dict[str, Any]) -> str:
    return sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
