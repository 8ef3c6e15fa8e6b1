"""Calls to Google: clients, pacing, patience and the wording of failures. Knows no planning."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
import requests
from google import auth
from google.api_core import exceptions as gexc
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials, with_scopes_if_required
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.auth.transport.requests import AuthorizedSession, Request
from google.iam.v1 import iam_policy_pb2, options_pb2, policy_pb2
from google.protobuf.json_format import ParseError
from google.rpc.error_details_pb2 import RetryInfo
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_before_delay,
    wait_random_exponential,
)

from reconciler.errors import ProviderError
from reconciler.providers.base import Pace
from reconciler.providers.gcp.names import kind_of
from reconciler.providers.gcp.policy import Unwhole, whole
from reconciler.unsaid import hide

Answer = TypeVar("Answer")

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_VERSION = 3  # of the policy: anything lower hides conditions, or drops them
_TIMEOUT = 30.0  # seconds for one call
_PATIENCE = 90.0  # seconds for one read, or for one read-modify-write with all its repetitions
_TRIES = 5  # of a server that is down, before we leave it to the next run

# Conflict (of which Aborted is one) is somebody else's write between our read and our write. What
# ails the server may follow a write that did happen: reading again tells.
_BUSY = (gexc.Conflict, gexc.TooManyRequests)
PASSING = (
    *_BUSY,
    gexc.ServiceUnavailable,
    gexc.GatewayTimeout,
    gexc.InternalServerError,
    gexc.BadGateway,
    requests.ConnectionError,
    requests.Timeout,
)
_MEND = "(gcloud auth application-default login), see docs/providers/gcp.md"
FAILURES = (
    gexc.GoogleAPICallError,
    GoogleAuthError,
    requests.RequestException,
    ParseError,
    Unwhole,
)


class Policies:
    """Gets and sets allow policies of every kind of resource. Safe for several threads.

    Each call is one attempt, paced: the clients' own retries are off, since a write needs its read
    repeated with it, and only `patiently` knows both.
    """

    def __init__(
        self,
        system: str,
        endpoint: str,
        pace: Pace,
        backoff: float = 0.2,
        patience: float = _PATIENCE,
    ) -> None:
        self._system = system
        self._scheme, _, self._address = endpoint.partition("://")
        self._endpoint = endpoint
        self._pace = pace
        self._patience = patience
        self._wait = _as_told_or(wait_random_exponential(multiplier=backoff, max=20))
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._credentials: Any = None
        self._channel: Any = None
        self._session: Any = None

    def get(self, resource: str) -> policy_pb2.Policy:
        """The whole policy, with its conditions. Raises one of FAILURES."""
        request = iam_policy_pb2.GetIamPolicyRequest(
            resource=resource,
            options=options_pb2.GetPolicyOptions(requested_policy_version=_VERSION),
        )
        client = self._client(kind_of(resource))
        self._pace()
        return whole(client.get_iam_policy(request=request, retry=None, timeout=_TIMEOUT))

    def set(self, resource: str, policy: policy_pb2.Policy) -> policy_pb2.Policy:
        """Put the policy in place of the one with the same etag; returns what Google stored."""
        policy.version = _VERSION
        request = iam_policy_pb2.SetIamPolicyRequest(resource=resource, policy=policy)
        client = self._client(kind_of(resource))
        self._pace()
        stored: policy_pb2.Policy = client.set_iam_policy(
            request=request, retry=None, timeout=_TIMEOUT
        )
        return stored

    def parent(self, resource: str) -> str:
        """What contains the resource, "" where nothing does. Raises one of FAILURES.

        `projects.get`, `folders.get` of Resource Manager v3; `serviceAccounts.get` of IAM v1.
        """
        kind = kind_of(resource)
        if kind == "organization":
            return ""
        get = getattr(self._client(kind), f"get_{kind}")
        self._pace()
        found = get(request={"name": resource}, retry=None, timeout=_TIMEOUT)
        if not found.name:
            raise Unwhole("the answer came without a name, so it is not all there")
        return f"projects/{found.project_id}" if kind == "service_account" else str(found.parent)

    def fetch(self, url: str, query: Mapping[str, str]) -> requests.Response:
        """One GET of a service that has no client of its own. Raises one of FAILURES."""
        session = self._rest_session()
        self._pace()
        response: requests.Response = session.get(url, params=dict(query), timeout=_TIMEOUT)
        if response.status_code != 200:
            raise gexc.from_http_response(response)  # type: ignore[no-untyped-call]
        return response

    def patiently(
        self, step: Callable[[], Answer], passing: tuple[type[Exception], ...] = PASSING
    ) -> Answer:
        """The answer of `step`, begun anew after each passing failure. Waits as long as Google
        says, or for a random and growing time: 90 seconds in all for a busy server, five tries
        for one that is down."""
        retrying = Retrying(
            retry=retry_if_exception_type(passing),
            wait=self._wait,
            stop=_enough(self._patience),
            reraise=True,
        )
        try:
            return retrying(step)
        finally:  # before the failure is worded, which may say back what it was asked with
            hide(str(getattr(self._credentials, "token", None) or ""))

    def acts_as(self) -> str:
        """The e-mail address of the service account whose credentials we hold, "" if unknown: a
        federated identity that impersonates none, a person's own login, a local system."""
        if self._endpoint:
            return ""
        credentials = self._google_credentials()
        if getattr(credentials, "service_account_email", "") == "default":
            credentials.refresh(Request())  # on Google's own machines the name comes with a token
        return str(getattr(credentials, "service_account_email", None) or "")

    def _client(self, kind: str) -> Any:
        with self._lock:
            if kind not in self._clients:
                self._clients[kind] = self._connect(kind)
            return self._clients[kind]

    def _rest_session(self) -> Any:
        with self._lock:
            if self._session is None:
                nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
                who = nobody if self._endpoint else self._google_credentials()
                self._session = AuthorizedSession(who)  # type: ignore[no-untyped-call]
                self._session.max_redirects = 0  # the token goes nowhere else
            return self._session

    def _connect(self, kind: str) -> Any:
        client, grpc_transport = _service(kind)
        if self._scheme == "grpc":
            if self._channel is None:
                self._channel = grpc.insecure_channel(self._address)
            return client(transport=grpc_transport(channel=self._channel))
        if self._scheme == "http":
            if kind == "service_account":
                # google-cloud-iam speaks only gRPC for service accounts.
                raise ProviderError(
                    self._system,
                    "reach service accounts",
                    f"no REST client for {self._endpoint}; write endpoint: grpc://host:port",
                )
            options = ClientOptions(api_endpoint=self._endpoint)
            nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
            return client(credentials=nobody, transport="rest", client_options=options)
        return client(credentials=self._google_credentials())

    def _google_credentials(self) -> Any:
        if self._credentials is None:
            # Without scopes: with them, `default` looks up a project of the federated identity,
            # over the network and for nothing.
            found, _ = auth.default()
            scoped = with_scopes_if_required(found, _SCOPES)  # type: ignore[no-untyped-call]
            self._credentials = scoped
        return self._credentials


def _service(kind: str) -> tuple[Any, Any]:
    """The client's class and that of its gRPC transport; each package takes a third of a second
    to import, so a run without service accounts leaves theirs alone."""
    if kind == "service_account":
        from google.cloud import iam_admin_v1
        from google.cloud.iam_admin_v1.services.iam.transports import IAMGrpcTransport

        return iam_admin_v1.IAMClient, IAMGrpcTransport
    from google.cloud import resourcemanager_v3
    from google.cloud.resourcemanager_v3.services.folders.transports import FoldersGrpcTransport
    from google.cloud.resourcemanager_v3.services.organizations.transports import (
        OrganizationsGrpcTransport,
    )
    from google.cloud.resourcemanager_v3.services.projects.transports import ProjectsGrpcTransport

    return {
        "project": (resourcemanager_v3.ProjectsClient, ProjectsGrpcTransport),
        "folder": (resourcemanager_v3.FoldersClient, FoldersGrpcTransport),
        "organization": (resourcemanager_v3.OrganizationsClient, OrganizationsGrpcTransport),
    }[kind]


def _enough(patience: float) -> Callable[[RetryCallState], bool]:
    late = stop_before_delay(patience)

    def stop(state: RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        down = state.attempt_number >= _TRIES and not isinstance(error, _BUSY)
        return down or late(state)

    return stop


def _as_told_or(backoff: wait_random_exponential) -> Callable[[RetryCallState], float]:
    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        return max(_told(error), backoff(state))

    return wait


def _told(error: BaseException | None) -> float:
    """Seconds that Google asks us to wait: RetryInfo in gRPC, a header in REST."""
    if not isinstance(error, gexc.GoogleAPICallError):
        return 0.0
    for detail in error.details:
        if isinstance(detail, RetryInfo):
            return float(detail.retry_delay.ToTimedelta().total_seconds())
    header = str(getattr(error.response, "headers", {}).get("Retry-After", ""))
    return float(header) if header.isdecimal() else 0.0


@contextmanager
def explained(system: str, action: str, needs: str = "") -> Iterator[None]:
    """Turn Google's failures into a ProviderError that says what we were doing. `needs` is the
    right that it takes, told where Google says no."""
    try:
        yield
    except FAILURES as error:
        right = f"; it takes {needs}" if needs and isinstance(error, gexc.Forbidden) else ""
        raise ProviderError(system, action, f"{worded(error)}{right}") from error


def worded(error: Exception) -> str:
    """What Google says, and what to do where it is about credentials or permissions."""
    if isinstance(error, gexc.Forbidden):
        # Google says the same of what does not exist, so as not to tell.
        return f"{error.message} (or there is no such resource); check who is signed in {_MEND}"
    if isinstance(error, gexc.Unauthorized):
        return f"{error.message}; sign in {_MEND}"
    if isinstance(error, gexc.GoogleAPICallError):
        return str(error.message)
    if isinstance(error, DefaultCredentialsError):
        return f"{str(error).partition('. ')[0]}; sign in {_MEND}"
    if isinstance(error, GoogleAuthError):
        return f"{error}; sign in {_MEND}"
    return str(error)
