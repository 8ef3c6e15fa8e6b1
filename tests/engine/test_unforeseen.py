"""What no provider foresaw is one line for people, and a traceback for whoever asks for it; neither
says what speaks for us."""

from __future__ import annotations

import logging
import subprocess
import sys

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

@cli.command("end")
def ended():
    raise ValueError("one\\ntwo\\u202e Bearer abc123def")

cli.get_command = lambda context, name: {"break": broken, "end": ended}[name]
sys.argv = ["reconciler", sys.argv[1]]
main()
"""
LINES = {
    "break": (0, "aws: cannot look: unexpected ValueError: one two\ufffd Bearer ***"),
    "end": (1, "error: unexpected ValueError: one two\ufffd Bearer *** (a bug; "),
}


@pytest.mark.parametrize("debug", ["", "1"])
@pytest.mark.parametrize("what", LINES)
def test_the_installed_command_says_it_on_stderr(what: str, debug: str) -> None:
    """Also of what nobody caught."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, what],
        env={"RECONCILER_DEBUG": debug},
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stderr.splitlines()
    code, line = LINES[what]
    assert done.returncode == code
    assert said[0].startswith(line)
    assert ("Traceback (most recent call last):" in said) is bool(debug)
    assert (len(said) == 1) is not bool(debug)
    assert "abc123def" not in done.stderr
    assert "\u202e" not in done.stderr
    assert done.stdout == ""
