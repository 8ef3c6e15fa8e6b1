"""A ledger in object storage: created where nothing is, and never written over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.ledger import open_store
from reconciler.ledger.base import LedgerError, Store, Taken
from reconciler.ledger.bucket import open_bucket
from reconciler.ledger.ledger import Ledger
from reconciler.model.ledger_settings import LedgerSettings, LedgerStore
from tests.ledger.buckets import CLOUDS, Bucket
from tests.ledger.build import event
from tests.ledger.writer import acknowledged, started


@pytest.fixture(params=CLOUDS)
def bucket(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bucket]:
    with CLOUDS[request.param](tmp_path) as found:
        for name, value in found.env.items():
            monkeypatch.setenv(name, value)
        yield found


def opened(bucket: Bucket) -> Store:
    settings = LedgerSettings(
        LedgerStore.BUCKET, url=bucket.settings["url"], endpoint=bucket.settings["endpoint"]
    )
    return open_store(settings, Path())


def test_batches_are_objects(bucket: Bucket) -> None:
    store = opened(bucket)
    assert store.last() == 0
    assert list(store.batches()) == []
    numbers = [*range(1, 20), 999, 1000, 2500]
    for number in numbers:
        store.put(number, f"{number}\n".encode())
    assert store.last() == 2500
    assert [n for n, _ in store.batches()] == numbers
    assert list(store.batches(after=999)) == [(1000, b"1000\n"), (2500, b"2500\n")]
    assert [n for n, _ in store.batches(after=17)][:3] == [18, 19, 999]


def test_an_object_is_never_written_over(bucket: Bucket) -> None:
    store = opened(bucket)
    store.put(1, b"one\n")
    with pytest.raises(Taken, match=r"access/000000/000000001\.jsonl is there already"):
        store.put(1, b"other\n")
    with pytest.raises(Taken):
        opened(bucket).put(1, b"one\n")
    assert list(store.batches()) == [(1, b"one\n")]


def test_two_processes_lose_nothing_and_do_not_fork(bucket: Bucket, tmp_path: Path) -> None:
    writers = [started(bucket.settings, tmp_path, name, 25) for name in ("one", "other")]
    wanted = acknowledged(writers)
    ledger = Ledger(opened(bucket))
    assert ledger.verify() == ()
    assert sorted(e.event.reason for e in ledger.entries()) == sorted(wanted)


def test_the_last_batch_is_found_in_few_calls(bucket: Bucket) -> None:
    store = opened(bucket)
    for number in range(998, 1003):
        store.put(number, b"x\n")
    bucket.objects.calls.clear()
    assert store.last() == 1002
    assert len(bucket.objects.calls) <= 3


@pytest.mark.parametrize("cloud", ["gcs", "azure"])
def test_a_write_that_failed_after_it_was_stored_is_ours(
    cloud: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second try meets the object of the first."""
    with CLOUDS[cloud](tmp_path) as bucket:
        for name, value in bucket.env.items():
            monkeypatch.setenv(name, value)
        bucket.objects.fail = 1
        ledger = Ledger(opened(bucket))
        ledger.append([event(reason="once")])
        assert [e.event.reason for e in ledger.entries()] == ["once"]
        assert len([c for c in bucket.objects.calls if c.startswith("PUT")]) == 2


@pytest.mark.parametrize("cloud", ["gcs", "azure"])
def test_who_may_not_read_it_is_told(
    cloud: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CLOUDS[cloud](tmp_path) as bucket:
        for name, value in bucket.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("tests.ledger.buckets.TOKEN", "another")
        store = opened(bucket)
        monkeypatch.setattr(
            "tests.ledger.buckets.token",
            lambda: b'{"access_token": "wrong", "expires_in": 3600, "expires_on": "4102444800"}',
        )
        with pytest.raises(
            LedgerError, match=r"cannot list in (gs|az)://.*; look at the credentials"
        ):
            store.last()


def test_without_credentials_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(
        LedgerError, match=r"cannot open s3://acme-audit/access: .*; sign in to it first"
    ):
        open_bucket("s3://acme-audit/access")
