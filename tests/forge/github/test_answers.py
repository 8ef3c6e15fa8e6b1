"""Answers that are well-formed JSON and not what was asked for: nothing is concluded from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.forge.base import Credentials, ForgeError, ForgeReader, Want
from reconciler.forge.github import open_reader
from reconciler.forge.github.calls import open_calls
from reconciler.forge.github.nodes import Page, SeenCommit, SeenPull
from reconciler.forge.github.whole import Rest
from reconciler.model import Account, ForgeKind, ForgeSettings
from reconciler.sandbox.http import HttpServer
from tests.forge.github.world import FAST, GRANT

COMMIT = "1" * 40
HEAD = "2" * 40
SETTINGS = ForgeSettings(ForgeKind.GITHUB, "acme/access", "main", "https://github.example.com")
Reply = Callable[[dict[str, Any]], None]
Ask = Callable[[Reply], ForgeReader]


def page(*nodes: Any) -> dict[str, Any]:
    last = {"hasNextPage": False, "endCursor": None}
    return {"nodes": list(nodes), "pageInfo": last, "totalCount": len(nodes)}


def answer() -> dict[str, Any]:
    alice = {"__typename": "User", "login": "alice", "databaseId": 1}
    by = {"name": "Alice", "email": "alice@example.com", "user": alice}
    commit = {"oid": HEAD, "committer": by, "signature": {"isValid": False}, "authors": page(by)}
    review = {
        "id": "PRR_1",
        "state": "APPROVED",
        "submittedAt": "2026-03-01T09:00:00Z",
        "author": {"__typename": "User", "login": "bob", "databaseId": 2},
        "commit": {"oid": HEAD, "f0": {"oid": "3" * 40}},
    }
    pull = {
        "number": 1,
        "url": "https://github.com/acme/access/pull/1",
        "title": "Ask",
        "state": "MERGED",
        "merged": True,
        "mergedAt": "2026-03-01T10:00:00Z",
        "baseRefName": "main",
        "baseRepository": {"nameWithOwner": "Acme/Access"},
        "createdAt": "2026-03-01T08:00:00Z",
        "headRefName": "mine",
        "headRefOid": HEAD,
        "isCrossRepository": True,
        "author": alice,
        "mergedBy": alice,
        "mergeCommit": {"oid": COMMIT},
        "reviews": page(review),
        "commits": page({"commit": commit}),
        "head": {"nodes": [{"commit": {"oid": HEAD, "f0": {"oid": "3" * 40}}}]},
        "timelineItems": page(),
    }
    node = {"oid": COMMIT, "associatedPullRequests": page(pull)}
    return {"data": {"repository": {"nameWithOwner": "acme/access", "c0": node}}}


def first(whole: dict[str, Any]) -> Any:
    return whole["data"]["repository"]["c0"]["associatedPullRequests"]["nodes"][0]


@pytest.fixture
def ask() -> Iterator[Ask]:
    servers: list[HttpServer] = []

    def asked(change: Reply) -> ForgeReader:
        whole = answer()
        change(whole)
        body = json.dumps(whole).encode()

        def app(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
            environ["wsgi.input"].read()
            start("200 OK", [("Content-Length", str(len(body)))])
            return [body]

        servers.append(HttpServer(app))
        settings = replace(SETTINGS, url=servers[-1].start())
        return open_reader(settings, Credentials("local-token"), FAST)

    yield asked
    for server in servers:
        server.stop()


WANT = Want(COMMIT, GRANT, "3" * 40)


def test_the_answer_as_it_should_be(ask: Ask) -> None:
    ((_, evidence),) = ask(lambda whole: None).evidence([WANT])
    (pull,) = evidence.pulls
    assert (str(pull.author), str(pull.reviews[0].account)) == ("alice", "bob")
    assert pull.unsigned == (HEAD,)  # a signature that is not valid is none


def test_a_pull_request_of_another_repository_does_not_count(ask: Ask) -> None:
    def change(whole: dict[str, Any]) -> None:
        first(whole)["baseRepository"]["nameWithOwner"] = "mallory/access"

    ((_, evidence),) = ask(change).evidence([WANT])
    assert evidence.pulls == ()


CHANGES: dict[str, Reply] = {
    "another commit": lambda w: w["data"]["repository"]["c0"].update(oid="4" * 40),
    "no alias": lambda w: w["data"]["repository"].pop("c0"),
    "no repository": lambda w: w["data"].update(repository=None),
    "no data": lambda w: w.update(data=None),
    "errors beside the data": lambda w: w.update(errors=[{"message": "half of it failed"}]),
    "errors without words": lambda w: w.update(errors=[{}]),
    "a rate limit": lambda w: w.update(errors=[{"type": "RATE_LIMITED", "message": "later"}]),
    "a time without offset": lambda w: first(w).update(mergedAt="2026-03-01T10:00:00"),
    "no time": lambda w: first(w).update(mergedAt=None),
    "no reviews": lambda w: first(w).update(reviews=None),
    "a hidden review": lambda w: first(w)["reviews"].update(nodes=[None]),
    "a review too few": lambda w: first(w)["reviews"].update(totalCount=2),
    "an author too few": lambda w: first(w)["commits"]["nodes"][0]["commit"]["authors"].update(
        totalCount=2
    ),
    "a pull request too few": lambda w: w["data"]["repository"]["c0"][
        "associatedPullRequests"
    ].update(totalCount=2),
    "no cursor": lambda w: first(w)["reviews"]["pageInfo"].update(hasNextPage=True),
    "a blob without id": lambda w: first(w)["head"]["nodes"][0]["commit"].update(f0={"oid": None}),
    "a file that was not answered": lambda w: first(w)["head"]["nodes"][0]["commit"].pop("f0"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_nothing_is_concluded_from(ask: Ask, name: str) -> None:
    with pytest.raises(ForgeError):
        list(ask(CHANGES[name]).evidence([WANT]))


def test_a_forks_pull_request_is_not_ours(ask: Ask) -> None:
    def change(whole: dict[str, Any]) -> None:
        listed = page({"number": 1, "isCrossRepository": True})
        whole["data"]["repository"] = {"pullRequests": listed}

    assert ask(change).open_pull("main") is None


def test_files_at_the_head_are_fetched_where_it_is_not_the_last_listed_commit() -> None:
    """Then a further call is made: here there is nobody to answer it."""
    none: Page[Any] = Page((), "", 0)
    commit = SeenCommit(HEAD, Page((Account("1"),), "", 1), None, True)
    seen = SeenPull(
        1, "", "", "main", "acme/access", "5" * 40, None, None, None,
        none, Page((commit,), "", 1), none, HEAD, (), "mine", False, datetime.now(UTC),
    )  # fmt: skip
    nobody = replace(SETTINGS, url="http://127.0.0.1:9")
    rest = Rest(open_calls(nobody, Credentials("local-token"), FAST))
    with pytest.raises(ForgeError, match=f"read files at {'5' * 40}"):
        rest.of(seen, (GRANT,))
    assert rest.of(replace(seen, head=HEAD), (GRANT,)).tip == HEAD
