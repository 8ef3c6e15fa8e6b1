"""How Bitbucket Data Center protects the main line. Reads settings, changes none.

Types and matchers: the documentation of branch permissions. Restrictions of the project hold in its
repositories, and the repository's list has them too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any

from reconciler.forge import ledger_branch
from reconciler.forge.base import Finding
from reconciler.forge.bitbucket.protection import ASK, signatures, silent
from reconciler.forge.bitbucket.rest import Rest
from reconciler.forge.bitbucket_dc.pages import base, rows
from reconciler.forge.session import Refused, shaped
from reconciler.model import ForgeSettings

Row = dict[str, Any]
_WHERE = "Repository settings, Branch permissions"
_CHECKS = "Repository settings, Merge checks"
_TYPES = (  # name, type, what its lack allows, the setting
    (
        "direct pushes",
        "pull-request-only",
        "anybody with write access may push without review",
        "`Prevent changes without a pull request`, with no exemptions",
    ),
    (
        "rewriting",
        "fast-forward-only",
        "what was approved can be rewritten by a forced push",
        "`Prevent rewriting history`, with no exemptions",
    ),
    (
        "deletion",
        "no-deletes",
        "the branch can be deleted and made anew",
        "`Prevent deletion`, with no exemptions",
    ),
)
_NEEDS_WORK = "needs-work"  # in the key of the bundled merge check


def findings(rest: Rest, settings: ForgeSettings) -> tuple[Finding, ...]:
    known = (*_permissions(rest, settings), *_reviews(rest, settings))
    return (*known, *signatures(settings, "Bitbucket"))


def _permissions(rest: Rest, settings: ForgeSettings) -> Iterator[Finding]:
    action = "read the branch permissions"
    path = f"{base(settings, 'branch-permissions/2.0')}/restrictions"
    try:
        with shaped(action):
            every = rows(rest, action, path)
            ours = [row for row in every if _matches(row["matcher"], settings.branch)]
            found = [_restriction(ours, settings.branch, *one) for one in _TYPES]
    except Refused as e:
        found = [*silent((name for name, *_ in _TYPES), e)]
    yield from found


def of_ledger(
    rest: Rest, settings: ForgeSettings, branch: str, signed: bool
) -> tuple[Finding, ...]:
    """`read-only` is "Prevent all changes", but for those exempt: documentation of branch
    permissions. A rule with exemptions against deleting or rewriting is none for the exempt."""
    action = "read the branch permissions"
    try:
        with shaped(action):
            path = f"{base(settings, 'branch-permissions/2.0')}/restrictions"
            every = rows(rest, action, path)
            ours = [row for row in every if _matches(row["matcher"], branch)]
            firm = {row["type"] for row in ours if not _exempt(row)}
        restricted = any(row["type"] == "read-only" for row in ours)
        kept = ledger_branch.Kept("no-deletes" in firm, "fast-forward-only" in firm, restricted)
    except Refused as e:
        silent((), e)
        kept = ledger_branch.Kept()
    setting = {type: f"{_WHERE}, {branch}: {how}" for _, type, _, how in _TYPES}
    fixes = ledger_branch.Fixes(setting["no-deletes"], setting["fast-forward-only"], ASK)
    return ledger_branch.findings(branch, kept, signed, fixes)


def _restriction(
    ours: Iterable[Row], branch: str, name: str, type: str, what: str, setting: str
) -> Finding:
    """One with nobody exempt suffices: several are all held to."""
    fix = f"{_WHERE}, {branch}: {setting}"
    rows_of_type = [row for row in ours if row["type"] == type]
    exempt = [_exempt(row) for row in rows_of_type]
    if not rows_of_type:
        return Finding(name, False, what, fix)
    if all(exempt):
        return Finding(name, False, f"{', '.join(exempt[0])} may, without review", fix)
    return Finding(name, True, f"{branch} is protected from it")


def _exempt(row: Row) -> list[str]:
    users = [str(user.get("name")) for user in row.get("users") or ()]
    keys = [
        str((key.get("key") or {}).get("label") or "a key") for key in row.get("accessKeys") or ()
    ]
    return [*users, *map(str, row.get("groups") or ()), *keys]


def _matches(matcher: Row, branch: str) -> bool:
    """What the branching model matches is not known here, and not counted."""
    match matcher["type"]["id"]:
        case "ANY_REF":
            return True
        case "BRANCH":
            return bool(matcher["id"] in (branch, f"refs/heads/{branch}"))
        case "PATTERN":
            pattern = str(matcher["id"])
            return fnmatchcase(branch, pattern) or fnmatchcase(f"refs/heads/{branch}", pattern)
    return False


def _reviews(rest: Rest, settings: ForgeSettings) -> Iterator[Finding]:
    action = "read the pull request settings"
    path = f"{base(settings)}/settings"
    try:
        with shaped(action):
            body = rest.get(action, f"{path}/pull-requests").body
            params = {"type": "PRE_PULL_REQUEST_MERGE"}
            hooks = rows(rest, "read the merge checks", f"{path}/hooks", params)
            needs = any(_NEEDS_WORK in row["details"]["key"] and row["enabled"] for row in hooks)
            found = [
                _approvals(_count(body.get("requiredApprovers"))),
                _stale(bool(body.get("unapproveOnUpdate"))),
                _objections(needs or bool(body.get("needsWork"))),
            ]
    except Refused as e:
        found = [*silent(("approvals", "stale approvals", "objections"), e)]
    yield from found


def _count(required: object) -> int:
    """A number in older versions, an object since."""
    match required:
        case {"count": count, **rest}:
            enabled = rest.get("enabled", rest.get("enable", True))
            return int(count) if enabled else 0
        case int(count) if not isinstance(required, bool):
            return count
    return 0


def _approvals(count: int) -> Finding:
    if count >= 1:
        return Finding("approvals", True, f"{count} are required")
    what = "a pull request can be merged with no approval"
    return Finding("approvals", False, what, f"{_CHECKS}: `Minimum approvals`, at least 1")


def _stale(reset: bool) -> Finding:
    if reset:
        return Finding("stale approvals", True, "approvals are withdrawn by a change")
    what = "an approval stays when the pull request is changed after it"
    fix = "Repository settings, Pull requests: `Unapprove automatically on new changes`"
    return Finding("stale approvals", False, what, fix)


def _objections(blocks: bool) -> Finding:
    if blocks:
        return Finding("objections", True, "requested changes block the merge")
    what = "a pull request can be merged over somebody's requested changes"
    return Finding("objections", False, what, f"{_CHECKS}: `No requested changes`")
