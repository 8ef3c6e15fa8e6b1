"""boto3 clients as we want them: paced, retrying, with deadlines, one role per member account.

Credentials come from boto3's own chain only. Nothing here knows what the calls mean.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
from botocore.session import Session

from reconciler.errors import ProviderError
from reconciler.providers.aws.settings import Patience, Settings
from reconciler.providers.base import Pace
from reconciler.unsaid import hide

_CONFIG = Config(
    connect_timeout=10,
    read_timeout=60,
    max_pool_connections=16,
    user_agent_extra="access-reconciler",
)
_SIGNED_OUT = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    SSOError,
    TokenRetrievalError,
)
# Meant by codes that services send with 400, or with 403, as they like.
_STATUS = {
    "ExpiredToken": 401,
    "ExpiredTokenException": 401,
    "InvalidClientTokenId": 401,
    "UnrecognizedClientException": 401,
    "AccessDenied": 403,
    "AccessDeniedException": 403,
}
K = TypeVar("K")
V = TypeVar("V")


class Incomplete(Exception):
    """An answer that lacks what it must have.

    botocore parses a JSON answer that was cut off into one without members, so a missing list
    means half a page, never an empty one.
    """


def member(answer: dict[str, Any], name: str) -> Any:
    if name not in answer:
        raise Incomplete(f"the answer has no {name}: only a part of it arrived")
    return answer[name]


def pages(client: Any, operation: str, **arguments: Any) -> Iterator[dict[str, Any]]:
    """Every page. Raises Incomplete when a page says that more follow and not where."""
    page: dict[str, Any] = {}
    for page in client.get_paginator(operation).paginate(**arguments):
        yield page
    if page.get("IsTruncated"):
        raise Incomplete("the last page says that more follow")


@contextmanager
def explained(system: str, action: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError, Incomplete) as e:
        raise ProviderError(system, action, f"{e}{_mend(e)}") from e


def _mend(error: Exception) -> str:
    """What to do where it is about credentials or permissions."""
    status = _status(error) if isinstance(error, ClientError) else None
    if status == 401 or isinstance(error, _SIGNED_OUT):
        return "; sign in (aws sso login), see docs/providers/aws.md"
    if status == 403:
        return (
            "; check who is signed in (aws sso login) and their permissions,"
            " see docs/providers/aws.md"
        )
    return ""


def _status(error: ClientError) -> object:
    answered = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return _STATUS.get(code(error), answered)


def is_denied(error: ClientError) -> bool:
    return _status(error) == 403


def code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


class Clients:
    """Made when first asked for, shared by all threads (boto3 clients are safe to share).

    `role` is the one to take in member accounts.
    """

    def __init__(
        self, settings: Settings, role: str, pace: Pace, patience: Patience | None = None
    ) -> None:
        self.patience = patience or Patience()
        self._settings = settings
        self._role = role
        self._pace = pace
        tries = {"mode": "standard", "total_max_attempts": self.patience.tries}
        self._config = _CONFIG.merge(Config(retries=tries))
        self._session = boto3.Session(botocore_session=_core(), region_name=settings.region)
        self._lock = threading.RLock()  # making sessions and clients is not thread-safe
        self._made: dict[tuple[str, str], Any] = {}

    @property
    def sso_admin(self) -> Any:
        return self._client("sso-admin", "")

    @property
    def identity_store(self) -> Any:
        return self._client("identitystore", "")

    @property
    def sts(self) -> Any:
        return self._client("sts", "")

    def iam(self, account: str) -> Any:
        """IAM of a member account, as our role there."""
        return self._client("iam", account)

    def role_arn(self, account: str) -> str:
        return self._settings.role_arn(account, self._role)

    def _client(self, service: str, account: str) -> Any:
        with self._lock:
            if (service, account) not in self._made:
                session = self._assumed(account) if account else self._session
                client = session.client(
                    service, endpoint_url=self._settings.endpoint, config=self._config
                )
                # Each attempt counts against the vendor's limit, so each one is paced.
                client.meta.events.register("before-send", self._wait_for_turn)
                # As specific as botocore's own handler, or it would run after that one.
                service_id = client.meta.service_model.service_id.hyphenize()
                client.meta.events.register_first(f"needs-retry.{service_id}", _as_told)
                self._made[service, account] = client
            return self._made[service, account]

    def _wait_for_turn(self, request: Any, **_: Any) -> None:
        # A request whose signature is wrong is said back by AWS, with its headers.
        hide(_text(request.headers.get("X-Amz-Security-Token", "")))
        self._pace()

    def _assumed(self, account: str) -> boto3.Session:
        sts = self.sts
        arn = self.role_arn(account)

        def refresh() -> dict[str, str]:
            answer = sts.assume_role(RoleArn=arn, RoleSessionName="access-reconciler")
            given = member(answer, "Credentials")
            hide(member(given, "SecretAccessKey"))
            hide(member(given, "SessionToken"))
            return {
                "access_key": given["AccessKeyId"],
                "secret_key": given["SecretAccessKey"],
                "token": given["SessionToken"],
                "expiry_time": given["Expiration"].isoformat(),
            }

        core = _core()
        core._credentials = DeferredRefreshableCredentials(refresh, "assume-role")
        return boto3.Session(botocore_session=core, region_name=self._settings.region)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


@cache
def _loader() -> Any:
    return Session().get_component("data_loader")


def _core() -> Session:
    """A session whose service models were parsed once in this process, not once in each session."""
    core = Session()
    core.register_component("data_loader", _loader())
    return core


def _as_told(response: Any, **_: Any) -> None:
    """Make botocore's own retry honour Retry-After: it only knows `x-amz-retry-after` (ms)."""
    if response is None:
        return
    http, parsed = response
    told = http.headers.get("retry-after") or parsed.get("RetryAfterSeconds")
    if told and str(told).isdigit():
        http.headers["x-amz-retry-after"] = str(int(told) * 1000)
