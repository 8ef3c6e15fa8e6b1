"""The sandbox with a forge: people ask, approve and merge, and what nobody approved is not given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from reconciler.errors import InputError
from reconciler.sandbox.home import Running
from reconciler.sandbox.process import Sandbox

GRANT = """\
subject: {who}@example.com
access:
  - {{system: bitbucket, repository: payments-api, permission: write}}
duration: 8h
reason: The settlement batch fails since Tuesday
"""


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Sandbox(tmp_path_factory.mktemp("home"), ["bitbucket"], hosted=True) as running:
        yield running


def git(running: Running, *words: str) -> None:
    command = [
        "git",
        "-C",
        str(running.access),
        "-c",
        "user.name=a",
        "-c",
        "user.email=x@y.example",
    ]
    subprocess.run([*command, *words], check=True, capture_output=True)


def asks(running: Running, who: str, file_of: str = "") -> int:
    """A pull request for a grant, from a branch that was pushed."""
    git(running, "switch", "-q", "-c", who, "origin/main")
    file = running.access / "grants" / "payments" / f"{file_of or who}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(GRANT.format(who=who))
    git(running, "add", "-A")
    email = f"{who}@example.com"
    git(running, "-c", f"user.email={email}", "commit", "-qm", "Asks")
    git(running, "push", "-q", "origin", who)
    git(running, "switch", "-q", "main")
    [pull] = running.control.pulls(do="open", login=who, branch=who, title="Access")
    return int(pull["number"])


def plan(running: Running) -> tuple[int, list[str], list[str]]:
    git(running, "pull", "-q")
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "plan", "--format", "json"],
        cwd=running.access,
        env=running.environment(os.environ),
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    return (
        done.returncode,
        [c["subject"] for c in found["changes"]],
        [u["subject"] for u in found["unapproved"]],
    )


def test_what_was_approved_is_planned_and_what_was_only_merged_is_not(hosted: Running) -> None:
    good, bad = asks(hosted, "alice"), asks(hosted, "bob")
    hosted.control.pulls(do="approve", number=str(good), login="carol")
    for number in (good, bad):
        hosted.control.pulls(do="merge", number=str(number), login="frank", method="squash")
    assert plan(hosted) == (4, ["alice@example.com"], ["bob@example.com"])


def test_the_pull_requests_can_be_listed(hosted: Running) -> None:
    number = asks(hosted, "dave")
    hosted.control.pulls(do="object", number=str(number), login="carol")
    listed = {p["number"]: p for p in hosted.control.pulls(do="list")}
    assert listed[number]["author"] == "dave"
    assert (listed[number]["state"], listed[number]["approved_by"]) == ("open", [])


def test_a_slip_is_told_with_what_to_write(hosted: Running) -> None:
    with pytest.raises(InputError, match="nobody here is 'mallory'; write one of alice, bob"):
        hosted.control.pulls(do="approve", number="1", login="mallory")
    with pytest.raises(InputError, match="nobody here is 'mallory'"):
        hosted.control.token_of("mallory")
    with pytest.raises(InputError, match="there is no pull request 99; there is "):
        hosted.control.pulls(do="approve", number="99", login="carol")
    number = str(asks(hosted, "frank"))
    with pytest.raises(InputError, match="Can not approve your own pull request"):
        hosted.control.pulls(do="approve", number=number, login="frank")
    hosted.control.pulls(do="merge", number=number, login="frank")
    with pytest.raises(InputError, match="not mergeable: it is merged already"):
        hosted.control.pulls(do="merge", number=number, login="frank")


def test_a_conflict_is_told_as_one(hosted: Running) -> None:
    first, second = asks(hosted, "erin"), asks(hosted, "grace", "erin")
    hosted.control.pulls(do="merge", number=str(first), login="frank")
    with pytest.raises(InputError, match="its branch conflicts with main; merge main into it"):
        hosted.control.pulls(do="merge", number=str(second), login="frank")


def test_everybody_has_a_token_of_his_own(hosted: Running) -> None:
    assert hosted.control.token_of("alice") != hosted.control.token_of("bob")


def test_a_second_start_moves_the_forge_and_trusts_what_was_there(tmp_path: Path) -> None:
    for _ in range(2):
        with Sandbox(tmp_path, ["bitbucket"], hosted=True) as running:
            code, changes, unapproved = plan(running)
            assert (code, changes, unapproved) == (0, [], [])
            said = (running.access / "reconciler.yaml").read_text()
            assert dict(running.env)["RECONCILER_TRUST"]
            assert f"url: {running_url(running)}" in said


def running_url(running: Running) -> str:
    return next(address for system, key, address in running.endpoints if system == "github")


def test_without_a_forge_nobody_can_be_asked(tmp_path: Path) -> None:
    with (
        Sandbox(tmp_path, ["bitbucket"]) as running,
        pytest.raises(InputError, match="start with `reconciler sandbox start --forge`"),
    ):
        running.control.pulls(do="list")


def test_it_can_be_said_who_pushed_to_a_folder_that_asks_nobody(hosted: Running) -> None:
    git(hosted, "push", "-q", "origin", "origin/main:refs/heads/pushed")
    command = [sys.executable, "-m", "reconciler", "sandbox", "pull", "push"]
    where = ["--home", str(hosted.home)]
    subprocess.run([*command, *where, "--as", "bob"], check=True, capture_output=True)
    text = (hosted.access / "reconciler.yaml").read_text()
    url = text.partition("url: ")[2].split()[0].strip("\"'},")
    found = requests.get(
        f"{url}/repos/acme/access/activity",
        params={"ref": "refs/heads/pushed"},
        headers={"Authorization": f"Bearer {hosted.control.token_of('bob')}"},
        timeout=10,
    ).json()
    assert [row["actor"]["login"] for row in found] == ["bob"]
    slip = [*command, *where, "--as", "mallory"]
    done = subprocess.run(slip, capture_output=True, text=True)
    assert (done.returncode, "nobody here is 'mallory'" in done.stderr) == (2, True)
