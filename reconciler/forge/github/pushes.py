"""GitHub's log of pushes, and who by it made a pull request: pure. Never takes a commit's word for
who pushed it.

The log is "list repository activities" of GitHub's REST API (docs.github.com/rest/repos/repos), from
Enterprise Server 3.11 on. What is said here of its rows is by @octokit/openapi; how long it is kept,
and how soon it tells of a push, GitHub does not say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.forge.github.nodes import SeenPull, time
from reconciler.model import Account

_CREATION, _DELETION, _FORCE = "branch_creation", "branch_deletion", "force_push"
_NOTHING = "0" * 40  # before a branch was there
_ABOUT = timedelta(minutes=1)  # that two of GitHub's clocks may differ by
_EVER = datetime.max.replace(tzinfo=UTC)
_GONE = Account("", shown="a deleted account")


@dataclass(frozen=True, slots=True)
class Push:
    """`branch` was moved from one commit to another, by whoever was signed in."""

    at: datetime
    branch: str
    before: str
    after: str
    type: str
    account: Account

    @property
    def is_first(self) -> bool:
        return self.type == _CREATION or self.before == _NOTHING


@dataclass(frozen=True, slots=True)
class Pushers:
    """`untold` says why there may be more of them, "" where these are all."""

    accounts: tuple[Account, ...] = ()
    untold: str = ""


def pushes(body: Any) -> tuple[Push, ...]:
    """Raises KeyError, TypeError or ValueError for what is no page of the log."""
    return tuple(
        Push(
            time(row["timestamp"]),
            str(row["ref"]).removeprefix("refs/heads/"),
            str(row["before"]),
            str(row["after"]),
            str(row["activity_type"]),
            _account(row["actor"]),
        )
        for row in body
    )


def _account(actor: Any) -> Account:
    """REST has the "[bot]" in the login."""
    if actor is None:
        return _GONE
    return Account(str(int(actor["id"])), str(actor["login"]), person=actor["type"] == "User")


def pushers(pull: SeenPull, log: Sequence[Push]) -> Pushers:
    """`log` is newest first and may go on further back: where it does not show everything, `untold`
    says so.

    Back from the push of the last commit, push by push, to one onto what the main line had, or to
    the branch's first. What lies before a force push, or before somebody deleted the branch of an
    open pull request and it was restored, may still be in it.
    """
    commits = frozenset(commit.oid for commit in pull.commits.rows)
    until, opened = _later(pull.merged_at or _EVER), _later(pull.opened_at)
    own = (p for p in log if p.branch == pull.branch and p.type != _DELETION and p.at <= until)
    found: list[Account] = []
    gap, rewritten, next_ = False, False, pull.head
    for push in own:
        if push.after != next_ and not found:
            continue
        gap = gap or next_ not in ("", push.after)
        found.append(push.account)
        if push.is_first and push.at <= opened:
            return _told(found, gap)
        rewritten = rewritten or push.is_first or push.type == _FORCE
        if not rewritten and push.before not in commits:
            return _told(found, gap)
        next_ = "" if push.is_first else push.before
    what = "all the pushes" if found else "the push of the last commit"
    return Pushers(tuple(found), f"GitHub's log does not have {what} of {pull.url}")


def _told(found: Sequence[Account], gap: bool) -> Pushers:
    return Pushers(tuple(found), "GitHub's log has a gap" if gap else "")


def _later(at: datetime) -> datetime:
    return at if at == _EVER else at + _ABOUT


def has_merge(pull: SeenPull, newest: datetime | None, newest_of_base: datetime | None) -> bool:
    """Whether the log is as new as the merge: only then is what it lacks not merely late. The two
    are the newest rows of the log, and of the branch that the pull request is for."""
    if pull.merged_at is None:
        return True
    merged = pull.merged_at
    long_ago = newest is not None and newest > merged + 5 * _ABOUT
    return long_ago or (newest_of_base is not None and newest_of_base >= merged - _ABOUT)
