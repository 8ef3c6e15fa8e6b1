"""What we ask and what the local GitHub answers is what GitHub describes. The other tests of this
folder hold every exchange of theirs against it; here is what they would not see."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLNamedType,
    GraphQLSchema,
    GraphQLUnionType,
    is_required_argument,
)

from reconciler.forge.github import documents
from reconciler.forge.github.documents import Paths
from reconciler.sandbox.github.graph import schema
from tests.forge.github.described import check, check_document, github_schema
from tests.forge.github.world import World

PATHS = Paths(("a.yaml", "b.yaml"))
FILES = PATHS.variables
HERE: dict[str, Any] = {"owner": "acme", "name": "access"}


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        (
            documents.evidence([("1" * 40, PATHS.all), ("2" * 40, PATHS.all[1:])], PATHS),
            {"o0": "1" * 40, "o1": "2" * 40, **FILES},
        ),
        (documents.more_pulls(PATHS.all, PATHS), {"oid": "1" * 40, "after": "x", **FILES}),
        (documents.pull(PATHS), {"number": 1, **FILES}),
        (documents.pull(Paths(())), {"number": 1}),
        (documents.open_pulls(), {"branch": "b", "base": "main"}),
        (documents.more_reviews(PATHS), {"number": 1, "after": "x", **FILES}),
        (documents.more_commits(), {"number": 1, "after": "x"}),
        (documents.more_events(), {"number": 1, "after": "x"}),
        (documents.more_authors(), {"oid": "1" * 40, "after": "x"}),
        (documents.contents(PATHS), {"oid": "1" * 40, **FILES}),
        (documents.MERGE_METHOD, {}),
    ],
)
def test_every_document_is_valid_by_githubs_schema(text: str, variables: dict[str, Any]) -> None:
    check_document(text, {**HERE, **variables})


def test_the_question_who_we_are_is_valid_too() -> None:
    check_document(documents.VIEWER, {})


def test_a_full_question_stays_within_githubs_limits() -> None:
    """500,000 nodes at most; a point is a hundred pages that it could have, and a workflow's own
    token has 1,000 points an hour."""
    pulls, reviews, commits = documents.PULLS, documents.REVIEWS, documents.COMMITS
    each = pulls * (1 + reviews + commits * (1 + documents.AUTHORS) + 1 + documents.EVENTS)
    assert 50 * each < 500_000
    pages = 50 + 50 * pulls * 4 + 50 * pulls * commits
    assert pages / 100 < 50


def fields(one: GraphQLNamedType) -> dict[str, Any]:
    return dict(getattr(one, "fields", {}))


def shared(mine: GraphQLSchema, theirs: GraphQLSchema) -> list[tuple[Any, Any]]:
    own = {name: t for name, t in mine.type_map.items() if not name.startswith("__")}
    assert set(own) <= set(theirs.type_map)
    return [(t, theirs.type_map[name]) for name, t in own.items()]


def test_the_local_schema_is_a_part_of_githubs() -> None:
    for mine, theirs in shared(schema(), github_schema()):
        assert type(mine) is type(theirs), mine
        if isinstance(mine, GraphQLEnumType):
            assert set(mine.values) <= set(theirs.values)
        if isinstance(mine, GraphQLUnionType):
            assert {str(t) for t in mine.types} <= {str(t) for t in theirs.types}
        interfaces = {str(i) for i in getattr(mine, "interfaces", ())}
        assert interfaces <= {str(i) for i in getattr(theirs, "interfaces", ())}
        for name, own in fields(mine).items():
            its = fields(theirs)[name]
            assert str(own.type) == str(its.type), (mine, name)
            arguments = {key: str(a.type) for key, a in own.args.items()}
            assert arguments.items() <= {key: str(a.type) for key, a in its.args.items()}.items()
            required = {key for key, a in its.args.items() if is_required_argument(a)}
            assert required <= set(own.args), (mine, name)


def test_a_document_that_github_would_refuse_is_noticed() -> None:
    with pytest.raises(AssertionError):
        check_document("query { viewer { databaseID } }", {})
    with pytest.raises(AssertionError):
        check_document("query($n: Int!) { viewer { login } }", {"n": 1})


def test_an_answer_that_github_would_not_give_is_noticed(world: World) -> None:
    number = world.proposed()
    world.writer.comment(number, "text", "check")
    made = next(e for e in world.github.exchanges if e.method == "POST" and "issues" in e.path)
    check(made)
    for wrong in (
        replace(made, answer={k: v for k, v in made.answer.items() if k != "user"}),
        replace(made, answer={**made.answer, "id": "1"}),
        replace(made, sent={}),
        replace(made, sent={"body": "x", "more": "x"}),
        replace(made, path="/repos/acme/access/issues/1/remarks"),
        replace(made, status=202),
    ):
        with pytest.raises(AssertionError):
            check(wrong)
