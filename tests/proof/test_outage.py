"""A forge that does not answer, an answer that is not whole, and a memory that was lost: what is not
known is neither given nor taken. And what a run costs."""

from __future__ import annotations

import pytest

from reconciler.model import Proof
from reconciler.sandbox.faults import FaultKind
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
    mail,
)


def test_while_the_forge_is_down_new_grants_wait_and_proven_ones_stand(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.run()
    town.pull("bob", {B: asks("bob")}, "carol")
    town.down()
    seen = town.run()
    assert (seen.held, seen.waiting) == ({"alice write"}, {"bob write"})
    assert seen.unknown.startswith("proof of grants/b.yaml: HTTP 500")
    assert seen.refused == set()
    town.faults.clear()
    assert town.run().held == {"alice write", "bob write"}


def test_without_memory_and_forge_nothing_is_given_and_nothing_taken(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.pull("bob", {B: asks("bob")})
    town.run()
    town.forget()
    town.down()
    seen = town.run()
    assert (seen.held, seen.refused) == (set(), set())
    assert seen.waiting == {"alice write", "bob write"}


def test_what_is_over_ends_whether_or_not_the_forge_answers(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks(end="duration: 1h"), B: asks("bob")}, "carol")
    town.forget()
    town.down()
    town.push("bob", {B: None})
    town.wait(hours=2)
    seen = town.run()
    assert (seen.held, seen.waiting) == (set(), set())


def test_a_change_of_rules_that_cannot_be_looked_up_makes_new_grants_wait(town: Town) -> None:
    """Nobody knows by which rules they are to be judged."""
    town.begin()
    town.run()
    town.pull("grace", {PEOPLE: town.directory(leads=["erin"])}, "frank")
    town.pull("alice", {A: asks()}, "carol")
    town.down()
    seen = town.run()
    assert (seen.held, seen.waiting, seen.refused) == (set(), {"alice write"}, set())
    town.faults.clear()
    assert town.run().refused == {A}


def test_a_change_after_one_that_is_not_known_is_not_judged_by_the_rules_before_it(
    town: Town,
) -> None:
    """frank is no admin any more; that his successor was appointed cannot be looked up at first."""
    town.begin()
    town.github.graph.most_commits = 1
    number = town.propose("alice", {PEOPLE: town.directory(admins=["erin"])})
    town.push("alice", {"README.md": "More\n"}, town.branch_of(number))
    town.approve(number, "frank")
    town.merge(number)
    town.pull("alice", {POLICY: RULES.replace("leads", "oncall") + CHANGES}, "frank")
    town.pull("alice", {A: asks()}, "bob")
    assert town.run().waiting == {"alice write"}
    town.github.graph.most_commits = 250
    assert (town.run().held, town.run().refused) == (set(), {A, POLICY})


@pytest.mark.parametrize("kind", [FaultKind.HALF, FaultKind.DROP, FaultKind.EMPTY])
def test_half_an_answer_is_none(town: Town, kind: FaultKind) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.down(kind)
    seen = town.run()
    assert (seen.held, seen.refused) == (set(), set())
    assert seen.waiting == {"alice write"}
    assert seen.unknown


def test_a_wrong_token_is_told_and_takes_nothing(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    town.token = "no-such-token"
    seen = town.run()
    assert (seen.waiting, seen.refused) == ({"alice write"}, set())
    assert "HTTP 401" in seen.unknown


def test_an_error_after_the_first_fifty_loses_none_of_those(town: Town) -> None:
    town.begin()
    for n in range(2):
        files = {f"grants/{n}-{i}.yaml": asks("alice", "write") for i in range(30)}
        town.pull("alice", files, "carol")
    town.down(skip=2)  # the first fifty, and who pushed
    seen = town.run()
    proofs = [o.proof for o in seen.authorised.outcomes]
    assert proofs.count(Proof.PROVED) == 50
    assert proofs.count(Proof.WAITING) == 10
    town.faults.clear()
    assert town.run().calls == 2


def test_at_most_one_call_for_fifty_grants_and_none_the_second_time(town: Town) -> None:
    town.begin()
    files = {f"grants/g{n}.yaml": asks("alice", "write") for n in range(120)}
    town.pull("alice", files, "carol")
    town.pull("grace", {PEOPLE: town.directory() + "# more\n"}, "frank")
    first = town.run()
    assert len(first.authorised.outcomes) == 120
    assert first.calls == 3 + 1  # 121 wants, and who pushed for all of them
    assert town.run().calls == 0
    town.forget()
    again = town.run()
    assert again.calls == 3 + 1
    assert again.authorised.claims == first.authorised.claims


def test_a_pull_request_that_was_refused_is_not_asked_for_again_either(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()})
    assert town.run().calls == 2
    assert (town.run().calls, town.run().refused) == (0, {A})


def test_a_pull_request_that_the_forge_did_not_know_yet_is_asked_for_again(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()}, "carol")
    pulls = dict(town.github.pulls)
    town.github.pulls.clear()
    assert town.run().refused == {A}
    town.github.pulls.update(pulls)
    assert (town.run().held, town.run().refused) == ({"alice write"}, set())


def test_a_push_that_github_has_not_written_down_yet_is_waited_for(town: Town) -> None:
    """Carol pushes under alice's name, approves and has it merged, all in a moment."""
    town.begin()
    town.pull("bob", {B: asks("bob")}, "dave")
    alice = town.github.users["alice"].ident
    town.wait(minutes=10)
    rows = len(town.github.log.rows)
    town.github.commit("carol", "quick", {A: asks()}, author=alice, committer=alice)
    number = town.github.open_pull("alice", "quick", "Please")
    town.approve(number, "carol")
    town.merge(number)
    written = town.github.log.rows
    town.github.log.rows = written[:rows]
    seen = town.run()
    assert (seen.held, seen.waiting) == ({"bob write"}, {"alice write"})
    assert "the next run asks again" in seen.unknown
    town.github.log.rows = written
    seen = town.run()
    assert (seen.held, seen.waiting, seen.refused) == ({"bob write"}, set(), {A})


def test_losing_the_memory_costs_calls_and_changes_no_answer(town: Town) -> None:
    glass = "grants/break-glass/g.yaml"
    town.begin(
        RULES
        + "  - permit: emergency\n    match: {roles: [admin]}\n    break_glass:\n"
        + "      serves: {groups: [oncall]}\n      max_duration: 2h\n      wakes: [leads]\n"
        + "      review: {groups: [admins], within: 3d}\n"
    )
    town.pull("alice", {A: asks("group: oncall", end="duration: 20d")}, "carol", "dave")
    town.pull("bob", {B: asks("bob", "read")})
    town.pull("alice", {glass: asks(role="admin", end="duration: 1h", more="break_glass: true\n")})
    town.pull("grace", {PEOPLE: town.directory(oncall=["alice", "bob", "dave"])}, "frank")
    town.push("bob", {A: asks("group: oncall", end="duration: 30d")})
    town.pull("alice", {POLICY: RULES})
    warm = [town.run(), town.run()][1]
    town.forget()
    cold = town.run()
    assert (warm.calls, cold.calls) == (1, 2)  # the direct push is asked for each time
    assert set(cold.authorised.claims) == set(warm.authorised.claims)
    assert cold.unapproved == warm.unapproved
    assert cold.reviews == warm.reviews
    assert cold.held >= {"alice write", "bob write", "dave write"}


def test_old_break_glass_costs_two_calls_for_all_when_the_memory_is_lost(town: Town) -> None:
    rules = (
        "rules:\n  - permit: emergency\n    break_glass:\n      serves: {groups: [oncall]}\n"
        "      max_duration: 2h\n      wakes: [leads]\n"
        "      review: {groups: [admins], within: 3d}\n"
    )
    town.begin(rules)
    for n in range(3):
        text = asks(role="admin", end="duration: 1h", more="break_glass: true\n")
        town.pull("alice", {f"grants/break-glass/g{n}.yaml": text})
    town.wait(days=50)
    town.forget()
    seen = town.run()
    assert (len(seen.reviews), seen.calls) == (3, 2)
    assert town.run().calls == 0


def test_a_broken_memory_is_no_proof(town: Town) -> None:
    town.begin()
    town.pull("alice", {A: asks()})
    seen = town.run()
    commit = seen.unapproved[0].commit
    blob = town.github.bare.run("rev-parse", f"main:{A}")
    space = f"grants:{seen.authorised.changes.anchor}"
    for row in ("", "[]", "null", '[["mark"]]', '[["m","payments",["carol@example.com"],"",0,0]]'):
        town.memory.write(space, {f"{commit}\0{blob}\0{A}": row})
        assert (town.run().held, town.run().refused) == (set(), {A})


def test_one_grant_that_cannot_be_told_holds_up_no_other(town: Town) -> None:
    town.begin()
    town.github.graph.most_commits = 1
    number = town.propose("alice", {A: asks()})
    town.push("alice", {"README.md": "More\n"}, town.branch_of(number))
    town.approve(number, "carol")
    town.merge(number)
    town.pull("bob", {B: asks("bob")}, "carol")
    town.pull("erin", {"grants/c.yaml": asks("erin")})
    seen = town.run()
    assert (seen.held, seen.waiting) == ({"bob write"}, {"alice write"})
    assert seen.refused == {"grants/c.yaml"}
    assert mail("alice") not in {one.subject for one in seen.unapproved}


def test_what_the_forge_will_never_tell_proves_nothing_and_stops_nobody_else(town: Town) -> None:
    """Else whoever merges one pull request of 251 commits makes everybody wait for ever."""
    town.begin()
    number = town.propose("alice", {POLICY: RULES.replace("leads", "oncall") + CHANGES})
    branch, bare = town.branch_of(number), town.github.bare
    tip, who = bare.tip(branch), town.github.users["alice"].ident
    tree = bare.run("rev-parse", f"{tip}^{{tree}}")
    for n in range(251):
        tip = bare.commit(tree, (tip,), f"{n}", who, who, town.github.now())
    town.github.point("alice", branch, tip)
    town.approve(number, "frank")
    town.merge(number)
    town.pull("alice", {A: asks()}, "carol")
    seen = town.run()
    assert (seen.held, seen.waiting, seen.unknown) == ({"alice write"}, set(), "")
    assert "of which GitHub tells 250" in seen.why(POLICY)


def test_while_the_forge_is_down_a_configuration_counts_as_it_was_last_proved(town: Town) -> None:
    """Or whoever pushes another address, and keeps the forge busy, is shown the tokens."""
    town.begin()
    elsewhere = town.configuration().replace("workspace: acme", "workspace: evil")
    more = town.configuration().replace("workspace: acme", "workspace: acme, mode: enforce")
    approved = town.pull("grace", {CONFIGURATION: more}, "frank")
    assert town.run().authorised.refused == set()
    pushed = town.push("alice", {CONFIGURATION: elsewhere})
    town.down()
    seen = town.run().authorised
    assert seen.refused == {pushed}
    assert f"counts as it was before commit {pushed[:12]}" in seen.notices[0]
    town.forget()  # then what was approved is not known any more either
    assert town.run().authorised.refused == {approved, pushed}
