"""A public key in OpenSSH's one-line form: read, and told by its fingerprint. Signs and verifies nothing.

Ed25519 only. The line is `ssh-ed25519 BASE64 COMMENT`, of RFC 4253 (section 6.6) and RFC 8709: two
strings, each behind its length, of which the second is the key.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256

_KIND = b"ssh-ed25519"
_HEAD = len(_KIND).to_bytes(4, "big") + _KIND + (32).to_bytes(4, "big")
_LINE = re.compile(r"ssh-ed25519 +(?P<blob>[A-Za-z0-9+/]{68})(?: +(?P<comment>.*))?")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`raw` are its 32 bytes. The comment is for people, and says nothing about the key."""

    raw: bytes
    comment: str = ""

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -lf` prints it."""
        return f"SHA256:{b64encode(sha256(_HEAD + self.raw).digest()).decode().rstrip('=')}"

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.comment})" if self.comment else self.fingerprint


def public_key(line: str) -> PublicKey:
    """Raises ValueError for what is no Ed25519 key, with what to write."""
    found = _LINE.fullmatch(line.strip())
    try:
        blob = b64decode(found["blob"], validate=True) if found else b""
    except binascii.Error:
        blob = b""
    if found is None or not blob.startswith(_HEAD):
        raise ValueError("it is no Ed25519 public key; write the line of the file `ledger-key.pub`")
    return PublicKey(blob.removeprefix(_HEAD), (found["comment"] or "").strip())
