"""What people do on the local GitHub, asked for by name: the ways of `reconciler sandbox pull`.
Never does what the hub refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.errors import InputError
from reconciler.sandbox.bare import GitRefused
from reconciler.sandbox.github.hub import Hub
from reconciler.sandbox.github.state import Pull
from reconciler.sandbox.rest import Refusal

METHODS = ("merge", "squash", "rebase")
_UNMERGEABLE = 405


def did(hub: Hub, asked: Mapping[str, str]) -> list[dict[str, Any]]:
    """Do it, and say how the pull requests are then. Raises InputError where it cannot be done."""
    try:
        number = int(asked.get("number", "0"))
        login = asked.get("login", "")
        if login:
            _known(hub, login)
        if number:
            _opened(hub, number)
        match asked.get("do"):
            case "open":
                number = hub.open_pull(login, asked["branch"], asked["title"])
            case "approve":
                hub.review(login, number, "APPROVED")
            case "object":
                hub.review(login, number, "CHANGES_REQUESTED")
            case "merge":
                hub.merge(login, number, asked.get("method", METHODS[0]), admin=True)
            case "list":
                hub.notice()
            case "push":  # git's push into the folder has no sign-in: say whose it was
                hub.notice(login)
            case other:
                raise InputError(f"{other!r} is nothing that is done to a pull request")
    except Refusal as e:
        what = str(e.detail or e.message)
        if number and e.status == _UNMERGEABLE:
            what += _why_unmergeable(hub.pulls[number])
        raise InputError(f"the local GitHub says no: {what}") from e
    except (GitRefused, KeyError, ValueError) as e:
        raise InputError(f"the local GitHub says no: {e}") from e
    shown = [hub.pulls[number]] if number else list(hub.pulls.values())
    return [_shown(pull) for pull in shown]


def token(hub: Hub, login: str) -> str:
    """With which this person's own commands speak to the local GitHub."""
    return hub.users[_known(hub, login)].token


def _known(hub: Hub, login: str) -> str:
    if login not in hub.users:
        known = ", ".join(sorted(u for u, one in hub.users.items() if one.kind == "User"))
        raise InputError(f"nobody here is {login!r}; write one of {known}")
    return login


def _opened(hub: Hub, number: int) -> None:
    if number not in hub.pulls:
        known = ", ".join(map(str, hub.pulls)) or "none yet: push a branch, and open one"
        raise InputError(f"there is no pull request {number}; there is {known}")


def _why_unmergeable(pull: Pull) -> str:
    if pull.state != "OPEN":
        return f": it is {pull.state.lower()} already"
    return f": its branch conflicts with {pull.base}; merge {pull.base} into it, and push it again"


def _shown(pull: Pull) -> dict[str, Any]:
    return {
        "number": pull.number,
        "title": pull.title,
        "author": pull.author.login,
        "branch": pull.branch,
        "state": pull.state.lower(),
        "approved_by": sorted({r.author.login for r in pull.reviews if r.state == "APPROVED"}),
        "commit": pull.merge_commit or "",
    }
