"""The three ways in which GitHub merges, as git commits. Moves no branch."""

from __future__ import annotations

from datetime import datetime

from reconciler.sandbox.bare import Bare, GitRefused
from reconciler.sandbox.github.state import GITHUB, OWNER, Pull, User, invalid
from reconciler.sandbox.rest import Refusal


def merged(bare: Bare, pull: Pull, by: User, method: str, at: datetime) -> tuple[str, ...]:
    """The commits that the base gets, oldest first. Raises Refusal where they conflict."""
    base = bare.tip(pull.base)
    try:
        match method:
            case "merge":
                return (_merge(bare, pull, by, base, at),)
            case "squash":
                return (_squash(bare, pull, base, at),)
            case "rebase":
                return _rebase(bare, pull, by, base, at)
    except GitRefused as e:
        raise Refusal(405, "Pull Request is not mergeable") from e
    raise invalid(f"{method} is no merge method")


def _merge(bare: Bare, pull: Pull, by: User, base: str, at: datetime) -> str:
    tree = bare.merged_tree(bare.fork_point(base, pull.head), base, pull.head, at)
    message = f"Merge pull request #{pull.number} from {OWNER}/{pull.branch}\n\n{pull.title}\n"
    return bare.commit(tree, (base, pull.head), message, by.ident, GITHUB, at)


def _squash(bare: Bare, pull: Pull, base: str, at: datetime) -> str:
    tree = bare.merged_tree(bare.fork_point(base, pull.head), base, pull.head, at)
    others = {bare.facts(oid).author for oid in pull.commits} - {pull.author.ident}
    trailers = "".join(f"Co-authored-by: {o.name} <{o.email}>\n" for o in sorted(others, key=str))
    message = f"{pull.title} (#{pull.number})\n\n{trailers}"
    return bare.commit(tree, (base,), message, pull.author.ident, GITHUB, at)


def _rebase(bare: Bare, pull: Pull, by: User, base: str, at: datetime) -> tuple[str, ...]:
    made: list[str] = []
    tip = base
    for oid in pull.commits:
        facts = bare.facts(oid)
        if len(facts.parents) != 1:
            continue  # git rebase leaves merges out
        tree = bare.merged_tree(facts.parents[0], tip, oid, at)
        tip = bare.commit(tree, (tip,), facts.message, facts.author, by.ident, at)
        made.append(tip)
    if not made:
        raise Refusal(405, "This branch can't be rebased")
    return tuple(made)
