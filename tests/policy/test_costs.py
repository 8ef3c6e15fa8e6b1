"""Expressions whose time or memory would grow by powers are refused before they are asked."""

from __future__ import annotations

import pytest

from reconciler.policy.cel import check_expression
from tests.policy.build import case, forbid, laws, permit

DEEP = "it has macros more than 3 deep, within or after one another"
JOINS = "it joins texts or lists with `+` within a macro, and they could grow"

BOMBS = {
    "a text that doubles": ("[grant.reason]" + ".map(a, a + a)" * 20 + "[0].size() == 1", JOINS),
    "bytes that double": ("[b'a']" + ".map(a, a + a)" * 20 + "[0].size() == 1", JOINS),
    "a list that doubles": ("[[1]]" + ".map(a, a + a)" * 25 + "[0].size() == 1", JOINS),
    "doubling of any type": ("['a'].exists(a, dyn(a) + dyn(a) == 'aa')", JOINS),
    "doubling within one another": ("['a'].exists(a, [a + a].exists(b, b == 'aa'))", JOINS),
    "doubling in a value of a map": ("{'a': ['b'].map(x, x + x)} == {}", JOINS),
    "doubling where a macro's result is looked at": ("['b'].map(x, x + x)[0] == 'bb'", JOINS),
    "doubling under the name of an input": ("['a'].map(grant, grant + grant)[0] == 'aa'", JOINS),
    "the same text in very many rounds": (
        "[1].all(x, [1].all(y, (grant.reason + grant.reason).size() > 0))",
        JOINS,
    ),
    "lists that hold themselves twice": (
        "[['a']]" + ".map(a, [a, a])" * 26 + "[0] in [['a']]" + ".map(a, [a, a])" * 26,
        DEEP,
    ),
    "maps that hold themselves twice": (
        "[{'k': 'a'}]" + ".map(a, {'x': a, 'y': a})" * 20 + " == []",
        DEEP,
    ),
    "macros within macros": (
        "[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))",
        DEEP,
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_an_expression_that_could_grow_by_powers_is_refused_and_gives_nothing(name: str) -> None:
    text, why = BOMBS[name]
    assert check_expression(text) == (why, 1)
    by = laws(permit(when=text))
    assert not by.decide(case(by)).permitted
    by = laws(forbid(when=text), permit())
    assert not by.decide(case(by)).permitted


USEFUL = [
    "subject.groups.exists(g, g.startsWith('pay') || ['a', 'b'].exists(x, g == x))",
    "subject.groups.filter(g, g != 'a').exists(g, g in ['payments', 'leads'])",
    "subject.groups.map(g, g != 'a', g).map(g, [g, g]).exists(g, g[0] == 'payments')",
    "subject.groups.exists(g, 'team-' + access.system != g)",
    "subject.groups.all(g, size(g) + 1 < 30) && grant.starts + duration('1h') <= grant.expires",
    "subject.groups.exists_one(g, g == 'payments')" + " && [1].all(x, x == 1)" * 9,
    "'team-' + access.system + grant.reason + grant.path != ''",
    "{'a': 'b'}.all(k, k == 'a') && subject.attributes.all(k, k != 'x' + 'y')",
]


@pytest.mark.parametrize("text", USEFUL)
def test_what_people_write_is_not_refused(text: str) -> None:
    assert check_expression(text) is None
    by = laws(permit(when=text))
    assert by.decide(case(by)).permitted


def test_an_expression_goes_round_only_so_often() -> None:
    ones = f"[{','.join('1' * 200)}]"
    by = laws(permit(when=f"{ones}.all(a, {ones}.all(b, {ones}.all(c, true)))"))
    ruling = by.decide(case(by))
    assert not ruling.permitted
    assert "its `when` failed: Iteration budget exceeded" in ruling.reasons[1]
