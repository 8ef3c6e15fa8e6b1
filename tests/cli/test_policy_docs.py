"""The examples in docs/policies.md are valid, and decide as the page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.policy.cel import check_expression
from tests.cli.desk import Desk
from tests.proof.town import PEOPLE

PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text()
ASKS = """subject: alice@example.com
access: [{system: bitbucket, repository: payments-api, permission: PERMISSION}]
duration: LENGTH
reason: The settlement batch fails
ticket: OPS-4711
"""
CATALOG = """resources:
  - {system: bitbucket, resource: payments-api, owner: dave@example.com}
"""


def examples() -> dict[str, str]:
    blocks = re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE, re.S)
    return dict(blocks)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    more = {"payments-leads": ["carol"], "payments-oncall": ["alice"], "access-admins": ["grace"]}
    people = desk.town.directory("", **{**more, "leads": [], "admins": [], "oncall": []})
    desk.begin("", **{"policies/main.yaml": None, PEOPLE: people, "catalog/a.yaml": CATALOG})
    for path, text in examples().items():
        desk.write(path, text)
    yield desk
    desk.close()


def test_the_examples_are_valid_and_their_tests_pass(desk: Desk) -> None:
    assert len(examples()) == 3
    done = desk.run("policy", "test")
    assert done.code == 0, done.out + done.err
    assert "2 passed, 0 failed" in done.out
    assert desk.run("validate").code == 0


@pytest.mark.parametrize(
    ("permission", "length", "told"),
    [
        ("write", "3d", "needs: 1 of payments-leads or the resource's owner (dave@example.com)"),
        ("read", "4h", "needs: no approval (auto_approve)"),
        ("read", "5h", "needs: 1 of payments-leads"),
        ("write", "10d", "refused: rule `payments-write` does not permit it: it lasts 10d"),
        ("admin", "3d", "refused: no rule permits bitbucket: admin on payments-api"),
    ],
)
def test_it_decides_as_the_page_says(desk: Desk, permission: str, length: str, told: str) -> None:
    text = ASKS.replace("PERMISSION", permission).replace("LENGTH", length)
    desk.write("grants/payments/alice.yaml", text)
    done = desk.run("policy", "explain", "grants/payments/alice.yaml", "--working-tree")
    assert told in done.out


def test_every_expression_compiles() -> None:
    (block,) = re.findall(r"```cel\n(.*?)```", PAGE, re.S)
    assert [line for line in block.splitlines() if check_expression(line) is not None] == []
    assert len(block.splitlines()) == 5


def test_the_forge_of_the_page_on_approvals_is_valid(desk: Desk) -> None:
    page = (Path(__file__).parents[2] / "docs" / "approvals.md").read_text()
    (forge,) = re.findall(r"```yaml\n# reconciler.yaml\n(.*?)```", page, re.S)
    systems = "systems:\n  bitbucket: {provider: bitbucket, workspace: acme}\n"
    desk.write("reconciler.yaml", systems + forge)
    assert desk.run("validate").code == 0
