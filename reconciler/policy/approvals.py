"""Whose approval of one file in one pull request counts, and what is still missing. Never asks a
forge: it weighs what the forge said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from reconciler.model import Account, Content, ForgeSettings, PullRequest, Review, Word
from reconciler.policy.roster import Roster, whose
from reconciler.policy.ruling import Need

_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Approved:
    """Ids of the people whose approval counts. `remarks` say why other approvals do not. `void`
    says why the pull request proves nothing at all, and `mend` what to do: then there are none."""

    persons: frozenset[str] = frozenset()
    remarks: tuple[str, ...] = ()
    void: str = ""
    mend: str = ""


def approvers(
    pull: PullRequest,
    path: str,
    blob: str,
    then: Roster,
    today: Roster,
    excluded: frozenset[str],
    *,
    self_approval: bool,
    settings: ForgeSettings,
) -> Approved:
    """Of the content `blob` of `path`. `then` is the directory of the commit before the change,
    which gives authority; `excluded` are the ids of all who would gain. `settings` may ask for more
    than approvals."""
    weighed = _Weighed(pull, path, blob, then, today)
    void = weighed.void(settings)
    if void is not None:
        what, mend = void
        return Approved(frozenset(), (what,), what, mend)
    interested = frozenset() if self_approval else excluded
    persons: set[str] = set()
    remarks: list[str] = []
    for review in weighed.last_words():
        why = weighed.against(review, interested, self_approval)
        if why:
            remarks.append(why)
        elif review.account is not None:
            persons.add(weighed.person(review.account))
    return Approved(frozenset(persons), tuple(dict.fromkeys(remarks)))


class _Weighed:
    """One pull request and one file in it, against two directories."""

    def __init__(
        self, pull: PullRequest, path: str, blob: str, then: Roster, today: Roster
    ) -> None:
        self._pull, self._path, self._blob = pull, path, blob
        self._then, self._today = then, today
        self._contents = frozenset(pull.contents)
        hands = [a for a in (pull.author, *pull.writers) if a is not None]
        self._author = self.person(pull.author) if pull.author else ""
        self._writers = frozenset(self.person(account) for account in hands) - {""}

    def person(self, account: Account) -> str:
        return whose(account, self._then, self._today)

    def void(self, settings: ForgeSettings) -> tuple[str, str] | None:
        """Why the whole pull request proves nothing, and what to do. Somebody whom nobody knows
        could be an approver under another name."""
        pull = self._pull
        again = f"bring {self._path} in again by a new pull request"
        if pull.author is None:
            return f"the author of {pull.url} is a deleted account", again
        for role, account in (
            ("opened", pull.author),
            *(("wrote or pushed in", w) for w in pull.writers),
        ):
            if not self.person(account):
                return _unknown(account, role, pull)
        if settings.signed and pull.unsigned:
            commits = ", ".join(commit[:10] for commit in pull.unsigned)
            return (
                f"commits of {pull.url} carry no verified signature: {commits}",
                f"sign, and {again}",
            )
        if settings.pushers and pull.untold_pushers:
            what = f"the forge does not tell who pushed to {pull.url}: {pull.untold_pushers}"
            return what, f"{again}, from a branch of the access repository itself"
        if not self._seen(pull.head):
            what = f"{self._path} was merged with another content than {pull.url} had at its end"
            return what, again
        return None

    def last_words(self) -> Iterator[Review]:
        """The approvals that are their giver's last word. What was said after the merge changes
        nothing; of words of one moment an approval is the first."""
        merged = self._pull.merged_at or _EVER
        last: dict[str, Review] = {}
        for review in sorted(
            (r for r in self._pull.reviews if r.at <= merged),
            key=lambda r: (r.at, r.word is not Word.APPROVED),
        ):
            last[self._voice(review.account)] = review
        yield from (review for review in last.values() if review.word is Word.APPROVED)

    def against(self, review: Review, interested: frozenset[str], own: bool) -> str:
        """Why an approval does not count, "" where it does."""
        account = review.account
        if account is None:
            return "an approval by a deleted account does not count"
        person = self.person(account)
        name = person or str(account)
        if not account.person:
            return f"{name} is a bot, and a bot approves nothing"
        if not person:
            return f"{account} approved, and is not in the directory as it was before this change"
        if not self._then.active(person):
            return f"{name} approved, and is no active person in the directory before this change"
        if not self._seen(review.commit):
            return (
                f"{name} approved commit {review.commit[:10]}, in which {self._path} was not as it "
                "is now, or not brought by this pull request; a new approval is needed"
            )
        if person in interested:
            return f"{name} approved, and would gain access by it"
        if not own and person == self._author:
            return f"{name} approved, and is the author of the pull request"
        if not own and person in self._writers:
            return f"{name} approved, and has written or pushed commits of the pull request"
        return ""

    def _seen(self, commit: str) -> bool:
        """Whether the file was byte-identical there. What is not known was not."""
        return Content(commit, self._path, self._blob) in self._contents

    def _voice(self, account: Account | None) -> str:
        """One for all accounts of a person."""
        if account is None:
            return ""
        return self.person(account) or f"\x1f{account.id or account.email.casefold()}"


def _unknown(account: Account, role: str, pull: PullRequest) -> tuple[str, str]:
    whom = "a person" if account.person else "a service"
    return (
        f"{account} {role} {pull.url}, and nobody in directory/ has that account",
        f"list it under `accounts: {{forge: ...}}` of {whom} in directory/, in a pull request of "
        "its own",
    )


def missing(needs: Sequence[Need], persons: frozenset[str]) -> tuple[Need, ...]:
    """What is still to be approved when every person is put where it helps most: one person meets
    one need. Earlier needs are met first."""
    places = [i for i, need in enumerate(needs) for _ in range(need.count)]
    sits: dict[str, int] = {}  # person -> index in `places`

    def seat(place: int, tried: set[str]) -> bool:
        """Seats somebody, moving others on where that makes room."""
        for person in sorted(needs[places[place]].persons & persons):
            if person in tried:
                continue
            tried.add(person)
            if person not in sits or seat(sits[person], tried):
                sits[person] = place
                return True
        return False

    empty = [places[place] for place in range(len(places)) if not seat(place, set())]
    return tuple(_left(need, n) for i, need in enumerate(needs) if (n := empty.count(i)))


def _left(need: Need, count: int) -> Need:
    words = need.words.replace(f"{need.count} of", f"{count} of", 1)
    return replace(need, count=count, words=words)
