"""Where the ledger is kept, as reconciler.yaml says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reconciler.model.public_key import PublicKey


class LedgerStore(StrEnum):
    FOLDER = "folder"
    BRANCH = "branch"
    BUCKET = "bucket"


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """`path` is of a folder, absolute or within the access repository. `url` is s3://bucket/prefix,
    gs://bucket/prefix or az://account/container/prefix, and `endpoint` an address of its server
    that is not the vendor's own. The head is kept in the file `anchor_file` ("" for none), or in
    signed tags. What no key of `signed_by` vouches for is not believed; without any, all is."""

    store: LedgerStore = LedgerStore.FOLDER
    path: str = ""
    branch: str = ""
    url: str = ""
    endpoint: str = ""
    anchor_file: str = ""
    anchor_tags: bool = False
    signed_by: tuple[PublicKey, ...] = ()
