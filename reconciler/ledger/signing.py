"""Signatures in the ledger: made with one key, and held against those that are believed. Reads no
environment and no store.

A signature is Ed25519 (RFC 8032) over a line of a kind `signed` without `hash` and `signature`: so over
the number and the batch where it stands, and the hash of the entry before, which holds all that came
before. `cryptography` is imported only where something is signed, or held against a key.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from typing import TYPE_CHECKING

from reconciler.ledger import wire
from reconciler.ledger.base import LedgerError
from reconciler.model import Entry, Event, EventKind
from reconciler.model.public_key import PublicKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

KEY = "RECONCILER_LEDGER_KEY"  # the variable that holds the private half
SIGN = "sign"  # what `action` says of a signature that a person asked for
_SAID = b"access-reconciler ledger\n"  # so that no signature of anything else is one
_BATCH = "batch"  # in `counts`: the batch that it ends
_MAKE = "make one with `ssh-keygen -t ed25519 -N '' -f ledger-key -C ledger`"


class Made(Enum):
    """What is to be said of the signature of an entry."""

    RIGHT = auto()
    NONE = auto()  # it bears none
    STRANGE = auto()  # with a key that is not among ours, so nobody can say
    FORGED = auto()  # it names one of our keys, which did not make it, or not for this place


@dataclass(frozen=True, slots=True)
class Keys:
    """`public` are believed; without any, nothing is signed and everything believed. `private` is
    OpenSSH's text of one of them, "" where nothing is to be written."""

    public: tuple[PublicKey, ...] = ()
    private: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.public)

    def made(self, entry: Entry, batch: int) -> Made:
        """`batch` is where it stands."""
        event = entry.event
        if event.kind is not EventKind.SIGNED or not event.signature:
            return Made.NONE
        key = next((k for k in self.public if k.fingerprint == event.signed_by), None)
        if key is None:
            return Made.STRANGE
        right = dict(event.counts).get(_BATCH) == batch and _verified(key, entry)
        return Made.RIGHT if right else Made.FORGED

    def sign(self, after: Entry, batch: int, event: Event | None = None) -> Entry:
        """The entry that ends the batch behind `after`. Raises LedgerError without a key to sign
        with."""
        key = self._private()
        event = event or Event(EventKind.SIGNED, after.event.at, after.event.run)
        signed_by = next(k.fingerprint for k in self.public if k.raw == _raw(key))
        event = wire.cleaned(replace(event, counts=((_BATCH, batch),), signed_by=signed_by))
        number, before = after.number + 1, after.hash
        signature = key.sign(_SAID + wire.vouched(number, before, event)).hex()
        return wire.sealed(number, before, replace(event, signature=signature))

    def _private(self) -> Ed25519PrivateKey:
        if not self.private.strip():
            what = "its entries are signed, and there is no key here to sign with"
            raise LedgerError(f"{what}; set {KEY} to the private half of a key of `signed_by`")
        key = _opened(self.private)
        if all(known.raw != _raw(key) for known in self.public):
            print_of = PublicKey(_raw(key)).fingerprint
            listed = ", ".join(map(str, self.public))
            what = f"{KEY} is the key {print_of}, which `signed_by` does not list"
            raise LedgerError(f"{what}; list it, or set the private half of {listed}")
        return key


def asked(at: datetime, run: str, reason: str) -> Event:
    """Of a signature that a person asked for."""
    return Event(EventKind.SIGNED, at, run, action=SIGN, reason=reason)


def _verified(key: PublicKey, entry: Entry) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    said = _SAID + wire.vouched(entry.number, entry.before, entry.event)
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(
            bytes.fromhex(entry.event.signature), said
        )
    except InvalidSignature:
        return False
    return True


def _opened(text: str) -> Ed25519PrivateKey:
    """Never tells what is in it."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    try:
        key = load_ssh_private_key(f"{text.strip()}\n".encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        what = f"{KEY} is no private key in OpenSSH's form, or is locked with a passphrase"
        raise LedgerError(f"{what}; {_MAKE}, and set it to all of that file") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerError(f"{KEY} is no Ed25519 key; {_MAKE}")
    return key


def _raw(key: Ed25519PrivateKey) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
