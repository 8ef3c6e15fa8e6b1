"""A ledger on a branch of a bare remote, and one in a bucket of moto's S3. Judges nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reconciler.ledger.base import Store
from reconciler.ledger.branch import BranchStore
from reconciler.ledger.bucket import open_bucket
from tests.ledger.buckets import served

BRANCH = "access-ledger"
_REF = f"refs/heads/{BRANCH}"
_BUCKET = "acme-points"


class Branch:
    """`root` gets a bare remote beside it, and knows no other."""

    settings = f"store: branch, branch: {BRANCH}"

    def __init__(self, root: Path) -> None:
        self.root, self.remote = root, root.with_name("origin.git")
        _git(root, "clone", "-q", "--bare", str(root), str(self.remote))
        _git(root, "remote", "set-url", "origin", str(self.remote))

    def store(self) -> Store:
        return BranchStore(self.root, BRANCH)

    def save(self) -> object:
        return _git(self.remote, "for-each-ref", "--format=%(objectname)", _REF).strip()

    def load(self, saved: object) -> None:
        if saved:
            _git(self.remote, "update-ref", _REF, str(saved))
        else:
            _git(self.remote, "update-ref", "-d", _REF)

    def cut(self, count: int) -> None:
        """Each batch is a commit."""
        if self.save():
            oldest_first = _git(self.remote, "rev-list", "--reverse", _REF).split()
            self.load(oldest_first[count - 1] if count else "")


class Bucket:
    """`url` is where S3 answers, `client` somebody who may delete there."""

    def __init__(self, url: str, client: Any) -> None:
        self._url, self._client = url, client
        self.settings = f"store: bucket, url: s3://{_BUCKET}/access, endpoint: '{url}'"

    def store(self) -> Store:
        return open_bucket(f"s3://{_BUCKET}/access", self._url)

    def save(self) -> object:
        return tuple(self.store().batches())

    def load(self, saved: object) -> None:
        assert isinstance(saved, tuple)
        self.cut(0)
        for number, data in saved:
            self.store().put(number, data)

    def cut(self, count: int) -> None:
        found = self._client.list_objects_v2(Bucket=_BUCKET).get("Contents", ())
        for key in sorted(row["Key"] for row in found)[count:]:
            self._client.delete_object(Bucket=_BUCKET, Key=key)


@contextmanager
def bucket() -> Iterator[Bucket]:
    """Beside a local AWS of this process, and empty: what moto keeps is not thrown away."""
    import boto3
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    with served(DomainDispatcherApplication(create_backend_app)) as url:
        client = boto3.client("s3", region_name="us-east-1", endpoint_url=url)
        client.create_bucket(Bucket=_BUCKET)
        found = Bucket(url, client)
        found.cut(0)
        yield found
        client.close()


def _git(where: Path, *arguments: str) -> str:
    command = ["git", "-C", str(where), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
