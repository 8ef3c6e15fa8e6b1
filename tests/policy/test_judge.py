"""Ruling and evidence together: granted, waiting, or refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.model import (
    BreakGlass,
    ChangeRule,
    Content,
    ForgeSettings,
    PolicyPage,
    PullRequest,
    Rule,
    Source,
)
from reconciler.policy.judge import Judgement, Verdict, judge, judge_change
from reconciler.policy.laws import Laws
from tests.policy.build import (
    BLOB,
    FORGE,
    HEAD,
    HOUR,
    PATH,
    ROSTER,
    UNFORGED,
    account,
    case,
    evidence,
    laws,
    mail,
    one_of,
    permit,
    pull,
    review,
)

ASKING = permit("payments", approvals=(one_of("leads"),))


def judged(
    rule: Rule,
    *pulls: PullRequest,
    settings: ForgeSettings = FORGE,
    grantees: frozenset[str] = frozenset(),
    **asked: Any,
) -> Judgement:
    by = laws(rule)
    about = case(by, **asked)
    return judge(
        by,
        about,
        by.decide(about),
        evidence(*pulls),
        PATH,
        BLOB,
        ROSTER,
        ROSTER,
        grantees,
        settings,
    )


def test_what_is_permitted_and_approved_is_granted() -> None:
    found = judged(ASKING, pull(review("bob"), review("dave")))
    assert found.verdict is Verdict.GRANTED
    assert found.rule == "payments"
    assert found.approved_by == (mail("bob"),), "nobody asked dave"
    assert found.pull == "https://forge.example.com/acme/access/pull/7"
    assert found.missing == ()


def test_what_is_not_permitted_is_refused_whoever_approved() -> None:
    found = judged(replace(ASKING, max_duration=HOUR), pull(review("bob")))
    assert found.verdict is Verdict.REFUSED
    assert "`max_duration` is 1h" in found.reasons[0]
    assert found.fix


def test_what_lacks_an_approval_waits_and_says_whose() -> None:
    found = judged(ASKING, pull(merged_at=None))
    assert found.verdict is Verdict.WAITING
    assert found.reasons == ("approval is missing: 1 of leads",)
    assert found.fix == (
        "ask bob@example.com or carol@example.com to approve "
        "https://forge.example.com/acme/access/pull/7"
    )
    assert found.missing[0].count == 1


def test_what_was_merged_without_an_approval_must_come_again() -> None:
    found = judged(ASKING, pull(review("dave")))
    assert found.verdict is Verdict.WAITING
    assert "dave@example.com approved, and is not asked by the rule" in found.reasons
    assert "approvals after the merge do not count: bring the change in again" in found.fix


def test_an_approval_that_nobody_can_give_says_so() -> None:
    found = judged(permit(approvals=(one_of("nobody"),)), pull())
    assert found.verdict is Verdict.WAITING
    assert "nobody can give that approval" in found.fix


def test_an_approval_that_does_not_count_is_told() -> None:
    found = judged(ASKING, pull(review("bob", commit="old1")))
    assert found.verdict is Verdict.WAITING
    assert "bob@example.com approved commit old1" in found.reasons[1]


def test_a_direct_push_is_refused() -> None:
    found = judged(ASKING)
    assert found.verdict is Verdict.REFUSED
    assert found.reasons == ("commit c0ffee1234 came by a direct push, without a pull request",)
    assert "by a pull request that is approved" in found.fix


def test_what_needs_no_approval_needs_a_pull_request_all_the_same() -> None:
    free = permit()
    assert judged(free, pull()).verdict is Verdict.GRANTED
    assert judged(free).verdict is Verdict.REFUSED
    assert judged(free, pull(author="mallory")).verdict is Verdict.REFUSED
    assert judged(free, replace(pull(), author=None)).verdict is Verdict.REFUSED


def test_what_needs_no_approval_must_be_what_the_pull_request_had() -> None:
    evil = replace(pull(), contents=(Content(HEAD, PATH, "0ther"),))
    assert judged(permit(), evil).verdict is Verdict.REFUSED


def test_one_of_several_pull_requests_suffices() -> None:
    bare, approved = pull(), replace(pull(review("bob")), number=8, url="u8")
    for pulls in ((bare, approved), (approved, bare)):
        found = judged(ASKING, *pulls)
        assert found.verdict is Verdict.GRANTED
        assert found.pull == "u8"


def test_approvals_of_several_pull_requests_are_not_added_up() -> None:
    both = permit(approvals=(one_of("leads", count=2),))
    one, two = pull(review("bob")), replace(pull(review("carol")), number=8)
    assert judged(both, one, two).verdict is Verdict.WAITING
    assert judged(both, pull(review("bob"), review("carol"))).verdict is Verdict.GRANTED


def test_of_several_that_do_not_suffice_the_nearest_is_told() -> None:
    void, near = pull(author="mallory"), replace(pull(), number=8)
    assert judged(ASKING, void, near).verdict is Verdict.WAITING


def test_a_pull_request_for_another_branch_proves_nothing() -> None:
    found = judged(ASKING, pull(review("bob"), base="side"))
    assert found.verdict is Verdict.REFUSED
    assert "is for the branch side, and main is what counts" in found.reasons[0]


def test_everybody_who_gains_is_left_out_and_not_only_this_subject() -> None:
    gain = frozenset({mail("alice"), mail("bob")})
    assert judged(ASKING, pull(review("bob")), grantees=gain).verdict is Verdict.WAITING
    assert judged(ASKING, pull(review("carol")), grantees=gain).verdict is Verdict.GRANTED


def test_the_subject_is_left_out_even_where_nobody_says_that_they_gain() -> None:
    found = judged(ASKING, pull(review("bob"), author="dave"), subject="bob")
    assert found.verdict is Verdict.WAITING


def test_self_approval_is_the_rules_to_allow() -> None:
    own = pull(review("bob"), author="bob")
    assert judged(ASKING, own, subject="bob").verdict is Verdict.WAITING
    lenient = replace(ASKING, self_approval=True)
    assert judged(lenient, own, subject="bob").verdict is Verdict.GRANTED


def test_signatures_are_the_settings_to_ask_for() -> None:
    request = replace(pull(review("bob")), unsigned=("abc",))
    assert judged(ASKING, request).verdict is Verdict.GRANTED
    found = judged(ASKING, request, settings=replace(FORGE, signed=True))
    assert found.verdict is Verdict.REFUSED


def test_without_a_forge_the_rules_alone_decide_and_that_is_said() -> None:
    found = judged(ASKING, settings=UNFORGED)
    assert found.verdict is Verdict.GRANTED
    assert "names no forge" in found.reasons[-1]
    assert judged(replace(ASKING, max_duration=HOUR), settings=UNFORGED).verdict is Verdict.REFUSED


# Break-glass


FIRE = permit(
    "fire", break_glass=BreakGlass(Source(groups=("payments",)), 8 * HOUR, (), Source(), HOUR)
)


def test_break_glass_needs_no_approval() -> None:
    found = judged(FIRE, pull(), break_glass=True)
    assert found.verdict is Verdict.GRANTED
    assert found.break_glass


def test_break_glass_is_for_oneself() -> None:
    found = judged(FIRE, pull(author="bob"), break_glass=True)
    assert found.verdict is Verdict.REFUSED
    assert "is by bob@example.com, and break-glass is asked for by oneself" in found.reasons[0]


def test_break_glass_comes_by_a_pull_request() -> None:
    assert judged(FIRE, break_glass=True).verdict is Verdict.REFUSED


# Changes of other files


def changed(path: str, *pulls: PullRequest, settings: ForgeSettings = FORGE) -> Judgement:
    rule = ChangeRule("rules", ("policies/**",), (one_of("security"),))
    by = Laws([PolicyPage("policies/a.yaml", changes=(rule,))], [], ROSTER)
    return judge_change(by, path, path, BLOB, evidence(*pulls), ROSTER, ROSTER, settings)


POLICY = "policies/a.yaml"


def of_policy(request: PullRequest) -> PullRequest:
    return replace(request, contents=tuple(replace(c, path=POLICY) for c in request.contents))


def test_rule_19_a_change_of_policy_has_approvers_of_its_own() -> None:
    assert changed(POLICY, of_policy(pull(review("bob")))).verdict is Verdict.WAITING
    found = changed(POLICY, of_policy(pull(review("carol"))))
    assert found.verdict is Verdict.GRANTED
    assert (found.rule, found.approved_by) == ("rules", (mail("carol"),))


def test_rule_19_its_author_does_not_approve_it() -> None:
    request = of_policy(pull(review("carol"), author="carol"))
    assert changed(POLICY, request).verdict is Verdict.WAITING
    written = replace(of_policy(pull(review("carol"))), writers=(account("carol"),))
    assert changed(POLICY, written).verdict is Verdict.WAITING


def test_rule_19_a_direct_push_changes_no_policy() -> None:
    assert changed(POLICY).verdict is Verdict.REFUSED


def test_rule_19_what_no_rule_covers_nobody_may_change() -> None:
    for settings in (FORGE, UNFORGED):
        found = changed("bundles/a.yaml", of_policy(pull(review("carol"))), settings=settings)
        assert found.verdict is Verdict.REFUSED
        assert "no rule under `changes:` of policies/ covers bundles/a.yaml" in found.reasons[0]


def test_without_a_forge_a_covered_change_is_trusted() -> None:
    assert changed(POLICY, settings=UNFORGED).verdict is Verdict.GRANTED
