"""What rules say of a case: forbid, then the first permit, otherwise no."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from reconciler.model import (
    ChangeRule,
    Entitlement,
    Match,
    PolicyPage,
    Position,
    Resource,
    Rule,
    Status,
)
from reconciler.policy.laws import Laws, Ruling
from tests.policy.build import (
    ALICE,
    HOUR,
    NOW,
    PATH,
    READ,
    ROSTER,
    case,
    forbid,
    laws,
    mail,
    one_of,
    permit,
    person,
    roster,
)

ADMIN = Entitlement("aws", "account_assignment", "111122223333", "Admin")
VAULT = Resource(
    "aws", "111122223333", mail("carol"), (("env", "prod"), ("team", "payments")), "secret"
)


def decided(*rules: Rule, catalog: tuple[Resource, ...] = (), **asked: Any) -> Ruling:
    by = laws(*rules, catalog=catalog)
    return by.decide(case(by, **asked))


def test_no_rule_is_a_no() -> None:
    ruling = decided()
    assert not ruling.permitted
    assert ruling.rule == ""
    assert ruling.reasons == (
        "no rule permits aws: ReadOnly on 111122223333 for alice@example.com",
    )


def test_the_first_permit_that_matches_decides() -> None:
    assert decided(permit("one"), permit("two")).rule == "one"
    assert decided(permit("one", Match(systems=("gcp",))), permit("two")).rule == "two"


def test_a_forbid_rejects_wherever_it_stands() -> None:
    ruling = decided(permit("may"), forbid("never", reason="Not in March"))
    assert not ruling.permitted
    assert ruling.rule == "never"
    assert ruling.reasons == ("rule `never` forbids it: Not in March",)
    assert "take aws: ReadOnly on 111122223333 out of grants/payments/a.yaml" in ruling.fix


def test_all_forbids_that_match_are_told_at_once() -> None:
    ruling = decided(forbid("a"), forbid("b"), permit())
    assert ruling.rule == "a"
    assert len(ruling.reasons) == 2


def test_pages_are_read_by_path() -> None:
    one, two = PolicyPage("policies/a.yaml", (permit("a"),)), PolicyPage("p/b", (permit("b"),))
    for pages in ([one, two], [two, one]):
        by = Laws(pages, [], ROSTER)
        assert by.decide(case(by)).rule == "b"


FITS = [
    Match(systems=("AWS",)),
    Match(systems=("gcp", "a?s")),
    Match(kinds=("account_*",)),
    Match(resources=("1111*",)),
    Match(resources=("*/x", "111122223333")),
    Match(roles=("readonly",)),
    Match(bundles=("payments-*",)),
    Match(paths=("grants/payments/**",)),
    Match(paths=("**",)),
    Match(paths=("grants/*/*.yaml",)),
    Match(tags=(("env", "prod"),)),
    Match(tags=(("Team", "Payments"), ("env", "prod"))),
    Match(classification=("public", "Secret")),
    Match(subjects=("person",)),
    Match(groups=("leads", "Payments")),
    Match(attributes=(("contract", ("own", "lent")),)),
    Match(attributes=(("contract", ()),)),
]
MISSES = [
    Match(systems=("aw",)),
    Match(kinds=("policy",)),
    Match(resources=("111122223333?",)),
    Match(roles=("Read",)),
    Match(bundles=("oncall",)),
    Match(paths=("grants/other/**",)),
    Match(paths=("grants/*",)),
    Match(paths=("Grants/**",)),
    Match(paths=("grants/*/A.yaml",)),
    Match(tags=(("env", "prod"), ("team", "web"))),
    Match(classification=("public",)),
    Match(subjects=("service",)),
    Match(groups=("leads",)),
    Match(attributes=(("contract", ("lent",)),)),
    Match(attributes=(("badge", ()),)),
    Match(systems=("aws",), roles=("Admin",)),
]


@pytest.mark.parametrize("match", FITS, ids=str)
def test_a_field_fits(match: Match) -> None:
    assert decided(permit(match=match), catalog=(VAULT,), bundle="payments-oncall").permitted
    by = laws(forbid(match=match), permit(), catalog=(VAULT,))
    assert by.decide(case(by, bundle="payments-oncall")).rule == "never"


@pytest.mark.parametrize("match", MISSES, ids=str)
def test_a_field_does_not_fit(match: Match) -> None:
    assert not decided(permit(match=match), catalog=(VAULT,), bundle="payments-oncall").permitted
    by = laws(forbid(match=match), permit(), catalog=(VAULT,))
    assert by.decide(case(by, bundle="payments-oncall")).permitted


def test_a_glob_crosses_slashes_in_resources_and_not_in_paths() -> None:
    deep = Entitlement("gcp", "project", "projects/a/b", "roles/x.viewer")
    assert decided(permit(match=Match(resources=("projects/*",))), entitlement=deep).permitted
    assert not decided(permit(match=Match(paths=("grants/*",))), entitlement=deep).permitted


def test_a_glob_fits_the_text_that_it_is() -> None:
    odd = Entitlement("aws", "policy", "user/a", '[{"Effect": "Allow"}]')
    assert decided(forbid(match=Match(roles=(odd.role,))), entitlement=odd).rule == "never"


def test_a_hidden_file_is_covered_by_its_folder() -> None:
    hidden = "grants/payments/.a.yaml"
    ruling = decided(forbid(match=Match(paths=("grants/payments/**",))), path=hidden)
    assert ruling.rule == "never"


def test_what_came_nearest_is_told() -> None:
    near = permit("leads-only", Match(groups=("leads",), systems=("aws",)))
    far = permit("far", Match(groups=("leads",), systems=("gcp",)))
    assert decided(far, near).reasons[1:] == (
        "rule `leads-only` comes near, but it asks for groups leads, here it is payments for "
        "alice@example.com",
    )


def test_what_came_nearest_may_be_a_path() -> None:
    ruling = decided(permit("web", Match(paths=("grants/web/**",))))
    assert "it asks for path grants/web/**, here it is grants/payments/a.yaml" in ruling.reasons[1]


@pytest.mark.parametrize("status", [Status.SUSPENDED, Status.LEFT])
def test_who_is_not_active_gets_nothing(status: Status) -> None:
    by = laws(permit(), who=roster(person("alice", "payments", status=status)))
    ruling = by.decide(case(by))
    assert not ruling.permitted
    assert ruling.reasons == (f"alice@example.com is {status} in the directory",)


def test_who_is_unknown_gets_nothing() -> None:
    ruling = decided(permit(), subject="ghost")
    assert not ruling.permitted
    assert "ghost@example.com is not in the directory" in ruling.reasons[0]
    assert "directory/" in ruling.fix


def test_facts_of_subjects_come_from_the_directory() -> None:
    facts = laws().subject(ALICE.id)
    assert (facts.kind, facts.manager, facts.status) == ("person", mail("dave"), "active")
    assert facts.groups == {"payments"}
    service = laws().subject("robot")
    assert (service.kind, service.status) == ("service", "active")
    assert laws().subject("robot", "person").status == ""
    assert laws().subject(ALICE.id, "service").status == ""


def test_a_service_is_matched_as_one() -> None:
    by = laws(permit(match=Match(subjects=("service",))))
    assert by.decide(replace(case(by), subject=by.subject("robot"))).permitted


def test_the_catalog_s_exact_word_comes_before_its_globs() -> None:
    general = Resource("aws", "1111*", "team", (("env", "dev"), ("cost", "1")), "internal")
    exact = Resource("AWS", "111122223333", "", (("Env", "prod"),), "")
    facts = laws(catalog=(general, exact)).resource(READ)
    assert facts.owner == "team"
    assert facts.classification == "internal"
    assert facts.tags == (("Env", "prod"), ("cost", "1"))


def test_of_two_globs_the_first_word_stands() -> None:
    one, two = Resource("aws", "1*", "a"), Resource("aws", "11*", "b", classification="secret")
    facts = laws(catalog=(one, two)).resource(READ)
    assert (facts.owner, facts.classification) == ("a", "secret")


def test_a_resource_that_the_catalog_lacks_has_nothing() -> None:
    assert laws(catalog=(Resource("gcp", "111122223333", "a"),)).resource(READ).owner == ""


# Separation of duties


APART = forbid(
    "apart", Match(roles=("Admin",)), holds=(Match(systems=("aws",), roles=("audit*",)),)
)
AUDIT = Entitlement("aws", "account_assignment", "111122223333", "Auditor")


def test_what_is_held_beside_forbids() -> None:
    ruling = decided(APART, permit(), entitlement=ADMIN, holds=(AUDIT,))
    assert ruling.rule == "apart"
    assert "alice@example.com has or asks for aws: Auditor on 111122223333" in ruling.reasons[0]


def test_a_forbid_with_holds_needs_both_sides() -> None:
    assert decided(APART, permit(), entitlement=ADMIN).permitted
    assert decided(APART, permit(), entitlement=READ, holds=(AUDIT,)).permitted
    elsewhere = replace(AUDIT, system="gcp")
    assert decided(APART, permit(), entitlement=ADMIN, holds=(elsewhere,)).permitted


def test_each_forbid_asks_for_what_it_says_itself() -> None:
    other = forbid("other", Match(roles=("Admin",)), holds=(Match(roles=("Billing",)),))
    assert decided(other, APART, permit(), entitlement=ADMIN, holds=(AUDIT,)).rule == "apart"


def test_what_is_held_is_known_by_the_catalog() -> None:
    rule = forbid(match=Match(roles=("Admin",)), holds=(Match(tags=(("env", "prod"),)),))
    assert decided(rule, permit(), entitlement=ADMIN, holds=(AUDIT,)).permitted
    ruling = decided(rule, permit(), catalog=(VAULT,), entitlement=ADMIN, holds=(AUDIT,))
    assert not ruling.permitted


def test_more_of_the_same_is_nothing_held_beside() -> None:
    rule = forbid(match=Match(), holds=(Match(),))
    assert decided(rule, permit(), holds=(READ,)).permitted


# Approvals


def test_approvals_name_the_people_who_may_give_them() -> None:
    ruling = decided(permit(approvals=(one_of("leads", count=2),)))
    (need,) = ruling.needs
    assert need.count == 2
    assert need.persons == {mail("bob"), mail("carol")}
    assert need.words == "2 of leads"


def test_persons_the_owner_and_the_manager_may_be_asked() -> None:
    asked = one_of(persons=("Bob@example.com", mail("sam")), owner=True, manager=True)
    (need,) = decided(permit(approvals=(asked,)), catalog=(VAULT,)).needs
    assert need.persons == {mail("bob"), mail("carol"), mail("dave")}
    assert "the resource's owner (carol@example.com)" in need.words


def test_an_owner_may_be_a_group() -> None:
    owned = replace(VAULT, owner="security")
    (need,) = decided(permit(approvals=(one_of(owner=True),)), catalog=(owned,)).needs
    assert need.persons == {mail("carol"), mail("dave")}


def test_an_owner_whom_nobody_named_cannot_be_asked() -> None:
    (need,) = decided(permit(approvals=(one_of(owner=True),))).needs
    assert need.persons == frozenset()
    assert "catalog/ names none" in need.words


def test_a_manager_who_left_cannot_be_asked() -> None:
    by = laws(
        permit(approvals=(one_of(manager=True),)), who=roster(person("dave", status=Status.LEFT))
    )
    assert by.decide(case(by)).needs[0].persons == frozenset()


# Ends and problems


def test_rule_2_a_permit_that_ended_permits_nothing() -> None:
    assert decided(permit(ends=NOW + HOUR)).permitted
    ruling = decided(permit(ends=NOW))
    assert not ruling.permitted
    assert "it permits nothing since 2026-03-01T12:00:00Z" in ruling.reasons[1]


def test_rule_2_a_forbid_that_ended_goes_on_forbidding() -> None:
    assert decided(forbid(ends=NOW - HOUR), permit()).rule == "never"


def test_rule_2_what_ended_is_a_problem_to_mend() -> None:
    at = Position("policies/a.yaml", 3, 5)
    by = laws(forbid(ends=NOW - HOUR, position=at), permit(ends=NOW, position=at), permit("x"))
    assert [str(p) for p in by.problems(NOW)] == [
        "policies/a.yaml:3:5: forbid rule `never` ended at 2026-03-01T11:00:00Z, and goes on "
        "forbidding; delete the rule, or move `ends`",
        "policies/a.yaml:3:5: permit rule `may` ended at 2026-03-01T12:00:00Z, and permits nothing "
        "any more; delete the rule, or move `ends`",
    ]
    assert by.problems(NOW - timedelta(days=1)) == ()


# Changes of other files


def test_the_first_change_rule_that_matches_a_path_decides() -> None:
    strict = ChangeRule("strict", ("policies/**", "reconciler.yaml"), (one_of("security"),))
    loose = ChangeRule("loose", ("**",), (one_of("leads"),))
    by = Laws([PolicyPage("a", changes=(strict, loose))], [], ROSTER)
    found = by.change("policies/deep/x.yaml")
    assert found is not None
    assert found[0] == "strict"
    assert found[1][0].persons == {mail("carol"), mail("dave")}
    other = by.change("bundles/x.yaml")
    assert other is not None
    assert other[0] == "loose"


def test_a_path_without_a_change_rule_has_none() -> None:
    by = Laws([PolicyPage("a", changes=(ChangeRule("x", ("policies/*",), ()),))], [], ROSTER)
    assert by.change("policies/deep/x.yaml") is None
    assert by.change(PATH) is None


def test_merging_by_itself_is_off_unless_said() -> None:
    assert not laws().auto_merge
    assert Laws([PolicyPage("a", auto_merge=True)], [], ROSTER).auto_merge
