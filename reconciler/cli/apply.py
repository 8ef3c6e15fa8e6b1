"""`reconciler apply`: plan again from live, carry it out, look again. The only command that writes."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from reconciler.cli import clock, options
from reconciler.cli.recording import Recording
from reconciler.cli.session import FAILED, Session
from reconciler.engine.apply import apply
from reconciler.engine.observe import Progress
from reconciler.engine.safety import enforced
from reconciler.engine.situation import Situation
from reconciler.engine.verify import verify
from reconciler.errors import InputError, ReconcilerError
from reconciler.model import Change, Plan
from reconciler.planning.guards import RELEASABLE
from reconciler.providers.base import Outcome
from reconciler.render import as_json, as_markdown, as_text


class Interrupted(ReconcilerError):
    """Stopped by a person or by the job's time limit: the next run goes on from where this ended."""

    exit_code = 130

    def __init__(self, outcomes: tuple[Outcome, ...], planned: int) -> None:
        done = sum(1 for o in outcomes if o.error is None)
        super().__init__(
            f"stopped: {done} of {planned} changes are known to be made, what was under way was "
            "finished, the rest was not begun; run apply again"
        )


@click.command("apply", epilog="Example: reconciler apply --expect-hash 4f1c… (the hash of `plan`)")
@options.repository
@options.systems
@click.option("--expect-hash", metavar="HASH", help="Refuse to carry out any other plan.")
@click.option(
    "--release-held",
    is_flag=True,
    help="Also do what the counting guards hold back; needs --expect-hash of the plan you saw.",
)
@options.output("text", "json", "markdown")
@options.colour
def command(
    repo: Path,
    only: tuple[str, ...],
    expect_hash: str | None,
    release_held: bool,
    style: str,
    no_color: bool,
) -> int:
    """Make the systems agree with git: removals first, each system by itself.

    Systems in `mode: report` are planned and left alone.
    """
    if release_held and not expect_hash:
        raise InputError("--release-held needs --expect-hash; write the hash that `plan` showed")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a job's time limit is no crash
    with _alone(repo), options.progress(plain=no_color) as progress:
        session = Session.open(repo, only, clock.now(), progress)
        situation = session.look(progress)
        plan = session.plan(situation)
        if expect_hash and plan.hash != expect_hash:
            raise ReconcilerError(
                f"the plan has changed: it is {plan.hash}, not {expect_hash}; look at it again"
            )
        if release_held:
            plan = session.plan(situation, RELEASABLE)
        recording = Recording.begin(session, repo)
        mine = recording.before(plan, situation, enforced(plan.changes, session.connections))
        outcomes = _carried_out(mine, situation, session, progress, recording)
        code = session.exit_code(plan, outcomes)
        recording.after(outcomes, str(code), as_json.summary(plan))
    skipped = tuple(c for c in plan.changes if c not in set(mine))
    _show(style, plan, outcomes, skipped, session, plain=no_color)
    return FAILED if recording.failed else code


def _carried_out(
    changes: tuple[Change, ...],
    situation: Situation,
    session: Session,
    progress: Progress,
    recording: Recording,
) -> tuple[Outcome, ...]:
    """An outcome for each change: what the system answered, unless another look belies it."""
    outcomes: dict[Change, Outcome] = {}
    progress("writing", 0, len(changes))
    telling = apply(changes, session.connections)
    try:
        for done, outcome in enumerate(telling, 1):
            outcomes[outcome.change] = outcome
            progress("writing", done, len(changes))
    except KeyboardInterrupt:
        telling.close()  # waits for what is under way, begins nothing more
        recording.after(outcomes.values(), "stopped", {})
        raise Interrupted(tuple(outcomes.values()), len(changes)) from None
    for outcome in verify(situation, tuple(outcomes.values()), session.connections):
        outcomes[outcome.change] = outcome
    return tuple(outcomes[change] for change in changes)


def _show(
    style: str,
    plan: Plan,
    outcomes: tuple[Outcome, ...],
    skipped: tuple[Change, ...],
    session: Session,
    *,
    plain: bool,
) -> None:
    if style == "json":
        click.echo(as_json.applied(plan, outcomes, skipped))
        return
    if style == "markdown":
        click.echo(as_markdown.applied(plan, outcomes), nl=False)
        return
    as_text.applied(plan, outcomes, skipped, options.console(plain=plain), session.modes)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One writer at a time on this checkout (rule 20); across machines the workflow sees to it."""
    folder = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ReconcilerError(
                "another apply runs in this repository; wait for its end"
            ) from None
        except OSError as e:
            raise ReconcilerError(f"{root} cannot be locked: {e.strerror}") from e
        yield
    finally:
        os.close(folder)
