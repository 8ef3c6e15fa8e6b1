from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.errors import ItemError
from reconciler.providers.aws.statements import declared, document, live

END = datetime(2026, 12, 1, 18, tzinfo=UTC)
READ: dict[str, Any] = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"}
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def test_what_was_written_reads_back_as_declared_with_its_end() -> None:
    text = declared([READ, {**READ, "Action": ["s3:PutObject"], "Condition": MFA}], "user")
    assert live(json.loads(document(text, END))) == (text, END)
    assert live(json.loads(document(text, None))) == (text, None)


def test_every_statement_ends_and_keeps_the_conditions_of_its_author() -> None:
    own = {**MFA, "DateLessThan": {"aws:TokenIssueTime": "2030-01-01T00:00:00Z"}}
    text = declared([READ, {**READ, "Sid": "Second", "Condition": own}], "user")
    statements = json.loads(document(text, END))["Statement"]
    ends = [s["Condition"]["DateLessThan"]["aws:CurrentTime"] for s in statements]
    assert ends == ["2026-12-01T18:00:00Z"] * 2
    second = next(s for s in statements if "Sid" in s)
    assert second["Condition"]["Bool"] == MFA["Bool"]
    assert second["Condition"]["DateLessThan"]["aws:TokenIssueTime"] == "2030-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "other",
    [
        [{"Resource": ["arn:aws:s3:::a/*"], "Action": ["S3:getobject"], "Effect": "Allow"}],
        [{**READ, "Action": ["s3:GetObject", "s3:getObject"]}],
    ],
)
def test_equal_content_is_equal_text(other: list[dict[str, Any]]) -> None:
    assert declared(other, "user") == declared([READ], "user")


def test_order_means_nothing_and_the_case_of_a_resource_does() -> None:
    put = {**READ, "Action": "s3:PutObject"}
    assert declared([READ, put], "user") == declared([put, READ], "user")
    shouted = {**READ, "Resource": "arn:aws:s3:::A/*"}
    assert declared([shouted], "user") != declared([READ], "user")


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"Effect": "Deny"}, "statements[0].Effect", "widens access when it expires"),
        ({"Effect": "allow"}, "statements[0].Effect", "no effect"),
        ({"NotAction": "iam:*"}, "statements[0]", "exactly one"),
        (
            {"Condition": {"datelessthan": {"AWS:CurrentTime": "2099-01-01T00:00:00Z"}}},
            "statements[0].Condition.datelessthan",
            "expires",
        ),
        ({"Resource": "arn:aws:s3:::\u20ac"}, "statements", "U\\+00FF"),
        ({"Resource": "x" * 2000}, "statements", "at most 2048"),
    ],
)
def test_what_no_policy_of_ours_may_say_is_refused(
    change: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(ItemError, match=words) as caught:
        declared([{**READ, **change}], "user")
    assert caught.value.field == field


def test_a_sid_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ItemError, match="Sid occurs twice"):
        declared([{**READ, "Sid": "A"}, {**READ, "Sid": "A", "Action": "s3:Put*"}], "user")


def test_a_role_holds_more_than_a_user() -> None:
    long = [{**READ, "Resource": "x" * 2000}]
    assert declared(long, "role")
    with pytest.raises(ItemError, match="an IAM role holds at most 10240"):
        declared([{**READ, "Resource": "x" * 10_200}], "role")


def test_white_space_does_not_count_against_the_size() -> None:
    assert declared([{**READ, "Resource": "x " * 900 + "  " * 900}], "user")


def tampered(change: Any) -> dict[str, Any]:
    policy: dict[str, Any] = json.loads(
        document(declared([READ, {**READ, "Sid": "B"}], "user"), END)
    )
    change(policy)
    return policy


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["Statement"][0].pop("Condition"),
        lambda p: p["Statement"][0]["Condition"]["DateLessThan"].update(
            {"aws:CurrentTime": "2099-01-01T00:00:00Z"}
        ),
        lambda p: p["Statement"][0].update(Effect="Deny"),
        lambda p: p["Statement"][0].update(Principal="*"),
        lambda p: p["Statement"].append({**READ, "Action": "*"}),
        lambda p: p.update(Version="2008-10-17"),
        lambda p: p.update(Id="x"),
    ],
)
def test_tampered_content_differs(change: Any) -> None:
    text, _ = live(tampered(lambda p: None))
    assert live(tampered(change))[0] != text


def test_an_end_that_not_every_statement_carries_is_no_end() -> None:
    assert live(tampered(lambda p: p["Statement"][0].pop("Condition")))[1] is None


def test_an_end_that_was_stripped_everywhere_leaves_the_content_and_no_end() -> None:
    text, _ = live(tampered(lambda p: None))
    stripped = tampered(lambda p: [s.pop("Condition") for s in p["Statement"]])
    assert live(stripped) == (text, None)


def test_a_live_document_may_hold_one_statement_and_values_that_are_no_text() -> None:
    single = {
        "Version": "2012-10-17",
        "Statement": {**READ, "Condition": {"Bool": {"aws:MultiFactorAuthPresent": True}}},
    }
    assert live(single)[0] == declared([{**READ, "Condition": MFA}], "user")


def test_a_document_that_the_sdk_could_not_parse_is_shown_as_it_is() -> None:
    assert live("{not json") == ("{not json", None)
