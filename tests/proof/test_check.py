"""A pull request is judged before its merge, as it would be after it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.errors import InputError
from reconciler.model.checked import Answer, Step
from tests.proof.checking import checked, one, proposed
from tests.proof.test_break_glass import BROKEN, GLASS, breaks, closes
from tests.proof.town import (
    CHANGES,
    CONFIGURATION,
    PEOPLE,
    POLICY,
    RULES,
    A,
    B,
    Town,
    asks,
    item,
    mail,
)


def test_a_request_waits_for_whom_the_rule_asks(town: Town) -> None:
    town.begin()
    found = proposed(town, {A: asks()})
    change, ruled = one(found)
    assert found.answer is Answer.WAITING
    assert (change.step, change.subject, change.gained) == (
        Step.ADDED,
        mail("alice"),
        timedelta(hours=8),
    )
    assert (ruled.path, ruled.rule) == (A, "payments")
    (missing,) = ruled.missing
    assert (missing.count, missing.words) == (1, "1 of leads")
    assert missing.candidates == (mail("carol"), mail("dave"))
    assert ruled.fix.startswith("ask carol@example.com or dave@example.com to approve https://")


def test_a_request_that_was_approved_may_be_merged(town: Town) -> None:
    town.begin()
    found = proposed(town, {A: asks()}, "alice", "carol")
    assert found.answer is Answer.GRANTED
    assert one(found)[1].approved_by == (mail("carol"),)


def test_what_it_says_is_what_the_run_after_the_merge_does(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks(), B: asks("bob")})
    assert checked(town, number).answer is Answer.WAITING
    town.approve(number, "dave")
    assert checked(town, number).answer is Answer.GRANTED
    town.merge(number)
    assert town.run().held == {"alice write", "bob write"}


def test_a_verdict_of_before_is_not_remembered(town: Town) -> None:
    """The merge for trial has one id within one second, whatever was said of it in between."""
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.approve(number, "carol")
    assert checked(town, number).answer is Answer.GRANTED
    pull = town.github.pulls[number]
    pull.reviews[0].state = "CHANGES_REQUESTED"
    assert checked(town, number).answer is Answer.WAITING


def test_an_approval_that_does_not_count_says_why(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks()})
    town.approve(number, "carol")
    town.push("alice", {A: asks(end="duration: 20d")}, town.branch_of(number))
    found = checked(town, number)
    assert found.answer is Answer.WAITING
    assert "a new approval is needed" in one(found)[1].reasons[1]


def test_the_author_is_no_candidate(town: Town) -> None:
    town.begin()
    found = proposed(town, {A: asks("bob")}, "carol")
    assert one(found)[1].missing[0].candidates == (mail("dave"),)


def test_whom_it_serves_is_no_candidate(town: Town) -> None:
    town.begin()
    found = proposed(town, {A: asks("dave")}, "alice")
    assert one(found)[1].missing[0].candidates == (mail("carol"),)


def test_where_nobody_is_left_to_approve_it_says_so(town: Town) -> None:
    town.groups["leads"] = ["carol"]
    town.begin()
    found = proposed(town, {A: asks("bob")}, "carol")
    assert one(found)[1].fix.startswith("nobody is left who can give that approval")


def test_what_a_rule_forbids_is_refused_with_its_name(town: Town) -> None:
    forbid = "rules:\n  - forbid: no-admins\n    match: {roles: [admin]}\n    reason: Never\n"
    town.begin(RULES.replace("rules:\n", forbid))
    found = proposed(town, {A: asks(role="admin")}, "alice", "carol")
    ruled = one(found)[1]
    assert found.answer is Answer.REFUSED
    assert ruled.rule == "no-admins"
    assert ruled.reasons[0].startswith("rule `no-admins` forbids it: Never")


def test_a_limit_that_is_broken_is_told_with_both_lengths(town: Town) -> None:
    town.begin()
    found = proposed(town, {A: asks(end="duration: 90d")}, "alice", "carol")
    assert found.answer is Answer.REFUSED
    assert "it lasts 90d, and `max_duration` is 60d" in one(found)[1].reasons[0]


def test_two_files_that_are_forbidden_together_are_refused_before_either_is_approved(
    town: Town,
) -> None:
    forbid = (
        "rules:\n  - forbid: not-both\n    match: {roles: [write]}\n"
        "    holds: [{systems: [bitbucket], roles: [admin]}]\n"
    )
    town.begin(RULES.replace("rules:\n", forbid))
    found = proposed(town, {A: asks(role="admin"), B: asks(role="write")})
    assert found.answer is Answer.REFUSED
    assert {r.path: r.answer for r in found.ruled} == {A: Answer.WAITING, B: Answer.REFUSED}


def test_an_edit_that_looks_innocent_and_lengthens_access_shows_as_that(town: Town) -> None:
    """Attack 11: `duration` counts from the merge of the content, so a typo mended starts anew."""
    town.begin()
    town.pull("alice", {A: asks(reason="The setlement batch fails")}, "carol")
    town.wait(hours=5)
    found = proposed(town, {A: asks(reason="The settlement batch fails")})
    change, ruled = one(found)
    assert change.step is Step.EXTENDED
    assert change.gained is not None
    assert timedelta(hours=5) < change.gained < timedelta(hours=6)
    assert ruled.answer is Answer.WAITING


def test_a_rename_hides_no_extension(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(end="expires: 2026-11-02T00:00:00Z")}, "carol")
    found = proposed(town, {A: None, B: asks(end="expires: 2026-11-20T00:00:00Z")})
    change, ruled = one(found)
    assert (change.step, change.gained) == (Step.EXTENDED, timedelta(days=18))
    assert change.grants == (B,)
    assert (ruled.path, ruled.answer) == (B, Answer.WAITING)


def test_a_pure_rename_changes_nothing_and_needs_nobody(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    found = proposed(town, {A: None, B: asks()})
    assert (found.changes, found.ruled, found.answer) == ((), (), Answer.GRANTED)


def test_taking_access_away_needs_no_approval(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    found = proposed(town, {A: None}, "bob")
    assert [change.step for change in found.changes] == [Step.REMOVED]
    assert found.answer is Answer.GRANTED


def test_an_earlier_end_is_shortened_and_another_window_is_moved(town: Town) -> None:
    town.begin()
    expires = "expires: 2026-11-20T00:00:00Z"
    town.pull("alice", {A: asks(end=expires), B: asks("bob", end=expires)}, "carol")
    later = "starts: 2026-11-10T00:00:00Z\nexpires: 2026-11-25T00:00:00Z"
    found = proposed(
        town, {A: asks(end="expires: 2026-11-10T00:00:00Z"), B: asks("bob", end=later)}
    )
    steps = {change.subject: (change.step, change.gained) for change in found.changes}
    assert steps == {
        mail("alice"): (Step.SHORTENED, timedelta(0)),
        mail("bob"): (Step.MOVED, timedelta(days=5)),
    }


def test_what_nobody_approved_on_the_main_line_is_no_access_that_is_there(town: Town) -> None:
    town.begin()
    town.push("alice", {A: asks(end="expires: 2026-11-20T00:00:00Z")})
    found = proposed(town, {A: asks(end="expires: 2026-11-10T00:00:00Z")})
    assert one(found)[0].step is Step.ADDED


def test_what_nobody_approved_before_is_not_what_the_pull_request_gives(town: Town) -> None:
    town.begin()
    town.push("bob", {B: asks("bob")})
    found = proposed(town, {A: asks()})
    assert {change.subject for change in found.changes} == {mail("alice")}


def test_what_stays_of_access_after_an_edit_that_nobody_approved_is_no_news(town: Town) -> None:
    """Rule 23: the version before stands on, until its own end."""
    town.begin()
    town.pull("bob", {B: asks("bob", end="expires: 2026-11-02T00:00:00Z")}, "carol")
    town.push("bob", {B: asks("bob", end="expires: 2026-11-20T00:00:00Z")})
    found = proposed(town, {A: asks()})
    assert {change.subject for change in found.changes} == {mail("alice")}


def test_a_bundle_that_grows_shows_what_every_grant_of_it_gains(town: Town) -> None:
    bundle, grown = (
        f"description: What on-call needs\naccess:\n  - {item(role)}\n"
        for role in ("read", "write")
    )
    town.begin(**{"bundles/oncall.yaml": bundle})
    town.pull("alice", {A: asks(items=["{bundle: oncall}"])}, "carol")
    found = proposed(town, {"bundles/oncall.yaml": grown}, "alice")
    (ruled,) = found.ruled
    assert {(c.step, c.entitlement.role) for c in found.changes} == {
        (Step.ADDED, "write"),
        (Step.REMOVED, "read"),
    }
    assert (ruled.path, ruled.rule, ruled.about) == ("bundles/oncall.yaml", "rules", ())
    assert ruled.missing[0].candidates == (mail("frank"), mail("grace"))


def test_a_new_member_of_a_group_gains_what_its_grants_give(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks("group: oncall")}, "carol")
    people = town.directory(oncall=["alice", "bob", "erin"])
    found = proposed(town, {PEOPLE: people}, "erin", "frank")
    change, ruled = one(found)
    assert (change.subject, change.ref, change.grants) == (mail("erin"), "oncall", (A,))
    assert (ruled.answer, ruled.approved_by) == (Answer.GRANTED, (mail("frank"),))


def test_another_account_is_access_of_somebody_else(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    people = town.directory().replace("{forge: ", "{bitbucket: someone-else, forge: ", 1)
    found = proposed(town, {PEOPLE: people})
    assert {(c.step, c.account) for c in found.changes} == {
        (Step.ADDED, "someone-else"),
        (Step.REMOVED, ""),
    }


def test_a_pull_request_that_mixes_rules_with_grants_is_refused(town: Town) -> None:
    town.begin()
    files = {A: asks(), POLICY: RULES.replace("60d", "90d") + CHANGES}
    found = proposed(town, files, "alice", "carol", "frank")
    (refusal,) = found.refusals
    assert found.answer is Answer.REFUSED
    assert refusal.what == f"it changes grants together with {POLICY}"
    assert refusal.fix == f"take {POLICY} out, into a pull request of its own"


def test_workflows_are_left_to_the_forge_and_not_mixed_with_grants(town: Town) -> None:
    town.begin()
    workflow = ".github/workflows/reconcile.yml"
    alone = proposed(town, {workflow: "on: push\n"})
    assert (alone.unjudged, alone.answer) == ((workflow,), Answer.GRANTED)
    assert proposed(town, {workflow: "on: push\n", A: asks()}, "bob").refusals


def test_more_files_than_anybody_reads_are_refused_and_not_judged(town: Town) -> None:
    """Attack 16: a line hides among many."""
    limits = "check: {max_grants: 2}\n"
    town.begin(**{CONFIGURATION: town.configuration() + limits})
    found = proposed(town, {f"grants/{n}.yaml": asks(role="read") for n in range(3)})
    assert found.answer is Answer.REFUSED
    assert found.refusals[0].what == "it changes 3 grants, and `check.max_grants` is 2"
    assert found.ruled == ()
    assert len(found.changes) == 1
    few = proposed(town, {f"grants/{n}.yaml": asks(role="read") for n in range(2)}, "bob")
    assert few.refusals == ()


def test_a_pull_request_does_not_raise_its_own_limits(town: Town) -> None:
    town.begin(**{CONFIGURATION: town.configuration() + "check: {max_files: 1}\n"})
    more = {CONFIGURATION: town.configuration() + "check: {max_files: 100}\n", "README.md": "hi\n"}
    found = proposed(town, more)
    assert found.refusals[0].what == "it changes 2 files, and `check.max_files` is 1"


def test_a_mistake_in_a_file_is_told_and_what_was_wrong_before_is_not(town: Town) -> None:
    town.begin(**{B: "subject: [\n"})
    found = proposed(town, {A: asks().replace("permission", "permision")})
    assert found.answer is Answer.INVALID
    assert {mistake.position.path for mistake in found.mistakes} == {A}


def test_an_expression_that_cannot_be_compiled_is_a_mistake_of_the_change(town: Town) -> None:
    town.begin()
    rules = RULES.replace("    max_duration", "    when: subject.nope +\n    max_duration")
    found = proposed(town, {POLICY: rules + CHANGES})
    assert found.answer is Answer.INVALID
    assert "cannot be compiled" in found.mistakes[0].what


def test_what_conflicts_with_the_main_line_is_an_error_with_the_path(town: Town) -> None:
    town.begin(**{A: asks()})
    number = town.propose("alice", {A: asks(end="duration: 1h")})
    town.push("grace", {A: asks(end="duration: 2h")})
    with pytest.raises(InputError, match=r"conflicts with the main line in grants/a\.yaml"):
        checked(town, number)


def test_a_file_that_both_sides_changed_has_a_content_that_nobody_reviewed(town: Town) -> None:
    text = asks(more="# one\n# two\n# three\n# four\n# five\n")
    town.begin(**{A: text})
    number = town.propose("alice", {A: text.replace("8h", "20d")})
    town.approve(number, "carol")
    town.push("grace", {A: text.replace("# five", "# 5")})
    found = checked(town, number)
    assert found.answer is Answer.REFUSED
    assert "was changed on the main line too" in found.refusals[0].what
    assert "merge the main line into the branch" in found.refusals[0].fix


def test_a_pull_request_cannot_make_its_author_an_approver(town: Town) -> None:
    """Attack 5: the rules are those of the main line, not those that it brings."""
    town.begin()
    rules = RULES.replace("leads", "oncall") + CHANGES.replace("[admins]", "[oncall]")
    found = proposed(town, {POLICY: rules}, "alice", "bob")
    (ruled,) = found.ruled
    assert found.answer is Answer.WAITING
    assert ruled.missing[0].words == "1 of admins"


def test_a_file_that_no_rule_covers_may_be_changed_by_nobody(town: Town) -> None:
    town.begin(changes=CHANGES.replace('"catalog/**", ', ""))
    page = "resources:\n  - {system: bitbucket, resource: payments-api, owner: leads}\n"
    found = proposed(town, {"catalog/main.yaml": page}, "alice", "frank")
    assert found.answer is Answer.REFUSED
    assert "no rule under `changes:`" in found.ruled[0].reasons[0]


def test_a_grant_that_is_over_before_its_merge_is_warned_of(town: Town) -> None:
    town.begin()
    found = proposed(town, {A: asks(end="expires: 2026-10-01T00:00:00Z")})
    assert found.warnings == (f"{A} ended at 2026-10-01T00:00:00Z, before the merge",)


def test_a_grant_that_gives_nothing_is_warned_of(town: Town) -> None:
    town.begin(**{PEOPLE: town.directory(nobody=[])})
    found = proposed(town, {A: asks("group: nobody")})
    assert found.changes == ()
    assert found.warnings[0].startswith(f"{A} gives nothing")


def test_access_that_is_held_as_long_already_is_warned_of(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(end="duration: 20d")}, "carol")
    found = proposed(town, {B: asks()})
    assert found.changes == ()
    assert f"by {A}" in found.warnings[0]


def test_a_review_that_closes_nothing_is_told_before_the_merge(town: Town) -> None:
    town.begin(GLASS)
    made = town.pull("alice", {BROKEN: breaks()})
    file = "reviews/a.yaml"

    def warned(login: str, commit: str, *approvers: str) -> str:
        return "".join(proposed(town, {file: closes(commit)}, login, *approvers).warnings)

    assert warned("grace", made, "frank") == ""
    assert "closes nothing: no emergency that commit 0000000000" in warned(
        "grace", "0" * 40, "frank"
    )
    assert f"does not close {BROKEN}" in warned("alice", made, "carol")


def test_break_glass_needs_nobody_and_is_told_as_what_it_is(town: Town) -> None:
    rule = """rules:
  - permit: emergency
    match: {paths: ["grants/break-glass/**"]}
    max_duration: 4h
    break_glass:
      serves: {groups: [oncall]}
      max_duration: 4h
      wakes: [leads]
      review: {groups: [leads], within: 3d}
"""
    town.begin(RULES.replace("rules:\n", rule))
    grant = asks(end="duration: 2h", more="break_glass: true\n")
    found = proposed(town, {"grants/break-glass/a.yaml": grant})
    assert one(found)[1].break_glass
    assert found.answer is Answer.GRANTED


def test_nothing_of_the_check_stays_in_the_repository(town: Town) -> None:
    town.begin()
    number = town.propose("alice", {A: asks()})
    before = town.github.bare.run("count-objects", "-v"), town.github.bare.branches()
    checked(town, number)
    assert (town.github.bare.run("count-objects", "-v"), town.github.bare.branches()) == before


def test_the_end_is_told_as_if_it_were_merged_now(town: Town) -> None:
    town.begin()
    found = proposed(town, {A: asks()})
    (window,) = one(found)[0].after
    assert window.end == town.at + timedelta(hours=8)
    assert window.end > datetime(2026, 11, 1, 17, tzinfo=UTC)
    assert "`duration` counts from the merge" in found.notices[0]


def test_lines_that_nobody_approved_are_told_before_they_are_approved_with_the_rest(
    town: Town,
) -> None:
    """GitHub's diff is against the main line, and does not show what lies there already."""
    town.begin()
    pushed = town.push("bob", {PEOPLE: town.directory(leads=["bob", "carol", "dave"])})
    innocent = town.directory(leads=["bob", "carol", "dave"]) + "# tidier now\n"
    found = proposed(town, {PEOPLE: innocent}, "alice", "frank")
    assert [n for n in found.notices if PEOPLE in n] == [
        f"{PEOPLE} has lines on the main line that nobody approved, since commit {pushed[:10]}: "
        "whoever approves this approves the whole file, with them"
    ]
    assert not any(PEOPLE in n for n in proposed(town, {A: asks()}).notices)


def test_very_many_grants_of_the_same_are_told_once_and_not_each_with_all_others(
    town: Town,
) -> None:
    """Anybody may open a pull request, and its report must not grow by powers of its files."""
    town.begin()
    found = proposed(town, {f"grants/payments/{i:03}.yaml": asks() for i in range(60)})
    [warning] = [w for w in found.warnings if "grants" in w and "60" in w]
    assert "by 60 grants (grants/payments/000.yaml, " in warning
    assert " and 57 others); whether each of them gives anything more was not looked at" in warning
    assert sum(map(len, found.warnings)) < 2000


def test_a_grant_beside_several_of_the_same_names_a_few_of_them(town: Town) -> None:
    town.begin()
    found = proposed(town, {f"grants/payments/{i:03}.yaml": asks() for i in range(20)})
    assert len(found.warnings) == 20
    assert all(w.endswith(" and 16 others") for w in found.warnings), found.warnings[0]
