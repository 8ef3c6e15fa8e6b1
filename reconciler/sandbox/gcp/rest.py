"""Serves Resource Manager v3 (policies and parents) and Cloud Identity v1 as JSON over HTTP. IAM's
service accounts are left out: their client speaks only gRPC."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf.json_format import MessageToDict, Parse, ParseError

from reconciler.sandbox.gcp.directory import Directory
from reconciler.sandbox.gcp.hierarchy import Hierarchy
from reconciler.sandbox.gcp.policies import PolicyStore
from reconciler.sandbox.gcp.refusals import Code, Refused

_NAME = r"/v3/((?:projects|folders|organizations)/[^/:]+)"
_CALL = re.compile(rf"{_NAME}:(getIamPolicy|setIamPolicy)")
_LOOKUP = re.compile(_NAME)
_GROUPS = re.compile(r"/v1/(groups:lookup|groups/[^/:]+/memberships)")

Start = Callable[..., Any]


def rest_app(
    store: PolicyStore, hierarchy: Hierarchy, directory: Directory
) -> Callable[[dict[str, Any], Start], Iterable[bytes]]:
    def app(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        try:
            if method == "GET" and (group := _GROUPS.fullmatch(path)):
                answer = directory.answer(group[1], environ.get("QUERY_STRING", ""))
            elif method == "GET" and (named := _LOOKUP.fullmatch(path)):
                answer = MessageToDict(hierarchy.get(named[1]), use_integers_for_enums=True)
            else:
                answer = MessageToDict(_policy(store, method, path, body))
        except Refused as refused:
            return _send(start, refused.code.http, _error(refused))
        return _send(start, 200, answer)

    return app


def _policy(store: PolicyStore, method: str, path: str, body: bytes) -> policy_pb2.Policy:
    call = _CALL.fullmatch(path)
    if method != "POST" or not call:
        raise Refused(Code.NOT_FOUND, f"Method not found: {method} {path}")
    try:
        if call[2] == "getIamPolicy":
            get = Parse(body, iam_policy_pb2.GetIamPolicyRequest())
            return store.get(call[1], get.options.requested_policy_version)
        put = Parse(body, iam_policy_pb2.SetIamPolicyRequest())
    except ParseError as error:
        raise Refused(Code.INVALID_ARGUMENT, f"Invalid JSON payload received. {error}") from None
    return store.set(call[1], put.policy, put.update_mask.paths)


def _error(refused: Refused) -> dict[str, Any]:
    """The shape of every error of Google's REST services (AIP-193)."""
    return {
        "error": {
            "code": refused.code.http,
            "message": str(refused),
            "status": refused.code.name,
        }
    }


def _send(start: Start, status: int, content: dict[str, Any]) -> Iterable[bytes]:
    body = json.dumps(content).encode()
    headers = [
        ("Content-Type", "application/json; charset=UTF-8"),
        ("Content-Length", str(len(body))),
    ]
    start(f"{status} {HTTPStatus(status).phrase}", headers)
    return [body]
