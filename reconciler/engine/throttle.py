"""Holds a system's documented rate, so that no call is lost to a refusal. Never retries."""

from __future__ import annotations

import pyrate_limiter

from reconciler.providers.base import Pace, Rate


def pace(rate: Rate) -> Pace:
    """A call that blocks until the next request may go out; shared by all threads of a system."""
    limit = pyrate_limiter.Rate(rate.calls, round(rate.seconds * 1000))
    limiter = pyrate_limiter.Limiter(limit)

    def wait() -> None:
        limiter.try_acquire("call")

    return wait
