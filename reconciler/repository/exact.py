"""`jsonschema` with the verdicts of the fast gate, to say of a file that failed where it is wrong.
Never the gate itself: it is imported only when a file fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from jsonschema import (
    Draft202012Validator,
    ValidationError,
)
from jsonschema.validators import extend

_DOLLAR = re.compile(r"(\\.|\[(?:\\.|[^\]\\])*\])|\$")  # an escape, a class, or the sign itself


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    """ECMA-262 as JSON schema asks, and as the fast gate does it: `$` is the very end, and the
    classes are ASCII. Python's own `$` would let a line break through."""
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(_DOLLAR.sub(lambda m: m[1] or r"\Z", pattern), re.ASCII)


Exact = extend(Draft202012Validator, {"pattern": _pattern})
