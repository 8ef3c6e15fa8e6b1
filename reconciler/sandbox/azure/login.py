"""Where tokens come from, and the few calls to Microsoft Graph. Any client secret or assertion does.

Nothing here is signed: a token is only as good as the loopback that it came over.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote

from reconciler.sandbox.azure import seed
from reconciler.sandbox.azure.seed import DirectoryObject
from reconciler.sandbox.azure.state import Refusal, State
from reconciler.sandbox.azure.wsgi import Answer, Asked

_DISCOVERY = re.compile(r"^/([^/]+)/v2\.0/\.well-known/openid-configuration$")
_TOKEN = re.compile(r"^/([^/]+)/oauth2/v2\.0/token$")
_EQUALS = re.compile(r"(mail|userPrincipalName) eq '((?:[^']|'')*)'(?: or |$)", re.IGNORECASE)
_LIFE = timedelta(hours=1)


def is_login(path: str) -> bool:
    return bool(_DISCOVERY.match(path) or _TOKEN.match(path))


def log_in(path: str, body: bytes, url: str, now: datetime) -> Answer:
    """The openid configuration, or a token for whoever says that it is the reconciler."""
    found = _DISCOVERY.match(path)
    if found:
        return _discovery(f"{url}/{found[1]}")
    form = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
    match = _TOKEN.match(path)
    tenant = match[1] if match else ""
    if tenant != seed.TENANT:
        return _no("invalid_request", f"AADSTS90002: Tenant '{tenant}' not found.")
    client = form.get("client_id")
    if client != seed.object_id("app:" + seed.RECONCILER):
        what = f"Application with identifier '{client}' was not found in the directory 'acme'."
        return _no("unauthorized_client", f"AADSTS700016: {what}")
    seconds = int(_LIFE.total_seconds())
    return Answer(
        200,
        {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": _token(form, f"{url}/{tenant}/v2.0", now),
        },
    )


def _discovery(root: str) -> Answer:
    return Answer(
        200,
        {
            "issuer": f"{root}/v2.0",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
            "jwks_uri": f"{root}/discovery/v2.0/keys",
        },
    )


def _token(form: Mapping[str, str], issuer: str, now: datetime) -> str:
    claims = {
        "aud": form.get("scope", "").split(" ")[0].removesuffix("/.default"),
        "iss": issuer,
        "tid": seed.TENANT,
        "appid": form["client_id"],
        "oid": seed.object_id(seed.RECONCILER),
        "idtyp": "app",
        "exp": int((now + _LIFE).timestamp()),
    }
    return f"{_segment({'alg': 'none', 'typ': 'JWT'})}.{_segment(claims)}."


def _no(error: str, description: str) -> Answer:
    return Answer(400, {"error": error, "error_description": description})


def caller_of(authorization: str, url: str, now: datetime) -> str:
    """The object id in a bearer token made for this host. Raises Refusal."""
    scheme, _, token = authorization.partition(" ")
    if scheme != "Bearer" or token.count(".") != 2:
        raise Refusal(
            401,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        )
    claims = json.loads(_unsegment(token.split(".")[1]))
    if claims["aud"] != url or claims["exp"] <= now.timestamp():
        raise Refusal(401, "InvalidAuthenticationToken", "The access token is invalid or expired.")
    return str(claims["oid"])


def _segment(value: Mapping[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _unsegment(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def graph(asked: Asked, state: State, url: str, page_size: int) -> Answer:
    """`GET /v1.0/users?$filter=mail eq '…' or userPrincipalName eq '…'`, page by page."""
    if asked.path != "/v1.0/users":
        raise Refusal(404, "Request_ResourceNotFound", f"Resource '{asked.path}' does not exist.")
    if asked.method != "GET":
        raise Refusal(405, "Request_BadRequest", f"{asked.method} is not allowed here.")
    wanted = _conditions(asked.query.get("$filter", ""))
    found = [p for p in state.principals.values() if p.type == "User" and _matches(p, wanted)]
    skip = int(asked.query.get("$skiptoken", "0"))
    body: dict[str, Any] = {
        "@odata.context": f"{url}/v1.0/$metadata#users",
        "value": [
            {
                "id": p.id,
                "displayName": p.name,
                "mail": p.mail or None,
                "userPrincipalName": p.upn,
            }
            for p in found[skip : skip + page_size]
        ],
    }
    if skip + page_size < len(found):
        again = quote(asked.query.get("$filter", ""))
        body["@odata.nextLink"] = f"{url}/v1.0/users?$filter={again}&$skiptoken={skip + page_size}"
    if asked.fault == "empty":
        del body["value"]
    return Answer(200, body)


def _conditions(text: str) -> tuple[tuple[str, str], ...]:
    """The (property, value) pairs of an `or`, values in lower case: Graph ignores case here."""
    pairs, place = [], 0
    while place < len(text):
        match = _EQUALS.match(text, place)
        if match is None:
            raise Refusal(400, "Request_UnsupportedQuery", f"Unsupported query: {text[place:]}")
        pairs.append((match[1].lower(), match[2].replace("''", "'").lower()))
        place = match.end()
    return tuple(pairs)


def _matches(person: DirectoryObject, wanted: tuple[tuple[str, str], ...]) -> bool:
    has = {"mail": person.mail.lower(), "userprincipalname": person.upn.lower()}
    return not wanted or any(value and has[name] == value for name, value in wanted)
