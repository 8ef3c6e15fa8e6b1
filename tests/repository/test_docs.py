"""The examples in docs/ and examples/ are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.repository import characters, check, schemas
from reconciler.repository.parse import read
from reconciler.repository.scalars import cast_of
from reconciler.repository.wording import Exact

PAGE = Path(__file__).parents[2] / "docs" / "access-repository.md"
EXAMPLES = Path(__file__).parents[2] / "examples" / "grants"


def test_the_examples_make_a_valid_repository(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.S)
    grant, bundle, directory, configuration = examples
    files = {
        "grants/a.yaml": grant,
        "standing/a.yaml": re.sub(r"expires: .*\n", "", grant),
        "bundles/payments-oncall.yaml": bundle,
        "directory/people.yaml": directory,
        "reconciler.yaml": configuration,
    }
    for path, text in files.items():
        target = tmp_path / path
        target.parent.mkdir(exist_ok=True)
        target.write_text(text)
    assert [str(p) for p in check(tmp_path).problems] == []


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda p: p.stem)
def test_every_example_grant_is_what_an_editor_accepts(path: Path) -> None:
    tree, problems = read(path.name, path.read_bytes(), characters.SMALL)
    assert tree is not None
    assert problems == []
    schema = schemas.whole(schemas.installed(), "grant")
    data = cast.apply(tree.data) if (cast := cast_of(schema)) else tree.data
    assert [e.message for e in Exact(schema).iter_errors(data)] == []
