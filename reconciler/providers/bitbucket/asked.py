"""Asks Bitbucket the same once in a run."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

from reconciler.providers.bitbucket.calls import needing
from reconciler.providers.once import Once

Answer = TypeVar("Answer")


class Asked:
    def __init__(self) -> None:
        self._answers: Once[Hashable, Any] = Once()

    def __call__(self, needs: str, ask: Callable[..., Answer], *of: Hashable) -> Answer:
        """What `ask` answers `of` these. A refusal names the right that is wanting: `needs`."""

        def answer() -> Answer:
            with needing(needs):
                return ask(*of)

        return cast(Answer, self._answers.get((ask.__name__, *of), answer))
