"""The local GitHub merges, remembers and refuses as GitHub does, with real commits behind it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from reconciler.sandbox.bare import GitRefused
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.github import LocalGithub
from reconciler.sandbox.github.state import ForcePush
from reconciler.sandbox.rest import Refusal
from tests.forge.github.described import RecordedGithub, check

FILE = "grants/alice.yaml"
REPOSITORY = "/repos/acme/access"


@pytest.fixture
def github(tmp_path: Path) -> Iterator[LocalGithub]:
    """Every exchange is held against GitHub's own description."""
    local = RecordedGithub()
    local.exchanges = []
    local.url = local.start(Faults(), tmp_path).settings["url"]  # type: ignore[attr-defined]
    yield local
    local.stop()
    for exchange in local.exchanges:
        check(exchange)


def proposed(github: LocalGithub, text: str = "x\n", branch: str = "mine") -> int:
    github.commit("alice", branch, {FILE: text})
    return github.open_pull("alice", branch, "Ask")


def call(
    github: LocalGithub, login: str, method: str, path: str, body: object = None
) -> requests.Response:
    headers = {"Authorization": f"Bearer {github.users[login].token}"}
    url = f"{github.url}{path}"  # type: ignore[attr-defined]
    return requests.request(method, url, json=body, headers=headers, timeout=10)


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Alice", "-c", "user.email=alice@example.com")
    command = ["git", "-C", str(folder), *who, "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_merge_has_two_parents_and_githubs_name(github: LocalGithub) -> None:
    base = github.bare.tip("main")
    number = proposed(github)
    oid = github.merge("carol", number, "merge")
    facts = github.bare.facts(oid)
    assert facts.parents == (base, github.pulls[number].head)
    assert (facts.author.email, facts.committer.email) == (
        "carol@example.com",
        "noreply@github.com",
    )
    assert facts.message.startswith(f"Merge pull request #{number} from acme/mine")


def test_a_squash_is_one_commit_that_names_the_other_authors(github: LocalGithub) -> None:
    proposed(github)
    github.commit("bob", "mine", {"b": "1"})
    oid = github.merge("carol", 1, "squash")
    facts = github.bare.facts(oid)
    assert len(facts.parents) == 1
    assert facts.author.email == "alice@example.com"
    assert "Co-authored-by: Bob <bob@example.com>" in facts.message
    assert {e and e[2] for e in (github.bare.entry(oid, "b"), github.bare.entry(oid, FILE))}


def test_a_rebase_makes_each_commit_anew(github: LocalGithub) -> None:
    first = github.commit("alice", "mine", {FILE: "1"}, "One")
    second = github.commit("alice", "mine", {FILE: "2"}, "Two")
    github.open_pull("alice", "mine", "Ask")
    github.commit("grace", "main", {"c": "1"})
    github.merge("carol", 1, "rebase")
    last, before = github.bare.run("rev-list", "-2", "main").split()
    assert {last, before} & {first, second} == set()
    assert [github.bare.facts(oid).message for oid in (before, last)] == ["One", "Two"]


def test_a_conflict_cannot_be_merged(github: LocalGithub) -> None:
    proposed(github)
    github.commit("grace", "main", {FILE: "other\n"})
    for method in ("merge", "squash", "rebase"):
        with pytest.raises(Refusal, match="not mergeable"):
            github.merge("carol", 1, method)


def test_a_pull_request_of_another_part_of_the_file_merges(github: LocalGithub) -> None:
    github.commit("grace", "main", {"long": "1\n2\n3\n4\n5\n6\n7\n"})
    github.commit("alice", "mine", {"long": "1\n2\n3\n4\n5\n6\nseven\n"})
    github.open_pull("alice", "mine", "Ask")
    github.commit("grace", "main", {"long": "one\n2\n3\n4\n5\n6\n7\n"})
    oid = github.merge("carol", 1)
    assert github.bare.run("show", f"{oid}:long") == "one\n2\n3\n4\n5\n6\nseven"


def test_what_is_pushed_with_git_is_noticed(github: LocalGithub, tmp_path: Path) -> None:
    work = tmp_path / "work"
    git(tmp_path, "clone", "-q", str(github.bare.path), str(work))
    (work / "a").write_text("1")
    git(work, "add", "a")
    git(work, "commit", "-qm", "One")
    git(work, "push", "-q", "origin", "HEAD:mine")
    github.open_pull("alice", "mine", "Ask")
    git(work, "commit", "-q", "--amend", "-m", "Another")
    with pytest.raises(GitRefused, match="rejected"):
        github.push("bob", work, "HEAD:mine")
    github.push("bob", work, "HEAD:mine", force=True)
    pull = github.pulls[1]
    assert pull.head == git(work, "rev-parse", "HEAD")
    assert [e.actor.login for e in pull.events if isinstance(e, ForcePush)] == ["bob"]
    git(work, "push", "-q", str(github.bare.path), "HEAD:main")
    assert github.associated(pull.head) == [pull]
    assert pull.state == "MERGED"


def test_a_branch_that_goes_takes_its_pull_request_along(github: LocalGithub) -> None:
    proposed(github)
    github.point("alice", "mine", "")
    assert github.pulls[1].state == "CLOSED"


def test_a_branch_reset_to_main_is_closed_not_merged(github: LocalGithub) -> None:
    proposed(github)
    github.point("alice", "mine", github.bare.tip("main"))
    assert github.pulls[1].state == "CLOSED"


def test_a_push_dismisses_approvals_where_that_is_set(github: LocalGithub) -> None:
    github.settings.dismiss_stale = True
    proposed(github)
    github.review("bob", 1, "APPROVED")
    github.commit("alice", "mine", {FILE: "more"})
    assert github.pulls[1].reviews[0].state == "DISMISSED"


def test_an_existing_repository_is_served_with_its_history(tmp_path: Path) -> None:
    work = tmp_path / "access"
    work.mkdir()
    git(work, "init", "-q", "-b", "main")
    (work / "reconciler.yaml").write_text("version: 1\n")
    git(work, "add", ".")
    git(work, "commit", "-qm", "Begin")
    local = LocalGithub(work)
    local.start(Faults(), tmp_path / "home")
    try:
        assert local.bare.tip("main") == git(work, "rev-parse", "HEAD")
        assert local.associated(local.bare.tip("main")) == []
    finally:
        local.stop()


def test_the_clock_can_be_told(tmp_path: Path) -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 500, tzinfo=UTC)
    local = LocalGithub(clock=lambda: at)
    local.start(Faults(), tmp_path)
    try:
        proposed(local)
        at += timedelta(hours=1)
        local.merge("carol", 1)
        assert local.pulls[1].merged_at == at.replace(microsecond=0)
    finally:
        local.stop()


def test_rest_walks_a_pull_request_from_open_to_merged(github: LocalGithub) -> None:
    github.commit("alice", "mine", {FILE: "x"})
    sent = {"title": "Ask", "head": "mine", "base": "main", "body": "Because"}
    made = call(github, "alice", "POST", f"{REPOSITORY}/pulls", sent)
    assert (made.status_code, made.json()["user"]["login"]) == (201, "alice")
    assert call(github, "alice", "POST", f"{REPOSITORY}/pulls", sent).status_code == 422
    path = f"{REPOSITORY}/pulls/1"
    review = call(github, "bob", "POST", f"{path}/reviews", {"event": "APPROVE"}).json()
    assert review["state"] == "APPROVED"
    own = call(github, "alice", "POST", f"{path}/reviews", {"event": "APPROVE"})
    assert (own.status_code, "own pull request" in own.text) == (422, True)
    stale = call(github, "carol", "PUT", f"{path}/merge", {"sha": "0" * 40})
    assert stale.status_code == 409
    done = call(github, "carol", "PUT", f"{path}/merge", {"merge_method": "squash"}).json()
    assert done["sha"] == github.bare.tip("main")
    assert call(github, "dave", "GET", path).json()["merged_by"]["login"] == "carol"
    listed = call(github, "dave", "GET", f"{REPOSITORY}/pulls?state=all&head=acme:mine").json()
    assert [pull["number"] for pull in listed] == [1]
    gone = call(
        github, "dave", "PUT", f"{path}/reviews/{review['id']}/dismissals", {"message": "x"}
    )
    assert gone.json()["state"] == "DISMISSED"


def test_a_stranger_gets_nothing(github: RecordedGithub) -> None:
    url = f"{github.url}{REPOSITORY}/pulls"  # type: ignore[attr-defined]
    assert requests.get(url, timeout=10).status_code == 401
    token = github.users["alice"].token
    github.delete_user("alice")
    headers = {"Authorization": f"Bearer {token}"}
    assert requests.get(url, headers=headers, timeout=10).status_code == 401
    # Refusals are held against the description too.
    assert [heard.status for heard in github.exchanges] == [401, 401]


def test_what_the_rules_ask_for_holds_but_for_an_administrator(github: LocalGithub) -> None:
    github.settings.required_approvals = 1
    proposed(github)
    with pytest.raises(Refusal, match="approving review is required"):
        github.merge("carol", 1)
    github.merge("grace", 1, admin=True)
    assert github.pulls[1].state == "MERGED"


def activity(github: LocalGithub, query: str = "") -> list[dict[str, object]]:
    found = call(github, "bob", "GET", f"{REPOSITORY}/activity{query}")
    return [
        {
            "type": row["activity_type"],
            "who": row["actor"] and row["actor"]["login"],
            "branch": row["ref"].removeprefix("refs/heads/"),
            "after": row["after"],
        }
        for row in found.json()
    ]


def test_the_activity_tells_who_pushed_whoever_the_commit_names(github: LocalGithub) -> None:
    alice = github.users["alice"].ident
    made = github.commit("carol", "mine", {FILE: "x\n"}, author=alice, committer=alice)
    pushed = github.commit("bob", "mine", {FILE: "y\n"}, author=alice, committer=alice)
    forced = github.commit("carol", "mine", {FILE: "z\n"}, onto=github.bare.tip("main"))
    merged = github.merge("grace", github.open_pull("alice", "mine", "Mine"))
    github.bare.move("mine", "")
    github.notice("alice")
    assert [tuple(row.values()) for row in activity(github)] == [
        ("branch_deletion", "alice", "mine", "0" * 40),
        ("pr_merge", "grace", "main", merged),
        ("force_push", "carol", "mine", forced),
        ("push", "bob", "mine", pushed),
        ("branch_creation", "carol", "mine", made),
    ]


def test_a_push_past_the_sign_in_is_the_committers(github: LocalGithub, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", str(github.bare.path), "clone")
    clone = tmp_path / "clone"
    git(clone, "commit", "-q", "--allow-empty", "-m", "Mine")
    git(clone, "push", "-q", "origin", "HEAD:mine")
    assert [row["who"] for row in activity(github)] == ["alice"]


def test_the_activity_is_paged_and_filtered(github: LocalGithub) -> None:
    for branch in ("a", "b", "a", "b", "a"):
        github.commit("alice", branch, {FILE: f"{github.count()}\n"})
    assert [row["branch"] for row in activity(github, "?ref=refs/heads/b")] == ["b", "b"]
    assert [row["branch"] for row in activity(github, "?ref=b&direction=asc")] == ["b", "b"]
    assert activity(github, "?actor=bob") == []
    assert len(activity(github, "?activity_type=branch_creation&time_period=day")) == 2
    url = f"{REPOSITORY}/activity?per_page=2"
    seen: list[int] = []
    while url:
        page = call(github, "bob", "GET", url)
        seen += [row["id"] for row in page.json()]
        github.commit("alice", "c", {FILE: f"{github.count()}\n"})  # moves no page
        url = page.links.get("next", {}).get("url", "").partition(github.url)[2]  # type: ignore[attr-defined]
    assert seen == [5, 4, 3, 2, 1]
