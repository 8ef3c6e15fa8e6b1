"""How the local GitHub's REST answers look: all fields that GitHub's OpenAPI description asks for.
Decides nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from reconciler.sandbox.bare import Bare
from reconciler.sandbox.github.activity import Activity
from reconciler.sandbox.github.state import NAME, OWNER, Comment, Pull, Review, Status, User

Shown = dict[str, Any]

_WEB = f"https://github.com/{OWNER}/{NAME}"
_API = f"https://api.github.com/repos/{OWNER}/{NAME}"
_USER_LINKS = (
    "events", "followers", "following", "gists", "organizations", "received_events", "repos",
    "starred", "subscriptions",
)  # fmt: skip
_REPOSITORY_LINKS = (
    "archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits", "compare",
    "contents", "contributors", "deployments", "downloads", "events", "forks", "git_commits",
    "git_refs", "git_tags", "hooks", "issue_comment", "issue_events", "issues", "keys", "labels",
    "languages", "merges", "milestones", "notifications", "pulls", "releases", "stargazers",
    "statuses", "subscribers", "subscription", "tags", "teams", "trees",
)  # fmt: skip


def user(one: User) -> Shown:
    """A deleted account is shown as GitHub shows all of them: as "ghost"."""
    login = _login(one)
    api = f"https://api.github.com/users/{login}"
    return {
        "login": login,
        "id": one.id if one.alive else 10137,
        "node_id": f"U_{one.id if one.alive else 10137}",
        "type": one.kind if one.alive else "User",
        "site_admin": False,
        "gravatar_id": "",
        "url": api,
        "html_url": f"https://github.com/{login}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{one.id}",
        **{f"{name}_url": f"{api}/{name}" for name in _USER_LINKS},
    }


def whole_user(one: User) -> Shown:
    """What one is shown of somebody else."""
    unsaid = ("name", "company", "blog", "location", "email", "hireable", "bio")
    counts = ("public_repos", "public_gists", "followers", "following")
    since = {"created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"}
    return {**user(one), **dict.fromkeys(unsaid), **dict.fromkeys(counts, 0), **since}


def _login(one: User) -> str:
    if not one.alive:
        return "ghost"
    return f"{one.login}[bot]" if one.kind == "Bot" else one.login


def repository(bot: User) -> Shown:
    return {
        "id": 1,
        "node_id": "R_1",
        "name": NAME,
        "full_name": f"{OWNER}/{NAME}",
        "owner": user(bot) | {"login": OWNER, "type": "Organization"},
        "private": True,
        "description": None,
        "homepage": None,
        "language": None,
        "license": None,
        "mirror_url": None,
        "fork": False,
        "default_branch": "main",
        "archived": False,
        "disabled": False,
        **dict.fromkeys(("pushed_at", "created_at", "updated_at"), None),
        **{f"has_{what}": False for what in ("downloads", "issues", "projects", "wiki", "pages")},
        **dict.fromkeys(("forks", "open_issues", "size", "watchers"), 0),
        **dict.fromkeys(("forks_count", "open_issues_count"), 0),
        **dict.fromkeys(("stargazers_count", "watchers_count"), 0),
        "url": _API,
        "html_url": _WEB,
        "clone_url": f"{_WEB}.git",
        "git_url": f"git://github.com/{OWNER}/{NAME}.git",
        "ssh_url": f"git@github.com:{OWNER}/{NAME}.git",
        "svn_url": _WEB,
        **{f"{name}_url": f"{_API}/{name}" for name in _REPOSITORY_LINKS},
    }


def pull(one: Pull, asked: list[User], bare: Bare, bot: User) -> Shown:
    return {
        "id": one.number,
        "node_id": f"PR_{one.number}",
        "number": one.number,
        "state": "open" if one.state == "OPEN" else "closed",
        "locked": False,
        "title": one.title,
        "body": one.body,
        "user": user(one.author),
        "created_at": time(one.created),
        "updated_at": time(one.created),
        "closed_at": time(one.merged_at),
        "merged_at": time(one.merged_at),
        "merge_commit_sha": one.merge_commit or None,
        "head": _end(one.branch, one.head, bot),
        "base": _end(one.base, bare.tip(one.base), bot),
        "requested_reviewers": [user(u) for u in asked],
        "author_association": "MEMBER",
        "auto_merge": None,
        "assignee": None,
        "milestone": None,
        "labels": [],
        **_links(one),
    }


def _links(one: Pull) -> Shown:
    """The same addresses twice, as GitHub has them."""
    api = f"{_API}/pulls/{one.number}"
    issue = f"{_API}/issues/{one.number}"
    links = {
        "url": api,
        "html_url": f"{_WEB}/pull/{one.number}",
        "diff_url": f"{_WEB}/pull/{one.number}.diff",
        "patch_url": f"{_WEB}/pull/{one.number}.patch",
        "issue_url": issue,
        "commits_url": f"{api}/commits",
        "review_comments_url": f"{api}/comments",
        "review_comment_url": f"{_API}/pulls/comments{{/number}}",
        "comments_url": f"{issue}/comments",
        "statuses_url": f"{_API}/statuses/{one.head}",
    }
    both = ("commits", "review_comments", "review_comment", "comments", "statuses")
    named = {"self": links["url"], "html": links["html_url"], "issue": issue}
    named |= {name: links[f"{name}_url"] for name in both}
    return {**links, "_links": {name: {"href": address} for name, address in named.items()}}


def whole_pull(one: Pull, asked: list[User], bare: Bare, bot: User) -> Shown:
    """With what only an answer about one pull request has."""
    return {
        **pull(one, asked, bare, bot),
        "merged": one.state == "MERGED",
        "merged_by": user(one.merged_by) if one.merged_by else None,
        "mergeable": None,
        "mergeable_state": "unknown",
        "maintainer_can_modify": False,
        "commits": len(one.commits),
        **dict.fromkeys(("additions", "changed_files", "comments", "deletions"), 0),
        "review_comments": 0,
    }


def _end(branch: str, oid: str, bot: User) -> Shown:
    owner = user(bot) | {"login": OWNER, "type": "Organization"}
    return {
        "label": f"{OWNER}:{branch}",
        "ref": branch,
        "sha": oid,
        "user": owner,
        "repo": repository(bot),
    }


def review(one: Review, number: int) -> Shown:
    web = f"{_WEB}/pull/{number}#pullrequestreview-{one.id}"
    return {
        "id": one.id,
        "node_id": f"PRR_{one.id}",
        "user": user(one.author),
        "body": one.body,
        "state": one.state,
        "commit_id": one.commit,
        "submitted_at": time(one.at),
        "html_url": web,
        "pull_request_url": f"{_API}/pulls/{number}",
        "author_association": "MEMBER",
        "_links": {
            "html": {"href": web},
            "pull_request": {"href": f"{_API}/pulls/{number}"},
        },
    }


def activity(one: Activity) -> Shown:
    return {
        "id": one.id,
        "node_id": f"PSH_{one.id}",
        "before": one.before,
        "after": one.after,
        "ref": f"refs/heads/{one.branch}",
        "timestamp": time(one.at),
        "activity_type": one.type,
        "actor": user(one.actor) if one.actor and one.actor.alive else None,
    }


def comment(one: Comment) -> Shown:
    return {
        "id": one.id,
        "node_id": f"IC_{one.id}",
        "url": f"{_API}/issues/comments/{one.id}",
        "html_url": f"{_WEB}/pull/{one.number}#issuecomment-{one.id}",
        "issue_url": f"{_API}/issues/{one.number}",
        "user": user(one.author),
        "body": one.body,
        "created_at": time(one.created),
        "updated_at": time(one.updated),
        "author_association": "MEMBER",
    }


def status(one: Status) -> Shown:
    return {
        "id": one.id,
        "node_id": f"SC_{one.id}",
        "url": f"{_API}/statuses/{one.commit}",
        "avatar_url": None,
        "state": one.state,
        "description": one.description,
        "target_url": None,
        "context": one.context,
        "creator": user(one.creator),
        "created_at": time(one.at),
        "updated_at": time(one.at),
    }


def time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
