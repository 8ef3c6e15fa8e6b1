"""How Bitbucket Cloud protects the main line. Reads settings, changes none.

Kinds and matching: the OpenAPI description of branch-restrictions. In a plan without Premium,
`enforce_merge_checks` cannot be set, and merge checks only warn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from reconciler.forge import ledger_branch
from reconciler.forge.base import Finding
from reconciler.forge.bitbucket.pages import rows
from reconciler.forge.bitbucket.rest import Rest
from reconciler.forge.session import Refused, shaped
from reconciler.model import ForgeSettings

Row = dict[str, Any]
_WHERE = "Repository settings, Branch restrictions"
_CHECKS = (  # name, kind, what its lack allows, the setting
    (
        "approvals",
        "require_approvals_to_merge",
        "a pull request can be merged with no approval",
        "a minimum of 1 approval",
    ),
    (
        "stale approvals",
        "reset_pullrequest_approvals_on_change",
        "an approval stays when the pull request is changed after it",
        "`Reset approvals when the source branch is modified`",
    ),
    (
        "merge checks",
        "enforce_merge_checks",
        "merge checks only warn: anybody with write access merges past them",
        "`Prevent a merge with unresolved merge checks` (Premium)",
    ),
)


ASK = "let the token's account be an admin of the repository while `doctor` runs"


def findings(rest: Rest, path: str, settings: ForgeSettings) -> tuple[Finding, ...]:
    action = "read the branch restrictions"
    try:
        every = rows(rest, action, f"{path}/branch-restrictions")
        with shaped(action):
            ours = _matching(rest, path, every, settings.branch)
            return (*_found(ours, settings), *signatures(settings, "Bitbucket Cloud"))
    except Refused as e:
        names = ("direct pushes", "rewriting", "deletion", *(c[0] for c in _CHECKS), "who merges")
        return (*silent(names, e), *signatures(settings, "Bitbucket Cloud"))


def silent(names: Iterable[str], refused: Refused) -> tuple[Finding, ...]:
    """That none of these can be known, where the token may not look. Raises any other refusal."""
    if refused.status not in (401, 403, 404):
        raise refused
    what = f"Bitbucket does not say: {refused.cause}"
    return tuple(Finding(name, None, what, ASK) for name in names)


def of_ledger(rest: Rest, path: str, branch: str, signed: bool) -> tuple[Finding, ...]:
    """A list of who may write (`push`) has no place for a pipeline: signing is what remains."""
    action = "read the branch restrictions"
    try:
        every = rows(rest, action, f"{path}/branch-restrictions")
        with shaped(action):
            ours = _matching(rest, path, every, branch)
        kept = ledger_branch.Kept("delete" in ours, "force" in ours, "push" in ours)
    except Refused as e:
        silent((), e)
        kept = ledger_branch.Kept()
    forbid = f"{_WHERE}, {branch}: do not allow"
    fixes = ledger_branch.Fixes(f"{forbid} deleting it", f"{forbid} rewriting its history", ASK)
    return ledger_branch.findings(branch, kept, signed, fixes)


def _matching(rest: Rest, path: str, every: Iterable[Row], branch: str) -> dict[str, list[Row]]:
    """Kind: restrictions of the branch, by a pattern or by what the branching model calls it."""
    types: set[str] | None = None
    found: dict[str, list[Row]] = {}
    for row in every:
        if row.get("branch_match_kind") == "branching_model":
            types = _types(rest, path, branch) if types is None else types
            matches = row.get("branch_type") in types
        else:
            matches = _fits(str(row["pattern"]), branch)
        if matches:
            found.setdefault(str(row["kind"]), []).append(row)
    return found


def _types(rest: Rest, path: str, branch: str) -> set[str]:
    model = rest.get("read the branching model", f"{path}/branching-model").body
    return {
        kind
        for kind in ("production", "development")
        if ((model.get(kind) or {}).get("branch") or {}).get("name") == branch
    }


def _fits(pattern: str, branch: str) -> bool:
    """`*` matches any run of characters, every other character itself."""
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), branch))


def _found(ours: dict[str, list[Row]], settings: ForgeSettings) -> Iterable[Finding]:
    branch = settings.branch
    yield _pushes(ours.get("push", []), branch)
    for name, kind, what in (
        ("rewriting", "force", "what was approved can be rewritten by a forced push"),
        ("deletion", "delete", "the branch can be deleted and made anew"),
    ):
        if kind in ours:
            yield Finding(name, True, f"nobody may do it to {branch}")
        else:
            yield Finding(name, False, what, f"{_WHERE}: do not allow it for {branch}")
    for name, kind, what, setting in _CHECKS:
        if any(
            kind != "require_approvals_to_merge" or (r.get("value") or 0) >= 1
            for r in ours.get(kind, [])
        ):
            yield Finding(name, True, f"{setting} is set for {branch}")
        else:
            yield Finding(name, False, what, f"{_WHERE}, {branch}: set {setting}")
    if "restrict_merges" in ours:
        yield Finding("who merges", True, f"merging into {branch} is restricted")
    else:
        fix = f"{_WHERE}, {branch}: name who may merge"
        yield Finding("who merges", False, "anybody with write access may merge", fix)


def _pushes(restrictions: list[Row], branch: str) -> Finding:
    """With none, anybody with write access pushes; with several, everyone's exceptions count."""
    name, fix = "direct pushes", f"{_WHERE}, {branch}: `Write access` for nobody"
    if not restrictions:
        return Finding(name, False, f"anybody with write access may push to {branch}", fix)
    may = [
        str(who.get("display_name") or who.get("name") or "somebody")
        for row in restrictions
        for who in (*(row.get("users") or ()), *(row.get("groups") or ()))
    ]
    if may:
        return Finding(name, False, f"{', '.join(may)} may push to {branch} without review", fix)
    return Finding(name, True, f"changes of {branch} come by pull request only")


def signatures(settings: ForgeSettings, vendor: str) -> tuple[Finding, ...]:
    if not settings.signed:
        return ()
    what = f"`signed: true` asks for signatures, and {vendor}'s API does not tell of them"
    fix = "take `signed` out: until then nothing is granted"
    return (Finding("signed commits", False, what, fix),)
