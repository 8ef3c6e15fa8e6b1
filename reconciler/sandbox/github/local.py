"""A local GitHub: REST and GraphQL of one repository on loopback, with a bare git repository behind
it. Serves what this project calls, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from reconciler.sandbox.faults import Faults
from reconciler.sandbox.github import wire
from reconciler.sandbox.github.activity import asks_for
from reconciler.sandbox.github.graph import Graph
from reconciler.sandbox.github.hub import BOT, MAIN, Hub
from reconciler.sandbox.github.state import NAME, OWNER, Pull, invalid
from reconciler.sandbox.local import Row, Served
from reconciler.sandbox.rest import Answer, Refusal, Server, as_json, empty_wanted, number

_REPOSITORY = f"/repos/{OWNER}/{NAME}"
_DOCS = "https://docs.github.com/rest"
_PATHS = {
    "graphql": ("/graphql", ("POST",)),
    "user": ("/user/<int:account>", ("GET",)),
    "pulls": (f"{_REPOSITORY}/pulls", ("GET", "POST")),
    "one": (f"{_REPOSITORY}/pulls/<int:n>", ("GET",)),
    "reviews": (f"{_REPOSITORY}/pulls/<int:n>/reviews", ("GET", "POST")),
    "dismissals": (f"{_REPOSITORY}/pulls/<int:n>/reviews/<int:review>/dismissals", ("PUT",)),
    "merging": (f"{_REPOSITORY}/pulls/<int:n>/merge", ("PUT",)),
    "asking": (f"{_REPOSITORY}/pulls/<int:n>/requested_reviewers", ("POST",)),
    "comments": (f"{_REPOSITORY}/issues/<int:n>/comments", ("GET", "POST")),
    "one_comment": (f"{_REPOSITORY}/issues/comments/<int:comment>", ("PATCH",)),
    "statuses": (f"{_REPOSITORY}/statuses/<sha>", ("POST",)),
    "protection": (f"{_REPOSITORY}/branches/<branch>/protection", ("GET",)),
    "rules": (f"{_REPOSITORY}/rules/branches/<branch>", ("GET",)),
    "ruleset": (f"{_REPOSITORY}/rulesets/<int:ruleset>", ("GET",)),
    "workflow": (f"{_REPOSITORY}/actions/permissions/workflow", ("GET",)),
    "codeowners": (f"{_REPOSITORY}/codeowners/errors", ("GET",)),
    "activity": (f"{_REPOSITORY}/activity", ("GET",)),
}

Sent = Mapping[str, Any]


class LocalGithub(Hub):
    """`page_most` bounds the pages of REST and GraphQL (GitHub: 100). `work_tree` is a git
    repository to begin with; without it, there is one commit."""

    name = "github"

    def __init__(
        self, work_tree: Path | None = None, clock: Callable[[], datetime] | None = None
    ) -> None:
        super().__init__(**({"clock": clock} if clock else {}))
        self.graph = Graph(self)
        self._work_tree = work_tree
        answers = {endpoint: self._answer(endpoint) for endpoint in _PATHS}
        self._server = Server(_rules(), answers, _error, self._signed_in, self.answered)

    def start(self, faults: Faults, home: Path, port: int = 0) -> Served:
        path = home / "github.git"
        if self._work_tree:
            self.seed(path, self._work_tree)
        else:
            self.create(path)
        return Served(
            settings={
                "kind": "github",
                "repository": f"{OWNER}/{NAME}",
                "branch": MAIN,
                "url": self._server.start(self.name, faults, port),
            },
            env={"GITHUB_TOKEN": self.users[BOT].token},
        )

    def stop(self) -> None:
        self._server.stop()

    def rows(self) -> tuple[Row, ...]:
        return ()  # it hosts the access repository, and gives nobody access to anything

    def answered(self, request: Request, response: Response) -> None:
        """For who wants to hear what is said here."""

    def _answer(self, endpoint: str) -> Answer:
        does: Callable[..., Response] = getattr(self, f"_{endpoint}")

        def answer(request: Request, **values: Any) -> Response:
            with self.lock:
                return does(request, self._signed_in(request), **values)

        return answer

    def _signed_in(self, request: Request) -> str:
        token = request.headers.get("Authorization", "").partition(" ")[2]
        for user in self.users.values():
            if user.alive and token == user.token:
                return user.login
        raise Refusal(401, "Bad credentials")

    def _graphql(self, request: Request, login: str) -> Response:
        body = _sent(request)
        return as_json(self.graph.answer(login, body, empty=empty_wanted(request)))

    def _pulls(self, request: Request, login: str) -> Response:
        if request.method == "POST":
            sent = _sent(request)
            base, body = str(sent["base"]), str(sent.get("body") or "")
            made = self.open_pull(login, str(sent["head"]), str(sent["title"]), base, body)
            return as_json(self._whole(self.pulls[made]), 201)
        self.notice()
        state, head = request.args.get("state", "open"), request.args.get("head", "")
        rows = [
            self._shown(pull)
            for pull in self.pulls.values()
            if state == "all" or (state == "open") == (pull.state == "OPEN")
            if head in ("", f"{OWNER}:{pull.branch}")
        ]
        return self._page(request, rows)

    def _one(self, request: Request, login: str, n: int) -> Response:
        self.notice()
        return as_json(self._whole(self.pull(n)))

    def _reviews(self, request: Request, login: str, n: int) -> Response:
        pull = self.pull(n)
        if request.method == "POST":
            sent = _sent(request)
            word = {
                "APPROVE": "APPROVED",
                "REQUEST_CHANGES": "CHANGES_REQUESTED",
                "COMMENT": "COMMENTED",
            }
            state = word.get(str(sent.get("event")), "")
            if not state:
                what = "event is not one of those there are"
                raise Refusal(422, "Unprocessable Entity", detail=what)
            self.review(login, n, state, str(sent.get("commit_id") or ""))
            return as_json(wire.review(pull.reviews[-1], n))
        return self._page(request, [wire.review(review, n) for review in pull.reviews])

    def _dismissals(self, request: Request, login: str, n: int, review: int) -> Response:
        self.dismiss(n, review)
        return as_json(next(wire.review(r, n) for r in self.pulls[n].reviews if r.id == review))

    def _merging(self, request: Request, login: str, n: int) -> Response:
        sent = _sent(request)
        method, head = str(sent.get("merge_method", "merge")), str(sent.get("sha") or "")
        made = self.merge(login, n, method, head)
        message = "Pull Request successfully merged"
        return as_json({"sha": made, "merged": True, "message": message})

    def _asking(self, request: Request, login: str, n: int) -> Response:
        logins = [str(each) for each in _sent(request).get("reviewers", ())]
        return as_json(self._shown(self.ask(n, logins)), 201)

    def _comments(self, request: Request, login: str, n: int) -> Response:
        if request.method == "POST":
            return as_json(wire.comment(self.comment(login, n, _body(request))), 201)
        self.pull(n)
        return self._page(request, [wire.comment(c) for c in self.comments if c.number == n])

    def _one_comment(self, request: Request, login: str, comment: int) -> Response:
        found = next((c for c in self.comments if c.id == comment), None)
        if found is None:
            raise Refusal(404, "Not Found")
        if found.author.login != login:
            raise Refusal(403, "Must have admin rights to Repository.")
        found.body, found.updated = _body(request), self.now()
        return as_json(wire.comment(found))

    def _statuses(self, request: Request, login: str, sha: str) -> Response:
        sent = _sent(request)
        text = str(sent.get("description") or "")
        if len(text) > 140:
            raise invalid("description is too long (maximum is 140)")
        context = str(sent.get("context", "default"))
        made = self.status(login, sha, str(sent["state"]), context, text)
        return as_json(wire.status(made), 201)

    def _user(self, request: Request, login: str, account: int) -> Response:
        found = next((u for u in self.users.values() if u.alive and u.id == account), None)
        if found is None:
            raise Refusal(404, "Not Found")
        return as_json(wire.whole_user(found))

    def _protection(self, request: Request, login: str, branch: str) -> Response:
        self._administered()
        if self.settings.protection is None or branch != MAIN:
            raise Refusal(404, "Branch not protected")
        return as_json(self.settings.protection)

    def _rules(self, request: Request, login: str, branch: str) -> Response:
        rows = [
            {
                **rule,
                "ruleset_source_type": "Repository",
                "ruleset_source": f"{OWNER}/{NAME}",
                "ruleset_id": ruleset["id"],
            }
            for ruleset in self.settings.rulesets
            if ruleset["enforcement"] == "active" and _meant(ruleset, branch)
            for rule in ruleset["rules"]
        ]
        return self._page(request, rows)

    def _ruleset(self, request: Request, login: str, ruleset: int) -> Response:
        for one in self.settings.rulesets:
            if one["id"] == ruleset:
                hidden = () if self.settings.may_administer else ("bypass_actors",)
                return as_json({key: value for key, value in one.items() if key not in hidden})
        raise Refusal(404, "Not Found")

    def _workflow(self, request: Request, login: str) -> Response:
        self._administered()
        may = self.settings.actions_may_approve
        body = {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": may}
        return as_json(body)

    def _codeowners(self, request: Request, login: str) -> Response:
        return as_json({"errors": self.settings.codeowners_errors})

    def _activity(self, request: Request, login: str) -> Response:
        """A page begins behind a row that the last one names, so that what is pushed meanwhile
        moves nothing."""
        self.notice()
        asked = request.args
        rows = tuple(row for row in self.log.rows if asks_for(row, asked, self.now()))
        if asked.get("direction", "desc") == "desc":
            rows = rows[::-1]
        start = next(
            (n for n, row in enumerate(rows, 1) if asked.get("after") == f"row{row.id}"), 0
        )
        size = number(request, "per_page", 30, 1, self.graph.page_most)
        page = rows[start : start + size]
        response = as_json([] if empty_wanted(request) else [wire.activity(row) for row in page])
        if start + size < len(rows):
            self._leads_on(request, response, after=f"row{page[-1].id}")
        return response

    def _administered(self) -> None:
        if not self.settings.may_administer:
            raise Refusal(403, "Resource not accessible by integration")

    def _shown(self, pull: Pull) -> wire.Shown:
        asked = [self.users[login] for login in pull.asked if login in self.users]
        return wire.pull(pull, asked, self.bare, self.users[BOT])

    def _whole(self, pull: Pull) -> wire.Shown:
        asked = [self.users[login] for login in pull.asked if login in self.users]
        return wire.whole_pull(pull, asked, self.bare, self.users[BOT])

    def _page(self, request: Request, rows: list[wire.Shown]) -> Response:
        size = number(request, "per_page", 30, 1, self.graph.page_most)
        page = number(request, "page", 1, 1, 1_000_000)
        shown = [] if empty_wanted(request) else rows[(page - 1) * size : page * size]
        response = as_json(shown)
        if page * size < len(rows):
            self._leads_on(request, response, page=page + 1, per_page=size)
        return response

    def _leads_on(self, request: Request, response: Response, **query: object) -> None:
        where = f"{request.base_url}?{urlencode({**request.args, **query})}"
        response.headers["Link"] = f'<{where}>; rel="next"'


def _rules() -> Iterable[Rule]:
    for endpoint, (path, methods) in _PATHS.items():
        yield Rule(path, endpoint=endpoint, methods=methods, strict_slashes=True)


def _meant(ruleset: Mapping[str, Any], branch: str) -> bool:
    """One without conditions is for every branch. Of GitHub's patterns only whole names."""
    every = {"~ALL", f"refs/heads/{branch}", *(("~DEFAULT_BRANCH",) if branch == MAIN else ())}
    names = ruleset.get("conditions", {}).get("ref_name", {})
    return bool(every & set(names.get("include", every)) - set(names.get("exclude", ())))


def _sent(request: Request) -> Sent:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Refusal(400, "Problems parsing JSON")
    return body


def _body(request: Request) -> str:
    text = str(_sent(request).get("body", ""))
    if len(text) > 65_536:
        raise invalid("body is too long (maximum is 65536 characters)")
    return text


def _error(refusal: Refusal) -> Response:
    body: dict[str, Any] = {"message": refusal.message, "documentation_url": _DOCS}
    if refusal.detail and refusal.message == "Validation Failed":
        body["errors"] = [{"resource": "PullRequest", "code": "custom", "message": refusal.detail}]
    elif refusal.detail:
        body["errors"] = [refusal.detail]
    return as_json({**body, "status": str(refusal.status)}, refusal.status)
