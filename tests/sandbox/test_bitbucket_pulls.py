"""The local Bitbucket Cloud answers pull-request calls, and is asked, as the vendor's description
says. Data Center has no description in any package registry: its documentation was followed by hand.

data/bitbucket/cloud.openapi.json says where it is from. Real answers give null for what is absent,
where the description knows no null: nulls are left out before the comparison.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator
from werkzeug.wrappers import Request, Response

from reconciler.forge import bitbucket
from reconciler.forge.base import Credentials, Draft, State, Want
from reconciler.forge.bitbucket import answers
from reconciler.forge.bitbucket.history import Head, Said
from reconciler.model import Account, ForgeKind, ForgeSettings
from reconciler.sandbox.bare import Bare, GitRefused
from reconciler.sandbox.bitbucket_cloud import User
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.pulls import Book, LocalCloudPulls
from reconciler.sandbox.pulls.book import token

DATA = Path(__file__).parents[1] / "data" / "bitbucket" / "cloud.openapi.json"
DESCRIPTION = json.loads(DATA.read_text())
PATH = "grants/alice.yaml"


@dataclass
class Exchange:
    method: str
    path: str
    sent: object
    status: int
    body: object


@dataclass
class Recording(LocalCloudPulls):
    exchanges: list[Exchange] = field(default_factory=list)

    def _answers(self) -> dict[str, Callable[..., Response]]:
        return {name: self._kept(answer) for name, answer in super()._answers().items()}

    def _kept(self, answer: Callable[..., Response]) -> Callable[..., Response]:
        def kept(request: Request, **values: Any) -> Response:
            response = answer(request, **values)
            body = json.loads(response.get_data()) if response.is_json else None
            sent = request.get_json(silent=True)
            path = request.path.removeprefix("/2.0")
            self.exchanges.append(Exchange(request.method, path, sent, response.status_code, body))
            return response

        return kept


@pytest.fixture
def local(tmp_path: Path) -> Recording:
    book = Book(Bare(tmp_path / "access.git"), ("alice", "bob", "carol", "reconciler"))
    return Recording(book)


def described(exchange: Exchange) -> tuple[str, dict[str, Any]]:
    """The template that the path fits best: the one with the fewest holes."""
    fits = [
        (template.count("{"), template)
        for template in DESCRIPTION["paths"]
        if re.fullmatch(_pattern(template), exchange.path)
    ]
    assert fits, exchange.path
    template = min(fits)[1]
    return template, DESCRIPTION["paths"][template][exchange.method.lower()]


def _pattern(template: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: ".+" if m[1] == "path" else "[^/]+", template)


def schema_of(place: dict[str, Any]) -> dict[str, Any] | None:
    if "$ref" in place:
        kind, name = place["$ref"].split("/")[-2:]
        place = DESCRIPTION["components"][kind][name]
    content = place.get("content", {}).get("application/json", {})
    schema: dict[str, Any] | None = content.get("schema")
    return schema


def violations(schema: dict[str, Any], value: object) -> list[str]:
    whole = {**schema, "components": DESCRIPTION["components"]}
    found = Draft202012Validator(whole).iter_errors(without_nulls(value))
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in found]


def without_nulls(value: object) -> object:
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


def use(local: Recording) -> None:
    """Every call of the reader and the writer, and what people do."""
    url = local.start(Faults())
    settings = ForgeSettings(ForgeKind.BITBUCKET, local.repository, url=url)
    credentials = Credentials(token())
    reader = bitbucket.open_reader(settings, credentials)
    writer = bitbucket.open_writer(settings, credentials)
    book = local.book
    book.push("alice", "ask", {PATH: "subject: alice@example.com\n"})
    asked = (User("bob").uuid, User("reconciler").uuid)
    pull = writer.open(Draft("ask", "Access", "Please", asked))
    book.approve("bob", pull.number)
    old = pull.head
    book.push("alice", "ask", {PATH: "subject: bob@example.com\n"}, onto=book.bare.tip("main"))
    book.request_changes("carol", pull.number)
    assert old not in {commit.hash for commit in book.commits(book.pulls[pull.number])}
    for text in ("one", "two"):
        writer.comment(pull.number, text, "<!-- mark -->")
    head = reader.pull(pull.number, [PATH]).head
    writer.status(head, State.SUCCESS, "fine")
    writer.merge(pull.number, head)
    [(_, evidence)] = reader.evidence([Want(book.bare.tip("main"), PATH, "")])
    assert len(evidence.pulls) == 1
    book.bare.move("ask", "")
    reader.pull(pull.number, [])
    local.restrictions = [
        {"kind": "push", "branch_match_kind": "branching_model", "branch_type": "production",
         "type": "branchrestriction", "users": [], "groups": []}
    ]  # fmt: skip
    reader.protection()
    local.stop()


def test_answers_and_requests_are_as_described(local: Recording) -> None:
    use(local)
    wrong = []
    seen = set()
    for exchange in local.exchanges:
        template, operation = described(exchange)
        seen.add((template, exchange.method.lower()))
        name = f"{exchange.method} {exchange.path} {exchange.status}"
        assert str(exchange.status) in operation["responses"], name
        schema = schema_of(operation["responses"][str(exchange.status)])
        if schema and exchange.body is not None:
            wrong += [f"{name}: {v}" for v in violations(schema, exchange.body)]
        asked = schema_of(operation.get("requestBody", {}))
        if asked and exchange.sent is not None:
            # Requests need no `type`, though the objects they are described by have one.
            lacks = (v for v in violations(asked, exchange.sent) if "'type' is a req" not in v)
            wrong += [f"{name} sent: {v}" for v in lacks]
    assert wrong == []
    people = {"approve", "request-changes"}
    unused = {
        (path, method)
        for path, methods in DESCRIPTION["paths"].items()
        for method in methods
        if path.rpartition("/")[2] not in people
    }
    assert unused - seen == set()


def test_the_vendors_examples_of_activity_are_understood() -> None:
    examples = DESCRIPTION["activity_examples"]
    [head] = answers.story([examples["update"]])
    [said] = answers.story([examples["approval"]])
    assert isinstance(head, Head)
    assert isinstance(said, Said)
    assert head.by == said.account == Account("{}", shown="Name")
    assert (len(head.commit), said.at.isoformat()) == (12, "2019-09-27T00:37:19.849534+00:00")


def test_local_activity_has_the_keys_of_the_examples(local: Recording) -> None:
    use(local)
    rows = [
        row
        for exchange in local.exchanges
        if exchange.path.endswith("/activity") and isinstance(exchange.body, dict)
        for row in exchange.body["values"]
    ]
    for key, example in DESCRIPTION["activity_examples"].items():
        found = [row[key] for row in rows if key in row]
        assert found
        for row in found:
            assert set(example[key]) <= set(row)
            assert {"update": "source", "approval": "user"}[key] in row


def test_people_can_speak_over_http_too(local: Recording) -> None:
    url = f"{local.start(Faults())}/2.0/repositories/{local.repository}/pullrequests"
    local.book.push("alice", "ask", {PATH: "subject: alice@example.com\n"})
    number = local.book.open_pull("alice", "ask", "Access").number
    bob = {"Authorization": f"Bearer {token('bob')}"}
    answer = requests.post(f"{url}/{number}/approve", headers=bob, timeout=10)
    assert (answer.status_code, answer.json()["state"]) == (200, "approved")
    assert requests.delete(f"{url}/{number}/approve", headers=bob, timeout=10).status_code == 204
    assert requests.post(f"{url}/{number}/approve", timeout=10).status_code == 401
    local.stop()


def test_merges_are_real_commits(tmp_path: Path) -> None:
    bare = Bare(tmp_path / "access.git")
    book = Book(bare, ("alice",))
    start = bare.tip("main")
    for n, strategy in enumerate(("merge_commit", "squash")):
        book.push("alice", f"ask{n}", {f"grants/{n}.yaml": "x\n"})
        number = book.open_pull("alice", f"ask{n}", "Access").number
        merged = book.merge("alice", number, strategy)
        parents = bare.facts(merged).parents
        assert (parents[0], len(parents)) == (start, 2 if strategy == "merge_commit" else 1)
        assert bare.read(merged, f"grants/{n}.yaml") == b"x\n"
        start = merged
    book.push("alice", "late", {"grants/late.yaml": "x\n"}, onto=bare.full(f"{start}~1"))
    number = book.open_pull("alice", "late", "Late").number
    with pytest.raises(GitRefused, match="has commits"):
        book.merge("alice", number, "fast_forward")


def test_what_conflicts_with_the_main_line_is_not_merged(tmp_path: Path) -> None:
    book = Book(Bare(tmp_path / "access.git"), ("alice",))
    book.push("alice", "ask", {PATH: "one\n"})
    number = book.open_pull("alice", "ask", "Access").number
    late = book.push("alice", "main", {PATH: "other\n"})
    for strategy in ("merge_commit", "squash"):
        with pytest.raises(GitRefused, match="conflicts with main"):
            book.merge("alice", number, strategy)
    assert (book.bare.tip("main"), book.pulls[number].merged) == (late, "")
