"""The SDK's clients for one tenant: credentials, retries, pace and where tokens may go.

Knows nothing of grants. Looks for credentials only where azure-identity looks in the environment
(federated token, secret or certificate, Azure CLI), and never asks the machine's metadata service.
"""

from __future__ import annotations

import json
import logging
import os
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from azure.core import PipelineClient
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    HeadersPolicy,
    RetryPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.identity import (
    AzureCliCredential,
    ChainedTokenCredential,
    EnvironmentCredential,
    WorkloadIdentityCredential,
)
from azure.mgmt.authorization.v2020_10_01 import AuthorizationManagementClient as PimClient
from azure.mgmt.authorization.v2022_04_01 import AuthorizationManagementClient as RbacClient

from reconciler.errors import NotFound, ProviderError
from reconciler.providers.azure.settings import Settings
from reconciler.providers.base import Pace
from reconciler.unsaid import hide, unsaid

Found = TypeVar("Found")

_LONGEST_WAIT = 60.0  # seconds that one Retry-After may ask for
_RETRIES: dict[str, Any] = {
    "retry_total": 5,
    "retry_status": 5,
    "retry_backoff_max": 20,
    "timeout": 180,
}
# Of a management group. Not SubscriptionNotFound: so ARM calls a subscription, too, that we lost
# the right to read, and its access would be taken for gone while it is there.
GONE = frozenset({"NotFound", "ManagementGroupNotFound"})
_TIMEOUTS: dict[str, Any] = {"connection_timeout": 10, "read_timeout": 60}


class Session:
    """Safe to share between threads.

    One client for each api-version: the SDK's combined client keeps a single api-version for the
    later pages of all lists, whichever of them was asked for last.
    """

    def __init__(self, name: str, settings: Settings, pace: Pace, backoff: float = 0.3) -> None:
        self.name = name
        self.settings = settings
        self._pace = pace
        self._retries = {**_RETRIES, "retry_backoff_factor": backoff}
        verify: str | bool = settings.ca or True
        self._verify = verify
        self.credential = _credential(settings, verify)
        self._arm_scope = f"{settings.endpoint}/.default"
        arm: dict[str, Any] = {
            "base_url": settings.endpoint,
            "credential_scopes": [self._arm_scope],
            "retry_policy": BoundedRetry(**self._retries),
            "connection_verify": verify,
            **_TIMEOUTS,
        }
        # The subscription in a client is only for calls that we do not make: all take a scope.
        nowhere = "00000000-0000-0000-0000-000000000000"
        self.rbac = RbacClient(self.credential, nowhere, per_retry_policies=self._own(), **arm)
        self.pim = PimClient(self.credential, per_retry_policies=self._own(), **arm)
        self.graph = self._graph()

    def _own(self) -> list[SansIOHTTPPolicy[Any, Any]]:
        """After the retry policy, so that each try counts."""
        return [OnlyTo(self.settings.endpoint), Paced(self._pace)]

    def _graph(self) -> PipelineClient[Any, Any]:
        address = self.settings.graph
        return PipelineClient(
            address,
            policies=[
                UserAgentPolicy(sdk_moniker="access-reconciler"),
                HeadersPolicy(),
                BoundedRetry(**self._retries),
                BearerTokenCredentialPolicy(self.credential, f"{address}/.default"),
                OnlyTo(address),
                Paced(self._pace),
            ],
            connection_verify=self._verify,
            **_TIMEOUTS,
        )

    def whole(
        self, action: str, ask: Callable[..., Iterable[Found]], gone: frozenset[str] = GONE
    ) -> tuple[Found, ...]:
        """All pages of a list, or ProviderError; NotFound where ARM says that there is no such
        place, by one of the codes `gone`. `ask` gets the keyword that checks each page."""
        with self.explained(action):
            try:
                return tuple(ask(cls=_whole_page))
            except ResourceNotFoundError as e:
                if code(e) in gone:
                    raise NotFound(self.name, action, said(e)) from e
                raise

    @contextmanager
    def explained(self, action: str) -> Iterator[None]:
        """The SDK's errors as ProviderError, with ARM's own words."""
        try:
            yield
        # ValueError: an answer that is not what it should be
        except (AzureError, ValueError) as e:
            raise ProviderError(self.name, action, said(e)) from e

    def claims(self) -> dict[str, Any]:
        """What our own token says of us. It is ours: nothing depends on its signature."""
        with self.explained("get a token"):
            token = self.credential.get_token(self._arm_scope).token
            body = token.partition(".")[2].partition(".")[0]
            found = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return dict(found)


class BoundedRetry(RetryPolicy[Any, Any]):
    """azure-core's own, which honours Retry-After however long: here up to a minute."""

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        wait = self.get_retry_after(response)
        return (wait is None or wait <= _LONGEST_WAIT) and bool(
            super().is_retry(settings, response)
        )


class Paced(SansIOHTTPPolicy[Any, Any]):
    """Waits until the next call may be made."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def on_request(self, request: PipelineRequest[Any]) -> None:
        self._pace()


class OnlyTo(SansIOHTTPPolicy[Any, Any]):
    """Refuses to follow a nextLink or a redirect to another host: the token would go with it."""

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc.lower()

    def on_request(self, request: PipelineRequest[Any]) -> None:
        host = urlsplit(request.http_request.url).netloc.lower()
        if host != self._host:
            raise Elsewhere(f"the answer points to {host}, and tokens go to {self._host} only")


class Elsewhere(ClientAuthenticationError):
    """Of this class because the retry policy lets that one through at once."""


class HalfPage(AzureError):
    """A page of a list without its rows: the rest of the list cannot be trusted either."""


def _whole_page(rows: list[Found] | None) -> list[Found]:
    # The SDK hands us None where `value` is missing or null.
    if rows is None:
        raise HalfPage("a page of the list came without its `value`")
    return rows


def _credential(settings: Settings, verify: str | bool) -> Overheard:
    login: dict[str, Any] = {"connection_verify": verify, **_TIMEOUTS}
    if settings.authority:
        login |= {"authority": settings.authority, "disable_instance_discovery": True}
    # It logs each failure, twice and at length, besides raising it: that is said once, by us.
    logging.getLogger("azure.identity").setLevel(logging.CRITICAL)
    hide(os.environ.get("AZURE_CLIENT_SECRET", ""))
    chain: list[TokenCredential] = []
    try:
        chain.append(WorkloadIdentityCredential(tenant_id=settings.tenant, **login))
    except ValueError:  # no federated token in the environment
        chain.append(EnvironmentCredential(**login))
    chain.append(AzureCliCredential(tenant_id=settings.tenant, process_timeout=30))
    return Overheard(ChainedTokenCredential(*chain))


class Overheard:
    """A TokenCredential whose tokens are hidden before they are used: whoever gets one may say it
    back."""

    def __init__(self, source: ChainedTokenCredential) -> None:
        self.source = source

    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        found = self.source.get_token(*scopes, **kwargs)
        hide(found.token)
        return found


def code(error: AzureError) -> str:
    """ARM's error code ("RoleAssignmentExists"), "" where there is none."""
    details = error.error if isinstance(error, HttpResponseError) else None
    return str(getattr(details, "code", None) or "")


def said(error: Exception) -> str:
    """One line: code and message as Azure words them, or what the SDK says, cut at 500; and what
    to do where it is about credentials or permissions."""
    return _worded(error) + _mend(error)


def _mend(error: Exception) -> str:
    if isinstance(error, ClientAuthenticationError) and not isinstance(error, Elsewhere):
        return "; sign in (az login), see docs/providers/azure.md"
    if isinstance(error, HttpResponseError) and error.status_code == 403:
        return "; check who is signed in (az login) and its roles, see docs/providers/azure.md"
    return ""


def _worded(error: Exception) -> str:
    if isinstance(error, HttpResponseError) and error.error is not None:
        detail = getattr(error.error, "message", None) or error.reason or ""
        return f"{code(error)}: {detail}" if code(error) else str(detail)
    if isinstance(error, HttpResponseError) and error.status_code:
        return f"HTTP {error.status_code} {error.reason or ''}".rstrip()
    text = str(error) or type(error).__name__
    if text.startswith("ChainedTokenCredential"):
        # The chain ends with the first credential that is there and fails: only that one tells.
        first, *attempts = text.split("\n\t")
        text = ": ".join(part.partition("\n")[0].rstrip(".") for part in (first, *attempts[-1:]))
    return unsaid("; ".join(text.split("\n")))[:500]  # half a secret is none that we know
