"""Users, groups and memberships as Identity Center serves them, on moto's own records.

Put right: look-ups survive users without an e-mail, duplicates conflict, unknown groups and
members are refused, a deleted user or group takes its memberships along, ARNs and times are there.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from reconciler.sandbox.aws.wire import (
    Answer,
    Forward,
    Operation,
    Refused,
    Request,
    json_answer,
    page_of,
)

_ARN = "arn:aws:identitystore:::{kind}/{id}"


class IdentityStore:
    """`backend` is moto's; `page` caps every list."""

    def __init__(self, backend: Any, store: str, page: int) -> None:
        backend.create_group(store, "seed", "")  # moto makes a store when it is first used
        self.id = store
        self.data: Any = backend.identity_stores[store]
        self.data.groups.clear()
        self._backend = backend
        self._page = page

    def operations(self) -> Mapping[str, Operation]:
        return {
            "identitystore.CreateUser": self._create_user,
            "identitystore.CreateGroup": self._create_group,
            "identitystore.DeleteUser": self._delete,
            "identitystore.DeleteGroup": self._delete,
            "identitystore.GetUserId": self._get_user_id,
            "identitystore.GetGroupId": self._get_group_id,
            "identitystore.DescribeGroup": self._describe_group,
            "identitystore.ListGroupMemberships": self._list_memberships,
            "identitystore.ListGroupMembershipsForMember": self._list_for_member,
            "identitystore.CreateGroupMembership": self._create_membership,
            "identitystore.GetGroupMembershipId": self._get_membership_id,
            "identitystore.DeleteGroupMembership": self._delete_membership,
        }

    def add_user(self, name: str, email: str = "") -> str:
        emails = [{"Value": email, "Type": "work", "Primary": True}] if email else []
        names = {"GivenName": name.capitalize(), "FamilyName": "Example"}
        fields = ["", "", emails, [], [], "", "", "", "", ""]
        user_id, _ = self._backend.create_user(self.id, name, names, name, *fields)
        return str(user_id)

    def add_group(self, name: str, members: tuple[str, ...] = ()) -> str:
        group_id = str(self._backend.create_group(self.id, name, "")[0])
        for member in members:
            self.join(group_id, member)
        return group_id

    def join(self, group_id: str, user_id: str) -> str:
        membership_id = str(uuid4())
        self.data.group_memberships[membership_id] = {
            "IdentityStoreId": self.id,
            "MembershipId": membership_id,
            "MembershipArn": _ARN.format(kind="membership", id=membership_id),
            "GroupId": group_id,
            "MemberId": {"UserId": user_id},
            "CreatedAt": int(time.time()),
            "CreatedBy": "arn:aws:iam::123456789012:user/someone",
        }
        return membership_id

    def user(self, name: str) -> str:
        return next(str(u.UserId) for u in self.data.users.values() if u.UserName == name)

    def group(self, name: str) -> str:
        return next(str(g.GroupId) for g in self.data.groups.values() if g.DisplayName == name)

    def knows(self, kind: str, principal_id: str) -> bool:
        return principal_id in (self.data.users if kind == "USER" else self.data.groups)

    def groups_of(self, user_id: str) -> frozenset[str]:
        memberships = self.data.group_memberships.values()
        return frozenset(m["GroupId"] for m in memberships if m["MemberId"]["UserId"] == user_id)

    def _create_user(self, request: Request, forward: Forward) -> Answer:
        made = self._made(forward(), "user")
        for user_id, user in self.data.users.items():
            if user.Emails is None:  # moto's look-up by e-mail crashes on it
                self.data.users[user_id] = user._replace(Emails=[])
        return made

    def _create_group(self, request: Request, forward: Forward) -> Answer:
        return self._made(forward(), "group")

    @staticmethod
    def _made(answer: Answer, kind: str) -> Answer:
        """moto's answer with what the model requires besides."""
        fields = json.loads(answer.body)
        made = fields.get(f"{kind.capitalize()}Id")
        if not made:
            return answer
        arn = {f"{kind.capitalize()}Arn": _ARN.format(kind=kind, id=made)}
        return json_answer({**fields, **arn, "Revision": "1"})

    def _delete(self, request: Request, forward: Forward) -> Answer:
        p, memberships = request.parameters, self.data.group_memberships
        for membership_id, m in list(memberships.items()):
            if m["GroupId"] == p.get("GroupId") or m["MemberId"]["UserId"] == p.get("UserId"):
                del memberships[membership_id]
        return forward()

    def _get_user_id(self, request: Request, _: Forward) -> Mapping[str, Any]:
        path, value = self._unique(request, ("username", "emails.value"))
        for user in self.data.users.values():
            emails = [e.get("Value") for e in user.Emails or ()]
            if value in ([user.UserName] if path == "username" else emails):
                arn = _ARN.format(kind="user", id=user.UserId)
                return {"IdentityStoreId": self.id, "UserId": user.UserId, "UserArn": arn}
        raise self._missing("USER")

    def _get_group_id(self, request: Request, _: Forward) -> Mapping[str, Any]:
        _path, value = self._unique(request, ("displayname",))
        for group in self.data.groups.values():
            if group.DisplayName == value:
                arn = _ARN.format(kind="group", id=group.GroupId)
                return {"IdentityStoreId": self.id, "GroupId": group.GroupId, "GroupArn": arn}
        raise self._missing("GROUP")

    def _unique(self, request: Request, known: tuple[str, ...]) -> tuple[str, str]:
        self._check_store(request)
        unique = request.parameters.get("AlternateIdentifier", {}).get("UniqueAttribute", {})
        path = str(unique.get("AttributePath", "")).lower()
        if path not in known:
            raise Refused("ValidationException", f"The attribute {path} is not a unique attribute")
        return path, str(unique.get("AttributeValue", ""))

    def _describe_group(self, request: Request, _: Forward) -> Mapping[str, Any]:
        group = self.data.groups[self._known_group(request)]
        return {
            "IdentityStoreId": self.id,
            "GroupId": group.GroupId,
            "GroupArn": _ARN.format(kind="group", id=group.GroupId),
            "Revision": "1",
            "DisplayName": group.DisplayName,
            "Description": group.Description or "",
        }

    def _list_memberships(self, request: Request, _: Forward) -> Mapping[str, Any]:
        group_id = self._known_group(request)
        rows = [m for m in self.data.group_memberships.values() if m["GroupId"] == group_id]
        page, token = page_of(rows, request.parameters, self._page)
        return {"GroupMemberships": page, **({"NextToken": token} if token else {})}

    def _list_for_member(self, request: Request, _: Forward) -> Mapping[str, Any]:
        self._check_store(request)
        user_id = request.parameters["MemberId"]["UserId"]
        if user_id not in self.data.users:
            raise self._missing("USER")
        memberships = self.data.group_memberships.values()
        rows = [m for m in memberships if m["MemberId"]["UserId"] == user_id]
        page, token = page_of(rows, request.parameters, self._page)
        return {"GroupMemberships": page, **({"NextToken": token} if token else {})}

    def _create_membership(self, request: Request, _: Forward) -> Mapping[str, Any]:
        group_id = self._known_group(request)
        user_id = request.parameters["MemberId"]["UserId"]
        if user_id not in self.data.users:
            raise self._missing("USER")
        if self._membership(group_id, user_id):
            message = "Member and Group relationship already exists."
            more = {"Reason": "UNIQUENESS_CONSTRAINT_VIOLATION"}
            raise Refused("ConflictException", message, more=more)
        return self._named(self.join(group_id, user_id))

    def _get_membership_id(self, request: Request, _: Forward) -> Mapping[str, Any]:
        user_id = request.parameters["MemberId"]["UserId"]
        membership_id = self._membership(self._known_group(request), user_id)
        if not membership_id:
            raise self._missing("GROUP_MEMBERSHIP")
        return self._named(membership_id)

    def _delete_membership(self, request: Request, _: Forward) -> Mapping[str, Any]:
        self._check_store(request)
        if not self.data.group_memberships.pop(request.parameters["MembershipId"], None):
            raise self._missing("GROUP_MEMBERSHIP")
        return {}

    def _named(self, membership_id: str) -> Mapping[str, Any]:
        arn = _ARN.format(kind="membership", id=membership_id)
        store = self.id
        return {"IdentityStoreId": store, "MembershipId": membership_id, "MembershipArn": arn}

    def _membership(self, group_id: str, user_id: str) -> str:
        for membership_id, m in self.data.group_memberships.items():
            if m["GroupId"] == group_id and m["MemberId"]["UserId"] == user_id:
                return str(membership_id)
        return ""

    def _known_group(self, request: Request) -> str:
        self._check_store(request)
        group_id = str(request.parameters["GroupId"])
        if group_id not in self.data.groups:
            raise self._missing("GROUP")
        return group_id

    def _check_store(self, request: Request) -> None:
        if request.parameters.get("IdentityStoreId") != self.id:
            raise self._missing("IDENTITY_STORE")

    @staticmethod
    def _missing(kind: str) -> Refused:
        more = {"ResourceType": kind}
        return Refused("ResourceNotFoundException", f"{kind} not found.", more=more)
