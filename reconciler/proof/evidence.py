"""Evidence for commits: from the memory, else from the forge, many at a time. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import sha256
from typing import Protocol

from reconciler.forge.base import ForgeError, ForgeReader, Want
from reconciler.model import Evidence, ForgeSettings
from reconciler.proof.code import code
from reconciler.proof.rows import decode, encode

Open = Callable[[ForgeSettings], ForgeReader]
"""Opens a reader of the forge that these settings name; raises ForgeError where it cannot."""


class Memory(Protocol):
    """Rows of text that were worth keeping. Whatever is lost can be had again."""

    def read(self, space: str, keys: Collection[str]) -> Mapping[str, str]: ...

    def write(self, space: str, rows: Mapping[str, str]) -> None: ...


class Dossier:
    """Every piece of evidence is asked for once. What could not be had is unknown, never absent:
    `error` then says why."""

    def __init__(self, memory: Memory, open_reader: Open) -> None:
        self._memory, self._open = memory, open_reader
        self._readers: dict[ForgeSettings, ForgeReader] = {}
        self._found: dict[tuple[ForgeSettings, Want], Evidence] = {}
        self.error: ForgeError | None = None

    def prefetch(self, settings: ForgeSettings, wants: Iterable[Want]) -> None:
        wanted = [w for w in dict.fromkeys(wants) if (settings, w) not in self._found]
        if not wanted:
            return
        space = _space(settings)
        known = self._memory.read(space, [_key(w) for w in wanted])
        missing: list[Want] = []
        for want in wanted:
            row = known.get(_key(want))
            evidence = decode(row) if row is not None else None
            if evidence is None:
                missing.append(want)
            else:
                self._found[settings, want] = evidence
        if missing and self.error is None:
            self._ask(settings, missing, space)

    def _ask(self, settings: ForgeSettings, missing: list[Want], space: str) -> None:
        fresh: dict[str, str] = {}
        try:
            for want, evidence in self._reader(settings).evidence(missing):
                self._found[settings, want] = evidence
                if evidence.pulls:  # a forge may take a moment to say which one it was
                    fresh[_key(want)] = encode(evidence)
        except ForgeError as e:
            self.error = e
        finally:
            if fresh:
                self._memory.write(space, fresh)

    def of(self, settings: ForgeSettings, want: Want) -> Evidence | None:
        """None where the forge could not be asked."""
        if (settings, want) not in self._found:
            self.prefetch(settings, [want])
        return self._found.get((settings, want))

    def _reader(self, settings: ForgeSettings) -> ForgeReader:
        found = self._readers.get(settings)
        if found is None:
            found = self._readers[settings] = self._open(settings)
        return found


def _space(settings: ForgeSettings) -> str:
    where = f"{settings.kind}\n{settings.url}\n{settings.repository}\n{settings.branch}"
    return f"evidence:{code()}:{sha256(where.encode()).hexdigest()[:32]}"


def _key(want: Want) -> str:
    return f"{want.commit}\0{want.blob}\0{want.path}"
