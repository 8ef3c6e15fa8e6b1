"""Holds a system's documented rate, so that no call is lost to a refusal. Never retries."""

from __future__ import annotations

from pyrate_limiter import InMemoryBucket, Limiter, SingleBucketFactory
from pyrate_limiter import Rate as Limit

from reconciler.providers.base import Pace, Rate


def pace(rate: Rate) -> Pace:
    """A call that blocks until the next request may go out; shared by all threads of a system."""
    bucket = InMemoryBucket([Limit(rate.calls, round(rate.seconds * 1000))])
    # What is past is forgotten here, at each call. The library's own way is a thread for each
    # limiter, which stays for as long as the process: hundreds, where commands run in one.
    limiter = Limiter(SingleBucketFactory(bucket, schedule_leak=False))

    def wait() -> None:
        limiter.try_acquire("call")
        bucket.leak(bucket.now())  # type: ignore[no-untyped-call]

    return wait
