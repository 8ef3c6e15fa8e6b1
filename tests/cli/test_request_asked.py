"""`reconciler request` by questions: what is typed on stdin, what is shown on stderr."""

from __future__ import annotations

from tests.cli.request_world import BATCH, World

SEEN = """\
subject: bob@example.com
access:
  - {system: bitbucket, repository: payments-api, permission: write}
  - {system: gcp, project: payments-prod, role: roles/owner}
  - {system: gcp, project: elsewhere-prod, role: roles/viewer}
duration: 8h
reason: The settlement batch fails
"""


def typed(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def test_everything_may_be_asked_for_by_answering(access: World) -> None:
    done = access.run(said=typed("", "1", "4h", BATCH, "y"))
    assert done.code == 0, done.err
    path, url = done.out.splitlines()  # no question is in the way of the result
    assert url.endswith("/pull/1")
    assert "For whom (e-mail address) [alice@example.com]" in done.err
    text = access.text(access.hub.pulls[1].branch, path)
    assert "subject: alice@example.com\n" in text
    assert "  - bundle: payments-oncall\nduration: 4h\n" in text


def test_only_what_a_rule_permits_is_offered(access: World) -> None:
    """From bundles, from the catalog and from what was asked for before."""
    access.hub.commit("grace", "main", {"grants/payments/seen.yaml": SEEN})
    done = access.run("--for", "alice@example.com", "--no-open", said=typed("nothing"))
    offered = [line.strip() for line in done.err.splitlines() if line.lstrip()[:1].isdigit()]
    assert done.code == 2  # nobody answered any more
    access.git("pull", "-q")
    done = access.run("--for", "alice@example.com", "--no-open", said=typed("nothing"))
    seen = [line.strip() for line in done.err.splitlines() if line.lstrip()[:1].isdigit()]
    assert offered[0] == "1  bundle payments-oncall  (1 of payments-leads; at most 7d)"
    assert (
        "2  bitbucket: write on payments-api  (1 of the subject's manager (grace@example.com); at most "
        "30d)" in seen
    )
    assert any("gcp: roles/logging.viewer on projects/payments-test" in line for line in seen)
    assert "roles/owner" not in done.err
    assert "elsewhere-prod" not in done.err


def test_a_length_that_was_given_is_what_the_offers_are_judged_for(access: World) -> None:
    given = ("--for", "alice@example.com", "--duration", "9d", "--no-open")
    assert "bundle payments-oncall" not in access.run(*given, said=typed("x")).err


def test_a_word_narrows_the_list_and_numbers_choose(access: World) -> None:
    done = access.run("--no-open", said=typed("", "LOGGING", "7", "1", "30m", BATCH, "y"))
    assert done.code == 0, done.err
    assert "write numbers from 1 to 1" in done.err
    text = (access.clone / done.out.strip()).read_text()
    assert "  - system: gcp\n    project: payments-test\n    role: roles/logging.viewer\n" in text


def test_what_is_not_offered_may_be_typed_and_is_then_explained(access: World) -> None:
    owner = "system=gcp,project=payments-prod,role=roles/owner"
    done = access.run(said=typed("", owner))
    assert done.code == 4
    assert "rule `nobody-owns` forbids it" in done.err
    assert not access.hub.pulls


def test_a_wrong_answer_is_asked_again(access: World) -> None:
    wrong = "system=gcp,projct=payments-prod,role=roles/viewer"
    lines = ("zoe@example.com", "", wrong, "1", "forever", "8d", "7d", "short", BATCH, "y")
    done = access.run("--no-open", said=typed(*lines))
    assert done.code == 0, done.err
    assert "nobody in directory/ is 'zoe@example.com'" in done.err
    assert "did you mean `project`?" in done.err
    assert "'forever': it is no length of time" in done.err
    assert "8d is longer than 7d" in done.err
    assert "write at least 10 characters" in done.err


def test_what_only_looks_like_a_number_is_a_word_to_search_for(access: World) -> None:
    done = access.run("--no-open", said=typed("", "²", "9" * 5000, "1,²"))
    assert done.code == 2  # nobody answered any more
    assert "Nothing permitted has '²' in it." in done.err


def test_for_nobody_who_is_there_no_item_is_asked_twice(access: World) -> None:
    for whom in (("--for", "zoe@example.com"), ("--group", "nix")):
        done = access.run(*whom, said=typed("system=gcp,project=payments-prod,role=roles/viewer"))
        assert done.code == 2
        assert "in directory/" in done.err
        assert "nobody answers" not in done.err


def test_the_ticket_that_a_rule_asks_for_is_asked(access: World) -> None:
    item = "system=bitbucket,repository=payments-api,permission=write"
    given = ("--access", item, "--duration", "1d", "--no-open")
    done = access.run(*given, said=typed("", BATCH, "4711", "OPS-4711", "y"))
    assert done.code == 0, done.err
    assert "Ticket (like OPS-[0-9]+)" in done.err
    assert "ticket: OPS-4711\n" in (access.clone / done.out.strip()).read_text()


def test_no_is_an_answer(access: World) -> None:
    before = access.state()
    done = access.run(said=typed("", "1", "4h", BATCH, "n"))
    assert (done.code, done.out) == (130, "")
    assert access.state() == before
    assert not access.hub.pulls


def test_where_nobody_answers_the_missing_flag_is_named(access: World) -> None:
    assert "nobody answers; write --access" in access.run("--for", "alice@example.com").err
    given = ("--bundle", "payments-oncall", "--duration", "1h", "--for", "alice@example.com")
    assert "nobody answers; write --reason" in access.run(*given).err
    assert "nobody answers; write --yes" in access.run(*given, "--reason", BATCH).err


def test_who_is_not_in_the_directory_says_for_whom(access: World) -> None:
    access.git("config", "user.email", "visitor@example.com")
    done = access.run("--bundle", "payments-oncall", "--duration", "1h", "--yes")
    assert done.code == 2
    assert "--for is missing" in done.err
