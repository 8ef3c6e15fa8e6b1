"""What no provider foresaw is one line for people, and a traceback for whoever asks for it; neither
says what speaks for us."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import unsaid
from tests.engine.fakes import FakeSystem
from tests.engine.test_engine import run, said

SECRET = "qu1et" + "/Mouse" * 4


@pytest.mark.parametrize("fault", ["vault", "open writer"])
def test_a_bug_is_one_line_without_a_traceback(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "reconciler")
    run([said("alice", system="bad")], FakeSystem("bad", bug={fault}))
    assert {r.getMessage() for r in caplog.records} == {
        f"bad: cannot {'write' if fault == 'open writer' else 'go on'}: unexpected KeyError: {fault!r}"
    }
    assert not any(r.exc_info for r in caplog.records)


def test_whoever_asks_is_told_where_it_happened_and_still_no_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unsaid.hide(SECRET)
    caplog.set_level(logging.DEBUG, "reconciler")
    run([said("alice", system="bad", on=SECRET)], FakeSystem("bad", bug={SECRET}))
    assert "Traceback (most recent call last)" in caplog.text
    assert "in observe" in caplog.text
    assert SECRET not in caplog.text


PROGRAM = """
import sys
from reconciler.cli import cli, main
from reconciler.engine.unforeseen import unforeseen

@cli.command("break")
def broken():
    try:
        raise ValueError("one\\ntwo\\u202e Bearer abc123def")
    except ValueError as e:
        unforeseen("aws", "look", e)

cli.get_command = lambda context, name: broken
sys.argv = ["reconciler", "break"]
main()
"""


@pytest.mark.parametrize("debug", ["", "1"])
def test_the_installed_command_says_it_on_stderr(tmp_path: Path, debug: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"RECONCILER_DEBUG": debug},
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stderr.splitlines()
    assert said[0].startswith("aws: cannot look: unexpected ValueError: one two\ufffd")
    assert ("Traceback (most recent call last):" in said) is bool(debug)
    assert (len(said) == 1) is not bool(debug)
    assert "abc123def" not in done.stderr
    assert "\u202e" not in done.stderr
    assert done.stdout == ""
