"""Asks GitHub who pushed, for all pull requests of a run in as few calls as can be. Never takes a
log that is late for one that says nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from urllib.parse import quote

from reconciler.forge.base import ForgeError
from reconciler.forge.github.calls import Calls
from reconciler.forge.github.nodes import SeenPull
from reconciler.forge.github.pushes import Push, Pushers, has_merge, pushers, pushes
from reconciler.forge.github.whole import Untold
from reconciler.forge.session import Answer, Refused, shaped

_WHAT = "read who pushed"
_FROM_FORK = "its branch lies in a fork, and GitHub lists only the pushes to the repository itself"
_NO_LOG = "this GitHub keeps no log of pushes (Enterprise Server does from 3.11 on)"


class PushLog:
    """The newest pushes of the whole repository, page by page, tell of many pull requests at once.
    As long as that is cheap, they are read on; what lies deeper is asked for branch by branch."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._read: dict[str, list[Push]] = {}  # by branch, each newest first
        self._newest: datetime | None = None
        self._pages: Iterator[Answer] | None = None
        self._over = self._missing = False
        self._left = 0
        self._known: dict[int, Pushers] = {}

    def expect(self, pulls: int) -> None:
        """That many may be asked for: a page has the pushes of dozens."""
        self._left += max(1, pulls // 4)

    def of(self, pull: SeenPull) -> Pushers:
        """Raises Untold while the log does not have the merge yet."""
        if pull.number not in self._known:
            self._known[pull.number] = self._merged(pull)
        return self._known[pull.number]

    def _merged(self, pull: SeenPull) -> Pushers:
        if pull.from_fork:
            return Pushers(untold=_FROM_FORK)
        found = pushers(pull, self._read.get(pull.branch, ()))
        while found.untold and self._read_on():
            found = pushers(pull, self._read.get(pull.branch, ()))
        if self._missing:
            return Pushers(untold=_NO_LOG)
        if found.untold and not self._over:
            found = self.of_branch(pull)
        if found.untold and not self._is_late_for(pull):
            return found
        if found.untold:
            what = f"{found.untold} yet; the next run asks again"
            raise Untold(f"{_WHAT} in #{pull.number}", what, ever=False)
        return found

    def _is_late_for(self, pull: SeenPull) -> bool:
        of_base = (push.at for push in self._read.get(pull.base, ()))
        return not has_merge(pull, self._newest, next(of_base, None))

    def of_branch(self, pull: SeenPull) -> Pushers:
        """One call, for one pull request."""
        if pull.from_fork:
            return Pushers(untold=_FROM_FORK)
        rows: list[Push] = []
        branch = quote(f"refs/heads/{pull.branch}", safe="")
        found = pushers(pull, rows)
        try:
            for page in self._calls.pages(_WHAT, f"/activity?ref={branch}"):
                with shaped(_WHAT):
                    rows += pushes(page.body)
                found = pushers(pull, rows)
                if not found.untold:
                    break
        except ForgeError as e:
            if not _is_unknown(e):
                raise
            return Pushers(untold=_NO_LOG)
        return found

    def _read_on(self) -> bool:
        """Whether there was more."""
        if self._over or not self._left:
            return False
        self._left -= 1
        self._pages = self._pages or self._calls.pages(_WHAT, "/activity")
        try:
            page = next(self._pages)
        except ForgeError as e:
            self._pages, self._read = None, {}
            if not _is_unknown(e):
                raise
            self._over = self._missing = True
            return False
        with shaped(_WHAT):
            read = pushes(page.body)
        for push in read:
            self._newest = self._newest or push.at
            self._read.setdefault(push.branch, []).append(push)
        self._over = not page.next
        return True


def _is_unknown(error: ForgeError) -> bool:
    """Only a server that does not know the log says 404, to a token that has read the pull request
    just now. A token that may not read it, or has asked too often, hears 403: an error, for else
    whoever uses up the limit would be forgotten as the one who pushed."""
    return isinstance(error, Refused) and error.status == 404
