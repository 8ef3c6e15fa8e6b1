"""What the program logs goes to stderr: what people need to know, and with RECONCILER_DEBUG set also
where in the code it happened. Other libraries' logs are left alone."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping

import click

from reconciler.unsaid import unsaid

DEBUG = "RECONCILER_DEBUG"


def shown(text: str) -> str:
    """Without what steers a terminal. Not from `render`: `--help` must load nothing."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


class _Stderr(logging.Handler):
    """stderr as it is at the time; a line at a time, for control characters are shown as such."""

    def emit(self, record: logging.LogRecord) -> None:
        for line in unsaid(self.format(record)).splitlines():
            click.echo(shown(line), err=True)


def unexpected(e: Exception) -> None:
    """A bug, on one line. Its words may be a system's, and so may those of its traceback: both are
    shown without what speaks for us."""
    log = logging.getLogger("reconciler")
    words = " ".join(f"unexpected {type(e).__name__}: {e}".split())
    log.error("error: %s (a bug; with %s=1 it is told where)", words, DEBUG)
    log.debug("%s", "".join(traceback.format_exception(e)))


def begin(environment: Mapping[str, str]) -> None:
    log = logging.getLogger("reconciler")
    log.setLevel(logging.DEBUG if environment.get(DEBUG) else logging.WARNING)
    log.handlers = [_Stderr()]
