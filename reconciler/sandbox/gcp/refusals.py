"""How Google says no: its codes, and its words as far as they are known. Raises nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Code(Enum):
    """A canonical code and the HTTP status that goes with it (google/rpc/code.proto)."""

    INVALID_ARGUMENT = 400
    UNAUTHENTICATED = 401
    PERMISSION_DENIED = 403
    NOT_FOUND = 404
    ABORTED = 409
    FAILED_PRECONDITION = 412  # on the wire 400; told apart here so that a fault can ask for it
    RESOURCE_EXHAUSTED = 429
    INTERNAL = 500
    UNIMPLEMENTED = 501
    UNAVAILABLE = 503
    DEADLINE_EXCEEDED = 504

    @property
    def http(self) -> int:
        return 400 if self is Code.FAILED_PRECONDITION else self.value


class Refused(Exception):
    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


# From GitHub issues that quote the API: hashicorp/vault-plugin-secrets-gcp#88 (version),
# GoogleCloudPlatform/django-cloud-deploy#268 (etag), cloud-foundation-fabric#1549 and
# generative-ai#944 (members), googlearchive/gmemegen#10 (type).
CONCURRENT = (
    "There were concurrent policy changes. "
    "Please retry the whole read-modify-write with exponential backoff."
)
NO_PERMISSION = "The caller does not have permission"
BASIC_ROLE = (
    "LintValidationUnits/BindingRoleAllowConditionCheck Error: "
    "Conditions can't be set on primitive roles."
)
_KINDS: Mapping[str, str] = {"user": "User", "group": "Group", "serviceAccount": "Service account"}


def no_such_resource(resource: str, method: str) -> Refused:
    """Resource Manager says the same of what is forbidden and of what is not there ("Permission is
    denied if the policy or the resource do not exist"), IAM of `projects/-/serviceAccounts/…`."""
    if resource.startswith("projects/-/serviceAccounts/"):
        permission = f"iam.serviceAccounts.{method}"
        return Refused(
            Code.PERMISSION_DENIED,
            f"Permission '{permission}' denied on resource (or it may not exist).",
        )
    if "/serviceAccounts/" in resource:
        return Refused(Code.NOT_FOUND, "Unknown service account")
    return Refused(Code.PERMISSION_DENIED, NO_PERMISSION)


def lower_version(version: int, stored: int) -> Refused:
    return Refused(
        Code.INVALID_ARGUMENT,
        f"Specified policy version ({version}) cannot be less than the existing policy version "
        f"({stored}). For more information, please refer to "
        "https://cloud.google.com/iam/docs/policies#versions",
    )


def unknown_member(kind: str, address: str) -> Refused:
    return Refused(Code.INVALID_ARGUMENT, f"{_KINDS[kind]} {address} does not exist.")


def wrong_type(address: str, kind: str) -> Refused:
    return Refused(
        Code.INVALID_ARGUMENT,
        f'Account {address} is of type "{kind}". Please set the type prefix to be "{kind}:".',
    )


def hidden_group(name: str) -> Refused:
    """Cloud Identity says the same of what is not there
    (terraform-google-modules/terraform-example-foundation#1206 quotes it)."""
    return Refused(
        Code.PERMISSION_DENIED,
        f"Error(2028): Permission denied for resource {name} (or it may not exist).",
    )
