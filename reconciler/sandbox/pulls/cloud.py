"""The pull requests of a local Bitbucket Cloud: REST API 2.0, as its OpenAPI description says, and
where that is silent as its answers are known: commits in pull requests are cut to 12 characters.

Never keeps anything but in memory, beside the git repository.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from reconciler.sandbox.bare import Commit, GitRefused
from reconciler.sandbox.bitbucket_cloud import User
from reconciler.sandbox.faults import Faults
from reconciler.sandbox.pulls.book import BOT, Book, Member, Pull, token
from reconciler.sandbox.pulls.cloud_shapes import (
    Shapes,
    account,
    participant,
    state,
)
from reconciler.sandbox.pulls.cloud_shapes import comment as comment_shown
from reconciler.sandbox.rest import Answer, Refusal, Server, as_json, empty_wanted, number

REPOSITORY = "acme/access"
_PATH = "/2.0/repositories/<workspace>/<slug>"
_FILTER = re.compile(r'([\w.]+)\s*=\s*"((?:[^"\\]|\\.)*)"')


@dataclass
class LocalCloudPulls:
    """`links` is whether the app "Pull Request Commit Links" is installed, `indexing` whether it is
    still at work. `restrictions` are rows of branch-restrictions, None where the token may not ask.
    """

    book: Book
    page_most: int = 50
    links: bool = True
    indexing: bool = False
    slow_merges: bool = False  # answered with 202, to be asked about again
    restrictions: list[dict[str, Any]] | None = field(default_factory=list)
    model: dict[str, Any] = field(default_factory=dict)
    name: str = "bitbucket"
    repository: str = REPOSITORY

    def __post_init__(self) -> None:
        self._words = Shapes(self.book, self.repository)
        self._server = Server(_rules(), self._answers(), _error, self._before)

    def start(self, faults: Faults, port: int = 0) -> str:
        """The server's address, without the version of the API."""
        return self._server.start(self.name, faults, port)

    def stop(self) -> None:
        self._server.stop()

    def _answers(self) -> dict[str, Answer]:
        return {
            "user": lambda request: as_json(account(self._me(request))),
            "commit": self._commit,
            "links": self._links,
            "history": self._history,
            "status": self._status,
            "pulls": self._pulls,
            "pull": self._pull,
            "activity": self._activity,
            "commits": self._commits,
            "comments": self._comments,
            "comment": self._comment,
            "say": self._say,
            "merge": self._merge,
            "src": self._src,
            "restrictions": self._restrictions,
            "model": self._model,
        }

    def _before(self, request: Request) -> None:
        self._me(request)
        where = request.path.split("/")
        if where[2] == "repositories" and "/".join(where[3:5]) != self.repository:
            raise Refusal(404, f"Repository {'/'.join(where[3:5])} not found")

    def _me(self, request: Request) -> Member:
        sent = request.authorization
        member = self.book.owner((sent.token or sent.password or "") if sent else "")
        if member is None:
            raise Refusal(401, "Token is invalid, expired, or not supported for this endpoint.")
        return member

    def _commit(self, request: Request, commit: str, **_: str) -> Response:
        return as_json(self._words.commit(self._known(commit)))

    def _links(self, request: Request, commit: str, **_: str) -> Response:
        if not self.links:
            raise Refusal(404, "Pull request commit links have not yet been indexed.")
        if self.indexing:
            return as_json({"type": "error", "error": {"message": "Still indexing."}}, 202)
        sha = self._known(commit).hash
        pulls = [p for p in self.book.pulls.values() if sha == p.merged or sha in p.seen]
        return self._page(request, [self._words.reference(pull) for pull in pulls])

    def _history(self, request: Request, revision: str, **_: str) -> Response:
        head, since = self._known(revision), self._known(request.args.get("exclude", ""))
        listed = self.book.between(since.hash, head.hash)
        return self._page(request, [self._words.commit(commit) for commit in listed])

    def _status(self, request: Request, commit: str, **_: str) -> Response:
        body = _body(request)
        if not body.get("url") or body.get("state") not in ("SUCCESSFUL", "INPROGRESS", "FAILED"):
            raise Refusal(400, "Bad request: url and state are required")
        self.book.statuses[self._known(commit).hash, str(body["key"])] = body
        return as_json({"type": "build", **body}, 201)

    def _pulls(self, request: Request, **_: str) -> Response:
        if request.method == "POST":
            return self._open(request)
        asked = {
            key: re.sub(r"\\(.)", r"\1", value)
            for key, value in _FILTER.findall(request.args.get("q", ""))
        }
        states = request.args.getlist("state") or ["OPEN"]
        pulls = [
            pull
            for pull in self.book.pulls.values()
            if state(pull) in states
            and asked.get("source.branch.name", pull.branch) == pull.branch
            and asked.get("destination.branch.name", pull.into) == pull.into
        ]
        return self._page(request, [self._words.pull(pull) for pull in pulls])

    def _open(self, request: Request) -> Response:
        body, me = _body(request), self._me(request)
        branch = body["source"]["branch"]["name"]
        into = body.get("destination", {}).get("branch", {}).get("name", self.book.main)
        if not self.book.bare.tip(branch):
            raise Refusal(400, "source: branch not found")
        reviewers = self._reviewers(body, me)
        pull = self.book.open_pull(
            me.login, branch, body["title"], into, body.get("description", ""), reviewers
        )
        return as_json(self._words.pull(pull), 201)

    def _reviewers(self, body: dict[str, Any], author: Member) -> list[str]:
        logins = {User(login).uuid: login for login in self.book.members}
        wanted = [row.get("uuid", "") for row in body.get("reviewers", [])]
        for uuid in wanted:
            if uuid == User(author.login).uuid:
                who = author.login.title()
                raise Refusal(
                    400, f"reviewers: {who} is the author and cannot be included as a reviewer."
                )
            if uuid not in logins:
                raise Refusal(400, "reviewers: Malformed reviewers list")
        return [logins[uuid] for uuid in wanted]

    def _pull(self, request: Request, id: int, **_: str) -> Response:
        pull = self._one(id)
        if request.method == "PUT":
            body = _body(request)
            names = self._reviewers(body, pull.author)
            pull.reviewers = [self.book.members[name] for name in names]
            pull.title = body.get("title", pull.title)
        return as_json(self._words.pull(pull))

    def _activity(self, request: Request, id: int, **_: str) -> Response:
        return self._page(request, list(self._words.entries(self._one(id))), total=False)

    def _commits(self, request: Request, id: int, **_: str) -> Response:
        pull = self._one(id)
        gone = not self.book.bare.tip(pull.branch)
        commits = () if gone else self.book.commits(pull)
        return self._page(request, [self._words.commit(c) for c in commits], total=False)

    def _comments(self, request: Request, id: int, **_: str) -> Response:
        pull = self._one(id)
        if request.method == "POST":
            text = _body(request)["content"]["raw"]
            said = self.book.comment(self._me(request).login, id, text)
            return as_json(comment_shown(said), 201)
        return self._page(request, [comment_shown(said) for said in pull.comments])

    def _comment(self, request: Request, id: int, comment: int, **_: str) -> Response:
        said = next((c for c in self._one(id).comments if c.number == comment), None)
        if said is None:
            raise Refusal(404, "Comment not found")
        if said.who is not self._me(request):
            raise Refusal(403, "You are not the author of this comment")
        said.text = _body(request)["content"]["raw"]
        return as_json(comment_shown(said))

    def _say(self, request: Request, id: int, word: str, **_: str) -> Response:
        pull, me = self._one(id), self._me(request)
        if request.method == "DELETE":
            self.book.unapprove(me.login, pull.number)
            return Response(status=204)
        if word == "approve":
            self.book.approve(me.login, pull.number)
        else:
            self.book.request_changes(me.login, pull.number)
        return as_json(participant(self.book, pull, me.login))

    def _merge(self, request: Request, id: int, **_: str) -> Response:
        pull = self._one(id)
        if pull.merged:
            raise Refusal(400, "This pull request is already closed.")
        strategy = _body(request).get("merge_strategy", "merge_commit")
        try:
            self.book.merge(self._me(request).login, id, strategy)
        except (GitRefused, ValueError) as e:
            raise Refusal(409, str(e)) from e
        if self.slow_merges:
            return Response(status=202, headers={"Location": f"{request.url}/task-status/1"})
        return as_json(self._words.pull(pull))

    def _src(self, request: Request, commit: str, path: str, **_: str) -> Response:
        content = self.book.bare.read(self._known(commit).hash, path)
        if content is None:
            raise Refusal(404, f"No such file or directory: {path}")
        if content.startswith(b"version https://git-lfs"):
            return Response(status=301, headers={"Location": "https://media.example.com/file"})
        return Response(content, mimetype="application/octet-stream")

    def _restrictions(self, request: Request, **_: str) -> Response:
        if self.restrictions is None:
            raise Refusal(403, "Your credentials lack one or more required privilege scopes.")
        return self._page(request, self.restrictions)

    def _model(self, request: Request, **_: str) -> Response:
        return as_json({"type": "branching_model", **self.model})

    def _one(self, id: int) -> Pull:
        if id not in self.book.pulls:
            raise Refusal(404, f"Pull request {id} not found")
        return self.book.pulls[id]

    def _known(self, commit: str) -> Commit:
        sha = self.book.bare.full(commit) if re.fullmatch("[0-9a-f]{7,40}", commit) else ""
        if not sha:
            raise Refusal(404, "Commit not found")
        return self.book.bare.facts(sha)

    def _page(self, request: Request, rows: list[dict[str, Any]], total: bool = True) -> Response:
        size = number(request, "pagelen", 10, 1, self.page_most)
        page = number(request, "page", 1, 1, 1_000_000)
        body: dict[str, Any] = {"pagelen": size, "values": rows[(page - 1) * size : page * size]}
        if total:
            body |= {"size": len(rows), "page": page}
        if page * size < len(rows) or empty_wanted(request):
            more = {**request.args.to_dict(), "page": str(page + 1)}
            body["next"] = f"{request.base_url}?{urlencode(more)}"
        if empty_wanted(request):
            del body["values"]
        return as_json(body)


def _rules() -> Iterable[Rule]:
    yield Rule("/2.0/user", endpoint="user")
    for path, endpoint, *methods in (
        ("commit/<commit>", "commit", "GET"),
        ("commit/<commit>/pullrequests", "links", "GET"),
        ("commit/<commit>/statuses/build", "status", "POST"),
        ("commits/<revision>", "history", "GET"),
        ("pullrequests", "pulls", "GET", "POST"),
        ("pullrequests/<int:id>", "pull", "GET", "PUT"),
        ("pullrequests/<int:id>/activity", "activity", "GET"),
        ("pullrequests/<int:id>/commits", "commits", "GET"),
        ("pullrequests/<int:id>/comments", "comments", "GET", "POST"),
        ("pullrequests/<int:id>/comments/<int:comment>", "comment", "PUT"),
        ("pullrequests/<int:id>/<any(approve, 'request-changes'):word>", "say", "POST", "DELETE"),
        ("pullrequests/<int:id>/merge", "merge", "POST"),
        ("src/<commit>/<path:path>", "src", "GET"),
        ("branch-restrictions", "restrictions", "GET"),
        ("branching-model", "model", "GET"),
    ):
        yield Rule(f"{_PATH}/{path}", endpoint=endpoint, methods=methods)


def basic(login: str = BOT) -> str:
    """What a client sends as Authorization with user name and token."""
    return "Basic " + base64.b64encode(f"{login}@example.com:{token(login)}".encode()).decode()


def _body(request: Request) -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refusal(400, "Bad request")
    return body


def _error(refusal: Refusal) -> Response:
    return as_json({"type": "error", "error": {"message": refusal.message}}, refusal.status)
