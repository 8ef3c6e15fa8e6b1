"""A run over what was proved before asks little: nothing of the forge, and the memory a few times."""

from __future__ import annotations

import pytest

from reconciler.repository.memory import Memory
from tests.proof.town import Town, asks


def test_the_memory_is_asked_a_few_times_however_many_grants_there_are(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each opens a file: once for each grant took longer than all else together."""
    town.begin()
    town.pull("alice", {f"grants/g{n}.yaml": asks() for n in range(30)}, "carol")
    assert len(town.run().held) == 1
    asked: list[int] = []
    read = Memory.read

    def counted(memory: Memory, space: str, keys: list[str]) -> dict[str, str]:
        asked.append(len(keys))
        return read(memory, space, keys)

    monkeypatch.setattr(Memory, "read", counted)
    seen = town.run()
    assert (seen.calls, len(seen.held)) == (0, 1)
    assert len([n for n in asked if n]) <= 6, asked
