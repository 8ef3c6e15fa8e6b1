"""What moved the branches of the local GitHub, and who pushed it. Moves none itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.sandbox.bare import Bare
from reconciler.sandbox.github.state import User
from reconciler.sandbox.rest import Refusal

_NOTHING = "0" * 40  # the commit before a branch was there, or after
_PERIODS = {
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
    "quarter": timedelta(days=92),
    "year": timedelta(days=366),
}
_TYPES = (
    "push", "force_push", "branch_creation", "branch_deletion", "pr_merge", "merge_queue_merge",
)  # fmt: skip


@dataclass(frozen=True)
class Activity:
    """`actor` is None where nobody knows who it was."""

    id: int
    branch: str
    before: str
    after: str
    at: datetime
    type: str
    actor: User | None


class Log:
    """`rows` are oldest first. The branches that there are at the beginning have no history."""

    def __init__(self, bare: Bare) -> None:
        self.rows: list[Activity] = []
        self._bare = bare
        self._tips = bare.branches()
        self._count = 0

    def note(
        self,
        tips: Mapping[str, str],
        who: Callable[[str], User | None],
        now: Callable[[], datetime],
        merge: str,
    ) -> None:
        """The branches are now as `tips` says. `who` pushed to a commit is asked only of those that
        were moved; `merge` is the type of the activity where it was a merge."""
        for branch in dict.fromkeys((*self._tips, *tips)):
            before, after = self._tips.get(branch, ""), tips.get(branch, "")
            if before != after:
                self._count += 1
                row = (branch, before or _NOTHING, after or _NOTHING, now())
                type = self._type(before, after, merge)
                self.rows.append(Activity(self._count, *row, type, who(after or before)))
        self._tips = dict(tips)

    def _type(self, before: str, after: str, merge: str) -> str:
        if not before:
            return "branch_creation"
        if not after:
            return "branch_deletion"
        return (merge or "push") if self._bare.is_within(before, after) else "force_push"


def asks_for(row: Activity, asked: Mapping[str, str], now: datetime) -> bool:
    """Whether GitHub would list it, for a question with these filters. Raises Refusal."""
    period, type = asked.get("time_period"), asked.get("activity_type")
    if period not in (None, *_PERIODS) or type not in (None, *_TYPES):
        raise Refusal(422, "Validation Failed")
    return (
        asked.get("ref") in (None, row.branch, f"refs/heads/{row.branch}")
        and (period is None or row.at > now - _PERIODS[period])
        and type in (None, row.type)
        and asked.get("actor") in (None, row.actor and row.actor.login)
    )
