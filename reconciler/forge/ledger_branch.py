"""What is asked of a branch that keeps the ledger, in the same words for every forge. Asks nobody."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.forge.base import Finding

_LETS = "whoever can push can forge what the ledger remembers"
_FIX = (
    "sign it: name a key under `ledger: signed_by`, see docs/audit.md; or let nobody but the "
    "reconciler's own account push it, where the forge can (docs/workflows.md, The ledger)"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is forbidden there; None: the forge would not say. `restricted`: only some may push."""

    deletion: bool | None = None
    rewriting: bool | None = None
    restricted: bool | None = None


@dataclass(frozen=True, slots=True)
class Fixes:
    """Where the forge has the setting; `ask` is what lets it say."""

    deletion: str
    rewriting: str
    ask: str


def findings(branch: str, kept: Kept, signed: bool, fixes: Fixes) -> tuple[Finding, ...]:
    """The branch need not be there yet: it is made by the first run."""
    return (
        _forbidden(
            "the ledger's branch: no deletion",
            kept.deletion,
            f"{branch} can be deleted, and with it what the ledger remembers",
            fixes.deletion,
            fixes.ask,
        ),
        _forbidden(
            "the ledger's branch: no rewriting",
            kept.rewriting,
            f"a forced push can cut {branch}, or put another ledger in its place",
            fixes.rewriting,
            fixes.ask,
        ),
        _writers(branch, kept.restricted, signed, fixes.ask),
    )


def _forbidden(name: str, right: bool | None, lets: str, fix: str, ask: str) -> Finding:
    match right:
        case True:
            return Finding(name, True, "nobody may")
        case False:
            return Finding(name, False, lets, fix)
    return Finding(name, None, f"the forge would not say. If nothing forbids it, {lets}", ask)


def _writers(branch: str, restricted: bool | None, signed: bool, ask: str) -> Finding:
    name = "the ledger's branch: who is believed"
    if signed:
        return Finding(name, True, "what no key of `signed_by` vouches for is not")
    match restricted:
        case True:
            return Finding(name, True, f"only some may push to {branch}")
        case False:
            what = f"{branch} is neither signed nor restricted to some: {_LETS}"
            return Finding(name, False, what, _FIX)
    what = f"it is not signed, and the forge would not say who may push. If anybody may, {_LETS}"
    return Finding(name, None, what, ask)
