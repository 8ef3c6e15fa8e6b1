"""What both Bitbuckets have instead of a commit in an approval: the order of what happened to a
pull request. Pure; decides nothing.

An approval is bound to the source commit that the pull request had when it was given. Who approves
in the moment of a push, with the old page still open, is taken to have seen what the forge had then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from reconciler.forge.base import ForgeError, Want
from reconciler.forge.session import NoAnswer, Refused
from reconciler.model import Account, Evidence, Review, Word

_CO_AUTHOR = re.compile(r"^co-authored-by:[^<\n]*<([^<>\s]+)>\s*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Head:
    """From `at` on the pull request's last commit was `commit`; `by` is who brought that about.
    `into` is the branch that it was for, "" where that is not told."""

    at: datetime
    commit: str
    by: Account | None = None
    into: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """`seen` is the commit that the forge itself notes with the word, where it notes one."""

    at: datetime
    account: Account | None
    word: Word
    seen: str = ""


Story = Sequence[Head | Said]


def reviews(story: Story, approving: Collection[str], known: Collection[str]) -> tuple[Review, ...]:
    """Oldest first. `approving` are the ids of whom the pull request itself lists as approving
    now, out of `known`, all whom it lists: an approval that it no longer lists was withdrawn, by
    its giver or by a push."""
    found: list[Review] = []
    heads: list[str] = []
    into = ""
    for event in _ordered(story):
        if isinstance(event, Head):
            heads.append(event.commit)
            if into and event.into and event.into != into:
                found = [_elsewhere(review) for review in found]
            into = event.into or into
        else:
            latest = heads[-1] if heads else ""
            seen = event.seen if event.seen in heads else latest
            found.append(Review(event.account, event.word, event.at, seen))
    last = {r.account.id: n for n, r in enumerate(found) if r.account}
    for id, n in last.items():
        if found[n].word is Word.APPROVED and id in known and id not in approving:
            found[n] = replace(found[n], word=Word.DISMISSED)
    return tuple(found)


def _elsewhere(review: Review) -> Review:
    """What was approved for another branch was shown against that one, whose files it may have had
    already: nobody saw what it brings to ours."""
    return replace(review, word=Word.DISMISSED) if review.word is Word.APPROVED else review


def pushers(story: Story) -> tuple[Account, ...]:
    """Whoever moved the pull request to another commit. Editing its title moves nothing."""
    heads = [event for event in _ordered(story) if isinstance(event, Head)]
    moved = (after.by for before, after in pairwise(heads) if after.commit != before.commit)
    return tuple(by for by in moved if by)


def co_authors(message: str) -> tuple[Account, ...]:
    return tuple(Account("", email=email) for email in _CO_AUTHOR.findall(message))


def distinct(accounts: Iterable[Account]) -> tuple[Account, ...]:
    """Each once, as first met. Who is known by e-mail address only is compared by that."""
    found: dict[str, Account] = {}
    for account in accounts:
        found.setdefault(account.id or account.email or account.login, account)
    return tuple(found.values())


def gathered(
    wanted: Iterable[Want], read: Callable[[str, tuple[str, ...]], Evidence]
) -> Iterator[tuple[Want, Evidence]]:
    """One `read` (of a commit, with paths) for all that is wanted of a commit.

    What cannot be told of one commit is raised after all others are told: it may never become
    tellable, and must not stand in their way. A forge that refuses or is silent ends it at once.
    """
    commits: dict[str, list[Want]] = {}
    for want in wanted:
        commits.setdefault(want.commit, []).append(want)
    failure: ForgeError | None = None
    for commit, wants in commits.items():
        try:
            evidence = read(commit, tuple(sorted({want.path for want in wants})))
        except (Refused, NoAnswer):
            raise
        except ForgeError as e:
            failure = failure or e
            continue
        yield from ((want, evidence) for want in wants)
    if failure:
        raise failure


def _ordered(story: Story) -> list[Head | Said]:
    """At the same moment the word came first: it was not for what had not been there."""
    return sorted(story, key=lambda event: (event.at, isinstance(event, Head)))
