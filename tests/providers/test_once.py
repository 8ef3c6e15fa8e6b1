from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.errors import ProviderError
from reconciler.providers.once import Once


def test_many_threads_that_want_the_same_ask_once_and_hear_the_same() -> None:
    once: Once[str, int] = Once()
    asked: list[int] = []
    all_here = threading.Barrier(8)

    def ask() -> int:
        asked.append(1)
        return len(asked)

    def want(_: int) -> int:
        all_here.wait(10)
        return once.get("key", ask)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(want, range(8))) == {1}
    assert asked == [1]


def test_a_question_that_is_under_way_keeps_no_other_waiting() -> None:
    once: Once[str, str] = Once()
    answered = threading.Event()

    def slow() -> str:
        assert answered.wait(10)
        return "slow"

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(once.get, "slow", slow)
        assert once.get("other", lambda: "other") == "other"
        answered.set()
        assert waiting.result(10) == "slow"


def test_a_refusal_is_heard_by_all_who_ask_in_this_run_and_asked_for_once() -> None:
    """A server that is down would be waited for as often as there are entitlements."""
    once: Once[str, str] = Once()
    asked: list[int] = []

    def refused() -> str:
        asked.append(1)
        raise ProviderError("sys", "list the roles", "HTTP 403")

    for _ in range(3):
        with pytest.raises(ProviderError, match="403"):
            once.get("key", refused)
    assert asked == [1]
    assert once.known() == {}
