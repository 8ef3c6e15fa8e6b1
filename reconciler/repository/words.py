"""Small pieces of wording that errors share. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from reconciler.providers import PROVIDERS


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A fix, "" when no right word is near."""
    near = nearest(word, known)
    return f"did you mean `{near}`?" if near else ""


def absent_system(name: str, known: Iterable[str]) -> str:
    """A fix for a system that reconciler.yaml lacks, "" when nothing can be guessed. Another
    vendor's product is no slip of the pen."""
    if name in PROVIDERS:
        return "add it under `systems:` in reconciler.yaml"
    return did_you_mean(name, known)


def nearest(word: str, known: Iterable[str]) -> str:
    """The nearest right word; "" when none is near. Of addresses, one part must be right."""
    local, at, domain = word.partition("@")
    if at:
        addresses = [k.partition("@") for k in known]
        same = {name: f"{name}@{there}" for name, _, there in addresses if there == domain}
        near = get_close_matches(local, same, 1, 0.6)
        if near:
            return same[near[0]]
        same = {there: f"{name}@{there}" for name, _, there in addresses if name == local}
        near = get_close_matches(domain, same, 1, 0.6)
        return same[near[0]] if near else ""
    folded = {k.lower().replace("-", "_"): k for k in known}
    near = get_close_matches(word.lower().replace("-", "_"), list(folded), 1, 0.6)
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
