"""`reconciler sandbox` as a person types it: the installed command, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox import background
from reconciler.sandbox.home import find, is_held

COMMAND = (sys.executable, "-m", "reconciler", "sandbox")


def sandbox(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != "RECONCILER_SANDBOX_HOME"}
    return subprocess.run(
        [*COMMAND, *words], cwd=folder, env=env, capture_output=True, text=True, timeout=60
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("somewhere")
    started = sandbox(folder, "start", "bitbucket", "bitbucket-dc")
    assert started.returncode == 0, started.stderr
    assert "source .sandbox/env && cd .sandbox/access" in started.stdout
    yield folder
    background.stop(folder / ".sandbox")


def test_show_prints_a_table_for_people_and_json_for_machines(folder: Path) -> None:
    table = sandbox(folder, "show", "--system", "bitbucket").stdout.splitlines()
    assert table[0].split() == ["SYSTEM", "RESOURCE", "ROLE", "PRINCIPAL", "UNTIL", "MARKER"]
    rows = json.loads(sandbox(folder, "show", "--format", "json").stdout)
    assert {row["system"] for row in rows} == {"bitbucket", "bitbucket-dc"}
    assert len(table) - 1 == sum(row["system"] == "bitbucket" for row in rows)


def test_a_fault_is_armed_hits_once_and_is_shown_among_the_calls(folder: Path) -> None:
    words = ("--match", "GET *", "--status", "429", "--retry-after", "1")
    assert sandbox(folder, "fault", "bitbucket-dc", *words).returncode == 0
    here = find(folder / ".sandbox")
    url = next(address for name, _, address in here.endpoints if name == "bitbucket-dc")
    curl = ["curl", "-s", "-o", os.devnull, "-w", "%{http_code}", f"{url}/rest/api/1.0/users"]
    codes = [subprocess.run(curl, capture_output=True, text=True).stdout for _ in range(2)]
    assert codes[0] == "429"
    assert codes[1] != "429"
    calls = json.loads(sandbox(folder, "calls", "--format", "json").stdout)
    assert [call["fault"] for call in calls] == ["status", ""]
    counted = sandbox(folder, "calls", "--count", "--system", "bitbucket-dc").stdout.splitlines()
    assert counted[1].split() == ["2", "bitbucket-dc", "GET", "/rest/api/1.0/users"]
    assert sandbox(folder, "reset").returncode == 0
    assert json.loads(sandbox(folder, "calls", "--format", "json").stdout) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fault", "bitbucket"), "not said what goes wrong with bitbucket; write one of --status"),
        (("fault", "nope"), "'nope' is not served here; write one of bitbucket, bitbucket-dc"),
        (("fault", "bitbucket", "--status", "500", "--half"), "a fault is one thing"),
        (("fault", "bitbucket", "--half", "--retry-after", "1"), "write --status 429 beside it"),
        (("fault", "oracle", "--half"), "'oracle' is not served here; write one of bitbucket"),
        (("calls", "--system", "oracle"), "'oracle' is not served here"),
        (("show", "--system", "oracle"), "'oracle' is not served here"),
        (("start", "oracle"), "there is no local system 'oracle'; write one of aws"),
        (("start",), "already; stop it with `reconciler sandbox stop`"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    folder: Path, words: tuple[str, ...], said: str
) -> None:
    done = sandbox(folder, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_shell_that_went_on_to_the_access_repository_still_finds_the_sandbox(
    folder: Path,
) -> None:
    script = f"source .sandbox/env && cd .sandbox/access && {' '.join(COMMAND)} calls --format json"
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_what_is_done_in_it_is_written_in_a_ledger(folder: Path) -> None:
    script = f"source .sandbox/env && cd .sandbox/access && {sys.executable} -m reconciler"
    for words in ("apply", "audit verify", "audit query --format jsonl"):
        done = subprocess.run(
            ["bash", "-c", f"{script} {words}"], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    kinds = [json.loads(line)["kind"] for line in done.stdout.splitlines()]
    assert kinds == ["run-started", "run-ended"]


def test_the_hint_how_to_stop_it_works_from_where_it_is_printed(tmp_path: Path) -> None:
    said = sandbox(tmp_path, "start", "--home", "my home", "bitbucket").stdout
    try:
        assert "`reconciler sandbox stop --home 'my home'` ends it." in said
    finally:
        background.stop(tmp_path / "my home")


def test_a_home_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")  # refused to root, too
    done = sandbox(tmp_path, "start", "--home", "file/home", "bitbucket")
    assert done.returncode == 2
    assert f"cannot write to {tmp_path}/file/home: Not a directory; give another" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_line_of_the_overview_is_cut(tmp_path: Path) -> None:
    overview = sandbox(tmp_path, "--help").stdout.partition("\nCommands:")[2]
    assert "reset  Put every local system back to how it was seeded." in overview
    assert "..." not in overview


def test_without_a_sandbox_every_command_says_how_to_start_one(tmp_path: Path) -> None:
    for words in (("show",), ("calls",), ("reset",), ("stop",), ("fault", "aws", "--half")):
        done = sandbox(tmp_path, *words)
        assert done.returncode == 1
        assert "start one with `reconciler sandbox start`" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_in_the_foreground_it_serves_until_it_is_told_to_stop(
    tmp_path: Path, number: signal.Signals
) -> None:
    words = ["serve", "--home", str(tmp_path / "h"), "bitbucket"]
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "reconciler", "sandbox", *words], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if b"Ctrl-C ends it." in line:
                break
        assert find(tmp_path / "h").control.pid() == process.pid
        process.send_signal(number)
        assert process.wait(20) == 0
    assert not is_held(tmp_path / "h")
