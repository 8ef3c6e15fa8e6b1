"""What both Bitbuckets' REST APIs have in common: signing in, and the raw bytes of a file. Never
reads more than a file of an access repository may have."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import requests

from reconciler.forge.base import Credentials, ForgeError
from reconciler.forge.session import NoAnswer, Refused, Secret, Session, unanswered

_MOST = 1 << 20  # bytes; a grant has a few hundred
_CHUNK = 1 << 16


class Rest(Session):
    """Beside JSON, it gets files."""

    def blob(self, action: str, path: str, params: Mapping[str, str] | None = None) -> str:
        """The id that git gives to the file's content.

        Raises Refused (404: no such file), NoAnswer, or ForgeError for a file that is too large.
        """
        content = self._content(action, path, params)
        header = f"blob {len(content)}\0".encode()
        return hashlib.sha1(header + content, usedforsecurity=False).hexdigest()

    def _content(self, action: str, path: str, params: Mapping[str, str] | None) -> bytes:
        try:
            with self._session.get(
                self._address(action, path),
                params=dict(params or {}),
                timeout=self._timeout,
                allow_redirects=False,  # to a store of large files, with the token
                stream=True,
            ) as response:
                if response.status_code >= 300:
                    raise Refused(action, self._refusal(response), response.status_code)
                return self._whole(action, response)
        except requests.RequestException as e:
            raise NoAnswer(action, self.clean(unanswered(e))) from None

    def _whole(self, action: str, response: requests.Response) -> bytes:
        content = bytearray()
        for chunk in response.iter_content(_CHUNK):
            content += chunk
            if len(content) > _MOST:
                raise ForgeError(action, f"it has more than {_MOST} bytes; no grant is that long")
        return bytes(content)


def open_rest(url: str, credentials: Credentials, hints: Mapping[int, str]) -> Rest:
    """With a user name the token is its password, otherwise a bearer."""
    return Rest(url, _secret(credentials), {"Accept": "*/*"}, hints)


def _secret(credentials: Credentials) -> Secret:
    token, username = credentials.token.strip(), credentials.username.strip()
    if not token:
        raise ForgeError("sign in", "there is no token; put it into the environment")
    if not username:
        return Secret("Authorization", f"Bearer {token}", (token,))
    both = base64.b64encode(f"{username}:{token}".encode()).decode()
    return Secret("Authorization", f"Basic {both}", (token, both))
