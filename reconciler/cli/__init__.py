"""The command line: the only room with argv, environment, stdout and the clock.

Commands are imported when they are called, so that `--help` starts no SDK.
"""

from __future__ import annotations

import gc
import os
from importlib import import_module

import click

from reconciler import __version__
from reconciler.cli import logs
from reconciler.errors import ReconcilerError

# name -> (module, one line for the overview)
COMMANDS = {
    "init": ("init", "Write a new access repository, ready to push."),
    "request": ("request", "Ask for access, in a pull request."),
    "validate": ("validate", "Check every file, without asking anybody."),
    "check": ("check", "Judge a pull request before the merge."),
    "plan": ("plan", "Show what apply would change, and why."),
    "apply": ("apply", "Make the systems agree with git."),
    "policy": ("policy", "Test the policies, explain a decision, see what they leave open."),
    "doctor": ("doctor", "Check that the repository is protected, and its policies sound."),
    "review": ("review", "Show emergencies that somebody has still to look at."),
    "status": ("status", "Show who has what, until when."),
    "explain": ("explain", "Tell why somebody has some access, or has not."),
    "diff": ("diff", "Tell who gained and lost what between two moments."),
    "audit": ("audit", "Prove, ask, export and ship the ledger."),
    "schema": ("schema", "Print the JSON schema of a file format."),
    "sandbox": ("sandbox", "Serve local AWS, GCP, Azure and Bitbucket to try things on."),
    "demo": ("demo", "Watch access appear, expire and disappear, with no cloud."),
}


class LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        gc.disable()  # it would look again and again through what is there to stay
        try:
            module = import_module(f"reconciler.cli.{COMMANDS[cmd_name][0]}")
        finally:
            gc.enable()
        command = getattr(module, "command")  # noqa: B009  # every command module has one
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `reconciler demo`, then `reconciler init my-access`.",
)
@click.version_option(__version__, prog_name="reconciler")
def cli() -> None:
    """Just-in-time access, run from git."""


def main() -> None:
    """The installed command. A command returns its exit code (None is 0); a failure is one
    line on stderr, never a traceback."""
    logs.begin(os.environ)
    try:
        code = cli.main(standalone_mode=False)
    except click.Abort:
        click.echo("aborted", err=True)
        raise SystemExit(130) from None
    except click.ClickException as e:
        e.show()
        raise SystemExit(2) from None
    except ReconcilerError as e:
        click.echo(f"error: {logs.shown(str(e))}", err=True)
        raise SystemExit(e.exit_code) from None
    except Exception as e:
        logs.unexpected(e)
        raise SystemExit(1) from None
    raise SystemExit(code if isinstance(code, int) else 0)
