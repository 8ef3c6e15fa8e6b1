"""IAM statements as text that can be compared, and as a policy document that ends. Pure.

Equal content is equal text: keys sorted, one value and a list of one alike, actions in lower case
(IAM does not distinguish their case, and so a rule about `iam:*` cannot be evaded by `IAM:*`),
statements in a fixed order. What a live document says beyond that shows as other text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reconciler.errors import ItemError

_VERSION = "2012-10-17"
_OPERATOR, _KEY = "DateLessThan", "aws:CurrentTime"
_FOLDED = frozenset({"Action", "NotAction"})
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: all inline policies
# of one entity together, white space not counted; and the characters that IAM takes.
SIZES: Mapping[str, int] = {"user": 2048, "role": 10240}
_CHARACTERS = re.compile(r"[\t\n\r\x20-\xff]*")
_LONGEST_END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def declared(statements: Sequence[Mapping[str, Any]], entity: str) -> str:
    """The canonical text of what a grant asks for. `entity` is "user" or "role", for the size.

    Raises ItemError for what no policy of ours may say.
    """
    for number, statement in enumerate(statements):
        _check(f"statements[{number}]", statement)
    sids = [s["Sid"] for s in statements if "Sid" in s]
    if len(sids) != len(set(sids)):
        raise ItemError("statements", "a Sid occurs twice", "give each statement its own Sid")
    text = _text(statements)
    if not _CHARACTERS.fullmatch(text):
        raise ItemError(
            "statements", "a character beyond U+00FF", "write what IAM takes: U+0020 to U+00FF"
        )
    size = len(re.sub(r"\s", "", document(text, _LONGEST_END)))
    if size > SIZES[entity]:
        raise ItemError(
            "statements",
            f"{size} characters as a policy, an IAM {entity} holds at most {SIZES[entity]}",
            "write fewer or wider statements, or use a permission set",
        )
    return text


def _check(field: str, statement: Mapping[str, Any]) -> None:
    effect = statement.get("Effect")
    if effect == "Deny":
        raise ItemError(
            f"{field}.Effect",
            "'Deny', which widens access when it expires",
            "write Allow statements that leave it out",
        )
    if effect != "Allow":
        raise ItemError(f"{field}.Effect", f"{effect!r} is no effect", "write Allow")
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource")):
        if (one in statement) == (other in statement):
            raise ItemError(field, f"needs {one} or {other}", f"write exactly one, best {one}")
    for operator, keys in statement.get("Condition", {}).items():
        if operator.casefold() == _OPERATOR.casefold() and any(_is_ours(key) for key in keys):
            raise ItemError(
                f"{field}.Condition.{operator}",
                f"{_KEY} is where the end of the grant is written",
                "leave it out, and write `expires` in the grant",
            )


def document(text: str, until: datetime | None) -> str:
    """The policy document: the statements of `text`, each ending at `until` (None: no end)."""
    statements = json.loads(text)
    if until is not None:
        end = until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for statement in statements:
            statement.setdefault("Condition", {}).setdefault(_OPERATOR, {})[_KEY] = end
    return _compact({"Version": _VERSION, "Statement": statements})


def live(policy: Mapping[str, Any] | str) -> tuple[str, datetime | None]:
    """A live document as (text, end). Only an end that every statement carries counts as one:
    otherwise it stays in the text, which then equals nothing that we would write."""
    if not isinstance(policy, Mapping):
        return policy, None  # the SDK could not parse it
    statements = policy.get("Statement", [])
    if isinstance(statements, Mapping):
        statements = [statements]
    if set(policy) - {"Version", "Statement"} or policy.get("Version") != _VERSION:
        return _compact(policy), None
    if not all(isinstance(s, Mapping) for s in statements):
        return _compact(policy), None
    ends = {_end(statement) for statement in statements}
    if len(ends) == 1 and (end := ends.pop()) is not None:
        return _text([_without_end(s) for s in statements]), end
    return _text(statements), None


def _end(statement: Mapping[str, Any]) -> datetime | None:
    value = _mapping(_mapping(statement.get("Condition")).get(_OPERATOR)).get(_KEY)
    if not isinstance(value, str):
        return None
    try:
        return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _without_end(statement: Mapping[str, Any]) -> dict[str, Any]:
    conditions = dict(statement["Condition"])
    conditions[_OPERATOR] = {k: v for k, v in conditions[_OPERATOR].items() if k != _KEY}
    kept = {operator: keys for operator, keys in conditions.items() if keys}
    rest = {k: v for k, v in statement.items() if k != "Condition"}
    return {**rest, "Condition": kept} if kept else rest


def _text(statements: Sequence[Mapping[str, Any]]) -> str:
    return "[" + ",".join(sorted(_compact(_normal(s)) for s in statements)) + "]"


def _normal(statement: Mapping[str, Any]) -> dict[str, Any]:
    normal: dict[str, Any] = {}
    for key, value in statement.items():
        if key == "Condition":
            normal[key] = {
                operator: {k: _values(v) for k, v in _mapping(keys).items()}
                for operator, keys in _mapping(value).items()
            }
        else:
            values = _values(value)
            normal[key] = _folded(values) if key in _FOLDED else values
    return normal


def _values(value: Any) -> str | list[str]:
    """One value as text, several as a sorted list without repetitions."""
    listed = value if isinstance(value, list) else [value]
    texts = sorted({v if isinstance(v, str) else json.dumps(v) for v in listed})
    return texts[0] if len(texts) == 1 else texts


def _folded(values: str | list[str]) -> str | list[str]:
    return values.lower() if isinstance(values, str) else _values([v.lower() for v in values])


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_ours(key: str) -> bool:
    return key.casefold() == _KEY.casefold()


def _compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
