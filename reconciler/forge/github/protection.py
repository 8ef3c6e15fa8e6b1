"""How GitHub protects the main line: branch protection and rulesets, against what we ask for.
Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reconciler.forge import ledger_branch
from reconciler.forge.base import Finding
from reconciler.forge.github.calls import Calls
from reconciler.forge.session import Refused, shaped
from reconciler.model import ForgeSettings

Node = dict[str, Any]

_NOT_PROTECTED = ("Branch not protected", "Branch not found")  # a rule can be there before it
_ASK = "let the token read the repository's administration settings, or look there yourself"


@dataclass(frozen=True, slots=True)
class _Bypass:
    """Who may pass by a ruleset; None: GitHub would not say."""

    requires_pull: bool
    actors: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """`rules` are those of all rulesets for the branch. `classic` is the older protection: {} for
    none, None where GitHub would not say."""

    rules: tuple[Node, ...]
    bypasses: tuple[_Bypass, ...]
    classic: Node | None

    def rule(self, kind: str) -> list[Node]:
        found = (rule for rule in self.rules if rule["type"] == kind)
        return [rule.get("parameters") or {} for rule in found]

    def either(self, by_rules: bool, by_classic: Callable[[Node], bool]) -> bool | None:
        """Each of the two is enough; no from the one is no answer while the other is unknown."""
        if by_rules:
            return True
        return None if self.classic is None else bool(self.classic and by_classic(self.classic))

    def pulls(self, key: str, classic_key: str) -> bool | None:
        """Whether pull requests are asked for with this setting on."""
        by_rules = any(rule.get(key) for rule in self.rule("pull_request"))
        return self.either(by_rules, lambda classic: bool(_reviews(classic).get(classic_key)))


def findings(calls: Calls, settings: ForgeSettings) -> tuple[Finding, ...]:
    """Raises ForgeError only where GitHub does not answer at all."""
    branch = settings.branch
    with shaped(f"read the protection of {branch}"):
        seen = _Seen(*_rules(calls, branch), classic=_classic(calls, branch))
        found = [*_pull_requests(seen), _last_push(seen, settings), *_pushes(seen), _passing(seen)]
        if settings.signed:
            found.append(_signed(seen))
        if settings.pushers:
            found.append(_log(calls))
        found += [_actions(calls), _codeowners(calls)]
    return tuple(found)


def of_ledger(calls: Calls, branch: str, signed: bool) -> tuple[Finding, ...]:
    """`update` is "Restrict updates", `restrictions` the older "Restrict who can push": REST
    documentation, "Get rules for a branch" and "Get branch protection".

    Raises ForgeError only where GitHub does not answer at all."""
    with shaped(f"read the protection of {branch}"):
        seen = _Seen(*_rules(calls, branch), classic=_classic(calls, branch))
        rewriting, deletion = (finding.right for finding in _pushes(seen))
        restricted = seen.either(bool(seen.rule("update")), lambda c: bool(c.get("restrictions")))
    kept = ledger_branch.Kept(deletion, rewriting, restricted)
    rule = f"in a ruleset for {branch}, switch on"
    deletion_fix, rewriting_fix = f'{rule} "Restrict deletions"', f'{rule} "Block force pushes"'
    fixes = ledger_branch.Fixes(deletion_fix, rewriting_fix, _ASK)
    return ledger_branch.findings(branch, kept, signed, fixes)


def _rules(calls: Calls, branch: str) -> tuple[tuple[Node, ...], tuple[_Bypass, ...]]:
    action = f"read the rules of {branch}"
    pages = calls.pages(action, f"/rules/branches/{quote(branch, safe='')}")
    rules: tuple[Node, ...] = tuple(rule for page in pages for rule in page.body)
    ids = dict.fromkeys(int(rule["ruleset_id"]) for rule in rules)
    asks = {int(r["ruleset_id"]) for r in rules if r["type"] == "pull_request"}
    return rules, tuple(_Bypass(id in asks, _bypass(calls, id)) for id in ids)


def _bypass(calls: Calls, ruleset: int) -> tuple[str, ...] | None:
    try:
        found = calls.get(f"read ruleset {ruleset}", f"/rulesets/{ruleset}")
    except Refused as e:
        if e.status in (403, 404):
            return None
        raise
    if "bypass_actors" not in found:
        return None
    actors = ((a["actor_type"], a.get("actor_id")) for a in found["bypass_actors"])
    return tuple(f"{kind} {id}" if id else str(kind) for kind, id in actors)


def _classic(calls: Calls, branch: str) -> Node | None:
    action = f"read the protection of {branch}"
    try:
        found = calls.get(action, f"/branches/{quote(branch, safe='')}/protection")
    except Refused as e:
        if e.status == 404 and any(text in e.cause for text in _NOT_PROTECTED):
            return {}
        if e.status in (403, 404):
            return None
        raise
    return dict(found)


def _reviews(classic: Node) -> Node:
    return classic.get("required_pull_request_reviews") or {}


def _enabled(classic: Node, key: str) -> bool:
    return bool((classic.get(key) or {}).get("enabled"))


def _finding(name: str, right: bool | None, lets: str, fix: str) -> Finding:
    """`lets`: what somebody can do while it is not so."""
    match right:
        case True:
            return Finding(name, True, "set")
        case False:
            return Finding(name, False, f"not set: {lets}", fix)
    return Finding(name, None, f"GitHub would not say. If it is not set, {lets}", _ASK)


def _pull_requests(seen: _Seen) -> Iterator[Finding]:
    required = seen.either(bool(seen.rule("pull_request")), lambda c: bool(_reviews(c)))
    yield _finding(
        "pull request required",
        required,
        "whoever may push can change grants and policies without a pull request",
        'in a ruleset for the branch, switch on "Require a pull request before merging"',
    )
    count = "required_approving_review_count"
    yield _finding(
        "approval required",
        seen.pulls(count, count),
        "a pull request can be merged that nobody looked at",
        'set "Required approvals" to 1 or more',
    )
    yield _finding(
        "stale approvals dismissed",
        seen.pulls("dismiss_stale_reviews_on_push", "dismiss_stale_reviews"),
        "what was pushed after the approval is merged with it",
        'switch on "Dismiss stale pull request approvals when new commits are pushed"',
    )
    yield _finding(
        "code owners review",
        seen.pulls("require_code_owner_review", "require_code_owner_reviews"),
        "policies, workflows and reconciler.yaml are merged without those who answer for them",
        'switch on "Require review from Code Owners", and name owners in .github/CODEOWNERS',
    )


def _last_push(seen: _Seen, settings: ForgeSettings) -> Finding:
    """The proof itself sees to it where it is told of every push, or believes no name without a
    signature."""
    name = "last push approved by another"
    right = seen.pulls("require_last_push_approval", "require_last_push_approval")
    if not right and (settings.pushers or settings.signed):
        asked = "pushers: required" if settings.pushers else "signed: true"
        return Finding(name, True, f"not asked for by GitHub, but by `{asked}`")
    return _finding(
        name,
        right,
        "a reviewer can push to somebody else's pull request under that person's name and, where "
        "GitHub does not tell who pushed, approve his own commit",
        'switch on "Require approval of the most recent reviewable push", or write `pushers: '
        "required` under `forge:`",
    )


def _pushes(seen: _Seen) -> Iterator[Finding]:
    kept = bool(seen.rule("non_fast_forward"))
    yield _finding(
        "no force pushes",
        seen.either(kept, lambda c: not _enabled(c, "allow_force_pushes")),
        "history can be rewritten: what was granted, and by whom, is no longer to be seen",
        'switch on "Block force pushes"',
    )
    yield _finding(
        "no deletion",
        seen.either(bool(seen.rule("deletion")), lambda c: not _enabled(c, "allow_deletions")),
        "the branch can be deleted and begun anew with another history",
        'switch on "Restrict deletions"',
    )


def _passing(seen: _Seen) -> Finding:
    """One place that asks for pull requests and that nobody passes by is enough."""
    sources = [b.actors for b in seen.bypasses if b.requires_pull]
    if seen.classic is None:
        sources.append(None)
    elif reviews := _reviews(seen.classic):
        allowed = reviews.get("bypass_pull_request_allowances") or {}
        named = [n for who in allowed.values() for n in map(_name, who)]
        admins = [] if _enabled(seen.classic, "enforce_admins") else ["administrators"]
        sources.append((*admins, *named))
    right = True if () in sources else None if None in sources else False
    who = sorted({actor for actors in sources for actor in actors or ()})
    return _finding(
        "nobody passes by",
        right,
        f"{', '.join(who) or 'everybody'} can merge and push without approval",
        'empty the bypass list of the ruleset (or switch on "Do not allow bypassing the above '
        'settings")',
    )


def _name(actor: Node) -> str:
    return str(actor.get("login") or actor.get("slug") or actor.get("name"))


def _signed(seen: _Seen) -> Finding:
    return _finding(
        "signed commits",
        seen.either(
            bool(seen.rule("required_signatures")), lambda c: _enabled(c, "required_signatures")
        ),
        "anybody's name can stand on a commit",
        'switch on "Require signed commits"',
    )


def _log(calls: Calls) -> Finding:
    name = "GitHub tells who pushed"
    try:
        calls.get("read who pushed", "/activity?per_page=1")
    except Refused as e:
        if e.status == 404:
            what = (
                "this server has no log of pushes, so `pushers: required` lets nothing be granted"
            )
            return Finding(name, False, what, "take `pushers` out, or update it to 3.11 or later")
        if e.status != 403:
            raise
        return Finding(name, None, f"it would not say: {e.cause}", "let the token read contents")
    return Finding(name, True, "it does, for the branches of the repository itself")


def _actions(calls: Calls) -> Finding:
    try:
        answer = calls.get("read the workflow settings", "/actions/permissions/workflow")
        right: bool | None = answer["can_approve_pull_request_reviews"] is False
    except Refused as e:
        if e.status not in (403, 404):
            raise
        right = None
    return _finding(
        "workflows approve nothing",
        right,
        "a workflow, which everybody who may push can write, counts as a reviewer",
        'in Settings, Actions, General, switch off "Allow GitHub Actions to create and approve '
        'pull requests"',
    )


def _codeowners(calls: Calls) -> Finding:
    name, lets = "CODEOWNERS is valid", "GitHub skips what it cannot read, and nobody is asked"
    fix = "write .github/CODEOWNERS, with owners who may write to the repository"
    try:
        errors = calls.get("check CODEOWNERS", "/codeowners/errors")["errors"]
    except Refused as e:
        if e.status == 404:
            return Finding(name, False, f"there is none, or the token may not read it: {lets}", fix)
        if e.status == 403:
            return _finding(name, None, lets, fix)
        raise
    if not errors:
        return Finding(name, True, "set")
    where = ", ".join(f"{e['path']}:{e['line']}: {e['kind']}" for e in errors[:3])
    return Finding(name, False, f"{len(errors)} errors ({where}): {lets}", f"mend them: {fix}")
