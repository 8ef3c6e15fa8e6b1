"""IAM and STS where moto is kinder than AWS: pages, policy sizes, roles that do not exist.

Never evaluates a policy: nothing here says whether a request would be allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any
from xml.etree import ElementTree

from reconciler.sandbox.aws.wire import Answer, Forward, Operation, Refused, Request, page_of

_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
_DETAILS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
# All inline policies of one entity together, white space not counted.
_SIZES = {"user": 2048, "role": 10240}


class Iam:
    """`backends` are moto's, by account; `accounts` those of the organisation."""

    def __init__(self, backends: Any, accounts: Collection[str], page: int) -> None:
        self._backends = backends
        self._accounts = accounts
        self._page = page
        ElementTree.register_namespace("", _NAMESPACE)

    def operations(self) -> Mapping[str, Operation]:
        return {
            "iam.GetAccountAuthorizationDetails": self._details,
            "iam.PutUserPolicy": self._put_policy,
            "iam.PutRolePolicy": self._put_policy,
            "sts.AssumeRole": self._assume_role,
        }

    def account(self, account: str) -> Any:
        """moto's record of one account: `users`, `roles`, `groups` by name."""
        return self._backends[account]["aws"]

    def _details(self, request: Request, forward: Forward) -> Answer:
        answer = forward()
        if not answer.status.startswith("200"):
            return answer
        root = ElementTree.fromstring(answer.body)  # noqa: S314 - moto's own answer
        result = root.find(f"{{{_NAMESPACE}}}GetAccountAuthorizationDetailsResult")
        if result is None:
            raise LookupError("moto's answer has no result")
        lists = [result.find(f"{{{_NAMESPACE}}}{name}") for name in _DETAILS]
        rows = [(parent, row) for parent in lists if parent is not None for row in parent]
        page, marker = page_of(rows, request.parameters, self._page, "Marker")
        kept = {id(row) for _, row in page}
        for parent, row in rows:
            if id(row) not in kept:
                parent.remove(row)
        truncated = result.find(f"{{{_NAMESPACE}}}IsTruncated")
        if truncated is not None:
            truncated.text = "true" if marker else "false"
        if marker:
            ElementTree.SubElement(result, f"{{{_NAMESPACE}}}Marker").text = marker
        return Answer(answer.status, answer.headers, ElementTree.tostring(root))

    def _put_policy(self, request: Request, forward: Forward) -> Answer:
        kind = "user" if request.operation == "PutUserPolicy" else "role"
        name = request.parameters[f"{kind.capitalize()}Name"]
        entities = getattr(self.account(self._account_of(request)), f"{kind}s")
        by_name = {e.name: e for e in entities.values()}
        held = dict(by_name[name].policies) if name in by_name else {}
        held[request.parameters["PolicyName"]] = request.parameters["PolicyDocument"]
        if sum(len(re.sub(r"\s", "", text)) for text in held.values()) > _SIZES[kind]:
            message = f"Maximum policy size of {_SIZES[kind]} bytes exceeded for {kind} {name}"
            raise Refused("LimitExceeded", message, "409 Conflict")
        return forward()

    def _account_of(self, request: Request) -> str:
        for account in self._accounts:
            if request.key in self.account(account).access_keys:
                return account
        raise Refused("InvalidClientTokenId", "The security token is invalid.", "403 Forbidden")

    def _assume_role(self, request: Request, forward: Forward) -> Answer:
        arn = request.parameters["RoleArn"]
        account = arn.split(":")[4]
        known = account in self._accounts and any(
            role.arn == arn for role in self.account(account).roles.values()
        )
        if not known:
            caller = "arn:aws:iam::123456789012:user/moto"
            message = (
                f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            )
            raise Refused("AccessDenied", message, "403 Forbidden")
        return forward()

    def make_account(self, account: str, users: Collection[str], roles: Collection[str]) -> None:
        made = self.account(account)
        for user in users:
            made.create_user("us-east-1", user)
        for role in roles:
            path, _, name = f"/{role}".rpartition("/")
            made.create_role(name, _TRUST, f"{path}/", None, "", [], None)


_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
