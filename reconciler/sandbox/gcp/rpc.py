"""Serves policies and parents over gRPC, as Resource Manager v3 and IAM v1 do, with faults and a
call log.

Never listens on anything but 127.0.0.1.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import code_pb2, status_pb2
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status import rpc_status  # type: ignore[import-untyped]

from reconciler.sandbox.faults import Fault, FaultKind, Faults
from reconciler.sandbox.gcp.hierarchy import Hierarchy, Named
from reconciler.sandbox.gcp.policies import PolicyStore
from reconciler.sandbox.gcp.refusals import Code, Refused

_SERVICES = (
    ("google.cloud.resourcemanager.v3.Projects", "projects/", "GetProject"),
    ("google.cloud.resourcemanager.v3.Folders", "folders/", "GetFolder"),
    ("google.cloud.resourcemanager.v3.Organizations", "organizations/", "GetOrganization"),
    ("google.iam.admin.v1.IAM", "projects/", "GetServiceAccount"),
)

Answer = Callable[[Any, Any], Any]


class RpcServer:
    """`address` is known after `start`. Twelve threads serve."""

    def __init__(
        self, store: PolicyStore, hierarchy: Hierarchy, faults: Faults, port: int = 0
    ) -> None:
        self._server = grpc.server(
            ThreadPoolExecutor(max_workers=12, thread_name_prefix="gcp-rpc"),
            interceptors=[_Faulty(faults)],
            options=[("grpc.so_reuseport", 0)],
        )
        self._server.add_generic_rpc_handlers(
            [_service(*names, store, hierarchy) for names in _SERVICES]
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        self._server.stop(grace=0.2).wait(timeout=2)


def _service(name: str, prefix: str, lookup: str, store: PolicyStore, hierarchy: Hierarchy) -> Any:
    accounts = name.endswith(".IAM")

    def checked(resource: str) -> str:
        if not resource.startswith(prefix) or ("/serviceAccounts/" in resource) is not accounts:
            raise Refused(Code.INVALID_ARGUMENT, f"Invalid resource name: {resource}")
        return resource

    def get(request: Any, _: Any) -> policy_pb2.Policy:
        return store.get(checked(request.resource), request.options.requested_policy_version)

    def put(request: Any, _: Any) -> policy_pb2.Policy:
        return store.set(checked(request.resource), request.policy, request.update_mask.paths)

    def look_up(request: Any, _: Any) -> Any:
        return hierarchy.get(checked(request.name))

    return grpc.method_handlers_generic_handler(
        name,
        {
            lookup: _method(look_up, Named),
            "GetIamPolicy": _method(get, iam_policy_pb2.GetIamPolicyRequest),
            "SetIamPolicy": _method(put, iam_policy_pb2.SetIamPolicyRequest),
        },
    )


def _method(answer: Answer, request: Any) -> Any:
    def guarded(message: Any, context: Any) -> Any:
        try:
            return answer(message, context)
        except Refused as refused:
            context.abort(grpc.StatusCode[refused.code.name], str(refused))
            raise AssertionError("abort raises") from None

    return grpc.unary_unary_rpc_method_handler(
        guarded,
        request_deserializer=request.FromString,
        response_serializer=lambda message: message.SerializeToString(),
    )


class _Faulty(grpc.ServerInterceptor):  # type: ignore[misc]
    """Logs each call as "RPC Projects/GetIamPolicy" and lets the armed faults have it."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        service, _, method = details.method.lstrip("/").partition("/")
        fault = self._faults.take("gcp", f"RPC {service.rpartition('.')[2]}/{method}")
        handler = continuation(details)
        if fault is None or handler is None:
            return handler
        return grpc.unary_unary_rpc_method_handler(
            _with(fault, handler.unary_unary),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _with(fault: Fault, answer: Answer) -> Answer:
    def faulty(request: Any, context: Any) -> Any:
        if fault.kind is FaultKind.STATUS:
            context.abort_with_status(rpc_status.to_status(_status(fault)))
        if fault.kind is FaultKind.DELAY:
            time.sleep(fault.seconds)
        told = answer(request, context)
        if fault.kind is FaultKind.DROP:
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        if fault.kind in (FaultKind.HALF, FaultKind.EMPTY):
            return truncated(told)
        return told

    return faulty


def truncated(policy: Any) -> Any:
    """A policy is one message and has no pages: what is cut off lacks its tail, the etag. Of a
    project or the like nothing is left."""
    if not isinstance(policy, policy_pb2.Policy):
        return type(policy)()
    keep = policy.bindings[: len(policy.bindings) // 2]
    return policy_pb2.Policy(version=policy.version, bindings=keep)


def _status(fault: Fault) -> status_pb2.Status:
    code = Code(fault.status)
    status = status_pb2.Status(
        code=code_pb2.Code.Value(code.name), message=f"Fault {code.value} {code.name}"
    )
    if fault.retry_after is not None:
        detail = AnyMessage()
        detail.Pack(RetryInfo(retry_delay=Duration(seconds=fault.retry_after)))
        status.details.append(detail)
    return status
