"""`reconciler request --extend` and `--done`: another end for a grant, or none of it any more."""

from __future__ import annotations

from tests.cli.request_world import World

PATH = "grants/payments/alice.yaml"
GRANT = """\
# asked for in the incident channel
subject:   alice@example.com
access:
  - {system: gcp, project: payments-prod, role: roles/viewer}   # "quoted", and: kept
duration:   "8h"    # until the batch is through
reason: 'The settlement batch fails'

# the end
"""


def granted(access: World, text: str = GRANT) -> None:
    """Approved by pull request 1 (the forge counts reviews, too), merged, and known to the clone."""
    access.hub.commit("alice", "ask", {PATH: text})
    number = access.hub.open_pull("alice", "ask", "Ask")
    access.hub.review("carol", number, "APPROVED")
    access.hub.merge("grace", number)
    access.git("pull", "-q")


def test_an_extension_moves_the_end_and_not_a_byte_beside_it(access: World) -> None:
    granted(access)
    before = access.state()
    done = access.run("--extend", PATH, "--duration", "2d", "--yes")
    assert (done.code, done.out) == (0, f"{PATH}\nhttps://github.com/acme/access/pull/3\n"), (
        done.err
    )
    assert access.text("request/extend-alice", PATH) == GRANT.replace('"8h"', "2d")
    assert access.state() == before
    pull = access.hub.pulls[3]
    assert pull.title.startswith("Longer access for alice@example.com")
    assert pull.asked == ["carol", "dave"]


def test_an_end_of_another_kind_takes_the_place_of_the_first(access: World) -> None:
    granted(access)
    end = "2999-01-01T00:00:00Z"
    assert access.run("--extend", PATH, "--expires", end, "--yes").code == 4  # too long
    soon = access.time(2)
    done = access.run("--extend", PATH, "--expires", soon, "--yes")
    assert done.code == 0, done.err
    assert access.text("request/extend-alice", PATH) == GRANT.replace(
        'duration:   "8h"', f"expires: {soon}"
    )
    assert access.hub.pulls[3].title.startswith("Shorter access")
    assert "EARLIER than" in done.err
    assert "for more, write a later --expires" in done.err


def test_an_extension_is_judged_as_the_new_version_that_it_is(access: World) -> None:
    """The longest chain is ten days, and the grant has lasted four when it is extended."""
    granted(access, GRANT.replace('"8h"', "6d"))
    access.at = 96
    assert access.run("--extend", PATH, "--duration", "7d", "--yes").code == 4
    done = access.run("--extend", PATH, "--duration", "5d", "--yes")
    assert done.code == 0, done.err


def test_the_same_end_again_is_no_extension(access: World) -> None:
    granted(access, GRANT.replace('"8h"', "8h"))
    done = access.run("--extend", PATH, "--duration", "8h", "--yes")
    assert done.code == 2
    assert "starts no new version" in done.err


def test_how_much_longer_is_asked_where_no_flag_says_it(access: World) -> None:
    granted(access)
    done = access.run("--extend", PATH, said="1d\ny\n")
    assert done.code == 0, done.err
    assert "How long (like 8h or 2d; at most" in done.err


def test_only_a_grant_that_is_there_can_be_extended(access: World) -> None:
    granted(access)
    for path, says in (
        ("grants/payments/alcie.yaml", "there is no file grants/payments/alcie.yaml"),
        ("directory/people.yaml", "is no grant"),
    ):
        done = access.run("--extend", path, "--duration", "1d", "--yes")
        assert done.code == 2
        assert says in done.err


def test_what_is_no_longer_needed_is_taken_away_in_a_pull_request(access: World) -> None:
    granted(access)
    before = access.state()
    done = access.run("--done", PATH, "--yes")
    assert (done.code, done.out) == (0, f"{PATH}\nhttps://github.com/acme/access/pull/3\n"), (
        done.err
    )
    assert (
        access.hub.bare.run("diff", "--name-status", "main", "request/done-alice") == f"D\t{PATH}"
    )
    pull = access.hub.pulls[3]
    assert pull.title == (
        "alice@example.com no longer needs gcp: roles/viewer on projects/payments-prod"
    )
    assert "only takes access away: by policy it needs nobody's approval" in pull.body
    assert pull.asked == []
    assert access.state() == before


def test_without_a_token_both_are_done_in_the_work_tree(access: World) -> None:
    granted(access)
    extended = access.run("--extend", PATH, "--duration", "2d", "--yes", token="")
    assert extended.code == 0, extended.err
    assert (access.clone / PATH).read_text() == GRANT.replace('"8h"', "2d")
    done = access.run("--done", PATH, "--yes", token="")
    assert done.code == 2  # it has a change of its own now
    assert "is not as the main line has it" in done.err
    access.git("restore", PATH)
    assert access.run("--done", PATH, "--yes", token="").code == 0
    assert not (access.clone / PATH).exists()
