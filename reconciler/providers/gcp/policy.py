"""One allow policy as rows, and a draft of the next one. Never touches a binding it is not told."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import astuple, dataclass

from google.iam.v1 import policy_pb2

from reconciler.providers.gcp.names import fold

# https://cloud.google.com/iam/quotas, "Limits": per allow policy.
MAX_PRINCIPALS = 1_500  # each appearance counts
MAX_GROUPS = 250  # groups and domains, each once
MAX_CONDITIONS = 20  # of one role and principal

# How an answer of a version below 3 spells the role of a binding whose condition it hides.
_HIDDEN = re.compile(r".*_withcond_[0-9a-f]+")


class Unwhole(Exception):
    """An answer that is not all of the policy."""


class Full(Exception):
    """A limit of Google's that the next row would break."""


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One member of one binding, spelled as in the policy; no condition means an empty
    `expression`. Its condition is part of what a row is."""

    role: str
    member: str
    title: str = ""
    description: str = ""
    expression: str = ""

    @property
    def principal(self) -> str:
        return fold(self.member)

    @property
    def handle(self) -> str:
        return json.dumps(astuple(self), ensure_ascii=False)

    @staticmethod
    def of(handle: str) -> Row:
        return Row(*json.loads(handle))

    def same_access(self, other: Row) -> bool:
        """All but the words for people."""
        mine = (self.role, self.principal, self.title, self.expression)
        return mine == (other.role, other.principal, other.title, other.expression)


def whole(policy: policy_pb2.Policy) -> policy_pb2.Policy:
    """The policy itself. Raises Unwhole for one that must not be believed, let alone written back:
    without its etag, or with conditions hidden."""
    if not policy.etag:
        raise Unwhole("the policy came without its etag, so it is not all there")
    for binding in policy.bindings:
        if _HIDDEN.fullmatch(binding.role):
            raise Unwhole(f"the policy came with a condition hidden ({binding.role})")
    return policy


def rows_of(policy: policy_pb2.Policy) -> Iterator[Row]:
    for binding in policy.bindings:
        c = binding.condition
        for member in binding.members:
            yield Row(binding.role, member, c.title, c.description, c.expression)


class Draft:
    """A policy as it was read, edited in place: what nobody names stays as it is, audit
    configuration included."""

    def __init__(self, policy: policy_pb2.Policy) -> None:
        self.policy = policy
        self.changed = False
        self._rows: dict[tuple[str, str], list[Row]] = {}
        self._groups: Counter[str] = Counter()
        self._count = 0
        for row in rows_of(policy):
            self._index(row)

    def rows(self, role: str, principal: str) -> tuple[Row, ...]:
        return tuple(self._rows.get((role, principal), ()))

    def remove(self, row: Row) -> None:
        """`row` is one of `rows`."""
        binding = next(b for b in self.policy.bindings if _fits(b, row) and row.member in b.members)
        binding.members.remove(row.member)
        if not binding.members:
            self.policy.bindings.remove(binding)
        self._rows[row.role, row.principal].remove(row)
        self._count -= 1
        if _group_like(row.principal):
            self._groups[row.principal] -= 1
        self.changed = True

    def add(self, row: Row) -> None:
        """Raises Full where Google would refuse the whole policy."""
        self._check(row)
        binding = next((b for b in self.policy.bindings if _fits(b, row)), None)
        if binding is None:
            binding = self.policy.bindings.add(role=row.role)
            if row.expression:
                binding.condition.title = row.title
                binding.condition.description = row.description
                binding.condition.expression = row.expression
        binding.members.append(row.member)
        self._index(row)
        self.changed = True

    def _index(self, row: Row) -> None:
        self._rows.setdefault((row.role, row.principal), []).append(row)
        self._count += 1
        if _group_like(row.principal):
            self._groups[row.principal] += 1

    def _check(self, row: Row) -> None:
        if self._count >= MAX_PRINCIPALS:
            raise Full(f"the policy is full: {self._count} principals of {MAX_PRINCIPALS}")
        if _group_like(row.principal) and not self._groups[row.principal]:
            groups = sum(1 for count in self._groups.values() if count)
            if groups >= MAX_GROUPS:
                raise Full(f"the policy is full: {groups} groups and domains of {MAX_GROUPS}")
        conditions = {r.expression for r in self.rows(row.role, row.principal) if r.expression}
        if row.expression and len(conditions | {row.expression}) > MAX_CONDITIONS:
            raise Full(
                f"{row.member} has {row.role} under {len(conditions)} conditions already, "
                f"of {MAX_CONDITIONS}"
            )


def _fits(binding: policy_pb2.Binding, row: Row) -> bool:
    c = binding.condition
    theirs = (binding.role, c.title, c.description, c.expression)
    return theirs == (row.role, row.title, row.description, row.expression)


def _group_like(principal: str) -> bool:
    return principal.startswith(("group:", "domain:"))
