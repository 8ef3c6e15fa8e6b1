"""What GitHub showed of a pull request, as the facts of our model: pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from reconciler.forge.github.nodes import BaseChange, Dismissal, ForcePush, SeenPull, SeenReview
from reconciler.forge.github.pushes import Pushers
from reconciler.model import Account, PullRequest, Review, Word

_WORDS = {"APPROVED": Word.APPROVED, "CHANGES_REQUESTED": Word.CHANGES_REQUESTED}
_DISMISSED = "DISMISSED"


def pull_request(pull: SeenPull, pushed: Pushers) -> PullRequest:
    """`pull` is whole."""
    seen = (*pull.contents, *(c for review in pull.reviews.rows for c in review.contents))
    return PullRequest(
        number=pull.number,
        url=pull.url,
        base=pull.base,
        head=pull.head,
        author=pull.author,
        merged_at=pull.merged_at,
        merged_by=pull.merged_by,
        writers=tuple(dict.fromkeys((*_writers(pull), *pushed.accounts))),
        unsigned=tuple(commit.oid for commit in pull.commits.rows if not commit.signed),
        reviews=_reviews(pull),
        contents=tuple(dict.fromkeys(seen)),
        title=pull.title,
        merged_as=pull.merged_as if pull.merged_at else "",  # before, GitHub tells a trial
        size=len(pull.commits.rows),
        untold_pushers=pushed.untold,
    )


def _writers(pull: SeenPull) -> Iterable[Account]:
    """A force-push after the merge wrote nothing of what was merged."""
    for commit in pull.commits.rows:
        yield from commit.authors.rows
        if commit.committer:
            yield commit.committer
    for event in pull.events.rows:
        before = pull.merged_at is None or event.at <= pull.merged_at
        if isinstance(event, ForcePush) and event.account and before:
            yield event.account


def _reviews(pull: SeenPull) -> tuple[Review, ...]:
    events = pull.events.rows
    dismissals = {event.review: event for event in events if isinstance(event, Dismissal)}
    words = (word for review in pull.reviews.rows for word in _words(review, pull, dismissals))
    moved = max((event.at for event in events if isinstance(event, BaseChange)), default=None)
    here = words if moved is None else (_here(word, moved) for word in words)
    return tuple(sorted(here, key=lambda word: word.at))


def _here(review: Review, moved: datetime) -> Review:
    """What was approved for another branch was shown against that one, whose files it may have had
    already: nobody saw what it brings to ours."""
    before = review.word is Word.APPROVED and review.at <= moved
    return replace(review, word=Word.DISMISSED) if before else review


def _words(
    review: SeenReview, pull: SeenPull, dismissals: Mapping[str, Dismissal]
) -> Iterable[Review]:
    """A dismissed review was a word until it was dismissed; GitHub shows only that it is none now.
    A dismissal says nothing about what its reviewer had said since."""
    if review.at is None:  # not submitted
        return
    if review.state in _WORDS:
        yield Review(review.account, _WORDS[review.state], review.at, review.commit)
    if review.state != _DISMISSED:
        return
    dismissal = dismissals.get(review.id)
    if dismissal is None:
        yield Review(review.account, Word.DISMISSED, review.at, review.commit)
        return
    if dismissal.previous in _WORDS:
        yield Review(review.account, _WORDS[dismissal.previous], review.at, review.commit)
    if not any(_said_since(other, review, dismissal) for other in pull.reviews.rows):
        yield Review(review.account, Word.DISMISSED, dismissal.at, review.commit)


def _said_since(other: SeenReview, review: SeenReview, dismissal: Dismissal) -> bool:
    if other.id == review.id or other.at is None or review.at is None:
        return False
    opinion = other.state in (*_WORDS, _DISMISSED)
    same = review.account is not None and other.account == review.account
    return same and opinion and review.at <= other.at <= dismissal.at
