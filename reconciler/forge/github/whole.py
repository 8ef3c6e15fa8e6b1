"""Fetches what the first answer about a pull request left over, until it is whole. Never guesses
the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from reconciler.forge.base import ForgeError
from reconciler.forge.github import documents, nodes
from reconciler.forge.github.calls import Calls
from reconciler.forge.github.documents import Paths
from reconciler.forge.github.nodes import Event, Page, SeenCommit, SeenPull, SeenReview
from reconciler.forge.session import shaped
from reconciler.model import Account, Content

T = TypeVar("T")


MOST_COMMITS = 250  # of a pull request that GitHub lists; it counts the others


class Untold(ForgeError):
    """GitHub does not tell everything about this one. `ever`: nor will it later."""

    def __init__(self, action: str, cause: str, ever: bool) -> None:
        super().__init__(action, cause)
        self.ever = ever


def is_whole(pull: SeenPull) -> bool:
    """Nothing is left to be fetched. That GitHub held nothing back is for `Rest` to say."""
    more = (pull.reviews.more, pull.commits.more, pull.events.more)
    authors = (commit.authors.more for commit in pull.commits.rows)
    return pull.tip == pull.head and not any(more) and not any(authors)


def told(action: str, rows: str, page: Page[T]) -> None:
    """GitHub lists 250 commits of a pull request, and counts the others. Raises Untold."""
    if len(page.rows) < page.total:
        raise Untold(
            action,
            f"it has {page.total} {rows}, of which GitHub tells {len(page.rows)}: what the others "
            "say cannot be known; have the same change merged in a smaller pull request",
            ever=rows == "commits" and len(page.rows) >= MOST_COMMITS,
        )


@dataclass(slots=True)
class Rest:
    """Commits are remembered: with rebase merges, many commits share one pull request."""

    calls: Calls
    _commits: dict[int, Page[SeenCommit]] = field(default_factory=dict)

    def of(self, pull: SeenPull, wanted: tuple[str, ...]) -> SeenPull:
        """The whole pull request, with the contents of `wanted`. Raises ForgeError."""
        if not is_whole(pull):
            pull = replace(
                pull,
                reviews=self._reviews(pull, wanted),
                commits=self._all_commits(pull),
                events=self._events(pull),
                contents=self._contents(pull, wanted),
            )
        what = f"read pull request #{pull.number}"
        told(what, "reviews", pull.reviews)
        told(what, "commits", pull.commits)
        for commit in pull.commits.rows:
            told(what, f"authors of {commit.oid}", commit.authors)
        return pull

    def _reviews(self, pull: SeenPull, wanted: tuple[str, ...]) -> Page[SeenReview]:
        paths = Paths(wanted)
        document = documents.more_reviews(paths)

        def read(data: Any) -> Page[SeenReview]:
            return nodes.reviews(data["repository"]["pullRequest"], wanted, paths)

        what = f"read the reviews of #{pull.number}"
        return self._follow(what, pull.reviews, document, self._of(pull, paths), read)

    def _all_commits(self, pull: SeenPull) -> Page[SeenCommit]:
        if pull.number not in self._commits:
            what = f"read the commits of #{pull.number}"
            document = documents.more_commits()
            page = self._follow(
                what,
                pull.commits,
                document,
                self._of(pull),
                lambda data: nodes.commits(data["repository"]["pullRequest"]),
            )
            rows = tuple(replace(c, authors=self._authors(c)) for c in page.rows)
            self._commits[pull.number] = replace(page, rows=rows)
        return self._commits[pull.number]

    def _authors(self, commit: SeenCommit) -> Page[Account]:
        return self._follow(
            f"read the authors of {commit.oid}",
            commit.authors,
            documents.more_authors(),
            {"oid": commit.oid},
            lambda data: nodes.authors(data["repository"]["object"]),
        )

    def _events(self, pull: SeenPull) -> Page[Event]:
        return self._follow(
            f"read the events of #{pull.number}",
            pull.events,
            documents.more_events(),
            self._of(pull),
            lambda data: nodes.events(data["repository"]["pullRequest"]),
        )

    def _contents(self, pull: SeenPull, wanted: tuple[str, ...]) -> tuple[Content, ...]:
        if pull.tip == pull.head or not wanted:
            return pull.contents
        what, paths = f"read files at {pull.head}", Paths(wanted)
        asked = {"oid": pull.head, **paths.variables}
        data = self.calls.ask(what, documents.contents(paths), asked)
        with shaped(what):
            commit = data["repository"]["object"]
            return nodes.contents(commit, wanted, paths) if commit else ()

    def _of(self, pull: SeenPull, paths: Paths | None = None) -> dict[str, object]:
        return {"number": pull.number, **(paths.variables if paths else {})}

    def _follow(
        self,
        what: str,
        page: Page[T],
        document: str,
        asked: Mapping[str, object],
        read: Callable[[Any], Page[T]],
    ) -> Page[T]:
        while page.more:
            data = self.calls.ask(what, document, {**asked, "after": page.more})
            with shaped(what):
                further = read(data)
            if further.more == page.more:
                raise ForgeError(what, f"the page after {page.more} leads to itself")
            page = page.then(further)
        return page
