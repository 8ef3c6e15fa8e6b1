"""Remembers answers for one run. Asks once for each key, also when many threads want it at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Once(Generic[K, V]):
    """A refusal is remembered as well: all who asked hear the same. Different keys do not wait for
    each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[K, Future[V]] = {}

    def get(self, key: K, ask: Callable[[], V]) -> V:
        with self._lock:
            answer = self._answers.get(key)
            mine = answer is None
            if answer is None:
                answer = self._answers[key] = Future()
        if mine:
            try:
                answer.set_result(ask())
            except BaseException as e:
                answer.set_exception(e)
        return answer.result()

    def known(self) -> dict[K, V]:
        """What has been answered so far."""
        with self._lock:
            done = {k: f for k, f in self._answers.items() if f.done() and not f.exception()}
        return {k: f.result() for k, f in done.items()}
