"""`reconciler policy`: try the rules, see why they decide as they do, and what they leave open.

Grants nothing and changes nothing: `test` and `coverage` read the working tree, so that rules can
be tried before they are committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from reconciler.cli import clock, options
from reconciler.cli.session import FAILED, WRONG_INPUT, proved
from reconciler.cli.validate import with_expressions, within
from reconciler.errors import InputError, Problem
from reconciler.model import Draft, Grant, Proof, Version
from reconciler.policy.coverage import coverage as covered
from reconciler.policy.examine import Examined, cases, examine
from reconciler.policy.explanation import Explanation, explained
from reconciler.policy.laws import Laws
from reconciler.policy.roster import Roster
from reconciler.proof.explain import explanation, granted
from reconciler.proof.ground import Ground
from reconciler.render import policies, policies_json
from reconciler.repository import Loaded, cache, check

TEST_FAILED, OPEN = 1, 1
_NO_MATTER = ("grants/", "standing/", "reviews/")  # a mistake there is none of the rules


@click.group("policy")
def command() -> None:
    """Try the rules of policies/, see why they decide as they do and what they leave open.

    \b
    Example:
      reconciler policy test
      reconciler policy explain grants/payments/alice.yaml
    """


@command.command(
    "test",
    short_help="Run the tests of policies/tests/.",
    epilog="Example: reconciler policy test policies/tests/payments.yaml",
)
@click.argument("files", nargs=-1, metavar="[FILES]...")
@options.repository
@options.output("text", "json")
@options.colour
def test(files: tuple[str, ...], repo: Path, style: str, no_color: bool) -> int:
    """Run the tests of policies/tests/, or only those of FILES, on the working tree.

    Ends with 0 when all pass, with 1 when one fails, with 2 when a file is wrong. Asks no forge
    and needs no history.
    """
    only = tuple(within(file, repo) for file in files)
    draft = _draft(repo)
    if draft is None:
        return WRONG_INPUT
    examined = [
        (page.path, examine(each, draft))
        for page in draft.tests
        if not only or any(page.path == o or page.path.startswith(f"{o}/") for o in only)
        for each in page.tests
    ]
    if only and not examined:
        raise InputError(f"there is no test in {', '.join(files)}; write files of policies/tests/")
    if style == "json":
        click.echo(policies_json.tests(examined))
    else:
        policies.tests(examined, options.console(plain=no_color))
    return TEST_FAILED if any(one.wrong for _, one in examined) else 0


@command.command(
    "explain",
    short_help="Show why a grant is permitted or refused, and its proof.",
    epilog="Example: reconciler policy explain grants/payments/alice.yaml",
)
@click.argument("grant", metavar="GRANT")
@options.repository
@click.option("--subject", metavar="ID", help="Only this person or service.")
@click.option("--working-tree", is_flag=True, help="The file as it is, as if it were merged now.")
@options.output("text", "json")
@options.colour
def explain(
    grant: str, repo: Path, subject: str | None, working_tree: bool, style: str, no_color: bool
) -> int:
    """Show the rules in the order in which they are asked about GRANT, a file of grants/ or
    standing/, and why each matches or does not.

    As it is committed, with the proof: the pull request, and whose approvals count. With
    --working-tree, by the rules and the directory of the working tree, without proof and without
    what somebody holds by other grants.
    """
    path = _path(grant, repo)
    found = _drafted(path, repo) if working_tree else _committed(path, repo, plain=no_color)
    if found is None:
        return WRONG_INPUT
    if subject is not None:
        found = _of(found, subject)
    if style == "json":
        click.echo(policies_json.explanation(found))
    else:
        policies.explanation(found, options.console(plain=no_color))
    return FAILED if any(one.proof is Proof.WAITING for one in found.explained) else 0


@command.command(
    "coverage",
    short_help="Tell what the rules leave open.",
    epilog="Example: reconciler policy coverage --strict",
)
@options.repository
@click.option("--strict", is_flag=True, help="End with 1 when anything is left open.")
@options.output("text", "json")
@options.colour
def coverage(repo: Path, strict: bool, style: str, no_color: bool) -> int:
    """Tell the rules that no test and no grant reaches, access that nobody could get, and grants
    that stand and would be refused today.

    Rules, tests, bundles and catalog are those of the working tree; grants are those of history,
    as far back as `lookback`.
    """
    draft = _draft(repo)
    if draft is None:
        return WRONG_INPUT
    now = clock.now()
    with options.progress(plain=no_color) as progress:
        loaded, authorised = proved(repo, now, progress)
    ground = Ground(draft.policies, draft.catalog, draft.directory)
    asked = tuple(granted(loaded.grants, authorised, ground, now))
    found = covered(draft, ground.laws, _examined(draft), asked)
    if style == "json":
        click.echo(policies_json.coverage(found))
    else:
        policies.coverage(found, options.console(plain=no_color))
    return OPEN if strict and not found.whole else 0


def _examined(draft: Draft) -> tuple[Examined, ...]:
    return tuple(examine(each, draft) for page in draft.tests for each in page.tests)


def _draft(repo: Path, path: str = "") -> Draft | None:
    """None where a file that decides is wrong: what is left would decide something else. `path` is
    a grant that is wanted with it."""
    wanted = (path,) if path else ()
    checked = with_expressions(check(repo, grants=wanted, cache=cache.folder(os.environ)))
    wrong = [problem for problem in checked.problems if _matters(problem, path)]
    for problem in wrong:
        click.echo(str(problem), err=True)
    return None if wrong else checked.draft


def _matters(problem: Problem, path: str) -> bool:
    where = problem.position.path
    return where == path or not where.startswith(_NO_MATTER)


def _path(grant: str, repo: Path) -> str:
    """As the repository names it. The file may be gone from the working tree."""
    full = Path(os.path.normpath(Path(grant).absolute()))
    for root in (repo.absolute(), repo.resolve()):
        if full.is_relative_to(root) and full.exists():
            return full.relative_to(root).as_posix()
    return os.path.normpath(grant)


def _drafted(path: str, repo: Path) -> Explanation | None:
    draft = _draft(repo, path)
    if draft is None:
        return None
    if not draft.grants:
        raise InputError(f"there is no grant at {path}; write a file of grants/ or standing/")
    now = clock.now()
    laws = Laws(draft.policies, draft.catalog, Roster(draft.directory))
    rows = tuple(explained(laws, case) for case in cases(draft.grants[0], now, laws, draft))
    return Explanation(path, "", now, rows)


def _committed(path: str, repo: Path, *, plain: bool) -> Explanation:
    now = clock.now()
    with options.progress(plain=plain) as progress:
        loaded, authorised = proved(repo, now, progress)
    return explanation(_version(path, loaded), authorised)


def _version(path: str, loaded: Loaded) -> Version[Grant]:
    """The latest content of the file, also of one that is gone."""
    found = [v for v in loaded.grants if path in (v.path, v.origin)]
    wrong = [problem for problem in loaded.problems if problem.position.path == path]
    if not found and wrong:
        raise InputError(f"no version of {path} was valid; {wrong[0]}")
    if not found:
        raise InputError(
            f"no valid grant at {path} in the last commits; write the path of a committed file, or "
            "give --working-tree for one that is not committed"
        )
    return max(found, key=lambda v: (v.gone is None, v.merged, v.id))


def _of(found: Explanation, subject: str) -> Explanation:
    rows = tuple(r for r in found.explained if r.case.subject.id == subject.casefold())
    if not rows:
        known = ", ".join(sorted({r.case.subject.id for r in found.explained})) or "nobody"
        raise InputError(f"{found.path} gives {subject} nothing; it names {known}")
    return Explanation(found.path, found.commit, found.merged, rows, found.pulls, found.gone)
