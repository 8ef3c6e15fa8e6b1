"""`reconciler request` by flags: what the rules say first, and then the pull request."""

from __future__ import annotations

from datetime import UTC, datetime

import yaml

from reconciler.sandbox.faults import Fault, FaultKind
from tests.cli.request_world import BATCH, POLICY, World

VIEWER = "system=gcp,project=payments-prod,role=roles/viewer"
WRITE = "system=bitbucket,repository=payments-api,permission=write"
ON_CALL = ("--bundle", "payments-oncall", "--reason", BATCH, "--yes")
EIGHT = ("--access", VIEWER, "--duration", "8h", "--reason", BATCH, "--yes")
TODAY = f"{datetime.now(UTC):%Y-%m-%d}"
NAME = f"alice-payments-prod-{TODAY}"
PATH = f"grants/payments/{NAME}.yaml"


def test_a_request_opens_a_pull_request_with_one_file_in_it(access: World) -> None:
    done = access.run(*EIGHT)
    assert (done.code, done.out) == (0, f"{PATH}\nhttps://github.com/acme/access/pull/1\n"), (
        done.err
    )
    assert access.text(f"request/{NAME}", PATH) == (
        "# yaml-language-server: $schema=../../.schemas/grant.schema.json\n"
        "subject: alice@example.com\n"
        "access:\n"
        "  - system: gcp\n"
        "    project: payments-prod\n"
        "    role: roles/viewer\n"
        "duration: 8h\n"
        f"reason: {BATCH}\n"
    )
    bare = access.hub.bare
    changed = bare.run("diff", "--name-status", "main", f"request/{NAME}")
    assert changed == f"A\t{PATH}"


def test_the_commit_is_the_users_own_and_stands_on_the_main_line(access: World) -> None:
    access.hub.commit("grace", "main", {"README.md": "newer\n"})  # the clone has not seen it
    assert access.run(*EIGHT).code == 0
    facts = access.hub.bare.facts(access.tip(f"request/{NAME}"))
    assert (facts.author.name, facts.author.email) == ("Alice Archer", "alice@example.com")
    assert facts.parents == (access.tip("main"),)
    assert facts.message.strip() == "Access for alice@example.com: gcp: roles/viewer on " + (
        "projects/payments-prod"
    )


def test_it_says_at_once_who_must_approve_and_for_how_long(access: World) -> None:
    done = access.run(*EIGHT)
    assert "rule     payments-work\n" in done.err
    # alice is a lead as well, and cannot approve what she asks for
    assert "1 of payments-leads: carol@example.com or dave@example.com\n" in done.err
    assert "until    8h from the merge" in done.err
    assert "at most  7d\n" in done.err


def test_the_reviewers_are_those_who_may_approve(access: World) -> None:
    access.run(*EIGHT)
    [pull] = access.hub.pulls.values()
    assert pull.asked == ["carol", "dave"]
    assert pull.author.login == "alice"


def test_the_description_says_who_what_until_when_why_and_by_which_rule(access: World) -> None:
    about = ("--access", WRITE, "--reason", f"{BATCH} since Tuesday", "--ticket", "OPS-4711")
    access.run(*about, "--duration", "2d", "--yes")
    [pull] = access.hub.pulls.values()
    assert pull.title == "Access for alice@example.com: bitbucket: write on payments-api"
    for words in (
        "**Who:** `alice@example.com`",
        "**What:** `bitbucket: write on payments-api`",
        "**Until:** 2d from the merge",
        "**Ticket:** `OPS-4711`",
        "**Rule:** `code`",
        "**Must approve:** 1 of the subject's manager (grace@example.com)",
        f"```text\n{BATCH} since Tuesday\n```",
    ):
        assert words in pull.body
    assert pull.asked == ["grace"]


def test_nothing_that_is_checked_out_staged_or_changed_is_touched(access: World) -> None:
    access.git("switch", "-q", "-c", "own-work")
    (access.clone / "bundles" / "payments-oncall.yaml").write_text("half: done\n")
    (access.clone / "directory" / "people.yaml").unlink()
    (access.clone / "grants").mkdir()
    (access.clone / "grants" / "draft.yaml").write_text("subject: \n")
    (access.clone / "staged.txt").write_text("mine\n")
    access.git("add", "staged.txt", "bundles/payments-oncall.yaml")
    before = access.state()
    done = access.run(*EIGHT)
    assert done.code == 0, done.err
    assert access.state() == before
    assert len(access.hub.pulls) == 1


def test_it_never_takes_a_name_that_is_taken(access: World) -> None:
    assert access.run(*EIGHT).code == 0
    again = access.run(*EIGHT)  # the first is not merged: its branch is there, its file is not
    assert again.out.startswith(f"grants/payments/{NAME}-2.yaml\n")
    access.hub.merge("grace", 1, admin=True)
    access.hub.bare.run("update-ref", "-d", f"refs/heads/request/{NAME}")
    access.hub.bare.run("update-ref", "-d", f"refs/heads/request/{NAME}-2")
    third = access.run(*EIGHT)  # its file is there, its branch is not
    assert third.out.startswith(f"grants/payments/{NAME}-2.yaml\n")


def test_a_branch_that_exists_is_never_moved(access: World) -> None:
    tip = access.hub.commit("bob", f"request/{NAME}", {"README.md": "of bob's\n"})
    done = access.run(*EIGHT)
    assert done.out.startswith(f"grants/payments/{NAME}-2.yaml\n"), done.err
    assert access.tip(f"request/{NAME}") == tip


def test_what_is_forbidden_is_refused_with_the_reason_and_what_would_be_permitted(
    access: World,
) -> None:
    owner = "system=gcp,project=payments-prod,role=roles/owner"
    before = access.state()
    done = access.run("--access", owner, "--duration", "8h", "--reason", BATCH, "--yes")
    assert (done.code, done.out) == (4, "")
    assert "rule `nobody-owns` forbids it: Owners are made by the platform team's" in done.err
    assert "Permitted would be: bundle payments-oncall" in done.err
    assert access.state() == before
    assert not access.hub.pulls


def test_what_is_too_long_is_refused_with_how_long_it_can_be_had(access: World) -> None:
    done = access.run(*ON_CALL, "--duration", "20d", "--format", "json")
    assert done.code == 4
    assert (done.json["permitted"], done.json["at_most"]) == (False, "7d")
    assert "It can be had for 7d: --duration 7d" in done.err
    assert not access.hub.pulls


def test_a_ticket_or_reason_that_a_rule_asks_for_is_not_forgotten(access: World) -> None:
    about = ("--access", WRITE, "--duration", "1d", "--yes")
    short = access.run(*about, "--reason", "Just because", "--ticket", "OPS-1")
    assert short.code == 4
    assert "the reason has 12 characters, and the rule asks for 20" in short.err
    silent = access.run(*about, "--reason", f"{BATCH} since Tuesday")
    assert silent.code == 2
    assert "--ticket is missing" in silent.err


def test_what_nobody_could_approve_is_not_asked_for(access: World) -> None:
    lonely = "system=gcp,project=lonely-prod,role=roles/viewer"
    done = access.run("--access", lonely, "--duration", "1h", "--reason", BATCH, "--yes")
    assert done.code == 4
    assert "Nobody could approve it" in done.err
    assert not access.hub.pulls


WRONG = (
    (("--access", "system=gcp,project"), "'project' is no `key=value`"),
    (("--access", "system=gpc,project=p,role=r"), "there is no system `gpc`"),
    (("--access", "system=gcp,projct=p,role=r"), "did you mean `project`?"),
    (("--bundle", "payments-oncal"), "did you mean `payments-oncall`?"),
    (("--access", VIEWER, "--for", "alcie@example.com"), "did you mean `alice@example.com`?"),
    (("--access", VIEWER, "--expires", "2020-01-01T00:00:00Z"), "in the past"),
    (("--access", VIEWER, "--path", "standing/x.yaml"), "write a path in grants/"),
    (("--access", VIEWER, "--path", "grants/x.txt"), "does not end in `.yaml`"),
    (("--access", VIEWER, "--extend", "grants/x.yaml"), "--extend takes a new end"),
    (("--bundle", "x", "--done", "grants/x.yaml"), "--done takes its file and nothing else"),
    (("--extend", "grants/x.yaml", "--done", "grants/x.yaml"), "write one of them"),
)


def test_what_no_file_may_say_is_an_error_before_anything_is_written(access: World) -> None:
    for given, says in WRONG:
        end = () if "--expires" in given else ("--duration", "1h")
        done = access.run(*given, *end, "--reason", BATCH, "--yes")
        assert done.code == 2, given
        assert says in done.err
    assert not access.hub.pulls
    assert not list(access.clone.glob("grants/**/*.yaml"))


def test_for_whom_is_said_where_git_does_not_tell(access: World) -> None:
    about = ("--access", VIEWER, "--duration", "1h", "--reason", BATCH, "--yes")
    access.git("config", "user.email", "mallory@example.com")
    stranger = access.run(*about)
    assert (stranger.code, stranger.out) == (2, "")
    assert "git's user.email, mallory@example.com, is nobody of directory/" in stranger.err
    assert "write --for" in stranger.err


def test_a_path_of_ones_own_is_judged_like_any_other(access: World) -> None:
    elsewhere = access.run(*EIGHT, "--path", "grants/other/x.yaml")
    assert elsewhere.code == 4
    assert "path" in elsewhere.err
    own = access.run(*EIGHT, "--path", "grants/payments/deep/x.yaml")
    assert own.out.startswith("grants/payments/deep/x.yaml\n"), own.err


def test_a_hostile_reason_yields_a_valid_file_that_says_exactly_that(access: World) -> None:
    reason = """a: "b" # no comment, {not} [yaml], & *neither 'quoted' ``` \\n @everybody
  - null: |
&id001 prüfen 日本語"""
    given = ("--access", VIEWER, "--duration", "8h", "--reason", reason, "--yes")
    assert access.run(*given).code == 0
    done = access.run(*given, "--no-open")
    assert done.code == 0, done.err
    assert access.validated().code == 0
    text = (access.clone / done.out.strip()).read_text()
    assert yaml.safe_load(text)["reason"] == reason
    [pull] = access.hub.pulls.values()
    assert f"````text\n{reason}\n````" in pull.body


def test_what_a_reviewer_would_not_see_is_refused(access: World) -> None:
    for reason in ("rings \x07 the bell", "turns \u202e around", "hid\u200bden words"):
        given = ("--access", VIEWER, "--duration", "8h", "--reason", reason, "--yes", "--no-open")
        done = access.run(*given)
        assert done.code == 2
        assert "a character that a reviewer cannot see" in done.err
    assert not list(access.clone.glob("grants/**/*.yaml"))


def test_a_group_is_asked_for_member_by_member(access: World) -> None:
    given = ("--access", VIEWER, "--duration", "1h", "--reason", BATCH, "--yes")
    done = access.run("--group", "payments-oncall", *given)
    assert done.code == 0, done.err
    name = f"payments-oncall-payments-prod-{TODAY}"
    assert "group: payments-oncall\n" in access.text(
        f"request/{name}", f"grants/payments/{name}.yaml"
    )


def test_machines_read_json(access: World) -> None:
    said = access.run(*EIGHT, "--format", "json").json
    assert said["path"] == PATH
    assert said["branch"] == f"request/{NAME}"
    assert said["pull_request"].endswith("/pull/1")
    assert said["reviewers"] == ["carol", "dave"]
    assert said["rules"] == ["payments-work"]
    assert said["approvals"][0]["candidates"] == ["carol@example.com", "dave@example.com"]


def test_break_glass_says_loudly_who_is_woken_and_who_looks_afterwards(access: World) -> None:
    done = access.run(*ON_CALL, "--duration", "1h", "--break-glass")
    assert done.code == 0, done.err
    assert done.out.startswith("grants/break-glass/alice-payments-oncall-")
    assert "BREAK-GLASS: payments-leads will be woken. Somebody of auditors must" in done.err
    assert "merge it yourself" in done.err
    [pull] = access.hub.pulls.values()
    path = done.out.splitlines()[0]
    assert "break_glass: true\n" in access.text(pull.branch, path)
    assert (pull.asked, "will be woken" in pull.body) == ([], True)


def test_break_glass_is_asked_for_by_oneself_and_only_shortly(access: World) -> None:
    other = access.run(*ON_CALL, "--duration", "1h", "--break-glass", "--for", "bob@example.com")
    assert other.code == 4
    assert "Break-glass is asked for by oneself" in other.err
    long = access.run(*ON_CALL, "--duration", "3h", "--break-glass")
    assert long.code == 4
    assert "`break_glass.max_duration` is 2h" in long.err
    assert not access.hub.pulls


def test_without_a_token_the_file_is_left_in_the_work_tree(access: World) -> None:
    done = access.run(*EIGHT, token="")
    assert (done.code, done.out) == (0, f"{PATH}\n"), done.err
    assert "no token; set RECONCILER_FORGE_TOKEN or GITHUB_TOKEN" in done.err
    assert f"git switch -c request/{NAME}" in done.err
    assert access.validated().code == 0
    assert access.git("status", "--porcelain", "-uall") == f"?? {PATH}\n"


def test_a_file_that_would_be_invalid_in_the_work_tree_is_not_left_behind(access: World) -> None:
    people = access.clone / "directory" / "people.yaml"
    people.write_text(people.read_text().replace("alice@", "alicia@"))
    done = access.run(*EIGHT, token="")
    assert done.code == 2
    assert f"{PATH}:2:10: nobody in directory/ is `alice@example.com`" in done.err
    assert not list(access.clone.glob("grants/**/*.yaml"))


def test_without_a_forge_everything_but_the_pull_request_works(access: World) -> None:
    """No network: the remote is gone, and nobody answers where the forge was."""
    access.hub.commit(
        "frank",
        "main",
        {"policies/main.yaml": POLICY.replace("max_duration: 7d", "max_duration: 6d")},
    )
    access.git("pull", "-q")
    access.git("remote", "set-url", "origin", str(access.home / "gone.git"))
    access.hub.stop()
    done = access.run(*EIGHT, "--no-open", token="")
    assert done.code == 0, done.err
    assert "the rules are taken as they stand in git" in done.err
    assert "at most  6d" in done.err
    assert (access.clone / PATH).exists()


def test_a_push_that_is_refused_leaves_the_file_behind(access: World) -> None:
    hook = access.hub.bare.path / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    done = access.run(*EIGHT)
    assert (done.code, done.out) == (0, f"{PATH}\n")
    assert "pre-receive hook declined" in done.err
    assert (access.clone / PATH).exists()
    assert not access.hub.pulls


def test_a_forge_that_is_down_leaves_the_file_and_pushes_nothing(access: World) -> None:
    access.hub.commit("grace", "main", {"policies/main.yaml": f"# newer\n{POLICY}"})
    access.hub.stop()
    done = access.run(*EIGHT)
    assert (done.code, done.out) == (0, f"{PATH}\n"), done.err
    assert "the rules are taken as they stand in git" in done.err
    assert access.tip(f"request/{NAME}") == ""
    assert access.run(*EIGHT, "--open").code == 1


def test_a_pull_request_that_the_forge_refuses_says_which_branch_is_pushed(access: World) -> None:
    access.faults.arm(Fault("github", "POST *pulls", FaultKind.STATUS, 403, times=9))
    done = access.run(*EIGHT)
    assert (done.code, done.out) == (1, "")
    assert f"the branch request/{NAME} is pushed: open the pull request there by hand" in done.err
    assert access.tip(f"request/{NAME}") != ""


def test_open_is_an_error_where_nothing_can_be_opened(access: World) -> None:
    done = access.run(*EIGHT, "--open", token="")
    assert done.code == 2
    assert "no pull request can be opened: no token" in done.err
    assert not list(access.clone.glob("grants/**/*.yaml"))


def test_a_rule_that_nobody_approved_is_no_reason_to_ask(access: World) -> None:
    """The main line says it, and no pull request brought it there: it does not count."""
    wider = POLICY.replace("max_duration: 7d", "max_duration: 9d")
    access.hub.commit("alice", "main", {"policies/main.yaml": wider})
    assert access.run(*ON_CALL, "--duration", "8d").code == 4
