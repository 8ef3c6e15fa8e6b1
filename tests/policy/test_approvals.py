"""Whose approval counts. Each attack on an approval is one test."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.model import Account, Content, ForgeSettings, PullRequest, Review, Status, Word
from reconciler.policy.approvals import Approved, approvers, missing
from reconciler.policy.roster import Roster
from reconciler.policy.ruling import Need
from tests.policy.build import (
    BLOB,
    FORGE,
    HEAD,
    NOW,
    PATH,
    ROSTER,
    account,
    mail,
    person,
    pull,
    review,
    roster,
)

BOB, CAROL = mail("bob"), mail("carol")
GAIN = frozenset({mail("alice")})


def weighed(
    request: PullRequest,
    *,
    then: Roster = ROSTER,
    today: Roster | None = None,
    gain: frozenset[str] = GAIN,
    own: bool = False,
    settings: ForgeSettings = FORGE,
) -> Approved:
    return approvers(
        request, PATH, BLOB, then, today or then, gain, self_approval=own, settings=settings
    )


def remark(request: PullRequest, **more: Roster) -> str:
    """Of the one approval that does not count."""
    found = weighed(request, **more)  # type: ignore[arg-type]
    assert found.persons == frozenset()
    (only,) = found.remarks
    return only


def test_an_approval_of_the_last_commit_counts() -> None:
    assert weighed(pull(review("bob"), review("carol"))).persons == {BOB, CAROL}


# The last word


@pytest.mark.parametrize("word", [Word.CHANGES_REQUESTED, Word.DISMISSED])
def test_a_later_word_cancels_an_approval(word: Word) -> None:
    assert weighed(pull(review("bob"), review("bob", word, -5))).persons == frozenset()
    assert weighed(pull(review("bob", word, -20), review("bob"))).persons == {BOB}


def test_a_word_of_somebody_else_cancels_nothing() -> None:
    later = review("carol", Word.CHANGES_REQUESTED, -5)
    assert weighed(pull(review("bob"), later)).persons == {BOB}


def test_the_last_word_is_a_persons_over_all_their_accounts() -> None:
    who = roster(person("bob", "leads", forge=("bob", "bob-work")))
    later = review("bob-work", Word.CHANGES_REQUESTED, -5)
    assert weighed(pull(review("bob"), later), then=who).persons == frozenset()


def test_words_are_ordered_by_their_time_and_not_as_they_are_listed() -> None:
    request = pull(review("bob", Word.DISMISSED, -5), review("bob"))
    assert weighed(request).persons == frozenset()


def test_of_two_words_of_one_moment_the_approval_is_the_first() -> None:
    request = pull(review("bob", Word.CHANGES_REQUESTED, -5), review("bob", minutes=-5))
    assert weighed(request).persons == frozenset()


def test_an_approval_after_the_merge_does_not_count() -> None:
    assert weighed(pull(review("bob", minutes=1))).persons == frozenset()
    assert weighed(pull(review("bob", minutes=0))).persons == {BOB}


def test_a_word_after_the_merge_takes_nothing_away() -> None:
    for word in (Word.CHANGES_REQUESTED, Word.DISMISSED):
        assert weighed(pull(review("bob"), review("bob", word, 1))).persons == {BOB}


def test_all_words_of_an_open_pull_request_count() -> None:
    request = pull(review("bob", minutes=99), merged_at=None, merged_by=None)
    assert weighed(request).persons == {BOB}


# Bound to the content


def test_rule_3_an_approval_of_another_content_does_not_count() -> None:
    """Approve first, push another commit then."""
    stale = Content("old1", PATH, "0ther")
    request = pull(review("bob", commit="old1"))
    request = replace(request, contents=(*request.contents, stale))
    assert "approved commit old1, in which grants/payments/a.yaml was not as it is now" in remark(
        request
    )


def test_rule_3_an_approval_of_an_earlier_commit_with_the_same_content_counts() -> None:
    request = pull(review("bob", commit="old1"))
    request = replace(request, contents=(*request.contents, Content("old1", PATH, BLOB)))
    assert weighed(request).persons == {BOB}


def test_rule_3_content_that_is_not_known_is_not_the_same() -> None:
    assert "old1" in remark(pull(review("bob", commit="old1")))
    elsewhere = pull(review("bob", commit="old1"))
    elsewhere = replace(elsewhere, contents=(*elsewhere.contents, Content("old1", "b", BLOB)))
    assert weighed(elsewhere).persons == frozenset()


def test_rule_3_what_was_merged_otherwise_than_it_was_reviewed_proves_nothing() -> None:
    """An evil merge: the content came in with the merge commit itself."""
    request = pull(review("bob"))
    for contents in ((Content(HEAD, PATH, "0ther"),), ()):
        found = weighed(replace(request, contents=contents))
        assert found.persons == frozenset()
        assert "was merged with another content" in found.void


def test_a_file_that_was_taken_away_is_approved_by_its_absence() -> None:
    request = replace(pull(review("bob")), contents=(Content(HEAD, PATH, ""),))
    found = approvers(
        request, PATH, "", ROSTER, ROSTER, frozenset(), self_approval=False, settings=FORGE
    )
    assert found.persons == {BOB}


# By an independent person


def test_the_author_of_the_pull_request_does_not_approve_it() -> None:
    assert "is the author" in remark(pull(review("bob"), author="bob"))


def test_who_wrote_or_pushed_a_commit_does_not_approve_it() -> None:
    """A colleague pushes to the pull request and approves it."""
    request = replace(pull(review("bob")), writers=(account("alice"), account("bob")))
    assert "has written or pushed" in remark(request)


def test_who_wrote_a_commit_under_their_address_does_not_approve_it() -> None:
    request = replace(pull(review("bob")), writers=(Account("", email="BOB@example.com"),))
    assert "has written or pushed" in remark(request)


def test_who_gains_does_not_approve() -> None:
    assert "would gain access" in remark(pull(review("alice"), author="dave"))


def test_a_second_account_does_not_make_a_second_person() -> None:
    who = roster(person("alice", "leads", forge=("alice", "alice2")))
    assert "alice@example.com" in remark(pull(review("alice2")), then=who)


def test_an_account_that_only_todays_directory_unmasks_is_unmasked() -> None:
    """The author's second account was not listed yet: it is the approver's."""
    today = roster(person("bob", "leads", forge=("bob", "bob2")))
    assert "is the author" in remark(pull(review("bob"), author="bob2"), today=today)


def test_self_approval_lifts_author_writer_and_gain_and_nothing_else() -> None:
    who = roster(person("alice", "leads"))
    assert weighed(pull(review("alice")), then=who, own=True).persons == GAIN
    assert not weighed(pull(review("alice", commit="old1")), then=who, own=True).persons


def test_who_merged_may_have_approved() -> None:
    assert weighed(replace(pull(review("bob")), merged_by=account("bob"))).persons == {BOB}


# By somebody known


def test_a_bot_approves_nothing() -> None:
    bot = Review(Account("41", "robot[bot]", person=False), Word.APPROVED, NOW, HEAD)
    assert "a bot approves nothing" in remark(pull(bot))
    listed = replace(bot, account=replace(account("bob"), person=False))
    assert "a bot approves nothing" in remark(pull(listed))


def test_a_service_approves_nothing() -> None:
    service = Review(Account("41", "robot[bot]"), Word.APPROVED, NOW, HEAD)
    assert "no active person" in remark(pull(service))


def test_a_deleted_account_approves_nothing() -> None:
    gone = Review(None, Word.APPROVED, NOW, HEAD)
    assert "deleted account" in remark(pull(gone))


def test_a_stranger_approves_nothing() -> None:
    assert "mallory approved, and is not in the directory" in remark(pull(review("mallory")))


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.LEFT])
def test_who_was_not_active_approves_nothing(status: Status) -> None:
    who = roster(person("bob", "leads", status=status))
    assert "no active person" in remark(pull(review("bob")), then=who)


def test_who_joined_since_approves_nothing() -> None:
    today = roster(person("newcomer", "leads"))
    assert "no active person" in remark(pull(review("newcomer")), today=today)


def test_who_left_since_has_approved_all_the_same() -> None:
    today = roster(person("bob", status=Status.LEFT))
    assert weighed(pull(review("bob")), today=today).persons == {BOB}


def test_rule_10_a_login_that_was_renamed_is_followed() -> None:
    today = roster(person("bob", forge=("bobby",)))
    then = roster(person("bob", "leads", forge=("bob-was",)))
    assert weighed(pull(review("bobby")), then=then, today=today).persons == {BOB}


def test_rule_10_a_login_that_somebody_took_over_approves_nothing() -> None:
    who = roster(person("bob", "leads", forge=("501", "bob")))
    taken = Review(Account("666", "bob"), Word.APPROVED, NOW, HEAD)
    assert "not in the directory" in remark(pull(taken), then=who)


# What proves nothing at all


def test_a_deleted_author_proves_nothing() -> None:
    found = weighed(replace(pull(review("bob")), author=None))
    assert found.persons == frozenset()
    assert "deleted account" in found.void


def test_an_unknown_author_proves_nothing() -> None:
    found = weighed(pull(review("bob"), author="mallory"))
    assert found.persons == frozenset()
    assert "mallory opened https://forge.example.com/acme/access/pull/7" in found.void
    assert "accounts: {forge: ...}" in found.mend


@pytest.mark.parametrize("bot", [False, True])
def test_an_unknown_writer_proves_nothing(bot: bool) -> None:
    stranger = Account("666", "helper[bot]" if bot else "mallory", person=not bot)
    found = weighed(replace(pull(review("bob")), writers=(account("alice"), stranger)))
    assert found.persons == frozenset()
    assert f"{stranger} wrote or pushed in" in found.void
    assert ("a service" if bot else "a person") in found.mend


def test_a_service_may_write_where_the_directory_lists_it() -> None:
    bot = Account("41", "robot[bot]", person=False)
    request = replace(pull(review("bob")), writers=(account("alice"), bot))
    assert weighed(request).persons == {BOB}
    assert weighed(replace(request, author=bot)).persons == {BOB}


def test_an_unsigned_commit_proves_nothing_where_signatures_are_asked_for() -> None:
    request = replace(pull(review("bob")), unsigned=("abcdef0123456789",))
    assert weighed(request).persons == {BOB}
    found = weighed(request, settings=replace(FORGE, signed=True))
    assert found.persons == frozenset()
    assert "no verified signature: abcdef0123" in found.void


def test_a_push_that_is_not_told_proves_nothing_where_pushers_are_asked_for() -> None:
    request = replace(pull(review("bob")), untold_pushers="its branch lies in a fork")
    assert weighed(request).persons == {BOB}
    found = weighed(request, settings=replace(FORGE, pushers=True))
    assert found.persons == frozenset()
    assert "does not tell who pushed" in found.void
    assert "its branch lies in a fork" in found.void
    assert "new pull request, from a branch of the access repository" in found.mend
    assert weighed(pull(review("bob")), settings=replace(FORGE, pushers=True)).persons == {BOB}


def test_self_approval_mends_nothing_that_proves_nothing() -> None:
    assert weighed(pull(review("bob"), author="mallory"), own=True).void


def test_more_than_a_hundred_reviews_are_all_weighed() -> None:
    many = [review("bob", Word.CHANGES_REQUESTED, -300 + i) for i in range(150)]
    assert weighed(pull(*many, review("bob", minutes=-1))).persons == {BOB}
    assert weighed(pull(review("bob", minutes=-400), *many)).persons == frozenset()


def test_times_of_other_offsets_are_the_same_times() -> None:
    later = NOW.astimezone(tz=None) + timedelta(minutes=1)
    late = replace(review("bob"), at=later)
    assert weighed(pull(late)).persons == frozenset()


# What is still missing


def need(count: int, *persons: str) -> Need:
    return Need(count, frozenset(persons), f"{count} of {'-'.join(persons)}")


def test_one_person_meets_one_need() -> None:
    both = need(1, "a"), need(1, "a", "b")
    assert missing(both, frozenset("ab")) == ()
    assert missing(both, frozenset("a")) == (both[1],)
    assert missing(both, frozenset("b")) == (both[0],)


def test_people_are_put_where_they_help_most() -> None:
    """The first need takes a person whom the second cannot do without, and gives them back."""
    assert missing((need(1, "a", "b"), need(1, "a")), frozenset("ab")) == ()


def test_what_is_missing_is_counted() -> None:
    (left,) = missing((need(3, "a", "b", "c"),), frozenset("ax"))
    assert (left.count, left.words) == (2, "2 of a-b-c")


def test_nothing_needed_is_nothing_missing() -> None:
    assert missing((), frozenset()) == ()
