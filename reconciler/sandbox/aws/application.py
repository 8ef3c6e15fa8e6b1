"""The WSGI application: our operations first, moto for all others. Never two requests at a time."""

from __future__ import annotations

import io
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from reconciler.sandbox.aws.wire import (
    Answer,
    Operation,
    Refused,
    json_answer,
    request_of,
    without_rows,
)
from reconciler.sandbox.faults import FaultKind
from reconciler.sandbox.http import Wsgi


class Application:
    """`throttle` is how many calls a second AWS bears here (all services together); 0: any."""

    def __init__(self, moto: Wsgi, operations: Mapping[str, Operation], throttle: int) -> None:
        self._moto = moto
        self._operations = operations
        self._throttle = throttle
        self._recent: deque[float] = deque()
        self._lock = threading.Lock()  # neither moto nor our own records are thread-safe

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        request = request_of(environ)
        body = environ["wsgi.input"].getvalue()
        operation = self._operations.get(request.call)
        with self._lock:
            try:
                self._admit()
                answer = self._carry_out(operation, environ, body)
            except Refused as refused:
                answer = refused.answer(request.service)
        if environ.get("sandbox.fault") is FaultKind.EMPTY:
            answer = without_rows(answer)
        return answer.send(start)

    def _carry_out(
        self, operation: Operation | None, environ: dict[str, Any], body: bytes
    ) -> Answer:
        def forward() -> Answer:
            heard: list[Any] = []
            environ["wsgi.input"] = io.BytesIO(body)
            chunks = self._moto(
                environ, lambda status, headers, *_: heard.extend((status, headers))
            )
            return Answer(heard[0], tuple(heard[1]), b"".join(chunks))

        if operation is None:
            return forward()
        answer = operation(request_of(environ), forward)
        return answer if isinstance(answer, Answer) else json_answer(answer)

    def _admit(self) -> None:
        now = time.monotonic()
        while self._recent and now - self._recent[0] >= 1:
            self._recent.popleft()
        if self._throttle and len(self._recent) >= self._throttle:
            raise Refused("ThrottlingException", "Rate exceeded")
        self._recent.append(now)
