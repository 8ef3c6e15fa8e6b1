"""A policy test is judged as its grant would be, with its facts for evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from reconciler.model import (
    BreakGlass,
    Bundle,
    BundleRef,
    Draft,
    Entitlement,
    Expected,
    Grant,
    Group,
    Item,
    Match,
    PolicyPage,
    PolicyTest,
    Rule,
    Source,
    SubjectRef,
)
from reconciler.policy.examine import Examined, examine
from tests.policy.build import (
    HOUR,
    NOW,
    PAGE,
    PATH,
    READ,
    forbid,
    mail,
    one_of,
    permit,
)

DEPLOY = replace(READ, role="Deploy")
AUDIT = replace(READ, role="Audit")
LEADS = permit("leads-approve", approvals=(one_of("leads"),), max_duration=8 * HOUR)


def draft(*rules: Rule, **more: Any) -> Draft:
    return Draft((PolicyPage("policies/a.yaml", rules),), directory=(PAGE,), **more)


def grant(*access: Entitlement | BundleRef, who: str = "alice", group: bool = False) -> Grant:
    items = tuple(a if isinstance(a, BundleRef) else Item(a) for a in access or (READ,))
    subject = SubjectRef(who if group or "@" in who or who == "robot" else mail(who), group)
    reason = "Settlement batch fails since Tuesday"
    return Grant(PATH, (subject,), items, reason, duration=4 * HOUR)


def asked(of: Grant | None = None, *approved_by: str, **more: Any) -> PolicyTest:
    by = tuple(map(mail, approved_by))
    return PolicyTest("a test", of or grant(), NOW, approved_by=by, **more)


def found(test: PolicyTest, *rules: Rule, **more: Any) -> Examined:
    return examine(test, draft(*rules, **more))


def test_what_a_lead_approved_is_granted() -> None:
    one = found(asked(None, "bob"), LEADS)
    assert (one.decision, one.rule, one.wrong) == (Expected.GRANTED, "leads-approve", ())
    assert one.access == "alice@example.com: aws: ReadOnly on 111122223333"
    assert one.reached == {"leads-approve"}


def test_what_nobody_approved_waits() -> None:
    one = found(asked(decision=Expected.WAITING), LEADS)
    assert one.decision is Expected.WAITING
    assert one.wrong == ()


def test_what_is_not_as_expected_is_told_with_what_came() -> None:
    test = asked(rule="another", reason="payday")
    one = found(test, LEADS)
    assert one.wrong == (
        "expected granted, and it is waiting",
        "expected rule `another` to decide, and rule `leads-approve` did",
        "expected a reason with `payday`, and it is: approval is missing: 1 of leads",
    )


def test_a_part_of_the_reason_will_do_in_any_case_of_letters() -> None:
    test = asked(decision=Expected.REFUSED, reason="LASTS 4H")
    assert found(test, permit(max_duration=HOUR)).wrong == ()


def test_the_author_cannot_approve() -> None:
    one = found(asked(None, "bob", author=mail("bob")), LEADS)
    assert one.decision is Expected.WAITING
    assert "bob@example.com approved, and is the author of the pull request" in one.reasons


def test_who_asks_is_the_subject_unless_the_test_says_otherwise() -> None:
    mine = permit(approvals=(one_of("payments"),), self_approval=True)
    assert found(asked(None, "alice"), mine).decision is Expected.GRANTED
    own = asked(grant(who="bob"), "bob", decision=Expected.WAITING)
    assert found(own, LEADS).wrong == ()


def test_approval_by_somebody_whom_the_rule_does_not_name_is_not_enough() -> None:
    assert found(asked(None, "dave"), LEADS).decision is Expected.WAITING


def test_groups_in_the_facts_take_the_place_of_those_in_the_directory() -> None:
    elsewhere = asked(None, "bob", groups=((mail("bob"), ("security",)),))
    assert found(elsewhere, LEADS).decision is Expected.WAITING
    lead = asked(None, "dave", groups=((mail("dave"), ("leads",)),))
    assert found(lead, LEADS).decision is Expected.GRANTED


def test_members_listed_by_the_group_give_way_to_the_facts_too() -> None:
    page = replace(PAGE, groups=(Group("leads", (mail("dave"),)),))
    rules = (PolicyPage("policies/a.yaml", (LEADS,)),)
    test = asked(None, "dave", groups=((mail("dave"), ()),))
    assert examine(test, Draft(rules, directory=(page,))).decision is Expected.WAITING
    assert examine(asked(None, "dave"), Draft(rules, directory=(page,))).wrong == ()


def test_attributes_in_the_facts_take_the_place_of_those_in_the_directory() -> None:
    rule = permit(match=Match(attributes=(("contract", ("agency",)),)))
    assert found(asked(decision=Expected.REFUSED), rule).wrong == ()
    agency = asked(attributes=((mail("alice"), (("contract", "agency"),)),))
    assert found(agency, rule).decision is Expected.GRANTED


def test_somebody_whom_the_directory_does_not_know_is_an_active_person_in_no_group() -> None:
    assert found(asked(grant(who="zoe")), permit()).decision is Expected.GRANTED
    one = found(asked(grant(who="zoe")), permit(match=Match(groups=("payments",))))
    assert one.decision is Expected.REFUSED


def test_somebody_who_is_suspended_in_the_directory_stays_so() -> None:
    one = found(asked(grant(who="sam")), permit())
    assert one.decision is Expected.REFUSED
    assert "sam@example.com is suspended in the directory" in one.reasons


def test_a_service_is_a_service() -> None:
    rule = permit(match=Match(subjects=("service",)))
    assert found(asked(grant(who="robot")), rule).decision is Expected.GRANTED
    assert found(asked(), rule).decision is Expected.REFUSED


def test_a_group_is_judged_for_each_member_and_the_worst_tells() -> None:
    rule = permit(match=Match(groups=("leads",)))
    one = found(asked(grant(who="payments", group=True)), rule)
    assert one.decision is Expected.REFUSED  # bob is a lead, alice is not
    assert one.access.startswith("alice@example.com")
    assert found(asked(grant(who="leads", group=True)), rule).decision is Expected.GRANTED


def test_a_bundle_is_judged_item_by_item() -> None:
    bundle = Bundle("kit", (Item(READ), Item(DEPLOY)))
    rule = permit(match=Match(roles=("ReadOnly",), bundles=("kit",)))
    one = found(asked(grant(BundleRef("kit"))), rule, bundles=(bundle,))
    assert one.decision is Expected.REFUSED
    assert one.access == "alice@example.com: aws: Deploy on 111122223333"


def test_a_bundle_that_is_not_there_gives_nothing_and_is_no_yes() -> None:
    one = found(asked(grant(BundleRef("kit"))), permit())
    assert one.decision is Expected.REFUSED
    assert one.wrong == ("expected granted, and the grant gives nothing at all",)


def test_what_is_held_already_or_asked_for_beside_counts_for_separation_of_duties() -> None:
    apart = forbid("apart", Match(roles=("Deploy",)), holds=(Match(roles=("Audit",)),))
    test = asked(grant(DEPLOY), decision=Expected.REFUSED, rule="apart")
    assert found(test, apart, permit()).decision is Expected.GRANTED
    assert found(replace(test, holds=(AUDIT,)), apart, permit()).wrong == ()
    both = asked(grant(DEPLOY, AUDIT), decision=Expected.REFUSED, rule="apart")
    assert found(both, apart, permit()).wrong == ()


def test_the_rule_that_was_expected_may_be_that_of_any_item_with_the_worst_decision() -> None:
    rules = [forbid("no-deploy", Match(roles=("Deploy",))), forbid("no-audit")]
    test = asked(grant(DEPLOY, AUDIT), decision=Expected.REFUSED, rule="no-audit")
    assert found(test, *rules).wrong == ()


def test_every_rule_that_matches_is_reached_and_no_other() -> None:
    one = found(asked(), forbid("a", Match(roles=("x",))), forbid("b"), permit("c"), permit("d"))
    assert one.reached == {"b"}


def test_break_glass_is_asked_for_by_the_subject_unless_the_test_says_otherwise() -> None:
    served = Source(persons=(mail("alice"),))
    glass = permit(break_glass=BreakGlass(served, 8 * HOUR, (), served, timedelta(days=3)))
    test = asked(replace(grant(), break_glass=True))
    assert found(test, glass).decision is Expected.GRANTED
    assert found(replace(test, author=mail("bob")), glass).decision is Expected.REFUSED


def test_who_gains_with_others_approves_nothing_for_them_either() -> None:
    one = found(asked(grant(who="payments", group=True), "bob"), LEADS)
    assert one.decision is Expected.WAITING
    assert one.access.startswith("alice@example.com")
