"""What YAML allows and an access repository does not, each with its own error at its place."""

from __future__ import annotations

import string

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.repository import characters, tree
from reconciler.repository.parse import read


def found(text: str | bytes, limit: int = characters.SMALL) -> list[tuple[str, str]]:
    data = text if isinstance(text, bytes) else text.encode()
    _, problems = read("grants/a.yaml", data, limit)
    return [(f"{p.position.line}:{p.position.column}", p.rule) for p in problems]


@pytest.mark.parametrize(
    ("text", "place", "rule"),
    [
        pytest.param("a: 1\na: 2\n", "2:1", "duplicate-key", id="duplicate key"),
        pytest.param('a: 1\n"a": 2\n', "2:1", "duplicate-key", id="duplicate key, quoted"),
        pytest.param("x: {a: 1, a: 2}\n", "1:11", "duplicate-key", id="duplicate key, flow"),
        pytest.param("a: &x 1\n", "1:4", "yaml-anchor", id="anchor"),
        pytest.param("a: &x [1]\n", "1:4", "yaml-anchor", id="anchor of a list"),
        pytest.param("&x a: 1\n", "1:1", "yaml-anchor", id="anchor of a key"),
        pytest.param("a: *x\n", "1:4", "yaml-alias", id="alias"),
        pytest.param("*x : 1\n", "1:1", "yaml-alias", id="alias as a key"),
        pytest.param("<<: {a: 1}\n", "1:1", "yaml-merge", id="merge key"),
        pytest.param("a: !!str 1\n", "1:4", "yaml-tag", id="tag"),
        pytest.param("a: !!python/name:os.system\n", "1:4", "yaml-tag", id="python tag"),
        pytest.param("a: ! x\n", "1:4", "yaml-tag", id="non-specific tag"),
        pytest.param("!!map\na: 1\n", "1:1", "yaml-tag", id="tag of the whole"),
        pytest.param("a: 1\n---\nb: 2\n", "2:1", "yaml-documents", id="two documents"),
        pytest.param("%YAML 1.1\n---\na: 1\n", "1:1", "yaml-directive", id="directive"),
        pytest.param("? [a, b]\n: c\n", "1:3", "yaml-key", id="list as a key"),
        pytest.param("a: " + "[" * 20 + "]" * 20 + "\n", "1:23", "yaml-depth", id="depth 21"),
        pytest.param("", "1:1", "empty-file", id="empty"),
        pytest.param("# nothing\n", "1:1", "empty-file", id="only a comment"),
        pytest.param("---\n", "1:1", "empty-file", id="only a marker"),
        pytest.param("a:\n\t- b\n", "2:1", "yaml-syntax", id="tab as indentation"),
        pytest.param("a: 'x\nb: 1\n", "1:4", "yaml-syntax", id="open quote"),
        pytest.param("a: [1, 2\nb: 3\n", "2:2", "yaml-syntax", id="open bracket"),
        pytest.param("a: b: c\n", "1:5", "yaml-syntax", id="two colons"),
        pytest.param("a: 1\u0085b: 2\n", "1:5", "hidden-character", id="U+0085"),
        pytest.param("a: 1\u2028b: 2\n", "1:5", "hidden-character", id="U+2028"),
        pytest.param("a: 1\u2029b: 2\n", "1:5", "hidden-character", id="U+2029"),
        pytest.param("a: 1\rb: 2\n", "1:5", "hidden-character", id="bare carriage return"),
        pytest.param("a: 1\x0b\n", "1:5", "hidden-character", id="control character"),
        pytest.param("a: \x1b[2K\n", "1:4", "hidden-character", id="escape"),
        pytest.param("a: x\u202ey\n", "1:5", "hidden-character", id="right-to-left override"),
        pytest.param("a: x\u2066y\n", "1:5", "hidden-character", id="bidirectional isolate"),
        pytest.param("a: x\u200by\n", "1:5", "hidden-character", id="zero-width space"),
        pytest.param("a: x\u200dy\n", "1:5", "hidden-character", id="zero-width joiner"),
        pytest.param("a: x\u00ady\n", "1:5", "hidden-character", id="soft hyphen"),
        pytest.param("a: x\ufeffy\n", "1:5", "hidden-character", id="BOM in the middle"),
        pytest.param("a: x\u00a0y\n", "1:5", "hidden-character", id="no-break space"),
        pytest.param("a: x\u3164y\n", "1:5", "hidden-character", id="Hangul filler"),
        pytest.param("a: x\U000e0041y\n", "1:5", "hidden-character", id="tag character"),
        pytest.param(b"\xef\xbb\xbfa: 1\n", "1:1", "encoding", id="byte order mark"),
        pytest.param("a: 1\n".encode("utf-16"), "1:1", "encoding", id="UTF-16"),
        pytest.param(b"a: 1\nb: \xff\n", "2:4", "encoding", id="not UTF-8"),
        pytest.param(b"a: \xc0\xaf\n", "1:4", "encoding", id="overlong UTF-8"),
        pytest.param("a: " + "x" * 198 + "\n", "1:201", "line-length", id="201 characters"),
        pytest.param("a: 1\n" * 14_000, "1:1", "file-size", id="over 64 KiB"),
    ],
)
def test_what_is_refused_is_refused_at_its_place(text: str | bytes, place: str, rule: str) -> None:
    assert (place, rule) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "a:\n\t- b\n",
        "a:\n  - b: 1\n\t  c: 2\n",
        "access:\n  - system: gcp\n  project: x\n",
        "a:\n  - b: 1\n    c: 2\n   d: 3\n",
        "  a: 1\nb: 2\n",
    ],
)
def test_a_tab_or_a_wrong_indentation_says_how_to_indent(text: str) -> None:
    [problem] = tree.build(text, "a.yaml").problems
    assert problem.fix == "indent with spaces, as the line above"


def test_a_sign_that_yaml_keeps_for_itself_says_to_quote() -> None:
    [problem] = tree.build("a: @x\n", "a.yaml").problems
    assert problem.fix == "quote the value"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a: 1\r\nb: 2\r\n", id="CRLF"),
        pytest.param("---\na: 1\n", id="one explicit document"),
        pytest.param("a: 1\n...\n", id="an explicit end"),
        pytest.param("a: Zoë prüft 漢字 🙂\n", id="letters of other languages"),
        pytest.param("a: " + "x" * 197 + "\n", id="200 characters"),
        pytest.param("a: " + "[" * 19 + "]" * 19 + "\n", id="depth 20"),
        pytest.param('"<<": 1\n', id="a quoted <<"),
        pytest.param("a: 'tab\there'\n", id="a tab within a value"),
        pytest.param('a: "\\u200b"\n', id="an escape that anybody can see"),
    ],
)
def test_what_is_harmless_is_not_refused(text: str) -> None:
    assert found(text) == []


def test_scalars_stay_what_the_author_wrote() -> None:
    text = "[no, off, 012345670123, 12:30:45, 1_000, 0x1F, 1.0, null, ~, 2026-12-01, <<, =]"
    data = tree.build(text, "x").data
    assert data == text.strip("[]").split(", ")


def test_all_problems_of_a_file_come_in_one_go() -> None:
    text = "a: &x 1\na: 2\nb: !!str 3\nc: " + "y" * 200 + "\n<<: {}\n"
    rules = [rule for _, rule in found(text)]
    expected = ["line-length", "yaml-anchor", "duplicate-key", "yaml-tag", "yaml-merge"]
    assert rules == expected


def test_an_error_names_what_cannot_be_seen() -> None:
    _, [problem] = read("grants/a.yaml", "a: x\u202ey\n".encode(), characters.SMALL)
    assert str(problem) == (
        "grants/a.yaml:1:5: a character that a reviewer cannot see: U+202E RIGHT-TO-LEFT OVERRIDE; "
        "remove it, or write a plain space or line break"
    )


WORDS = st.text(string.ascii_letters + string.digits + " :#-'\"{}[],&*!|>%@?é漢", max_size=12)
DATA = st.recursive(
    WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@given(DATA, st.booleans())
def test_accepted_documents_mean_what_pyyaml_takes_them_for(data: object, flow: bool) -> None:
    text = yaml.dump(data, default_flow_style=flow, allow_unicode=True, width=150)
    built = tree.build(text, "x")
    if not built.problems:
        assert built.data == yaml.load(text, Loader=yaml.CBaseLoader)
    elif data:
        assert {p.rule for p in built.problems} <= {"yaml-merge", "yaml-depth", "yaml-anchor"}


@given(DATA, st.booleans())
def test_every_position_points_at_its_token(data: object, flow: bool) -> None:
    """PyYAML's own composer, which builds in C, says where each node is."""
    text = yaml.dump(data, default_flow_style=flow, allow_unicode=True, width=150)
    built = tree.build(text, "x")
    if built.problems:
        return
    root = yaml.compose(text, Loader=yaml.CBaseLoader)
    assert root is not None
    todo: list[tuple[yaml.Node, tuple[str | int, ...]]] = [(root, ())]
    while todo:
        node, keys = todo.pop()
        assert str(built.position(keys)) == place(node)
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                assert str(built.position((*keys, key.value), of_key=True)) == place(key)
                todo.append((value, (*keys, key.value)))
        elif isinstance(node, yaml.SequenceNode):
            todo.extend((value, (*keys, i)) for i, value in enumerate(node.value))


def place(node: yaml.Node) -> str:
    return f"x:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(("b",), "1:1"), (("a", 0), "3:3"), (("a", "c"), "3:3"), (("a", "b", "c"), "3:6")],
)
def test_what_is_missing_is_where_its_nearest_parent_starts(
    keys: tuple[str | int, ...], expected: str
) -> None:
    built = tree.build("x: 1\na:\n  b: 1\n", "f")
    assert str(built.position(keys, of_key=True)) == f"f:{expected}"
