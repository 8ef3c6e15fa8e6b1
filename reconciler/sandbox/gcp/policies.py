"""Allow policies as IAM keeps them: etags, versions, hidden conditions, refusals. Serves nobody."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from google.iam.v1 import policy_pb2

from reconciler.sandbox.gcp import refusals
from reconciler.sandbox.gcp.refusals import Code, Refused

_BASIC_ROLES = ("roles/owner", "roles/editor", "roles/viewer")
_ANYONE = ("allUsers", "allAuthenticatedUsers")
_UNCHECKED = ("principal://", "principalSet://", "domain:", "projectOwner:", "projectEditor:")
_ROLE = re.compile(r"((projects|organizations)/[^/]+/)?roles/[A-Za-z0-9_.]+")
_AUDIT = frozenset({"audit_configs", "auditConfigs"})
_MAX_PRINCIPALS, _MAX_CONDITIONS = 1_500, 20

Key = tuple[str, str, str, str]  # of a binding: role and condition


@dataclass(frozen=True, slots=True)
class Accounts:
    """What exists: address in lower case → "user", "group" or "serviceAccount"."""

    kinds: dict[str, str]

    def check(self, member: str) -> None:
        if member in _ANYONE:
            raise Refused(
                Code.INVALID_ARGUMENT, f"{member} is not supported as a member on this resource."
            )
        if member.startswith(_UNCHECKED):
            return
        kind, _, address = member.partition(":")
        if kind not in ("user", "group", "serviceAccount"):
            raise Refused(Code.INVALID_ARGUMENT, f"Invalid member {member}.")
        real = self.kinds.get(address.lower())
        if real is None:
            raise refusals.unknown_member(kind, address)
        if real != kind:
            raise refusals.wrong_type(address, real)


class PolicyStore:
    """All policies of the local organisation. Thread-safe; hands out copies."""

    def __init__(self, seed: Mapping[str, tuple[tuple[str, str], ...]], accounts: Accounts) -> None:
        """`seed`: resource → (role, member)…; its members need not be accounts of ours."""
        self._lock = threading.Lock()
        self._accounts = accounts
        self._writes = 0
        self._policies: dict[str, policy_pb2.Policy] = {}
        for resource, bindings in seed.items():
            policy = policy_pb2.Policy()
            for role, member in bindings:
                policy.bindings.add(role=role, members=[member])
            self._keep(resource, _tidy(policy))

    def get(self, resource: str, requested_version: int = 0) -> policy_pb2.Policy:
        if requested_version not in (0, 1, 3):
            raise Refused(
                Code.INVALID_ARGUMENT, f"Invalid requested policy version: {requested_version}"
            )
        with self._lock:
            policy = _copy(self._stored(resource, "getIamPolicy"))
        return policy if requested_version == 3 else _hidden(policy)

    def set(
        self, resource: str, policy: policy_pb2.Policy, mask: Sequence[str] = ()
    ) -> policy_pb2.Policy:
        """Replaces the policy. Without an etag it overwrites blindly, as Google does; audit
        configuration only changes when the update mask names it."""
        with self._lock:
            stored = self._stored(resource, "setIamPolicy")
            if policy.etag and policy.etag != stored.etag:
                raise Refused(Code.ABORTED, refusals.CONCURRENT)
            if policy.etag and policy.version < stored.version:
                raise refusals.lower_version(policy.version, stored.version)
            self._check(policy, stored)
            new = _tidy(policy)
            audited = policy if _AUDIT.intersection(mask) else stored
            new.audit_configs.extend(audited.audit_configs)
            return _copy(self._keep(resource, new))

    def change(self, resource: str, edit: Callable[[policy_pb2.Policy], None]) -> None:
        """An administrator's own read-modify-write, for tests and `sandbox` commands."""
        policy = self.get(resource, 3)
        edit(policy)
        policy.version = 3
        self.set(resource, policy, tuple(_AUDIT))

    def delete_account(self, address: str, uid: str) -> None:
        """What happens to policies when an account is deleted: its rows stay, renamed."""
        with self._lock:
            kind = self._accounts.kinds.pop(address)
            member = f"{kind}:{address}"
            for policy in self._policies.values():
                for binding in policy.bindings:
                    if member in binding.members:
                        binding.members.remove(member)
                        binding.members.append(f"deleted:{member}?uid={uid}")

    def resources(self) -> tuple[str, ...]:
        return tuple(sorted(self._policies))

    def _stored(self, resource: str, method: str) -> policy_pb2.Policy:
        name = _any_project(resource)
        if name not in self._policies:
            raise refusals.no_such_resource(resource, method)
        return self._policies[name]

    def _keep(self, resource: str, policy: policy_pb2.Policy) -> policy_pb2.Policy:
        self._writes += 1
        policy.etag = b"\x07\x06" + self._writes.to_bytes(6, "big")
        self._policies[_any_project(resource)] = policy
        return policy

    def _check(self, policy: policy_pb2.Policy, stored: policy_pb2.Policy) -> None:
        known = {m for binding in stored.bindings for m in binding.members}
        for binding in policy.bindings:
            _check_role(binding.role)
            if binding.HasField("condition"):
                _check_condition(binding, policy.version)
            for member in binding.members:
                # Service agents and deleted members stay where they are.
                if member not in known:
                    self._accounts.check(member)
        _check_limits(policy)


def _check_role(role: str) -> None:
    if not _ROLE.fullmatch(role):
        raise Refused(Code.INVALID_ARGUMENT, f"Role {role} is not supported for this resource.")


def _check_condition(binding: policy_pb2.Binding, version: int) -> None:
    if version != 3:
        raise Refused(
            Code.INVALID_ARGUMENT,
            f"Policy version ({version}) must be 3 to set a conditional role binding.",
        )
    if binding.role in _BASIC_ROLES:
        raise Refused(Code.INVALID_ARGUMENT, refusals.BASIC_ROLE)
    if not binding.condition.title or not binding.condition.expression:
        raise Refused(Code.INVALID_ARGUMENT, "A condition needs a title and an expression.")


def _check_limits(policy: policy_pb2.Policy) -> None:
    count = sum(len(binding.members) for binding in policy.bindings)
    if count > _MAX_PRINCIPALS:
        raise Refused(
            Code.INVALID_ARGUMENT,
            f"The number of members in the policy ({count:,}) is larger than the maximum allowed "
            f"size {_MAX_PRINCIPALS:,}.",
        )
    conditions = Counter(
        (b.role, member.lower())
        for b in policy.bindings
        if b.HasField("condition")
        for member in b.members
    )
    if any(n > _MAX_CONDITIONS for n in conditions.values()):
        raise Refused(
            Code.INVALID_ARGUMENT,
            f"More than {_MAX_CONDITIONS} bindings with the same role and principal.",
        )


def _tidy(policy: policy_pb2.Policy) -> policy_pb2.Policy:
    """As Google stores it: bindings of one role and condition are one, members are unique and
    sorted, empty bindings vanish, and the version is what the content needs."""
    members: dict[Key, set[str]] = {}
    models: dict[Key, policy_pb2.Binding] = {}
    for b in policy.bindings:
        key = (b.role, b.condition.title, b.condition.description, b.condition.expression)
        members.setdefault(key, set()).update(b.members)
        models[key] = b
    tidy = policy_pb2.Policy()
    for key in sorted(members):
        if members[key]:
            binding = tidy.bindings.add()
            binding.CopyFrom(models[key])
            binding.members[:] = sorted(members[key])
    tidy.version = 3 if any(b.HasField("condition") for b in tidy.bindings) else 1
    return tidy


def _hidden(policy: policy_pb2.Policy) -> policy_pb2.Policy:
    """What versions below 3 show: no condition, and a role name that cannot be granted."""
    for b in policy.bindings:
        if b.HasField("condition"):
            digest = sha256(b.condition.SerializeToString(deterministic=True)).hexdigest()[:20]
            b.role = f"{b.role}_withcond_{digest}"
            b.ClearField("condition")
    policy.version = 1
    return policy


def _any_project(resource: str) -> str:
    """Service accounts are found under their project and under `-`."""
    head, mark, email = resource.partition("/serviceAccounts/")
    if not mark:
        return resource
    owner = email.rpartition("@")[2].partition(".")[0]
    ours = head in ("projects/-", f"projects/{owner}")
    return f"projects/-/serviceAccounts/{email}" if ours else resource


def _copy(policy: policy_pb2.Policy) -> policy_pb2.Policy:
    copy = policy_pb2.Policy()
    copy.CopyFrom(policy)
    return copy
