"""Small pieces of wording that errors share."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A fix, "" when no right word is near."""
    near = nearest(word, known)
    return f"did you mean `{near}`?" if near else ""


def nearest(word: str, known: Iterable[str]) -> str:
    folded = {k.lower().replace("-", "_"): k for k in known}
    alike = 0.85 if "@" in word else 0.6  # addresses are alike by their domain alone
    near = get_close_matches(word.lower().replace("-", "_"), list(folded), 1, alike)
    return folded[near[0]] if near else ""


def ticked(words: Iterable[str], conjunction: str = "or") -> str:
    each = [f"`{word}`" for word in words]
    if len(each) < 2:
        return "".join(each)
    return f"{', '.join(each[:-1])} {conjunction} {each[-1]}"


def shown(value: object) -> str:
    """A value as it stands in an error: short, on one line, with nothing that a terminal obeys."""
    text = value if isinstance(value, str) else repr(value)
    text = printable(text)
    return text if len(text) <= 80 else text[:77] + "..."


def printable(text: str) -> str:
    """Also of a path whose bytes are no UTF-8, which Python keeps as lone surrogates."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
