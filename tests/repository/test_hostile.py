"""Files made to crash, hang or confuse: each is an error at a place, cheap, and never a traceback."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.repository import characters
from reconciler.repository.contents import Source
from reconciler.repository.parse import parse_configuration
from reconciler.repository.paths import Kind, trouble
from reconciler.repository.rows import Stale, decode, encode
from reconciler.repository.schemas import installed
from tests.repository.build import BUNDLE, CONFIGURATION, DIRECTORY, GRANT, parsed

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcde", "bcdef", strict=True)
)
HOSTILE = {
    "nest of lists": "[" * 49_152,
    "nest of mappings": "{a: " * 16_000,
    "nest by indentation": "".join(f"{' ' * i}a:\n" for i in range(180)),
    "nest of dashes": "- " * 95 + "x\n",
    "nest of keys": "? " * 95 + "x\n",
    "alias bomb": BOMB,
    "many duplicate keys": "a: 1\n" * 13_000,
    "many documents": "---\na\n" * 10_000,
    "many tags": "- !!x y\n" * 8_000,
    "many anchors": "- &x y\n" * 8_000,
    "many open quotes": "'" * 60_000,
    "a long scalar": '"' + "x" * 64_000 + '"',
    "many empty lines": "\n" * 65_000,
    "many colons": ":" * 65_000,
    "many long keys": "".join(f"{'k' * 100}{i}: x\n" for i in range(600)),
    "many unknown keys": "".join(f"expirez{i}: x\n" for i in range(4_000)),
    "many items": GRANT.replace("access:\n", "access:\n" + "  - {system: gpc}\n" * 3_000),
    "many subjects": GRANT.replace("subject: alice@example.com", "subjects:\n" + "- a@b.c\n" * 7_000),
    "hidden characters": "a: " + "\u200b" * 20_000,
    "a pattern to backtrack": GRANT.replace("alice@example.com", "a@" + "a-" * 80 + "!"),
    "digits": GRANT.replace("expires: 2026-12-01T18:00:00Z", "duration: " + "9" * 150 + "d"),
}  # fmt: skip


def work(do: Callable[[], object]) -> float:
    """Seconds of this thread. What else the machine does is not in it, nor what the cycle collector
    makes of all that other tests left."""
    gc.disable()
    try:
        started = time.thread_time()
        do()
        return time.thread_time() - started
    finally:
        gc.enable()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_cheaply(name: str) -> None:
    """Compared with the plain load of a friendly file of 64 KiB."""
    friendly = "".join(f"key{i}: [some, text, {i}]\n" for i in range(2_400))
    assert parsed(HOSTILE[name]).problems
    plain = work(lambda: yaml.load(friendly, Loader=yaml.CSafeLoader))
    assert work(lambda: parsed(HOSTILE[name])) < 25 * plain + 0.5


def mutated(text: str) -> st.SearchStrategy[bytes]:
    """A valid file with some of its bytes overwritten, removed, doubled or added."""
    data = text.encode()
    edit = st.tuples(
        st.integers(0, len(data)), st.integers(0, 12), st.binary(max_size=6) | SNIPPETS
    )
    return st.lists(edit, min_size=1, max_size=4).map(lambda edits: edited(data, edits))


SNIPPETS = st.sampled_from(
    [
        *(
            b"- ",
            b": ",
            b"\n",
            b"\t",
            b"{",
            b"[",
            b"&a ",
            b"*a",
            b"!!str ",
            b"---\n",
            b"'",
            b'"',
            b"#",
        ),
        *(
            b"|\n",
            b">\n",
            b"? ",
            b"<<: ",
            b"\xff",
            b"\xe2\x80\xae",
            b"\x00",
            b"  ",
            b"@",
            b"%",
            b"\r",
        ),
    ]
)


def edited(data: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    for at, cut, new in edits:
        data = data[:at] + new + data[at + cut :]
    return data


FILES = {
    Kind.GRANT: GRANT,
    Kind.STANDING: GRANT.replace("expires: 2026-12-01T18:00:00Z\n", ""),
    Kind.BUNDLE: BUNDLE,
    Kind.DIRECTORY: DIRECTORY,
}


@pytest.mark.parametrize("kind", FILES)
@given(data=st.binary(max_size=300))
@example(data=b"\xff\xfe")
@example(data=b"\xef\xbb\xbf")
def test_no_bytes_make_a_traceback(kind: Kind, data: bytes) -> None:
    check(kind, data)


@pytest.mark.parametrize("kind", FILES)
@given(data=st.data())
def test_no_mutation_of_a_valid_file_makes_a_traceback(kind: Kind, data: st.DataObject) -> None:
    check(kind, data.draw(mutated(FILES[kind])))


def check(kind: Kind, data: bytes) -> None:
    """A document or problems, never both or neither; every place is in the file; and all of it
    survives as a row."""
    path = f"{kind}s/a.yaml"
    found = parsed(data, kind, path)
    assert (found.document is None) == bool(found.problems)
    lines = data.decode(errors="replace").split("\n")
    for problem in found.problems:
        spot = problem.position
        assert 1 <= spot.line <= len(lines)
        assert spot.column >= 1
        assert str(problem).isprintable()
    assert repr(decode(path, encode(found), {})) == repr(found)


@given(mutated(CONFIGURATION + "guards: {percent: 5}\nlookback: 3d\nprotected: [a]\n"))
def test_no_configuration_makes_a_traceback(data: bytes) -> None:
    configuration, _, problems = parse_configuration(data, installed())
    assert (configuration is None) == bool(problems)


@given(st.text(max_size=60) | st.from_regex(r"(grants|bundles|Grants|x)/.{0,20}(\.yaml)?"))
def test_no_path_makes_a_traceback(path: str) -> None:
    problem = trouble(path)
    assert problem is None or str(problem).isprintable()


@given(st.text(max_size=80) | st.from_regex(r"[GBDP]\x1f?.{0,80}"))
def test_no_row_makes_a_traceback(row: str) -> None:
    try:
        found = decode("grants/a.yaml", row, {})
    except Stale:
        return
    assert (found.document is None) == bool(found.problems)


def test_a_directory_may_be_large_and_a_grant_may_not() -> None:
    people = "people:\n" + "".join(f"- {{id: p{i}@example.com}}\n" for i in range(4_000))
    assert len(people) > characters.SMALL
    assert parsed(people, Kind.DIRECTORY, "directory/a.yaml").document
    [problem] = parsed(people).problems
    assert problem.rule == "file-size"


def test_of_very_many_mistakes_the_first_are_told() -> None:
    found = parsed(HOSTILE["many duplicate keys"]).problems
    assert len(found) == 51
    assert found[-1].what == "12,954 more mistakes in this file"


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text(GRANT)
    (tmp_path / "a.yaml").symlink_to("secret.yaml")
    source = Source(tmp_path, None)
    assert source.file("a.yaml") is None
    assert source.file("secret.yaml") == GRANT.encode()
    assert source.file("missing.yaml") is None
    assert source.file("") is None


def test_an_error_about_a_long_value_is_short() -> None:
    text = GRANT.replace("OPS-4711", "x " * 80)
    [problem] = parsed(text).problems
    assert len(str(problem)) < 250
