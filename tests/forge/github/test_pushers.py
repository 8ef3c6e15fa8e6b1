"""Who pushed, as GitHub's log tells: whatever a commit says of itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.forge.base import ForgeError, Want
from reconciler.model import Account, Evidence
from reconciler.sandbox.faults import Fault, FaultKind
from reconciler.sandbox.github.hub import ACTIONS
from tests.forge.github.world import GRANT, World, logins

LOG = "GET /repos/acme/access/activity"


def impersonated(
    world: World, who: str, text: str = "x", onto: str = "", branch: str = "mine"
) -> str:
    """`who` pushes a commit that says it is Alice's."""
    alice = world.github.users["alice"].ident
    return world.github.commit(who, branch, {GRANT: text}, onto=onto, author=alice, committer=alice)


def merged(world: World, number: int = 0) -> list[str]:
    """Who made it, by the evidence of its merge."""
    number = number or world.github.open_pull("alice", "mine", "Mine")
    return logins(world.pull(world.github.merge("grace", number)).writers)


def told(world: World, commit: str) -> str:
    return world.pull(commit).untold_pushers


@pytest.mark.parametrize("when", ["first", "later", "by force", "before a force push"])
def test_who_pushed_under_another_name_is_a_writer(world: World, when: str) -> None:
    number = 0 if when == "first" else world.proposed(branch="mine")
    impersonated(world, "bob", onto=world.main if when == "by force" else "")
    if when == "before a force push":
        impersonated(world, "alice", onto=world.main)
    assert merged(world, number) == ["alice", "bob"]


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
def test_it_is_told_however_it_was_merged_and_after_the_branch_is_gone(
    world: World, method: str
) -> None:
    number = world.proposed(branch="mine")
    impersonated(world, "bob")
    commit = world.github.merge("grace", number, method)
    world.github.bare.move("mine", "")
    world.github.notice("grace")
    pull = world.pull(commit)
    assert (logins(pull.writers), pull.untold_pushers) == (["alice", "bob"], "")


def test_who_pushes_is_known_by_number(world: World) -> None:
    impersonated(world, "bob")
    number = world.github.open_pull("alice", "mine", "Mine")
    commit = world.github.merge("grace", number)
    id = str(world.github.users["bob"].id)
    world.github.rename_user("bob", "Robert")
    world.github.add_user("bob")
    assert world.pull(commit).writers[1] == Account(id, "Robert")


def test_a_bot_that_pushes_is_a_bot(world: World) -> None:
    impersonated(world, ACTIONS)
    commit = world.github.merge("grace", world.github.open_pull("alice", "mine", "Mine"))
    bot = world.github.users[ACTIONS]
    assert world.pull(commit).writers[1] == Account(str(bot.id), f"{ACTIONS}[bot]", person=False)


def test_who_brings_the_branch_up_to_date_is_a_writer(world: World) -> None:
    """As the button does: a merge of the main line, committed by GitHub, pushed by who clicked."""
    number = world.proposed(branch="mine")
    pull, bare = world.github.pulls[number], world.github.bare
    world.github.commit("grace", "main", {"other": "x"})
    alice, tip = world.github.users["alice"].ident, bare.tip("main")
    tree = bare.merged_tree(world.main, pull.head, tip, world.clock())
    made = bare.commit(tree, (pull.head, tip), "Update", alice, alice, world.clock())
    world.github.point("bob", "mine", made)
    assert merged(world, number) == ["alice", "bob"]


def test_what_others_do_elsewhere_makes_them_no_writers(world: World) -> None:
    number = world.proposed(branch="mine")
    world.github.commit("bob", "other", {GRANT: "y"})
    world.github.point("carol", "stacked", world.github.pulls[number].head)
    assert merged(world, number) == ["alice"]


def test_a_branch_that_is_used_again_starts_anew(world: World) -> None:
    """Bob's part of it was merged before."""
    impersonated(world, "bob", "first\n")
    world.github.merge("grace", world.github.open_pull("alice", "mine", "One"))
    impersonated(world, "alice", "second\n")
    assert merged(world) == ["alice"]


def test_a_name_that_is_given_again_is_another_branch(world: World) -> None:
    impersonated(world, "bob", "first\n")
    world.github.merge("grace", world.github.open_pull("alice", "mine", "One"), "squash")
    world.github.bare.move("mine", "")
    world.github.notice("grace")
    impersonated(world, "alice", "second\n")
    assert merged(world) == ["alice"]


def test_who_pushed_before_the_branch_was_deleted_and_restored_is_a_writer(world: World) -> None:
    """Else somebody would push, delete, and let the author restore it."""
    number = world.proposed(branch="mine")
    head = impersonated(world, "bob")
    world.clock.at += timedelta(minutes=10)
    world.github.bare.move("mine", "")
    world.github.notice("carol")
    world.github.point("alice", "mine", head)
    pull = world.github.pulls[number]
    pull.state = "OPEN"  # opened again
    assert merged(world, number) == ["alice", "bob"]


def test_who_restores_the_branch_after_the_merge_is_no_writer(world: World) -> None:
    number = world.proposed(branch="mine")
    head = world.github.pulls[number].head
    commit = world.github.merge("grace", number)
    world.github.bare.move("mine", "")
    world.github.notice("grace")
    world.clock.at += timedelta(minutes=10)
    world.github.point("bob", "mine", head)
    assert logins(world.pull(commit).writers) == ["alice"]
    assert told(world, commit) == ""


def test_the_pushes_of_an_open_pull_request_are_asked_of_its_branch_alone(world: World) -> None:
    for n in range(5):
        world.proposed(path=f"grants/{n}.yaml")
    number = world.proposed(branch="with/slash")
    impersonated(world, "bob", branch="with/slash")
    pull = world.reader.pull(number, [GRANT])
    assert (logins(pull.writers), pull.untold_pushers) == (["alice", "bob"], "")
    assert world.calls()[-1] == LOG
    assert world.github.exchanges[-1].query["ref"] == "refs/heads/with/slash"
    assert all(row["ref"] == "refs/heads/with/slash" for row in world.github.exchanges[-1].answer)


# How many calls it takes


def many(world: World, count: int) -> list[Want]:
    """As many pull requests, each merged, oldest first."""
    numbers = [world.proposed(path=f"grants/{n}.yaml") for n in range(count)]
    commits = [world.github.merge("grace", number, "squash") for number in numbers]
    return [world.want(c, f"grants/{n}.yaml") for n, c in enumerate(commits)]


def logs(world: World) -> int:
    return world.calls().count(LOG)


def test_one_call_tells_of_all_new_pull_requests(world: World) -> None:
    found = dict(world.reader.evidence(many(world, 30)))
    assert all(not pull.untold_pushers for one in found.values() for pull in one.pulls)
    assert logs(world) == 1


def test_one_reader_asks_for_no_page_twice(world: World) -> None:
    wanted = many(world, 4)
    reader = world.reader
    for want in wanted:
        list(reader.evidence([want]))
    assert logs(world) == 1


def test_what_lies_deep_is_asked_for_by_itself(world: World) -> None:
    """Once, also where it left several commits on the main line."""
    world.github.commit("alice", "mine", {GRANT: "1"})
    world.github.commit("bob", "mine", {GRANT: "2"})
    last = world.github.merge("grace", world.github.open_pull("alice", "mine", "Two"), "rebase")
    wanted = [world.want(c) for c in (last, world.github.bare.facts(last).parents[0])]
    for n in range(40):
        world.github.commit("bob", f"later-{n}", {GRANT: "x"})
    world.github.graph.page_most = 10
    found = dict(world.reader.evidence(wanted))
    assert all(not pull.untold_pushers for one in found.values() for pull in one.pulls)
    assert logs(world) == 2


def test_a_lost_cache_never_costs_more_than_two_calls_for_each(world: World) -> None:
    wanted = many(world, 12)
    world.github.graph.page_most = 3
    found = dict(world.reader.evidence(wanted))
    assert all(not pull.untold_pushers for one in found.values() for pull in one.pulls)
    assert logs(world) <= 12 + 12 // 4


def test_a_direct_push_asks_nothing_of_the_log(world: World) -> None:
    commit = world.github.commit("bob", "main", {GRANT: "x"})
    assert world.evidence(commit).pulls == ()
    assert logs(world) == 0


def test_pages_of_one_row_tell_the_same(world: World) -> None:
    number = world.proposed(branch="mine")
    impersonated(world, "bob")
    commit = world.github.merge("grace", number)
    world.github.graph.page_most = 1
    pull = world.pull(commit)
    assert (logins(pull.writers), pull.untold_pushers) == (["alice", "bob"], "")


# What GitHub does not tell


def test_a_fork_is_not_told_and_not_asked_for(world: World) -> None:
    number = world.proposed(branch="mine")
    world.github.pulls[number].from_fork = True
    commit = world.github.merge("grace", number)
    assert "lies in a fork" in told(world, commit)
    assert "lies in a fork" in world.reader.pull(number, ()).untold_pushers
    assert logs(world) == 0


def test_a_server_without_the_log_does_not_tell(world: World) -> None:
    number = world.proposed(branch="mine")
    open_one = world.proposed(branch="other")
    commit = world.github.merge("grace", number)
    world.faults.arm(Fault("github", LOG, FaultKind.STATUS, 404, times=99))
    assert "keeps no log of pushes" in told(world, commit)
    assert "keeps no log of pushes" in world.reader.pull(open_one, ()).untold_pushers
    wanted = [world.want(commit)]
    reader = world.reader
    before = logs(world)
    list(reader.evidence(wanted))
    list(reader.evidence(wanted))
    assert logs(world) == before + 1


@pytest.mark.parametrize("status", [403, 422, 429, 500])
def test_a_log_that_cannot_be_read_is_an_error_and_not_nobody(world: World, status: int) -> None:
    commit = world.github.merge("grace", world.proposed())
    number = world.proposed()
    world.faults.arm(Fault("github", LOG, FaultKind.STATUS, status, times=99))
    reader = world.reader
    for _ in range(2):
        with pytest.raises(ForgeError, match="cannot read who pushed"):
            list(reader.evidence([world.want(commit)]))
    with pytest.raises(ForgeError, match="cannot read who pushed"):
        reader.pull(number, ())


def test_a_page_that_is_no_log_is_an_error(world: World) -> None:
    commit = world.github.merge("grace", world.proposed())
    world.faults.arm(Fault("github", LOG, FaultKind.HALF, times=99))
    with pytest.raises(ForgeError, match="cannot read who pushed"):
        world.evidence(commit)


def test_a_log_that_does_not_have_the_merge_yet_is_waited_for(world: World) -> None:
    """GitHub writes it on its own time: whoever is quick would not be seen."""
    number = world.proposed(branch="mine")
    impersonated(world, "bob")
    commit = world.github.merge("grace", number)
    other = world.github.merge("grace", world.proposed(path="grants/b.yaml"))
    world.clock.at += timedelta(days=1)
    late = world.github.log.rows[-5:]
    for rows in (late, world.github.log.rows[:]):  # a part of it, and all of it
        kept = world.github.log.rows[:]
        world.github.log.rows = [row for row in kept if row not in rows]
        with pytest.raises(ForgeError, match="yet; the next run asks again"):
            world.evidence(commit)
        world.github.log.rows = kept
    assert logins(world.pull(commit).writers) == ["alice", "bob"]
    assert told(world, commit) == ""
    assert world.evidence(other, "grants/b.yaml").pulls


def test_a_push_elsewhere_does_not_say_that_the_log_has_the_merge(world: World) -> None:
    number = world.proposed(branch="mine")
    commit = world.github.merge("grace", number)
    world.github.commit("carol", "elsewhere", {GRANT: "x"})
    world.github.log.rows = world.github.log.rows[-1:]
    with pytest.raises(ForgeError, match="asks again"):
        world.evidence(commit)


def test_who_is_waited_for_holds_up_nobody_else(world: World) -> None:
    wanted = many(world, 2)
    world.clock.at += timedelta(minutes=10)
    late = world.github.merge("grace", world.proposed(path="grants/late.yaml"), "squash")
    since = world.clock.at - timedelta(minutes=5)
    world.github.log.rows = [row for row in world.github.log.rows if row.at < since]
    found: list[tuple[Want, Evidence]] = []
    with pytest.raises(ForgeError, match="asks again"):
        found.extend(world.reader.evidence([*wanted, world.want(late, "grants/late.yaml")]))
    assert {want for want, _ in found} == set(wanted)


def test_a_log_that_forgot_tells_of_what_it_still_has(world: World) -> None:
    number = world.proposed(branch="mine")
    impersonated(world, "bob")
    commit = world.github.merge("grace", number)
    rows = world.github.log.rows
    world.github.log.rows = [r for r in rows if r.type != "branch_creation"]
    pull = world.pull(commit)
    assert logins(pull.writers) == ["alice", "bob"]
    assert "does not have all the pushes" in pull.untold_pushers
    world.github.log.rows = [r for r in rows if r.branch == "main"]
    assert "does not have the push of the last commit" in told(world, commit)


def test_a_log_with_a_gap_does_not_tell(world: World) -> None:
    number = world.proposed(branch="mine")
    hidden = impersonated(world, "bob", "1")
    impersonated(world, "alice", "2")
    commit = world.github.merge("grace", number)
    world.github.log.rows = [r for r in world.github.log.rows if r.after != hidden]
    assert "has a gap" in told(world, commit)


def test_a_deleted_account_that_pushed_is_somebody_whom_nobody_knows(world: World) -> None:
    world.github.add_user("mallory")
    impersonated(world, "mallory")
    commit = world.github.merge("grace", world.github.open_pull("alice", "mine", "Mine"))
    world.github.delete_user("mallory")
    assert world.pull(commit).writers[1] == Account("", shown="a deleted account")


def test_opening_a_pull_request_does_not_ask_who_pushed(world: World) -> None:
    world.proposed(branch="mine")
    assert world.reader.open_pull("mine")
    assert logs(world) == 0


def test_the_token_is_not_told_in_an_error_of_the_log(world: World) -> None:
    commit = world.github.merge("grace", world.proposed())
    world.faults.arm(Fault("github", LOG, FaultKind.STATUS, 403, times=99))
    with pytest.raises(ForgeError) as caught:
        world.evidence(commit)
    assert world.token not in str(caught.value)
    assert "docs/approvals.md lists the permissions" in str(caught.value)
