"""The examples in docs/ and examples/ are valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.repository import characters, check, schemas
from reconciler.repository.exact import Exact
from reconciler.repository.parse import read
from reconciler.repository.scalars import cast_of

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "access-repository.md"
EXAMPLES = ROOT / "examples"

# What the examples of policies and of the catalog refer to.
AROUND = {
    "reconciler.yaml": """\
systems:
  aws: {provider: aws, region: eu-west-1}
  gcp: {provider: gcp}
  bitbucket: {provider: bitbucket, workspace: acme}
""",
    "directory/people.yaml": """\
people: [{id: alice@example.com}, {id: bob@example.com}]
groups: [{id: payments-oncall}, {id: payments-leads}, {id: security}, {id: access-admins}]
""",
}


def told(root: Path, files: dict[str, str]) -> list[str]:
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return [str(p) for p in check(root).problems]


def test_the_examples_make_a_valid_repository(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.S)
    grant, emergency, bundle, directory, configuration, policy, tests, catalog, review = examples
    files = {
        "grants/a.yaml": grant,
        "grants/break-glass/payments-4711.yaml": emergency,
        "standing/a.yaml": re.sub(r"expires: .*\n", "", grant),
        "bundles/payments-oncall.yaml": bundle,
        "directory/people.yaml": directory,
        "reconciler.yaml": configuration,
        "policies/10-payments.yaml": policy,
        "policies/tests/payments.yaml": tests,
        "catalog/payments.yaml": catalog,
        "reviews/payments-4711.yaml": review,
    }
    assert told(tmp_path, files) == []


def test_every_example_policy_is_valid_beside_the_others(tmp_path: Path) -> None:
    folders = [EXAMPLES / "policies", EXAMPLES / "catalog"]
    paths = [path for folder in folders for path in sorted(folder.rglob("*.yaml"))]
    files = {str(path.relative_to(EXAMPLES)): path.read_text() for path in paths}
    assert {path.split("/")[0] for path in files} == {"policies", "catalog"}
    broken = {"grants/break-glass/a.yaml": (EXAMPLES / "grants/break-glass.yaml").read_text()}
    assert told(tmp_path, AROUND | files | broken) == []


@pytest.mark.parametrize(
    ("folder", "schema"),
    [("policies", "policy"), ("policies/tests", "policy-test"), ("catalog", "catalog")],
)
def test_every_example_is_what_an_editor_accepts(folder: str, schema: str) -> None:
    for path in (EXAMPLES / folder).glob("*.yaml"):
        assert mistakes(path, schema) == []


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("grants/*.yaml")), ids=lambda p: p.stem)
def test_every_example_grant_is_what_an_editor_accepts(path: Path) -> None:
    assert mistakes(path, "break-glass" if path.stem == "break-glass" else "grant") == []


def mistakes(path: Path, name: str) -> list[str]:
    tree, problems = read(path.name, path.read_bytes(), characters.SMALL)
    assert tree is not None
    assert problems == []
    schema = schemas.whole(schemas.installed(), name)
    data = cast.apply(tree.data) if (cast := cast_of(schema)) else tree.data
    return [e.message for e in Exact(schema).iter_errors(data)]
