"""A ledger in object storage: an object for each batch, created only where there is none yet. Never
overwrites and never deletes.

Amazon S3, Google Cloud Storage and Azure Blob Storage refuse a second object of one name when asked
to (`If-None-Match: *`, `ifGenerationMatch=0`). A server that ignores that question is no place for
a ledger. Credentials come from where the vendor's own SDK finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from reconciler.ledger.base import LedgerError, Taken
from reconciler.ledger.numbering import folder_of, numbered, path_of
from reconciler.ledger.redact import clean

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

_WRITER = "writer"  # metadata that tells our object from another writer's
_AT_ONCE = 16
_RETRIES: RetryConfig = {"max_retries": 5, "retry_timeout": timedelta(seconds=90)}
T = TypeVar("T")


class BucketStore:
    def __init__(self, url: str, objects: ObjectStore) -> None:
        """`objects` is rooted at the prefix."""
        self._url = url
        self._objects = objects

    @property
    def where(self) -> str:
        return self._url

    def last(self) -> int:
        import obstore

        def look() -> int:
            folders = obstore.list_with_delimiter(self._objects)["common_prefixes"]
            for folder in sorted(filter(str.isdecimal, folders), key=int, reverse=True):
                found = obstore.list_with_delimiter(self._objects, folder)["objects"]
                if numbers := [n for o in found if (n := numbered(o["path"]))]:
                    return max(numbers)
            return 0

        return self._tried("list", look)

    def batches(self, after: int = 0) -> Iterator[tuple[int, bytes]]:
        numbers = iter(self._tried("list", lambda: self._numbers(after)))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            while some := list(islice(numbers, _AT_ONCE)):
                yield from zip(some, pool.map(self._get, some), strict=True)

    def put(self, number: int, data: bytes) -> None:
        """A request that was answered with an error and stored all the same is not sent in vain:
        the object that is there then is ours by its metadata."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        writer, path = str(uuid4()), path_of(number)

        def put() -> bool:
            try:
                obstore.put(self._objects, path, data, mode="create", attributes={_WRITER: writer})
            except (AlreadyExistsError, PreconditionError):
                there = obstore.get(self._objects, path)
                return there.attributes.get(_WRITER) == writer
            return True

        if not self._tried(f"write {path}", put):
            raise Taken(f"{self._url}/{path} is there already: another run wrote it first")

    def _numbers(self, after: int) -> list[int]:
        import obstore

        before = f"{folder_of(after + 1)}/" if after else None
        pages = obstore.list(self._objects, offset=before, chunk_size=1000)
        return sorted(n for page in pages for o in page if (n := numbered(o["path"])) > after)

    def _get(self, number: int) -> bytes:
        import obstore

        path = path_of(number)
        return self._tried(f"read {path}", lambda: bytes(obstore.get(self._objects, path).bytes()))

    def _tried(self, action: str, do: Callable[[], T]) -> T:
        """What an SDK raises where it looks for credentials is of its own kind, so all are caught."""
        try:
            return do()
        except Exception as e:
            fix = "look at the credentials of this run, and what they may do there"
            raise LedgerError(f"cannot {action} in {self._url}: {_said(e)}; {fix}") from e


def open_bucket(url: str, endpoint: str = "") -> BucketStore:
    """`s3://bucket/prefix`, `gs://bucket/prefix` or `az://account/container/prefix`, at the
    vendor's own address or at `endpoint`. Raises LedgerError where there are no credentials."""
    scheme, _, rest = url.partition("://")
    try:
        return BucketStore(url, _OPENERS[scheme](rest, endpoint))
    except Exception as e:
        raise LedgerError(f"cannot open {url}: {_said(e)}; sign in to it first") from e


def _s3(rest: str, endpoint: str) -> ObjectStore:
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import S3Store

    bucket, _, prefix = rest.partition("/")
    return S3Store(
        bucket,
        prefix=prefix or None,
        credential_provider=Boto3CredentialProvider(),
        config={"endpoint": endpoint} if endpoint else {},
        client_options=_client(endpoint),
        retry_config=_RETRIES,
    )


def _gcs(rest: str, endpoint: str) -> ObjectStore:
    from obstore.auth.google import GoogleCredentialProvider
    from obstore.store import GCSStore

    found = GoogleCredentialProvider()
    credentials: Any = found.credentials
    if getattr(credentials, "requires_scopes", False):
        found.credentials = credentials.with_scopes([_GCS_SCOPE])
    bucket, _, prefix = rest.partition("/")
    return GCSStore(
        bucket,
        prefix=prefix or None,
        credential_provider=found,
        config={"base_url": endpoint} if endpoint else {},
        client_options=_client(endpoint),
        retry_config=_RETRIES,
    )


def _azure(rest: str, endpoint: str) -> ObjectStore:
    from obstore.auth.azure import AzureCredentialProvider
    from obstore.store import AzureStore

    account, _, inside = rest.partition("/")
    container, _, prefix = inside.partition("/")
    return AzureStore(
        container,
        prefix=prefix or None,
        config={"account_name": account, **({"endpoint": endpoint} if endpoint else {})},
        credential_provider=AzureCredentialProvider(),
        client_options=_client(endpoint),
        retry_config=_RETRIES,
    )


def _client(endpoint: str) -> ClientConfig:
    """Plain http only where it is asked for."""
    return {"timeout": timedelta(seconds=60), "allow_http": endpoint.startswith("http://")}


def _said(e: Exception) -> str:
    """The first line; what follows is how the library came to it."""
    return clean(str(e).strip().partition("\n")[0]) or type(e).__name__


_GCS_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_OPENERS: dict[str, Callable[[str, str], ObjectStore]] = {"s3": _s3, "gs": _gcs, "az": _azure}
