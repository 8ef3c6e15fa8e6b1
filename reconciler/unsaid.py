"""Takes what speaks for us out of text: what looks like it, and what a session of this process sent.
Keeps secrets in memory only, for comparison, and shows none.
"""

from __future__ import annotations

import re
from base64 import b64decode
from urllib.parse import quote, quote_plus

_SHOWN = "***"

# What an `Authorization` header carries, and the sign-in in an address. A bare scheme is a word: what
# follows it must have a digit or a sign that no word has, or be longer than words are.
_CARRIED = re.compile(
    r"""\b((?:bearer|basic|splunk|negotiate)["']?[\s:=]+["']?)"""
    r"""(?:(?=[^\s"',;<>]*[0-9+/=])[^\s"',;<>]{6,}|[^\s"',;<>]{24,})""",
    re.IGNORECASE,
)
_SIGNED_IN = re.compile(r"(?<=://)[^\s/?#@]+@")
# What is renewed under way, told by its looks: JSON web tokens (a cut one too), Google's access
# tokens, and AWS's signature of one request.
_LOOKS = re.compile(
    r"\beyJ[\w-]{8,}[\w.-]*|\bya29\.[\w.-]{8,}|(?<=Signature=)[0-9a-f]{64}", re.ASCII
)

_LONG = 8  # characters; a shorter secret may stand in any word, and is looked for as a word only

_secrets: dict[str, None] = {}  # of this process: sessions come and go, and errors outlive them


def hide(secret: str) -> None:
    """From now on this is in no text of `unsaid`, nor is it as addresses spell it."""
    secret = secret.strip()
    if secret and secret not in _secrets:
        spelled = (secret, quote(secret, safe=""), quote_plus(secret))
        _secrets.update(dict.fromkeys(spelled))


def hide_header(value: str | bytes | None) -> None:
    """What an `Authorization` header carries; of a name and a password, the password and both."""
    text = value.decode("latin-1") if isinstance(value, bytes) else value or ""
    scheme, _, carried = text.partition(" ")
    hide(carried)
    if scheme.lower() == "basic":
        pair = b64decode(carried).decode("utf-8", "replace")
        hide(pair.partition(":")[2])


def forget() -> None:
    """Begin anew, as a process does: what other tests hid is none of the next one's."""
    _secrets.clear()


def unsaid(text: str) -> str:
    for secret in sorted(_secrets, key=len, reverse=True):  # one may be a part of another
        if len(secret) >= _LONG:
            text = text.replace(secret, _SHOWN)
        elif secret in text:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", _SHOWN, text)
    text = _LOOKS.sub(_SHOWN, _CARRIED.sub(rf"\1{_SHOWN}", text))
    return _SIGNED_IN.sub(f"{_SHOWN}@", text)
