"""Regular expressions of rules, by RE2: the time that one takes grows with the text and no faster, so
that no ticket can stop a run. Never uses Python's own, which can take for ever over thirty characters.

RE2 comes with CEL, whose `matches` it is (cel-spec, doc/langdef.md: "regular expressions follow the RE2
syntax"), so a rule has one syntax in `ticket` and in `when`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

_WRONG = "invalid regular expression: "


@lru_cache(65536)
def fits(pattern: str, text: str) -> bool:
    """Whether all of the text is what the pattern says. A pattern that is none fits nothing."""
    return not wrong(pattern) and _said(_whole(pattern), text) is True


@lru_cache(1024)
def wrong(pattern: str) -> str:
    """Why it is no regular expression, "" where it is one."""
    for one in (pattern, _whole(pattern)):  # `a)|(b` is none, and would be one in brackets
        said = _said(one, "")
        if not isinstance(said, bool):
            return str(said).partition(_WRONG)[2].removesuffix(f": {one}") or str(said)
    return ""


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"


def _said(pattern: str, text: str) -> Any:
    return _program().eval(data={"pattern": pattern, "text": text}).value()


@lru_cache(1)
def _program() -> Any:
    """Imported here: a policy without patterns needs none of it."""
    from cel_expr_python import cel

    variables = dict.fromkeys(("pattern", "text"), cel.Type.STRING)
    return cel.NewEnv(variables=variables).compile("text.matches(pattern)")
