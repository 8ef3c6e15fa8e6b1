"""Takes secrets and control characters out of text that comes from outside. Knows no event.

The patterns are those of credentials that can be told by their looks; libraries that do this
(detect-secrets, the data-protection suites) scan files, bring models, or log what they find.
"""

from __future__ import annotations

import re

REDACTED = "[redacted]"
_UNSHOWN = "\ufffd"

# What steers a terminal or turns the reading direction, and halves of characters.
_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_BREAKS = re.compile(r"[\t\r\n]+")

# Secrets whose looks leave no doubt: these are taken out of names as well. Each is told by a
# prefix, so that no pattern is tried at every character.
_CERTAIN = re.compile(
    r"-----BEGIN[A-Z ]*PRIVATE KEY.*?(?:-----END[A-Z ]*PRIVATE KEY[A-Z ]*-----|\Z)"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*"  # JSON web tokens
    r"|\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"
    r"|\bgh[opsur]_\w{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w-]{16,}"
    r"|\bAT(?:AT|BB|CT)[\w=-]{16,}|\bBBDC-[\w+/=-]{16,}"  # Atlassian
    r"|\bxox[abeoprs]-[\w-]{10,}|\bya29\.[\w-]{16,}|\bAIza[\w-]{30,}|\bGOCSPX-[\w-]{16,}"
    r"|\b[rs]k_live_\w{10,}|\bSG\.[\w-]{16,}\.[\w-]{16,}"
    r"|\bhooks\.slack\.com/(?:services|workflows|triggers)/[\w/-]{16,}|\bwebhookb2/[\w@/-]{16,}"
    r"|\b\w[\w~.-]{2}\dQ~[\w~.-]{31,}"  # Azure's, of an application
    r"|\bIQoJb3JpZ2lu[\w+/=]{16,}|\bFwoGZXIvYXdz[\w+/=]{16,}"  # AWS, of a session
    r"|\b1//0[\w-]{24,}|\bhv[bs]\.[\w-]{24,}|\bnpm_\w{36,}|\bpypi-AgEI[\w-]{16,}"
    r"|\bAGE-SECRET-KEY-1\w{16,}|\bb3BlbnNzaC1rZXktdjE[\w+/=]{16,}",  # the last is OpenSSH's
    re.DOTALL,
)
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/?#\[\]]+@")

# What stands behind a word that announces a secret.
_WORD = (
    r"(?:pass(?:word|wort|wd|phrase)?|pwd?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|account[_-]?key|shared[_-]?key|authorization|credentials?|cookie|session[_-]?id|signature"
    r"|sig)\b"
)
_SCHEME = r"(?:(?:bearer|basic|digest|negotiate|token|aws4-hmac-sha256)\s++)?+"
_QUOTE = r"\\*+[\"']?+"  # also in JSON within a text
_OPEN = rf"{_QUOTE}(?!\[redacted\])"  # what is possessive is not tried again without it
_HEADER = re.compile(
    rf"(\b(?:proxy-)?authorization{_QUOTE}\s*+[:=]\s*+{_QUOTE}{_SCHEME}){_OPEN}[^\"'\n]+", re.I
)
_ASSIGNED = re.compile(
    rf"({_WORD}{_QUOTE}\s*+(?:=\s*+|:\s*+(?=\S{{6}}))){_OPEN}[^\s\"'&,;]{{3,}}", re.I
)
_BEHIND = re.compile(
    rf"((?:{_WORD}|\bbearer|\bbasic)\s++(?:is\s++)?+){_OPEN}"
    r"(?=[\w+/=.~-]*[0-9=])(?=[\w+/=.~-]*[A-Za-z])[\w+/=.~-]{12,}",
    re.I,
)
_HINT = re.compile(r"pass|pw|secret|token|key|auth|cred|cookie|session|sig|bearer|basic", re.I)


def clean(text: str) -> str:
    """A sentence that may be kept for ever. Cleaning twice changes nothing more."""
    if text.isascii() and text.isprintable() and not _HINT.search(text):
        return name(text)
    found = _BREAKS.sub(" ", _CERTAIN.sub(REDACTED, text))
    found = _IN_ADDRESS.sub(f"{REDACTED}@", _CONTROL.sub(_UNSHOWN, found))
    for pattern in (_HEADER, _ASSIGNED, _BEHIND):
        found = pattern.sub(rf"\1{REDACTED}", found)
    return found


def visible(text: str, but: str = "") -> str:
    """What somebody else wrote, without what steers a terminal; what is in `but` stays."""
    return _CONTROL.sub(lambda found: found[0] if found[0] in but else _UNSHOWN, text)


def name(text: str) -> str:
    """An id, a path, a role: only what can be nothing but a secret is taken out of it, since
    `secret:payments` may well be a name."""
    if text.isascii() and text.isprintable() and len(text) < 20 and "@" not in text:
        return text
    found = _CONTROL.sub(_UNSHOWN, _CERTAIN.sub(REDACTED, text))
    return _IN_ADDRESS.sub(f"{REDACTED}@", found)
